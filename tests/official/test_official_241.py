"""The stand-in for the official 2.4.1 is worth its name: vectors in full, a script with known effects."""

import pytest

from tests.conftest import MakeDatabase, OpenSession
from tests.official.conftest import MakeOfficial
from tests.official.update import install_official, official_update_230, official_update_241, update_241
from tests.support.differing import differing
from tests.support.vectors import read_vectors, replay


@pytest.mark.parametrize(
    ("name", "collation"),
    [
        ("server-2.4.1", "utf8mb4_general_ci"),  # the one they were recorded in
        ("server-2.4.1-failures", "latin1_swedish_ci"),
        ("server-2.4.1-failures", "utf8mb4_general_ci"),
    ],
)
def test_vectors_of_241_come_out_in_full(make_database: MakeDatabase, session: OpenSession, name: str, collation: str):
    vectors = read_vectors(name)
    target = make_database(collation.split("_")[0], collation)
    install_official(session(target), "2.4.1", sql_mode=vectors.sql_mode)
    assert replay(target, vectors) == []


def test_update_gives_241(official: MakeOfficial):
    db = official("2.3.0")
    official_update_241(db)
    assert differing(db, official("2.4.1")) == set()


def test_updates_from_221_give_241_but_for_the_history_views(official: MakeOfficial):
    db = official("2.2.1")
    official_update_230(db)
    official_update_241(db)
    assert differing(db, official("2.4.1")) == {"VSpecIntHistory", "VHepSpecHistory"}


def test_effects_are_those_on_record_in_their_order():
    assert [effect.text for effect in update_241()] == [
        "Summaries: key widened by InfrastructureType",
        "NormalisedSummaries: key widened by Infrastructure",
    ]
