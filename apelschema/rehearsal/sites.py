"""Which sites make a sample of a database: whole ones, the same for the same seed."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.names import is_ours, quoted

SITE: Final = "SiteID"

_FEW_ROWS: Final = 1_000_000
"""Tables of which the server estimates no more are counted; counting a billion would read a whole index."""

_ROOM: Final = 1.5
"""A site that would make the sample larger than this many times what was asked for is passed over."""


@dataclass(frozen=True)
class Choice:
    """Ids of the sites, and the rows that they have in all tables of sites."""

    sites: tuple[int, ...]
    rows: int


def rows_in_all(session: Session) -> dict[str, int]:
    """Rows of the tables that are not this tool's: counted where they are few, else the server's estimate."""
    return {
        size.name: size.rows if size.rows > _FEW_ROWS else _count(session, size.name) for size in read_sizes(session)
    }


def tables_of_sites(live: Schema) -> list[str]:
    """The tables whose rows belong to sites."""
    return [name for name, table in live.tables.items() if table.has_column(SITE) and not is_ours(name)]


def choose(session: Session, tables: Sequence[str], whole: Mapping[str, int], share: float, seed: int) -> Choice:
    """Sites whose rows in these tables are about such a share of all, in an order that the seed draws.

    At least one, the smallest, where all are larger than the share; none where no site has rows. No more rows are
    counted than are taken.
    """
    wanted = share * sum(whole[name] for name in tables)
    ids = sorted(int(row[0]) for row in session.rows("SELECT id FROM Sites"))
    chosen: list[int] = []
    rows = 0
    for site in random.Random(seed).sample(ids, len(ids)):
        room = int(_ROOM * wanted) - rows
        count = sum(_counts(session, tables, site, room + 1))
        if 0 < count <= room:
            chosen.append(site)
            rows += count
        if rows >= wanted:
            break
    return Choice(tuple(sorted(chosen)), rows) if chosen else _smallest(session, tables, ids)


def _smallest(session: Session, tables: Sequence[str], ids: Sequence[int]) -> Choice:
    """The site with the fewest rows, but some; only a few sites can each be larger than a share."""
    counts = {site: sum(_counts(session, tables, site)) for site in ids}
    rows, site = min(((count, site) for site, count in counts.items() if count), default=(0, None))
    return Choice(() if site is None else (site,), rows)


def _counts(session: Session, tables: Sequence[str], site: int, most: int | None = None) -> Iterator[int]:
    """Rows of a site table by table, counting no further than ``most`` in each."""
    limit = "" if most is None else f" LIMIT {most}"
    for name in tables:
        yield _count(session, f"(SELECT 1 FROM {quoted(name)} WHERE {SITE} = {site}{limit}) AS s", quotes=False)


def _count(session: Session, source: str, *, quotes: bool = True) -> int:
    return int(session.value(f"SELECT COUNT(*) FROM {quoted(source) if quotes else source}"))
