"""Row checksums: sums over whole rows, taken before a run changes anything and held against the tables later (I2, I11).

The ledger adds up jobs and durations; here any column of any row counts, ``UpdateTime`` included, but for what the run
is there to change. Cells in which rows fall together, or part, are left to the ledger. All is summed in the server, in
as many groups as there are cells (``row_sums``). Of JobRecords only the rows are looked at in which N is settled.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import datetime
from functools import partial
from itertools import chain
from typing import Final, Protocol

from apelschema.db.introspect import has_table
from apelschema.db.own_table import own_table
from apelschema.db.retry import retrying
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.key_ranges import ranges
from apelschema.ledger_sums import TABLES
from apelschema.names import CHECKSUMS, KEPT, quoted
from apelschema.row_columns import live_columns, plain_columns
from apelschema.row_sums import COLUMNS, FORM, JOBS, SOURCES, Source, Texts, as_text, cell_of, cells, of_level_zero

TAKEN: Final = CHECKSUMS + "_taken"
"""Which runs have taken their checksums, when, and of what."""

_HYBRID: Final = "HybridSuperSummaries"
_FIGURES: Final = ("NormalisedWallDuration", "NormalisedCpuDuration")

TABLE: Final = own_table(
    CHECKSUMS,
    """
  Run BIGINT UNSIGNED NOT NULL,
  SourceTable VARCHAR(64) NOT NULL,
  SiteID INT NOT NULL,
  Year INT NOT NULL,
  Month INT NOT NULL,
  Cell TINYINT UNSIGNED NOT NULL,
  NumberOfRows BIGINT UNSIGNED NOT NULL,
  Checksum DECIMAL(65,0) NOT NULL,
  KeyIds DECIMAL(65,0) NOT NULL,
  Raw DECIMAL(65,0) NOT NULL,
  Merges BIGINT UNSIGNED NOT NULL DEFAULT 0,
  PRIMARY KEY (Run, SourceTable, SiteID, Year, Month, Cell)
""",
)

TAKEN_TABLE: Final = own_table(
    TAKEN,
    """
  Run BIGINT UNSIGNED NOT NULL,
  TakenAt DATETIME(6) NOT NULL,
  BesideWriters TINYINT NOT NULL,
  Scope TEXT NOT NULL,
  PRIMARY KEY (Run)
""",
)


@dataclass(frozen=True)
class Scope:
    """What a run will do, as far as it matters to the checksums, and the columns that there were before it.

    ``jobs`` and ``figures`` say whether it settles N in JobRecords, and changes normalised figures of rows with a
    level; ``going`` are columns that it takes away. Both mappings are by table. ``form`` tells how rows were hashed:
    the first one was not noted.
    """

    jobs: bool = False
    figures: bool = False
    going: Mapping[str, Sequence[str]] = field(default_factory=dict)
    columns: Mapping[str, Sequence[str]] = field(default_factory=dict)
    form: int = 1

    @classmethod
    def noted(cls, text: str) -> "Scope":
        """From its JSON; what only a later version notes is left out."""
        known = {each.name for each in fields(cls)}
        return cls(**{name: value for name, value in json.loads(text).items() if name in known})

    @property
    def is_comparable(self) -> bool:
        """Whether rows are hashed now as they were then."""
        return self.form == FORM

    @property
    def sources(self) -> list[Source]:
        """The tables that are summed up."""
        return [each for each in SOURCES if each.table in self.columns and (self.jobs or each is not JOBS)]

    def staying(self, source: Source) -> list[str]:
        """The columns that were there before and will be there after."""
        gone = self.going.get(source.table, ())
        return [name for name in self.columns[source.table] if name not in gone]

    def texts(self, source: Source, plain: Mapping[str, bool], *, conserved: bool = True, whole: bool = True) -> Texts:
        """The rows of a table as texts, for one sum or both.

        ``plain`` are its columns of numbers and times, and whether they may be NULL.
        """

        def texts(values: Mapping[str, str]) -> list[str]:
            return [
                as_text(value, plain=name in plain, nullable=plain.get(name, True)) for name, value in values.items()
            ]

        columns = self.columns[source.table]
        gone = [name for name in columns if name not in self.staying(source)]
        figures = [name for name in _FIGURES if self.figures and source.table == _HYBRID]
        apart = {*gone, *figures, source.infrastructure}
        bare = {name: f"t.{quoted(name)}" for name in columns}
        rest = {name: bare[name] for name in columns if name in apart}
        kept = {name: source.value(name) for name in rest if name not in gone}
        kept |= {name: of_level_zero(bare[name]) for name in figures}
        common = {name: source.value(name) for name in columns if name not in apart and name not in source.key}
        bare_time = [f"ISNULL({bare[name]})" for name in common if name == source.time]
        return Texts(texts(common), texts(kept) if conserved else None, [*texts(rest), *bare_time] if whole else None)


@dataclass(frozen=True)
class Taken:
    """The checksums of a run: when they were taken (UTC), of what, and whether writers were at work beside it."""

    run: int
    at: datetime
    scope: Scope
    beside_writers: bool


class OfTable(Protocol):
    """Something that was found in a table."""

    @property
    def table(self) -> str:
        """The table."""


@dataclass(frozen=True)
class Merging:
    """Where rows of a table will fall together, part, go or come: a query for the columns of their key."""

    table: str
    query: str


def _ignore(done: int, total: int | None) -> None:
    del done, total


def ensure(session: Session) -> None:
    """Create the tables where they are not there."""
    session.execute(TABLE)
    session.execute(TAKEN_TABLE)


def exists(session: Session) -> bool:
    """Whether the tables are there."""
    return has_table(session, CHECKSUMS, TAKEN)


def take(
    session: Session,
    run_id: int,
    scope: Scope,
    merging: Sequence[Merging] = (),
    *,
    beside_writers: bool = False,
    tell: Callable[[int, int | None], None] = _ignore,
) -> None:
    """Take the checksums of a run; the columns of ``scope`` are looked up here.

    Large tables are summed up in parts, side by side. They count from when all is there: what a stop leaves is taken
    anew. ``tell`` gets the parts and queries of ``merging`` done, and their number. Raises Stopped when locks do not
    become free.
    """
    there = replace(scope, columns=live_columns(session), form=FORM)
    kept = kept_jobs(session) if there.jobs else []
    at = session.value("SELECT UTC_TIMESTAMP(6)")  # what writers write from here on is not the run's
    session.execute(f"DELETE FROM {CHECKSUMS} WHERE Run = %s", (run_id,))
    plain = plain_columns(session)
    works = [
        _Cells(run_id, source, cells(source, kept, there.texts(source, plain[source.table]), where))
        for source in there.sources
        for where in ranges_of(session, source)
    ]
    merges = [partial(_note_merges, run_id, there, each) for each in merging]
    parts, large = len(works) + len(merges), len(works) > len(there.sources)
    tell(0, parts)
    noted = chain(
        side_by_side(session, works, large=large), side_by_side(session, merges, large=large and len(merges) > 1)
    )
    for done, _ in enumerate(noted, start=1):
        tell(done, parts)
    session.execute(
        f"REPLACE INTO {TAKEN} (Run, TakenAt, BesideWriters, Scope) VALUES (%s, %s, %s, %s)",
        (run_id, at, int(beside_writers), json.dumps(asdict(there))),
    )


def note_writers(session: Session, run_id: int) -> None:
    """Note that a run goes on beside writers."""
    session.execute(f"UPDATE {TAKEN} SET BesideWriters = 1 WHERE Run = %s", (run_id,))


def taken(session: Session, run_id: int) -> Taken | None:
    """What a run has taken; None while it has not, or not in full."""
    if not exists(session):
        return None
    row = session.one(f"SELECT TakenAt, Scope, BesideWriters FROM {TAKEN} WHERE Run = %s", (run_id,))
    return Taken(run_id, row[0], Scope.noted(row[1]), bool(row[2])) if row else None


def last_taken(session: Session) -> Taken | None:
    """What the newest run that has taken its checksums took."""
    found = session.value(f"SELECT MAX(Run) FROM {TAKEN}") if exists(session) else None
    return None if found is None else taken(session, int(found))


def rows_and_merges(session: Session, run_id: int) -> tuple[int, int]:
    """How many rows a run summed up, and how many of them in cells in which rows fall together, or part."""
    row = session.one(
        f"SELECT SUM(NumberOfRows), SUM(IF(Merges > 0, NumberOfRows, 0)) FROM {CHECKSUMS} WHERE Run = %s", (run_id,)
    )
    return (int(row[0] or 0), int(row[1] or 0)) if row else (0, 0)


def unchanged(session: Session, taken: Taken, differing: Iterable[OfTable]) -> set[str]:
    """Tables whose sums by benchmark type a run cannot have changed, since every row is as before it.

    Of jobs no step writes more than the few in which the infrastructure is settled, and these are among the rows.
    """
    merged = session.rows(
        f"SELECT DISTINCT SourceTable FROM {CHECKSUMS} WHERE Run = %s AND Merges > 0",
        (taken.run,),
    )
    scope = taken.scope
    apart = {each.table for each in differing} | {str(table) for (table,) in merged} | set(scope.going)
    apart |= {_HYBRID} if scope.figures else set()
    typed = {JOBS.table, *(table for table, columns in scope.columns.items() if "ServiceLevelType" in columns)}
    return {table for table in TABLES if table in typed and table not in apart and table in scope.columns}


def ranges_of(session: Session, source: Source) -> list[str]:
    """Conditions that part a table's rows ``t`` for the sums."""
    return ranges(session, source.table, by_month=source is not JOBS)


def kept_jobs(session: Session) -> list[str]:
    """The tables that keep jobs as they were before N was settled in them."""
    rows = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE %s",
        (f"{KEPT}%{JOBS.table}".replace("_", "\\_"),),
    )
    return sorted(str(name) for (name,) in rows)


@dataclass(frozen=True)
class _Cells:
    """Notes the cells of some of a table's rows."""

    run: int
    source: Source
    query: str

    def __call__(self, session: Session) -> None:
        columns = f"Run, SourceTable, {', '.join(COLUMNS)}"
        statement = (
            f"INSERT INTO {CHECKSUMS} ({columns}) SELECT {self.run}, '{self.source.table}', n.* FROM ({self.query}) n"
        )
        retrying(lambda: session.execute(statement))


def _note_merges(run_id: int, scope: Scope, merging: Merging, session: Session) -> None:
    key = next((source.key for source in scope.sources if source.table == merging.table), None)
    if key is not None:
        groups = f"m.SiteID, m.Year, m.Month, {cell_of(key, 'm')}"
        statement = (
            f"INSERT INTO {CHECKSUMS} (Run, SourceTable, {', '.join(COLUMNS)}, Merges)"
            f" SELECT {int(run_id)}, '{merging.table}', {groups}, 0, 0, 0, 0, COUNT(*) FROM ({merging.query}) m"
            f" GROUP BY {groups} ON DUPLICATE KEY UPDATE Merges = Merges + VALUES(Merges)"
        )
        retrying(lambda: session.execute(statement))
