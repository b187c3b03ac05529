"""Check: the server's sql_mode, under which official objects are made and other programs work."""

from typing import Final

from apelschema.checks.base import Check, Finding, Severity, Situation

ID = "sql_mode"

_STRICT: Final = ("STRICT_TRANS_TABLES", "STRICT_ALL_TABLES")

_OURS: Final = "Routines and views of apelschema do not depend on it."

_MODES: Final[dict[str, tuple[Severity, str]]] = {
    "ANSI_QUOTES": (
        "warning",
        'text in double quotes is a column\'s name: official routines, which write "HEPSPEC", fail with error 1054 when'
        " they are called, if they were made under it.",
    ),
    "ORACLE": ("warning", "routines are read as PL/SQL: official scripts fail with error 1064."),
    "NO_BACKSLASH_ESCAPES": (
        "warning",
        "a backslash in a text is a character: programs that escape values by it store other names, or fail.",
    ),
    "ONLY_FULL_GROUP_BY": (
        "info",
        "official views VNormalisedSuperSummaries and VLcgRecordsSync_v2, and official SummariseJobs of 2.5.0, fail"
        " with error 1055.",
    ),
}
"""What a mode means for the official objects and for programs (engines.md sections 2 and 3)."""


def look(situation: Situation) -> list[Finding]:
    """Warns of modes that break official objects; says what others mean. A run works under a mode of its own."""
    modes = set(str(situation.session.value("SELECT @@GLOBAL.sql_mode")).split(","))
    found = [
        Finding(ID, severity, mode, f"The server's sql_mode has {mode}: {meaning} {_OURS}", _hint(mode))
        for mode, (severity, meaning) in _MODES.items()
        if mode in modes
    ]
    return [*found, *_not_strict(modes)]


def _not_strict(modes: set[str]) -> list[Finding]:
    if modes & set(_STRICT):
        return []
    message = (
        "The server's sql_mode is not strict: values that do not fit are cut, and NULL becomes '' where a column takes"
        f" none, without an error (H23). {_OURS}"
    )
    hint = "SET GLOBAL sql_mode = CONCAT('STRICT_TRANS_TABLES,', @@GLOBAL.sql_mode), after a test with your programs."
    return [Finding(ID, "info", "strict mode", message, hint)]


def _hint(mode: str) -> str:
    return f"SET GLOBAL sql_mode = REPLACE(@@GLOBAL.sql_mode, '{mode}', ''), for connections from then on."


CHECK = Check(
    ID,
    "SQL mode",
    "Routines keep the sql_mode that they were made under, views and programs work under that of their connection.",
    look,
)
