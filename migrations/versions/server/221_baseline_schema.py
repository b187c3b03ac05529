# mypy: disable-error-code="attr-defined"
"""The schema of 2.2.1: made in an empty database, recognised in an existing one, which is brought home to it."""

from alembic import op

revision = "221_baseline"
down_revision = None
branch_labels = None
depends_on = None
release = "2.2.1"

# The first one is a table that tells the kind: a database with it alone, after a stop, is known as APEL's server.
TABLES = (
    "Summaries", "Sites", "DNs", "SubmitHosts", "MachineNames", "Queues", "VOs", "VORoles", "VOGroups", "LastUpdated",
    "JobRecords", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries", "SyncRecords",
)  # fmt: skip
ROUTINES = (
    "SiteLookup", "DNLookup", "SubmitHostLookup", "MachineNameLookup", "QueueLookup", "VOLookup", "VORoleLookup",
    "VOGroupLookup", "ReplaceJobRecord", "ReplaceSummary", "ReplaceNormalisedSummary", "ReplaceSyncRecord",
    "UpdateTimestamp", "SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries",
)  # fmt: skip
VIEWS = (
    "VJobRecords", "VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries",
    "VUserSummaries", "VSyncRecords", "VSumCPU", "VUserCPU", "VSpecIntHistory", "VHepSpecHistory", "VLcgRecordsSync_v2",
)  # fmt: skip

# What older releases had otherwise: UpdateTime up to 1.6.0, a routine up to 1.3.0 and a view up to 1.4.0; a view that
# the first candidates of 1.3.0 had not.
MENDED_TABLES = (
    "JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SyncRecords", "LastUpdated",
)  # fmt: skip
MENDED_ROUTINES = ("ReplaceNormalisedSummary",)
MENDED_VIEWS = ("VNormalisedSuperSummaries", "VLcgRecordsSync_v2")


def upgrade() -> None:
    op.expect_release(release)
    for table in MENDED_TABLES:
        op.mend_table(table)
    for routine in MENDED_ROUTINES:
        op.mend_routine(routine, release)
    for view in MENDED_VIEWS:
        op.mend_view(view, release)
    for table in TABLES:
        op.create_release_table(table, release)
    for routine in ROUTINES:
        op.create_routine(routine, release)
    for view in VIEWS:
        op.create_release_view(view, release)


def downgrade() -> None:
    op.undo(upgrade)
