"""Check: replicas of this server, and whether it is one itself."""

from collections.abc import Iterator

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.server.rebuilds import rebuilds
from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.grants import read_grants
from apelschema.db.replication import Following, count_readers, read_following

ID = "replicas"


def look(situation: Situation) -> list[Finding]:
    """Warns where the server is a replica; says what to look at on its own replicas, which cannot be seen from here."""
    return [*_followers(situation), *_followed(situation)]


def _followers(situation: Situation) -> Iterator[Finding]:
    count = count_readers(situation.session)
    if count:
        yield _to_look_at(situation, count)
    elif not read_grants(situation.session).has_global("PROCESS"):
        message = "Whether replicas read the binary log could not be seen."
        yield Finding(ID, "not_checked", "replicas", message, "GRANT PROCESS ON *.* TO <account>")


def _to_look_at(situation: Situation, count: int) -> Finding:
    seconds = sum(each.seconds for each in rebuilds(situation))
    rebuilt = (
        f" They run each rebuild again after this server, and fall behind by about {seconds:.0f} s." if seconds else ""
    )
    message = (
        f"{count} connections read the binary log: replicas, whose lag and room on disk cannot be seen from here."
        f"{rebuilt}"
    )
    hint = (
        f"On each: {situation.session.server.show_following} (both threads run, seconds behind near 0), and df -h of"
        " its data folder; it needs as much room as this server."
    )
    return Finding(ID, "not_checked", "replicas", message, hint, count)


def _followed(situation: Situation) -> Iterator[Finding]:
    server = situation.session.server
    try:
        channels = read_following(situation.session)
    except DatabaseError as error:
        if not is_denied(error):
            raise
        message = "Whether this server is a replica of another could not be seen."
        hint = f"GRANT {server.replication_privilege} ON *.* TO <account>"
        yield Finding(ID, "not_checked", "replication", message, hint)
        return
    for each in channels:
        yield Finding(
            ID,
            "warning",
            each.channel,
            f"This server is a replica ({_in_words(each)}): row events of the old tables do not fit the new ones.",
            "Upgrade its primary, from where all comes here by itself; or end the replication first, if this is to be"
            " the primary from now on.",
        )


def _in_words(channel: Following) -> str:
    if not channel.running:
        return "stopped"
    return "running, lag unknown" if channel.behind is None else f"running, {channel.behind} s behind"


CHECK = Check(
    ID,
    "Replicas",
    "What is done here is done again on every replica, later, and needs the same room there.",
    look,
)
