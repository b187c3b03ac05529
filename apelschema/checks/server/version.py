"""Check: the server is of a series that the tool was made for."""

from apelschema.checks.base import Check, Finding, Situation

ID = "server_version"


def look(situation: Situation) -> list[Finding]:
    """Warns of a series whose ways nobody here has tried; servers that are too old are refused before."""
    server = situation.session.server
    if server.is_made_for:
        return []
    return [
        Finding(
            ID,
            "warning",
            server.name,
            f"{server.name} is none of the series that this tool was made for: {server.series_made_for}.",
            "Rehearse the upgrade on this very series before the downtime: apelschema rehearse.",
        )
    ]


CHECK = Check(
    ID,
    "Version of the server",
    "Which ALTER goes online, which DDL survives a crash, and how routines are replaced differ from series to series.",
    look,
)
