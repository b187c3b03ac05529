"""APEL's own objects and scripts of 2.2.1 and 2.3.0 in effect, for contrast: what goes wrong without us.

Written from the facts about the official release; the scripts' effects are listed one by one because each
stop between two of them is a state met in the field.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from apelschema.catalogue.load import load
from apelschema.db import errors
from apelschema.db.session import Session
from apelschema.procedures import Kind, text
from tests.support.install import create_objects, create_tables

_CHANGED: Final = Path(__file__).parent / "sql"
_OLD_KEY: Final = (
    "SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID, SubmitHostId, NodeCount, Processors"
)


@dataclass(frozen=True)
class Effect:
    """One statement's effect of an official script."""

    text: str
    sql: str


def official_text(kind: Kind, name: str, release: str) -> str:
    """The official CREATE statement in 2.2.1 or 2.3.0."""
    changed = _CHANGED / f"{kind}s" / name / f"{release}.sql"
    # What 2.2.1 has is in the repository itself, since there the two do not differ.
    return changed.read_text("utf-8") if changed.exists() else text(kind, name, "2.2.1")


def install_official(db: Session, release: str, *, sql_mode: str | None = None, all_partitions: bool = False) -> None:
    """Fill an empty database with the official schema of 2.2.1 or 2.3.0, central objects included.

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


def _objects(release: str) -> tuple[Effect, ...]:
    routines = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
    views = ("VNormalisedSummaries", "VNormalisedSuperSummaries")
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
