"""The stand-in for the official 2.5.0 is worth its name: vectors in full, a script with known effects."""

from typing import Final

import pytest

from tests.conftest import MakeDatabase, OpenSession
from tests.official.conftest import MakeOfficial
from tests.official.update import (
    install_official,
    official_update_230,
    official_update_241,
    official_update_250,
    update_250,
)
from tests.support.differing import differing
from tests.support.vectors import Difference, read_vectors, replay

ENGINES_CHOICE: Final = ("ServiceLevelType", "InfrastructureDescription")
"""Columns whose value the engine picks in the ambiguous set (README of the vectors)."""

PICKED_FROM: Final = {
    "ServiceLevelType": {"hepscore23"},  # in one of two spellings
    "InfrastructureDescription": {"first", "second", "third"},
}


@pytest.mark.parametrize(
    ("name", "collation"),
    [
        ("server-2.5.0", "utf8mb4_general_ci"),  # the one they were recorded in
        ("server-2.5.0", "utf8mb4_unicode_ci"),
        ("server-2.5.0-failures", "latin1_swedish_ci"),
        ("server-2.5.0-failures", "utf8mb4_general_ci"),
    ],
)
def test_vectors_of_250_come_out_in_full(make_database: MakeDatabase, session: OpenSession, name: str, collation: str):
    vectors = read_vectors(name)
    target = make_database(collation.split("_")[0], collation)
    install_official(session(target), "2.5.0", sql_mode=vectors.sql_mode)
    assert replay(target, vectors) == []


def test_ambiguous_vectors_of_250_differ_in_what_the_engine_picks_at_most(
    make_database: MakeDatabase, session: OpenSession
):
    vectors = read_vectors("server-2.5.0-ambiguous")
    target = make_database("utf8mb4", vectors.collation)
    install_official(session(target), "2.5.0", sql_mode=vectors.sql_mode)
    found = replay(target, vectors)
    got, expected = ([each for each in found if each.side == side] for side in ("got", "expected"))
    assert [without_picks(each) for each in got] == [without_picks(each) for each in expected]
    assert {column for each in got for column in ENGINES_CHOICE if picked(each, column) not in PICKED_FROM[column]} == (
        set()
    )


def without_picks(difference: Difference) -> tuple[object, ...]:
    """Where it is, and its cells but for those that the engine picks."""
    cells = zip(difference.columns, difference.row, strict=True)
    firm = [cell for column, cell in cells if column not in ENGINES_CHOICE]
    return (difference.phase, difference.moment, difference.thing, *firm)


def picked(difference: Difference, column: str) -> str:
    """The value that the engine picked, in lower case."""
    return str(difference[column]).lower()


def test_update_gives_250(official: MakeOfficial):
    db = official("2.4.1")
    official_update_250(db)
    assert differing(db, official("2.5.0")) == set()


def test_updates_from_221_give_250_but_for_the_history_views(official: MakeOfficial):
    db = official("2.2.1")
    for update in (official_update_230, official_update_241, official_update_250):
        update(db)
    assert differing(db, official("2.5.0")) == {"VSpecIntHistory", "VHepSpecHistory"}


def test_effects_are_those_on_record_in_their_order():
    tables = ("Summaries", "NormalisedSummaries", "SuperSummaries", "HybridSuperSummaries")
    procedures = (
        "ReplaceSummary",
        "ReplaceNormalisedSummary",
        "SummariseJobs",
        "NormaliseSummaries",
        "CopyNormalisedSummaries",
    )
    views = ("VSummaries", "VNormalisedSummaries", "VSuperSummaries", "VNormalisedSuperSummaries")
    objects = [f"procedure {name}" for name in procedures] + [f"view {name}" for name in views]
    assert [effect.text for effect in update_250()] == [
        *(f"{table}: column InfrastructureDescription added" for table in tables),
        *(f"{name}: {what}" for name in objects for what in ("dropped", "created")),
    ]
