"""The scratch database: one view on the repository's own, and what the unloader reads and writes beside it.

It is known as ours by the table ``apelschema_resend`` in it, made first and dropped last, so that a kill anywhere
leaves what the same command can go on with. The repository's database is only read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Final, Literal

from apelschema import procedures
from apelschema.catalogue.load import load
from apelschema.db.ddl import character_set, create_table
from apelschema.db.grants import read_grants
from apelschema.db.introspect import has_table, read_schema, read_view, table_collation
from apelschema.db.own_table import own_table
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.db.stored import replace_stored
from apelschema.errors import CannotRun
from apelschema.journal import operator
from apelschema.names import PREFIX, quoted
from apelschema.resend.corrected import SiteMonth

VIEWS: Final = ("VNormalisedSuperSummaries", "VSuperSummaries")
MARK: Final = PREFIX + "resend"
MONTHS: Final = PREFIX + "resend_months"
LAST_UPDATED: Final = "LastUpdated"
PROCEDURE: Final = "UpdateTimestamp"

TO_MAKE: Final = (
    "SELECT", "INSERT", "DELETE", "CREATE", "DROP", "CREATE VIEW", "CREATE ROUTINE", "ALTER ROUTINE", "EXECUTE",
)  # fmt: skip
"""What making the scratch database takes in it; the view and the procedure run as the account that makes them."""

_ROWS_AT_ONCE: Final = 1000
_LONGEST_NAME: Final = 64

_MARK_TABLE: Final = own_table(
    MARK,
    """
  Id INT NOT NULL,
  Source VARCHAR(64) NOT NULL,
  ViewName VARCHAR(64) NOT NULL,
  Operator VARCHAR(255) NOT NULL,
  ToolVersion VARCHAR(32) NOT NULL,
  MadeAt DATETIME(6) NOT NULL,
  PRIMARY KEY (Id)
""",
)
_CONTENTS: Final = (
    "SELECT COUNT(*) FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s",
    "SELECT COUNT(*) FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = %s",
    "SELECT COUNT(*) FROM information_schema.EVENTS WHERE EVENT_SCHEMA = %s",
)

State = Literal["absent", "empty", "ours", "foreign"]


@dataclass(frozen=True)
class Standing:
    """What stands under the name; ``source`` is the database that ours was made from, empty if it was not noted."""

    state: State
    source: str = ""


@dataclass(frozen=True)
class Made:
    """What the view of a scratch database shows."""

    database: str
    view: str
    rows: int
    jobs: int


def look(session: Session, name: str) -> Standing:
    """How things stand with a database of this name. Raises CannotRun for what can be no name."""
    if not name or len(name) > _LONGEST_NAME or name != name.rstrip():
        raise CannotRun(f'"{name}" can be no name of a database.', hint=f"It may have 1 to {_LONGEST_NAME} characters.")
    if not _exists(session, name):
        return Standing("absent")
    if not any(session.value(query, (name,)) for query in _CONTENTS):
        return Standing("empty")
    with Session(session.target.with_database(name)) as scratch:
        if not has_table(scratch, MARK):
            return Standing("foreign")
        return Standing("ours", str(scratch.value(f"SELECT Source FROM {MARK}") or ""))


def demand_usable(session: Session, name: str) -> Standing:
    """That a scratch database of this name may be made, or made anew; changes nothing.

    Raises CannotRun where the name is another's, where it serves another repository, or for missing privileges.
    """
    standing = look(session, name)
    if standing.state == "foreign":
        raise _not_ours(name)
    if standing.source not in ("", session.own_name):
        raise CannotRun(
            f"The database {name} was made to send from {standing.source}, not from {session.own_name}.",
            why="Whoever sends from it would send something else all at once.",
            hint=f"Take another name, or remove it first: apelschema resend --drop --scratch {name}",
        )
    _demand_privileges(session, name, TO_MAKE)
    return standing


def make(session: Session, name: str, view: str, release: str, months: Sequence[SiteMonth]) -> Made:
    """Make it, or make it anew; run again after a kill it goes on. Raises as ``demand_usable`` does, and Stopped."""
    standing = demand_usable(session, name)
    collation = table_collation(session, "HybridSuperSummaries")
    if collation is None:
        raise CannotRun("The table HybridSuperSummaries is gone.", hint="Restore the backup.")
    if standing.state == "absent":
        session.execute(f"CREATE DATABASE {quoted(name)} CHARACTER SET {character_set(collation)} COLLATE {collation}")
    with Session(session.target.with_database(name)) as scratch:
        _put_mark(scratch, session.own_name, view)
        _put_months(scratch, _collation_of_names(session), months)
        _put_last_updated(scratch, release, collation)
        _put_view(session, scratch, view)
        rows, jobs = scratch.rows(f"SELECT COUNT(*), COALESCE(SUM(NumberOfJobs), 0) FROM {view}")[0]
    return Made(name, view, int(rows), int(jobs))


def demand_ours(session: Session, name: str) -> None:
    """That the database is there, ours, and holds nothing else; raises CannotRun otherwise, and without privilege."""
    standing = look(session, name)
    if standing.state == "absent":
        raise CannotRun(f"There is no database {name}, or none that this account may see.", hint="Check the name.")
    if standing.state != "ours":
        raise _not_ours(name)
    with Session(session.target.with_database(name)) as scratch:
        live = read_schema(scratch)
    there = {*live.tables, *live.views, *live.routines, *live.triggers, *live.events}
    if more := sorted(there - {MARK, MONTHS, LAST_UPDATED, PROCEDURE, *VIEWS}):
        raise CannotRun(
            f"The database {name} holds what resend did not make: {', '.join(more)}.",
            why="It would be gone with the database.",
            hint="Move or remove it by hand, then run the same command again.",
        )
    _demand_privileges(session, name, ("DROP",))


def drop(session: Session, name: str) -> None:
    """Remove it, the mark last; raises as ``demand_ours`` does, and Stopped."""
    demand_ours(session, name)
    place = quoted(name)
    for statement in (
        *(f"DROP VIEW IF EXISTS {place}.{each}" for each in VIEWS),
        *(f"DROP TABLE IF EXISTS {place}.{each}" for each in (LAST_UPDATED, MONTHS)),
        f"DROP DATABASE {place}",
    ):
        retrying(lambda: session.execute(statement))  # noqa: B023 - runs before the loop goes on


def _exists(session: Session, name: str) -> bool:
    """Under its very name: the server may compare without case what it keeps apart."""
    found = {str(row[0]) for row in session.rows("SELECT SCHEMA_NAME FROM information_schema.SCHEMATA")}
    folds = session.variables("lower_case_table_names").get("lower_case_table_names") != "0"
    return name.lower() in {each.lower() for each in found} if folds else name in found


def _not_ours(name: str) -> CannotRun:
    return CannotRun(
        f"The database {name} was not made by apelschema resend: the table {MARK} is not in it.",
        why="Only a database that holds nothing else may be filled, and dropped again.",
        hint="Give --scratch a name that is not taken.",
    )


def _demand_privileges(session: Session, name: str, wanted: Sequence[str]) -> None:
    grants = read_grants(session)
    missing = [each for each in wanted if not grants.has(each, name)]
    if missing:
        raise CannotRun(
            f"Privileges on the scratch database {name} are missing: {', '.join(missing)}.",
            hint=f"GRANT {', '.join(missing)} ON {quoted(name)}.* TO <account>  (what SELECT CURRENT_USER() says)",
        )


def _put_mark(scratch: Session, source: str, view: str) -> None:
    scratch.execute(_MARK_TABLE)
    scratch.execute(
        f"REPLACE INTO {MARK} (Id, Source, ViewName, Operator, ToolVersion, MadeAt)"
        " VALUES (1, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
        (source, view, operator(), version("apelschema")),
    )


def _collation_of_names(session: Session) -> str:
    found = session.value(
        "SELECT COLLATION_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = DATABASE()"
        " AND TABLE_NAME = 'Sites' AND COLUMN_NAME = 'name'"
    )
    return str(found)


def _put_months(scratch: Session, collation: str, months: Sequence[SiteMonth]) -> None:
    """In one transaction, so that the view never shows a part of them; names as the repository compares them."""
    name = f"Site VARCHAR(255) CHARACTER SET {character_set(collation)} COLLATE {collation} NOT NULL"
    definitions = f"{name},\n  Year INT NOT NULL,\n  Month INT NOT NULL,\n  PRIMARY KEY (Site, Year, Month)"
    scratch.execute(own_table(MONTHS, definitions))
    with scratch.transaction():
        scratch.execute(f"DELETE FROM {MONTHS}")
        for start in range(0, len(months), _ROWS_AT_ONCE):
            lot = months[start : start + _ROWS_AT_ONCE]
            scratch.execute(
                f"INSERT INTO {MONTHS} (Site, Year, Month) VALUES {', '.join(['(%s, %s, %s)'] * len(lot))}",
                [value for each in lot for value in (each.site, each.year, each.month)],
            )


def _put_last_updated(scratch: Session, release: str, collation: str) -> None:
    """The mark of the last sending and the procedure that sets it, as in the release."""
    table = replace(load(release).tables[LAST_UPDATED], collation=collation)
    scratch.execute(create_table(table).replace("CREATE TABLE", "CREATE TABLE IF NOT EXISTS", 1))
    text = procedures.create_statement(procedures.text("routine", PROCEDURE, release))
    replace_stored(scratch, "procedure", PROCEDURE, text)


def _put_view(session: Session, scratch: Session, view: str) -> None:
    """With the columns of the repository's own view, in their order; another view goes."""
    source = read_view(session, view)
    if source is None:
        raise CannotRun(f"There is no view {view} in {session.database}.", hint="apelschema verify says what else is.")
    columns = ", ".join(f"v.{quoted(each.name)}" for each in source.columns)
    for other in VIEWS:
        if other != view:
            scratch.execute(f"DROP VIEW IF EXISTS {other}")
    retrying(
        lambda: scratch.execute(
            f"CREATE OR REPLACE SQL SECURITY DEFINER VIEW {view} AS SELECT {columns}"
            f" FROM {quoted(session.own_name)}.{view} AS v INNER JOIN {MONTHS} AS m"
            " ON m.Site = v.Site AND m.Year = v.Year AND m.Month = v.Month"
        )
    )
