"""Failures and half states of the official update to 2.5.0, and its descriptions (H19-H21): as in semantics.md."""

from typing import Final

import pytest

from apelschema.db.session import SQL_MODE, Session
from tests.official.conftest import MakeOfficial
from tests.official.update import (
    official_text,
    official_update_230,
    official_update_241,
    official_update_250,
    update_250,
)
from tests.support import numbers
from tests.support.calls import error_of, load_job, parameters, summarise
from tests.support.descriptions import h19_descriptions, h19_descriptions_of_the_view
from tests.support.programs import LaterPrograms, Loads, h20_later_programs, loads

WELL: Final = Loads()
REFUSED: Final = Loads(numbers.WRONG_ARGUMENT_COUNT, numbers.WRONG_ARGUMENT_COUNT)
NONE, WRONG = numbers.NO_SUCH_ROUTINE, numbers.WRONG_ARGUMENT_COUNT

MET_AFTER: Final = {
    # Stopped after effect number: what the programs meet.
    0: LaterPrograms(WELL, REFUSED, {}),
    4: LaterPrograms(WELL, REFUSED, {}),
    5: LaterPrograms(Loads(summary=NONE), Loads(NONE, WRONG), {}),
    6: LaterPrograms(Loads(summary=WRONG), Loads(normalised=WRONG), {}),
    7: LaterPrograms(Loads(WRONG, NONE), Loads(normalised=NONE), {}),
    8: LaterPrograms(REFUSED, WELL, {}),
    9: LaterPrograms(REFUSED, WELL, {"SummariseJobs": NONE}),
    11: LaterPrograms(REFUSED, WELL, {"NormaliseSummaries": NONE}),
    13: LaterPrograms(REFUSED, WELL, {"CopyNormalisedSummaries": NONE}),
    22: LaterPrograms(REFUSED, WELL, {}),
}


def test_official_h19_shows_whichever_description_came_first(official: MakeOfficial):
    db = official("2.5.0")
    shown = h19_descriptions(db)
    assert set(shown.values()) == {"A", "M", "Z"}


def test_official_h19_views_show_any_description_of_several_levels(official: MakeOfficial):
    db = official("2.5.0")
    shown = h19_descriptions_of_the_view(db)
    assert set(shown.values()) == {"A", "M", "Z"}


def test_official_h19_summariser_fails_where_it_was_made_under_only_full_group_by(official: MakeOfficial):
    db = official("2.5.0")
    db.execute("DROP PROCEDURE SummariseJobs")
    db.execute("DROP VIEW VNormalisedSuperSummaries")
    with db.using(sql_mode=SQL_MODE + ",ONLY_FULL_GROUP_BY"):
        db.execute(official_text("routine", "SummariseJobs", "2.5.0"))
        made = error_of(lambda: db.execute(official_text("view", "VNormalisedSuperSummaries", "2.5.0")))
        read = error_of(lambda: db.rows("SELECT * FROM VNormalisedSuperSummaries"))  # MySQL says it then
    assert (made if db.server.is_mariadb else read) == numbers.NOT_GROUPED_BY
    load_job(db)
    assert summarise(db) == {"SummariseJobs": numbers.NOT_GROUPED_BY}


@pytest.mark.parametrize(("stop", "meets"), MET_AFTER.items())
def test_official_h20_stopped_update_to_250_lets_programs_fail(official: MakeOfficial, stop: int, meets: LaterPrograms):
    db = official("2.4.1")
    official_update_250(db, stop_after=stop)
    assert h20_later_programs(db) == meets


@pytest.mark.parametrize("stop", [1, 4, 5, 9, 15, 21])
def test_official_h20_stopped_update_to_250_cannot_be_run_again(official: MakeOfficial, stop: int):
    db = official("2.4.1")
    official_update_250(db, stop_after=stop)
    assert error_of(lambda: official_update_250(db)) == numbers.DUPLICATE_COLUMN


@pytest.mark.parametrize("stop", [0, 1])
def test_official_h20_stopped_update_to_241_lets_programs_go_on(official: MakeOfficial, stop: int):
    db = official("2.3.0")
    official_update_241(db, stop_after=stop)
    assert h20_later_programs(db) == MET_AFTER[0]


def test_official_h21_forced_a_second_time_says_nothing(official: MakeOfficial):
    db = official("2.4.1")
    official_update_250(db)
    assert error_of(lambda: official_update_250(db)) == numbers.DUPLICATE_COLUMN
    assert official_update_250(db, force=True) == [numbers.DUPLICATE_COLUMN] * 4
    assert h20_later_programs(db) == MET_AFTER[len(update_250())]


def test_official_h21_script_of_230_forced_over_250_takes_the_loader_apart(official: MakeOfficial):
    db = official("2.5.0")
    assert official_update_230(db, force=True) == [numbers.DUPLICATE_COLUMN]
    assert len(parameters(db, "ReplaceNormalisedSummary")) == 20  # 21 in 2.5.0
    assert loads(db, "2.5.0") == Loads(normalised=numbers.WRONG_ARGUMENT_COUNT)
    assert loads(db, "2.3.0") == Loads(summary=numbers.WRONG_ARGUMENT_COUNT)
    assert not shows_descriptions(db, "VNormalisedSummaries")
    assert shows_descriptions(db, "VSummaries")


def shows_descriptions(db: Session, view: str) -> bool:
    """Whether the unloader of 2.5.0 finds the column that it asks for (H12)."""
    return any(row[0] == "InfrastructureDescription" for row in db.rows(f"SHOW COLUMNS FROM {view}"))
