"""Databases that official scripts have left half-way, and what APEL's programs make of them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from apelschema.catalogue.load import load
from apelschema.catalogue.states import State, recognise
from apelschema.db import errors
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.names import LOOKUP_TABLES
from tests.official.update import Effect, rollback_230, update_230, update_241, update_250
from tests.support.calls import error_of, load_job, load_normalised, load_summary, summarise

UPDATES: Final = {"2.3.0": update_230(), "2.4.1": update_241(), "2.5.0": update_250()}
"""What brings a database to each release, after those before."""

SCRIPTS: Final = {
    "official update 2.2.1 to 2.3.0": ("2.2.1", UPDATES["2.3.0"]),
    "official rollback 2.3.0 to 2.2.1": ("2.3.0", rollback_230()),
    "official update 2.4.0 to 2.4.1": ("2.3.0", UPDATES["2.4.1"]),
    "official update 2.4.1 to 2.5.0": ("2.4.1", UPDATES["2.5.0"]),
}
"""With the release that each begins on."""

LOADERS: Final = {"2.2.1": "2.2.1", "2.3.0": "2.3.0 to 2.4.1", "2.5.0": "2.5.0"}
UNKNOWN_COLUMN: Final = 1054
REFUSED: Final = (errors.NO_SUCH_ROUTINE, errors.WRONG_ARGUMENT_COUNT, UNKNOWN_COLUMN)
SENT_TABLES: Final = (
    *LOOKUP_TABLES, "JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries", "SyncRecords",
)  # fmt: skip

Sums = dict[tuple[str, int, int], tuple[int, ...]]
"""Jobs, wall, cpu, and both normalised, by site, year and month."""


@dataclass(frozen=True)
class Stop:
    """A state: what was sent to a database of a release, in this order, errors and all; its name begins like this.

    ``to`` is where the test takes it, the nearest release or the newest.
    """

    name: str
    base: str
    sent: tuple[Effect, ...]
    to: str
    errors: tuple[int, ...] = ()
    """What the server answers, for a script under ``--force``."""
    rows: tuple[str, ...] = ()
    """Statements that come before: what rows hold decides what a script meets."""


def stops() -> Iterator[Stop]:
    """Every script after every statement but its last; the first goes to the newest release, others to the nearest."""
    for title, (base, effects) in SCRIPTS.items():
        for sent in range(1, len(effects)):
            last = effects[sent - 1].text.replace(":", "", 1)
            name = f"{title}, stopped after {sent} of {len(effects)}: {last}"
            yield Stop(name, base, effects[:sent], "2.5.0" if sent == 1 else _nearest(title, sent))


def others() -> Iterator[Stop]:
    """What ``--force``, an update left out, and rows that a key cannot take make of it."""
    types, keys, columns = UPDATES["2.3.0"], UPDATES["2.4.1"], UPDATES["2.5.0"]
    over, without = "official update 2.2.1 to 2.3.0 on release", "official update 2.4.1 to 2.5.0 on release 2.3.0"
    yield Stop(f"{over} 2.5.0, forced past statement 1", "2.5.0", types, "2.5.0", (1060,))
    yield Stop(f"{over} 2.4.1, forced past statement 1, stopped after 5 of 14", "2.4.1", types[:5], "2.4.1", (1060,))
    yield Stop(without, "2.3.0", columns, "2.5.0")
    yield Stop(f"{without}, stopped after 6 of 22", "2.3.0", columns[:6], "2.5.0")
    both = "official update 2.4.0 to 2.4.1, stopped after 1 of 2: Summaries key widened by InfrastructureType, then"
    half = (keys[0], *columns[:8])
    yield Stop(f"{both} official update 2.4.1 to 2.5.0, stopped after 8 of 22", "2.3.0", half, "2.5.0")
    name, null = "official update 2.4.0 to 2.4.1", "UPDATE {} SET {} = NULL, UpdateTime = UpdateTime WHERE {} = 'None'"
    of_copies = (null.format("NormalisedSummaries", *["Infrastructure"] * 2),)
    of_summaries = (null.format("Summaries", *["InfrastructureType"] * 2),)
    yield Stop(f"{name}, stopped after 1 of 2", "2.3.0", keys, "2.4.1", (1265,), of_copies)
    yield Stop(f"{name}, forced past statement 1", "2.3.0", keys, "2.4.1", (1265,), of_summaries)
    candidate = (*types[:4], *types[8:])
    yield Stop("pre-release 1.10.0-0.1.rc1", "2.2.1", candidate, "2.3.0")


def _nearest(title: str, sent: int) -> str:
    """Of a rollback, all but the last statements of which leave something of 2.3.0."""
    is_back = "rollback" in title
    return "2.2.1" if is_back and sent == len(rollback_230()) - 1 else "2.3.0" if is_back else title.split()[-1]


def fill(db: Session) -> None:
    """Two months of site A as 2.2.1 had them: types under each rule, normalised ones without a type, N spelt twice."""
    for number, (type_, level) in enumerate((("HEPSPEC", "10.5"), ("si2k", "2500"), ("HEPscore23", "12"))):
        benchmark = {"serviceLevelType": type_, "serviceLevel": level}
        load_job(db, localJobId=str(number), vo=f"vo{number}", wallDuration=1001, **benchmark)
        load_summary(db, month=2, vo=f"vo{number}", infrastructureType="None", **benchmark)
        load_normalised(db, month=2, vo=f"copy{number}", infrastructure=("grid", "", "None")[number])
    load_job(db, localJobId="nowhere", vo="vo0", infrastructureType="", serviceLevelType="hepscore23")
    assert summarise(db) == {}


def copy(source: Session, db: Session) -> None:
    """The rows of one database of 2.2.1 into another."""
    for table in SENT_TABLES:
        db.execute(f"INSERT INTO {table} SELECT * FROM `{source.database}`.{table}")


def send(db: Session, effects: Sequence[Effect]) -> list[int]:
    """Send statements as the client does under ``--force``; gives the numbers of the errors."""
    met = (error_of(partial(db.execute, each.sql)) for each in effects)
    return [number for number in met if number is not None]


def state(db: Session) -> State:
    """What the database is named; it has to have a name."""
    found = recognise(read_schema(db))
    assert found is not None
    return found


def arrive(db: Session) -> list[int]:
    """A job and two summaries of site B come in, and the summariser runs; gives the numbers of the errors."""
    site = {"site": "SITE-B", "month": 2}
    loads = (
        partial(load_job, db, site="SITE-B", localJobId="late"),
        partial(load_summary, db, **site),
        partial(load_normalised, db, **site, serviceLevelType="hepscore23"),
    )
    met = [error_of(load) for load in loads]
    return [number for number in (*met, *summarise(db).values()) if number is not None]


def sums(db: Session, site: str = "%") -> Sums:
    """What HybridSuperSummaries says, by site and month."""
    columns = ("NumberOfJobs", "WallDuration", "CpuDuration", "NormalisedWallDuration", "NormalisedCpuDuration")
    added = ", ".join(f"SUM(h.{column})" for column in columns)
    rows = db.rows(
        f"SELECT s.name, h.Year, h.Month, {added} FROM HybridSuperSummaries h JOIN Sites s ON s.id = h.SiteID"
        " WHERE s.name LIKE %s GROUP BY s.name, h.Year, h.Month",
        (site,),
    )
    return {(str(name), int(year), int(month)): tuple(map(int, figures)) for name, year, month, *figures in rows}


def works(db: Session) -> set[str]:
    """What programs do, tried: loaders by the number of their arguments, the summariser in its order."""
    failing = next(iter(summarise(db).items()), None)
    summariser = f"the summariser fails at {failing[0]} ({failing[1]})" if failing else "the summariser works"
    return {*(_loader(db, release) for release in LOADERS), summariser}


def _loader(db: Session, release: str) -> str:
    found = []
    for name, what in (("ReplaceSummary", "summaries"), ("ReplaceNormalisedSummary", "normalised summaries")):
        nulls = ", ".join(["NULL"] * len(load(release).routines[name].parameters))
        number = error_of(partial(db.execute, f"CALL {name}({nulls})"))
        if number in REFUSED:
            found.append(f"{what} rejected ({number})")
    return f"loaders of {LOADERS[release]}: {', '.join(found) or 'work'}"


def unreadable(db: Session) -> list[str]:
    """The views that the unloader cannot read, with the error."""
    views = ("VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries")
    met = {name: error_of(partial(db.rows, f"SELECT COUNT(*) FROM {name}")) for name in views}
    return [f"{name} ({number})" for name, number in met.items() if number is not None]
