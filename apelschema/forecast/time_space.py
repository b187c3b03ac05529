"""What a run takes beside time: disk, temporary files, the binary log, and how long writers have to wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Self, TypedDict

from apelschema.db.session import Session
from apelschema.forecast.base import Cost
from apelschema.forecast.speed_sample import TableSpeed
from apelschema.forecast.time_parts import LEDGER, Part
from apelschema.ledger import BEFORE
from apelschema.row_sums import CELLS

_CELL_BYTES: Final = 250
"""A row of ledger or checksums with its part of the index, by InnoDB's page fill."""

_SHARE_OF_KEY: Final = 0.5
"""Of a row's bytes: what is kept of a settled row is its key, its label and its time."""

_IMAGES: Final = 2
"""A changed row is in a binary log of rows as it was and as it is."""


class Taken(TypedDict):
    """Bytes that a part, or a run, takes."""

    disk_bytes: int
    temporary_bytes: int
    binlog_bytes: int


@dataclass(frozen=True)
class Space:
    """What of the server decides about it: whether rows go to a binary log, and whether DDL stops a cluster."""

    logs_rows: bool
    galera: bool

    @classmethod
    def of(cls, session: Session) -> Self:
        """As the server is set."""
        found = session.variables("log_bin", "binlog_format")
        return cls(found.get("log_bin") == "ON" and found.get("binlog_format") != "STATEMENT", session.server.galera)

    def blocked(self, part: Part, seconds: float) -> float:
        """Seconds in which writers wait: for DDL on Galera and under a lock, and while routines are swapped."""
        if not part.statements:
            return 0.0
        waits = self.galera or part.lock not in ("", "NONE") or part.step.startswith("routine ")
        return seconds if waits else 0.0

    def taken(self, part: Part, tables: Mapping[str, TableSpeed]) -> Taken:
        """Bytes of a part: what it keeps or makes anew, what it sorts, what it logs."""
        kept = sum(_kept(part, each.row_bytes, part.changed.get(name, 0)) for name, each in tables.items())
        built = sum(tables[name].bytes for name in part.built if name in tables)
        own = _own_bytes(part, tables)
        logged = own + sum(
            each.row_bytes * part.changed.get(name, 0) * _IMAGES for name, each in tables.items() if part.step
        )
        return Taken(
            disk_bytes=round(kept + built + own),
            temporary_bytes=built,
            binlog_bytes=round(logged + kept) if self.logs_rows else 0,
        )

    def totals(self, costs: Sequence[Cost]) -> Taken:
        """Of a run: what is kept stays and adds up, a table written anew and its sort are gone with the statement."""
        passing = [each.temporary_bytes for each in costs]
        return Taken(
            disk_bytes=sum(each.disk_bytes - each.temporary_bytes for each in costs) + max(passing, default=0),
            temporary_bytes=max(passing, default=0),
            binlog_bytes=sum(each.binlog_bytes for each in costs),
        )


def _kept(part: Part, row_bytes: int, changed: int) -> float:
    """Steps keep what they change, but for the backfill, whose way back is reckoned."""
    if not part.step or part.rate == "backfill":
        return 0.0
    return changed * row_bytes * (1.0 if part.rate == "relabel" else _SHARE_OF_KEY)


def _own_bytes(part: Part, tables: Mapping[str, TableSpeed]) -> int:
    """Rows of the ledger, or of the checksums, which have at most so many cells for each site and month."""
    if part.rate == LEDGER:
        return sum(min(each.rows, each.months) for each in tables.values()) * _CELL_BYTES
    if part.name.endswith(BEFORE):
        return sum(min(each.rows, each.months * CELLS) for each in tables.values()) * _CELL_BYTES
    return 0
