"""The stand-in for the official 2.3.0 is worth its name: vectors in full, scripts with known effects."""

import pytest

from tests.conftest import MakeDatabase, OpenSession
from tests.official.conftest import MakeOfficial
from tests.official.update import (
    install_official,
    official_rollback_230,
    official_update_230,
    rollback_230,
    update_230,
)
from tests.support.differing import differing
from tests.support.vectors import read_vectors, replay


@pytest.mark.parametrize(
    ("name", "collation"),
    [
        ("server-2.3.0", "utf8mb4_general_ci"),  # the one they were recorded in
        ("server-2.3.0", "utf8mb4_unicode_ci"),
        ("server-2.3.0-failures", "utf8mb4_general_ci"),
        ("server-2.3.0-failures", "latin1_swedish_ci"),
    ],
)
def test_vectors_of_230_come_out_in_full(make_database: MakeDatabase, session: OpenSession, name: str, collation: str):
    vectors = read_vectors(name)
    target = make_database(collation.split("_")[0], collation)
    install_official(session(target), "2.3.0", sql_mode=vectors.sql_mode)
    assert replay(target, vectors) == []


def test_update_gives_230_but_for_the_history_views(official: MakeOfficial):
    db = official("2.2.1")
    official_update_230(db)
    assert differing(db, official("2.3.0")) == {"VSpecIntHistory", "VHepSpecHistory"}


def test_way_back_gives_221_but_for_the_history_views(official: MakeOfficial):
    db = official("2.3.0")
    official_rollback_230(db)
    assert differing(db, official("2.2.1")) == {"VSpecIntHistory", "VHepSpecHistory"}


def test_effects_are_those_on_record_in_their_order():
    assert [effect.text for effect in update_230()] == [
        "NormalisedSummaries: column ServiceLevelType added and key widened (one ALTER)",
        "procedure ReplaceNormalisedSummary: dropped",
        "procedure ReplaceNormalisedSummary: created",
        "HybridSuperSummaries: default of ServiceLevelType dropped",
        *_created_anew(),
    ]
    assert [effect.text for effect in rollback_230()] == [
        "NormalisedSummaries: key narrowed",
        "NormalisedSummaries: column ServiceLevelType dropped",
        "procedure ReplaceNormalisedSummary: dropped",
        "procedure ReplaceNormalisedSummary: created",
        "HybridSuperSummaries: ServiceLevelType gets its default '' back",
        *_created_anew(),
    ]


def _created_anew() -> list[str]:
    objects = (
        "procedure SummariseJobs",
        "procedure NormaliseSummaries",
        "procedure CopyNormalisedSummaries",
        "view VNormalisedSummaries",
        "view VNormalisedSuperSummaries",
    )
    return [f"{name}: {what}" for name in objects for what in ("dropped", "created")]
