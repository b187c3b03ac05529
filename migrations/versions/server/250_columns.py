# mypy: disable-error-code="attr-defined"
"""Description of the infrastructure in the four tables of summaries."""

from alembic import op

revision = "250_columns"
down_revision = "241_keys"
branch_labels = None
depends_on = None
release = "2.5.0"

TABLES = ("Summaries", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries")


def upgrade() -> None:
    for table in TABLES:
        op.alter(table, before="2.4.1", release=release)
    for table in TABLES:
        op.fold_descriptions(table)


def downgrade() -> None:
    op.undo(upgrade)
