# mypy: disable-error-code="attr-defined"
"""Benchmark type in NormalisedSummaries and its key.

The labels are settled before, because the one rebuild may take the key of 2.4.1 along, where the infrastructure is
a member (H22). Beside writers it does not, since the routines of 2.2.1 go on writing other spellings.
"""

from alembic import op

revision = "230_types"
down_revision = "221_baseline"
branch_labels = None
depends_on = None
release = "2.3.0"


def upgrade() -> None:
    op.settle("NormalisedSummaries", "Infrastructure", ahead=True)
    op.alter("NormalisedSummaries", before="2.2.1", release=release)
    op.fold_types()


def downgrade() -> None:
    op.undo(upgrade)
