"""Names that the whole package shares: tables of the tool, labels of the data, benchmark types."""

from typing import Final

PREFIX: Final = "apelschema_"
"""Every table of the tool in the user's database begins like this."""

VERSION_TABLE: Final = "alembic_version"

RUNS: Final = PREFIX + "runs"
REVISIONS: Final = PREFIX + "revisions"
STEPS: Final = PREFIX + "steps"
FOUND: Final = PREFIX + "found"
LEDGER: Final = PREFIX + "ledger"
LEDGER_TAKEN: Final = LEDGER + "_taken"
CHECKSUMS: Final = PREFIX + "checksums"
FORECASTS: Final = PREFIX + "forecasts"
LEASE: Final = PREFIX + "lease"
COLLATION: Final = PREFIX + "collation"
CLEANUPS: Final = PREFIX + "cleanups"
TUNINGS: Final = PREFIX + "tunings"
REPLACED: Final = PREFIX + "replaced"
MARKS: Final = PREFIX + "marks"
SOURCELESS: Final = PREFIX + "sourceless"
KEPT: Final = PREFIX + "kept_"
"""Rows as they were before a step changed them are kept in a table of this name and the step's table."""

FOLDED: Final = PREFIX + "folded_"
"""Rows that a way back put into others, because the older release has no place for them, are kept likewise."""

RESOLVED: Final = PREFIX + "resolved_"
"""Rows that ``repair`` removed or changed are kept whole in a table of this name and theirs."""

REPAIR: Final = "repair"
"""What the journal has for a revision of steps that belong to none: ``repair`` resolves rows whatever the release."""

UNTYPED: Final = ""
"""The label of U: a normalised summary that says no benchmark type (semantics.md section 3)."""

NO_INFRASTRUCTURE: Final = "None"
"""The label of N: what the loader has always written for an absent infrastructure."""

NO_TIME: Final = "0000-00-00 00:00:00"
"""The zero time, which APEL's own script of 1.6.1 gave to rows without an UpdateTime."""

SAID_NOTHING: Final = ("", "none", "null")
"""Spellings, lower case and trimmed, that mean 'said nothing' for a type or an infrastructure, beside NULL."""

SI2K: Final = "si2k"
LISTED_TYPES: Final = ("hepspec", SI2K, "hepscore23")
"""Benchmark types, lower case, whose factor no policy needs to name."""

LOOKUP_TABLES: Final = ("Sites", "DNs", "SubmitHosts", "MachineNames", "Queues", "VOs", "VORoles", "VOGroups")


def is_ours(table: str) -> bool:
    """Whether a table belongs to this tool or to Alembic rather than to APEL."""
    return table.startswith(PREFIX) or table == VERSION_TABLE


def quoted(name: str) -> str:
    """The identifier in backticks, as MySQL and MariaDB quote it."""
    return "`" + name.replace("`", "``") + "`"
