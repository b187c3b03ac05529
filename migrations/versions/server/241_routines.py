# mypy: disable-error-code="attr-defined"
"""Routines that take the infrastructure for a part of the key (H4).

Before the keys: with the old key they only do less, while an old body on the new key would remove rows of another
infrastructure.
"""

from alembic import op

revision = "241_routines"
down_revision = "230_figures"
branch_labels = None
depends_on = None
release = "2.4.1"

ROUTINES = ("ReplaceNormalisedSummary", "CopyNormalisedSummaries")


def upgrade() -> None:
    for routine in ROUTINES:
        op.replace_routine(routine, release)
    op.barrier()


def downgrade() -> None:
    op.undo(upgrade)
