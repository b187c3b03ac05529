# mypy: disable-error-code="attr-defined"
"""Routines and views that carry the description."""

from alembic import op

revision = "250_routines"
down_revision = "250_columns"
branch_labels = None
depends_on = None
release = "2.5.0"

ROUTINES = (
    "ReplaceSummary", "ReplaceNormalisedSummary", "SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries",
)  # fmt: skip
VIEWS = ("VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries")


def upgrade() -> None:
    for routine in ROUTINES:
        op.replace_routine(routine, release)
    for view in VIEWS:
        op.replace_view(view, release)
    op.barrier()


def downgrade() -> None:
    op.undo(upgrade)
