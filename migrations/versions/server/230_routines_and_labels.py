# mypy: disable-error-code="attr-defined"
"""Routines and views of 2.3.0, and one label for rows that say no infrastructure.

Rows of HybridSuperSummaries without a source are noted first: the routines of 2.2.1 date all others anew every night.

The labels follow the routines and a barrier, so that no old body writes another one behind them. The default of
the type in HybridSuperSummaries goes last: the old CopyNormalisedSummaries needs it (H20).
"""

from alembic import op

revision = "230_routines"
down_revision = "230_types"
branch_labels = None
depends_on = None
release = "2.3.0"

ROUTINES = (
    "ReplaceJobRecord", "ReplaceSummary", "ReplaceNormalisedSummary",
    "SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries",
)  # fmt: skip
VIEWS = (
    "VNormalisedSummaries", "VNormalisedSuperSummaries", "VUserSummaries",
    "VSpecIntHistory", "VHepSpecHistory", "VLcgRecordsSync_v2",
)  # fmt: skip


def upgrade() -> None:
    op.support_table("apelschema_replaced")
    op.support_table("apelschema_marks")
    op.keep_sourceless()
    for routine in ROUTINES:
        op.replace_routine(routine, release)
    for view in VIEWS:
        op.replace_view(view, release)
    op.barrier()
    op.settle_jobs()
    op.settle("Summaries", "InfrastructureType")
    op.settle("NormalisedSummaries", "Infrastructure")
    op.relabel()
    op.alter("HybridSuperSummaries", before="2.2.1", release=release)


def downgrade() -> None:
    op.undo(upgrade)
