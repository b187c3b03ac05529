# mypy: disable-error-code="attr-defined"
"""Figures of HybridSuperSummaries under the rule of 2.3.0."""

from alembic import op

revision = "230_figures"
down_revision = "230_routines"
branch_labels = None
depends_on = None
release = "2.3.0"


def upgrade() -> None:
    op.barrier()
    op.backfill()


def downgrade() -> None:
    op.undo(upgrade)
