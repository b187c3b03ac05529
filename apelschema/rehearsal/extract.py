"""What of a database is copied for a rehearsal: which tables, which rows, how much that is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from apelschema import checksums, facts, ledger, names, revisions
from apelschema.catalogue.fingerprint import fingerprint
from apelschema.catalogue.load import load, releases
from apelschema.db.grants import read_grants
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema, Table
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.db.visible import grant_to_see_routines, reads_texts
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.names import is_ours
from apelschema.procedures import Ours
from apelschema.rehearsal.sites import SITE, choose, rows_in_all, tables_of_sites
from apelschema.roundtrip import demand_way

_OF_OTHER_RUNS: Final = (
    names.LEDGER, ledger.TAKEN, names.CHECKSUMS, checksums.TAKEN, facts.FACTS, names.LEASE,
)  # fmt: skip
"""What earlier runs took down of the whole database means nothing for a part of it."""


@dataclass(frozen=True)
class Extract:
    """A part of a database, or all of it where ``sites`` is None.

    ``whole`` are the rows of APEL's tables in the database, estimates where they are many; ``rows`` those of the part;
    ``bytes`` are about what its data and indexes take.
    """

    live: Schema
    sites: tuple[int, ...] | None
    whole: Mapping[str, int]
    rows: int
    bytes: int

    def tables(self) -> Iterator[tuple[Table, str]]:
        """The tables with the condition on the rows that are copied.

        Those of sites come first, so that names which are new in between are there with the rows that need them.
        """
        tables = list(self.live.tables.values())
        for table in sorted(tables, key=lambda each: not each.has_column(SITE)):
            if condition := self._condition(table):
                yield table, condition

    def _condition(self, table: Table) -> str:
        """None of tables that nobody knows and that know no sites: the upgrade does not look at them."""
        if table.name in _OF_OTHER_RUNS:
            return ""
        if self.sites is None:
            return "TRUE"
        if table.has_column(SITE):
            return f"{SITE} IN ({', '.join(map(str, self.sites))})" if self.sites else ""
        return "TRUE" if is_ours(table.name) or table.name in load(releases()[-1]).tables else ""


def read_extract(session: Session, to: str, share: float | None, seed: int) -> Extract:
    """Look at a database and decide what is copied; ``share`` is between 0 and 1, None for all.

    Raises CannotRun for a database that is no APEL server's or has an unfinished run, a TARGET that is not ahead of
    it, and an account that does not see all of it.
    """
    demand_rehearsable(session, to)
    live = read_schema(session)
    _demand_texts(session, live)
    whole = rows_in_all(session)
    if share is None:
        return Extract(live, None, whole, sum(whole.values()), sum(each.bytes for each in read_sizes(session)))
    tables = tables_of_sites(live)
    choice = choose(session, tables, whole, share, seed)
    part = choice.rows / (sum(whole[name] for name in tables) or 1)
    size = sum(each.bytes * (part if each.name in tables else 1) for each in read_sizes(session))
    rows = choice.rows + sum(count for name, count in whole.items() if name not in tables)
    return Extract(live, choice.sites, whole, rows, round(size))


def demand_rehearsable(session: Session, to: str) -> None:
    """Raise CannotRun for a database that is no APEL server's, has an unfinished run, or is not behind a TARGET."""
    if fingerprint(read_schema(session), Ours()).kind != "server":
        raise CannotRun(
            f"The database {session.database} is not that of an APEL server.",
            hint="apelschema status says what it was taken for.",
        )
    if left := Journal(session).unfinished():
        raise CannotRun(
            f"The database {session.database} has an unfinished run ({left.command} to {left.target}).",
            hint="Finish it first: run that command again.",
        )
    demand_way(revisions.current(session) or revisions.first(), to)


def _demand_texts(session: Session, live: Schema) -> None:
    """Without the privilege to see routines, "none seen" is no proof that there are none."""
    known = load(releases()[0]).routines
    unseen = sorted(name for name in {*known, *live.routines} if not _is_seen(live, name))
    if not unseen or reads_texts(session, read_grants(session)):
        return
    raise CannotRun(
        f"This account does not see the text of {len(unseen)} routines of {session.database}, {unseen[0]} among them.",
        why="Without them there is nothing to rehearse with.",
        hint=f"{grant_to_see_routines(session)}, which is what SELECT CURRENT_USER() says.",
    )


def _is_seen(live: Schema, name: str) -> bool:
    routine = live.routines.get(name)
    return routine is not None and routine.is_visible
