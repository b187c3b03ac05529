"""Check: what writers would write during a rebuild fits the log of an online ALTER (error 1799)."""

from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.server.rebuilds import Rebuild, mebibytes, rebuilds
from apelschema.db.grants import read_grants
from apelschema.db.online import LARGER, LOG_SIZE
from apelschema.names import quoted

ID = "online_log"

LOOK_BACK_DAYS: Final = 7
WRITES_OF_A_ROW: Final = 2
"""REPLACE deletes a row and inserts it."""

LEAST_SECONDS: Final = 1.0
"""A rebuild waits for a moment without open transactions at both ends, however small the table."""

_BUSIEST_HOUR: Final = """
SELECT MAX(n) FROM (SELECT COUNT(*) AS n FROM {table}
WHERE UpdateTime >= UTC_TIMESTAMP() - INTERVAL {days} DAY GROUP BY FLOOR(UNIX_TIMESTAMP(UpdateTime) / 3600)) hours
"""


def look(situation: Situation) -> list[Finding]:
    """Warns where writers of the busiest hour would overrun the log; a cluster lets nobody write meanwhile."""
    if situation.session.server.galera:
        return []
    room = int(situation.session.value(f"SELECT @@GLOBAL.{LOG_SIZE}"))
    return [finding for each in rebuilds(situation) for finding in _of_table(situation, each, room)]


def expected_bytes(rebuild: Rebuild, rows_an_hour: int) -> int:
    """What is logged during a rebuild if writers go on as in an hour in which they wrote so many rows."""
    seconds = max(rebuild.seconds, LEAST_SECONDS)
    row = rebuild.bytes / max(rebuild.rows, 1)
    return round(rows_an_hour / 3600 * seconds * row * WRITES_OF_A_ROW)


def _of_table(situation: Situation, rebuild: Rebuild, room: int) -> Iterator[Finding]:
    busiest = int(situation.value(_BUSIEST_HOUR.format(table=quoted(rebuild.name), days=LOOK_BACK_DAYS)) or 0)
    expected = expected_bytes(rebuild, busiest)
    if expected <= room:
        return
    message = (
        f"{rebuild.name} was written at up to {busiest:,} rows an hour in the last {LOOK_BACK_DAYS} days: about"
        f" {mebibytes(expected)} while it is written anew, and the log of an online ALTER holds {mebibytes(room)}."
    )
    if expected <= room * LARGER and _may_enlarge(situation):
        message += f" The run would try once more with {LARGER} times as much."
        yield Finding(ID, "info", rebuild.name, message, "Nothing, if all programs are stopped.", busiest)
        return
    hint = f"Stop all programs, as the runbook does; or SET GLOBAL {LOG_SIZE} = {expected * 2} before."
    yield Finding(ID, "warning", rebuild.name, message, hint, busiest)


def _may_enlarge(situation: Situation) -> bool:
    grants = read_grants(situation.session)
    return grants.has_global("SUPER") or grants.has_global("SYSTEM_VARIABLES_ADMIN")


CHECK = Check(
    ID,
    "Log of online ALTERs",
    "Writers go on while a table is rebuilt; when they write more than the log holds, the ALTER fails at its end.",
    look,
)
