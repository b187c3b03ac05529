# mypy: disable-error-code="attr-defined"
"""Infrastructure in the keys of Summaries and NormalisedSummaries.

The labels are settled first, so that no row is without one and none is lost (H22).
"""

from alembic import op

revision = "241_keys"
down_revision = "241_routines"
branch_labels = None
depends_on = None
release = "2.4.1"


def upgrade() -> None:
    op.settle_jobs()
    op.settle("Summaries", "InfrastructureType")
    op.settle("NormalisedSummaries", "Infrastructure")
    op.alter("Summaries", before="2.3.0", release=release)
    op.alter("NormalisedSummaries", before="2.3.0", release=release)
    op.fold("Summaries", "InfrastructureType")
    op.fold("NormalisedSummaries", "Infrastructure")


def downgrade() -> None:
    op.undo(upgrade)
