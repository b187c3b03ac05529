"""APEL's own objects and scripts of 2.2.1 to 2.5.0 in effect, for contrast: what goes wrong without us.

Written from the facts about the official release; the scripts' effects are listed one by one because each
stop between two of them is a state met in the field.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apelschema.catalogue.load import load, releases
from apelschema.db import errors
from apelschema.db.session import Session
from apelschema.procedures import Kind, text
from tests.support.install import create_objects, create_tables

_CHANGED: Final = Path(__file__).parent / "sql"
_WHO_AND_WHEN: Final = "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID"
_OLD_KEY: Final = f"{_WHO_AND_WHEN}, SubmitHostId, NodeCount, Processors"
_DESCRIBED: Final = {
    "Summaries": "InfrastructureType",
    "NormalisedSummaries": "Infrastructure",
    "SuperSummaries": "InfrastructureType",
    "HybridSuperSummaries": "Infrastructure",
}
"""Tables that describe the infrastructure from 2.5.0 on, with the column that the description stands behind."""


@dataclass(frozen=True)
class Effect:
    """One statement's effect of an official script."""

    text: str
    sql: str


def official_text(kind: Kind, name: str, release: str) -> str:
    """The official CREATE statement in a release from 2.2.1 on."""
    known = releases()
    for earlier in reversed(known[: known.index(release) + 1]):
        changed = _CHANGED / f"{kind}s" / name / f"{earlier}.sql"
        if changed.exists():
            return changed.read_text("utf-8")
    return text(kind, name, "2.2.1")  # there the official one and ours do not differ


def install_official(db: Session, release: str, *, sql_mode: str | None = None, all_partitions: bool = False) -> None:
    """Fill an empty database with the official schema of a release from 2.2.1 on, central objects included.

    ``sql_mode`` is what the routines and views are created under; the session's own when None.
    """
    create_tables(db, release, all_partitions=all_partitions)
    create_objects(db, release, lambda kind, name: official_text(kind, name, release), sql_mode=sql_mode)


def _replaced(kind: Kind, name: str, release: str) -> tuple[Effect, Effect]:
    """The official scripts drop first and create then: in between there is nothing."""
    word = "procedure" if kind == "routine" else "view"
    return (
        Effect(f"{word} {name}: dropped", f"DROP {word.upper()} IF EXISTS {name}"),
        Effect(f"{word} {name}: created", official_text(kind, name, release)),
    )


def _objects(
    release: str, views: tuple[str, ...] = ("VNormalisedSummaries", "VNormalisedSuperSummaries")
) -> tuple[Effect, ...]:
    routines = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
    effects = [effect for name in routines for effect in _replaced("routine", name, release)]
    return (*effects, *(effect for name in views for effect in _replaced("view", name, release)))


def update_230() -> tuple[Effect, ...]:
    """Effects of the official update from 2.2.1 to 2.3.0, in order; the central history views have none."""
    return (
        Effect(
            "NormalisedSummaries: column ServiceLevelType added and key widened (one ALTER)",
            "ALTER TABLE NormalisedSummaries"
            " ADD COLUMN ServiceLevelType VARCHAR(50) NOT NULL DEFAULT '' AFTER Infrastructure,"
            f" DROP PRIMARY KEY, ADD PRIMARY KEY ({_OLD_KEY}, ServiceLevelType)",
        ),
        *_replaced("routine", "ReplaceNormalisedSummary", "2.3.0"),
        Effect(
            "HybridSuperSummaries: default of ServiceLevelType dropped",
            "ALTER TABLE HybridSuperSummaries ALTER COLUMN ServiceLevelType DROP DEFAULT",
        ),
        *_objects("2.3.0"),
    )


def rollback_230() -> tuple[Effect, ...]:
    """Effects of the official way back from 2.3.0 to 2.2.1, in order."""
    return (
        Effect(
            "NormalisedSummaries: key narrowed",
            f"ALTER TABLE NormalisedSummaries DROP PRIMARY KEY, ADD PRIMARY KEY ({_OLD_KEY})",
        ),
        Effect(
            "NormalisedSummaries: column ServiceLevelType dropped",
            "ALTER TABLE NormalisedSummaries DROP COLUMN ServiceLevelType",
        ),
        *_replaced("routine", "ReplaceNormalisedSummary", "2.2.1"),
        Effect(
            "HybridSuperSummaries: ServiceLevelType gets its default '' back",
            "ALTER TABLE HybridSuperSummaries ALTER COLUMN ServiceLevelType SET DEFAULT ''",
        ),
        *_objects("2.2.1"),
    )


def update_241() -> tuple[Effect, ...]:
    """Effects of the official update from 2.4.0 (in schema: 2.3.0) to 2.4.1, in order: two tables, each by itself."""
    host, nodes = "SubmitHostId", "NodeCount, Processors"
    return (
        Effect(
            "Summaries: key widened by InfrastructureType",
            f"ALTER TABLE Summaries DROP PRIMARY KEY, ADD PRIMARY KEY ({_WHO_AND_WHEN}, {host}, InfrastructureType,"
            f" ServiceLevelType, ServiceLevel, {nodes})",
        ),
        Effect(
            "NormalisedSummaries: key widened by Infrastructure",
            f"ALTER TABLE NormalisedSummaries DROP PRIMARY KEY, ADD PRIMARY KEY ({_WHO_AND_WHEN}, {host},"
            f" Infrastructure, {nodes}, ServiceLevelType)",
        ),
    )


def update_250() -> tuple[Effect, ...]:
    """Effects of the official update from 2.4.1 to 2.5.0, in order."""
    views = ("VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries")
    return (
        *(
            Effect(
                f"{table}: column InfrastructureDescription added",
                f"ALTER TABLE {table} ADD COLUMN InfrastructureDescription VARCHAR(100) AFTER {infrastructure}",
            )
            for table, infrastructure in _DESCRIBED.items()
        ),
        *_replaced("routine", "ReplaceSummary", "2.5.0"),
        *_replaced("routine", "ReplaceNormalisedSummary", "2.5.0"),
        *_objects("2.5.0", views),
    )


def official_update_230(
    db: Session, *, start: int = 1, stop_after: int | None = None, force: bool = False
) -> list[int]:
    """Run the official update's effects ``start`` to ``stop_after`` (counted from 1).

    Stops at the first error, as the mysql client does; with ``force``, as under ``mysql --force``, it goes on
    and gives the numbers of the errors met.
    """
    return _run(db, update_230()[start - 1 : stop_after], force)


def official_rollback_230(
    db: Session, *, start: int = 1, stop_after: int | None = None, force: bool = False
) -> list[int]:
    """Run the official way back, likewise."""
    return _run(db, rollback_230()[start - 1 : stop_after], force)


def official_update_241(
    db: Session, *, start: int = 1, stop_after: int | None = None, force: bool = False
) -> list[int]:
    """Run the official update from 2.3.0 (whose schema 2.4.0 has) to 2.4.1, likewise."""
    return _run(db, update_241()[start - 1 : stop_after], force)


def official_update_250(
    db: Session, *, start: int = 1, stop_after: int | None = None, force: bool = False
) -> list[int]:
    """Run the official update from 2.4.1 to 2.5.0, likewise."""
    return _run(db, update_250()[start - 1 : stop_after], force)


def _run(db: Session, effects: tuple[Effect, ...], force: bool) -> list[int]:
    met: list[int] = []
    for effect in effects:
        try:
            db.execute(effect.sql)
        except errors.DatabaseError as error:
            if not force:
                raise
            met.append(errors.number(error) or 0)
    return met


def official_server_extra(db: Session, release: str) -> None:
    """What loading all of server-extra for two history views does: the partitions of the release as well."""
    partitioning = load(release).tables["JobRecords"].partitioning
    assert partitioning is not None
    bounds = (
        each.less_than if each.less_than == "MAXVALUE" else f"({each.less_than})" for each in partitioning.partitions
    )
    names = (each.name for each in partitioning.partitions)
    ranges = ", ".join(f"PARTITION {name} VALUES LESS THAN {bound}" for name, bound in zip(names, bounds, strict=True))
    db.execute(f"ALTER TABLE JobRecords PARTITION BY RANGE ({partitioning.expression}) ({ranges})")
    for name in ("VSpecIntHistory", "VHepSpecHistory"):
        for effect in _replaced("view", name, release):
            db.execute(effect.sql)
