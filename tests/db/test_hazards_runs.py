"""What a stopped or repeated upgrade does to APEL's programs and to the database (semantics.md section 2, H20, H21)."""

from collections.abc import Callable
from typing import Final, TypeVar

import pytest

from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, FoundWrong, Stopped
from apelschema.listener import Listener, Outcome
from apelschema.revisions import Planned
from tests.conftest import MakeDatabase, OpenSession
from tests.db.conftest import MakeOld
from tests.official.update import (
    install_official,
    official_update_230,
    official_update_241,
    official_update_250,
)
from tests.support import numbers
from tests.support.calls import summarise
from tests.support.content import POLICY, fill
from tests.support.dump import whole
from tests.support.figures import count
from tests.support.programs import Loads, Programs, h20_programs, loads
from tests.support.runs import current, downgrade, upgrade

OLD_PROGRAMS: Final = Programs(None, numbers.WRONG_ARGUMENT_COUNT, {})
NEW_PROGRAMS: Final = Programs(numbers.WRONG_ARGUMENT_COUNT, None, {})
MOST_STOPS: Final = 80

NEWEST: Final = {"2.3.0": "230_figures", "2.4.1": "241_keys", "2.5.0": "250_routines"}
"""The last revision of each release."""


@pytest.fixture(params=["2.3.0", "2.5.0"])
def release(request: pytest.FixtureRequest) -> str:
    """Where the upgrade ends: at the release that the hazard was met at, and at the newest."""
    return str(request.param)


Seen = TypeVar("Seen")


def seen_at_each_stop(db: Session, release: str, look: Callable[[Session], Seen]) -> list[Seen]:
    """What is seen before an upgrade that stops after each step, at each stop, and after it."""
    seen = [look(db)]
    for _ in range(MOST_STOPS):
        try:
            upgrade(db.target, release, listener=StopsAfterWork())
        except Stopped:
            seen.append(look(db))
            continue
        except FoundWrong as error:  # of course: the programs have written in the middle of the run
            assert "ledger" in str(error)
        break
    return [*seen, look(db)]


class StopsAfterWork(Listener):
    """Stops the run at the end of the first step that had something to do."""

    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        if outcome.detail == "done":
            raise Stopped("Stopped on purpose.")


@pytest.mark.slow
def test_h20_programs_run_after_any_stop_on_the_way_to_230(old: MakeOld):
    """Old programs until the loader's procedure is swapped, new ones from then on; the summariser always."""
    db = old()
    seen = seen_at_each_stop(db, "2.3.0", h20_programs)
    swapped = seen.index(NEW_PROGRAMS)
    assert seen == [OLD_PROGRAMS] * swapped + [NEW_PROGRAMS] * (len(seen) - swapped)
    assert 2 < swapped < len(seen) > 10
    assert current(db.target) == NEWEST["2.3.0"]


@pytest.mark.slow
def test_h20_programs_run_after_any_stop_on_the_way_to_head(old: MakeOld):
    """One release's loader after the other; none is whole between the two procedures that change in 2.5.0 alone."""
    db = old()
    seen = seen_at_each_stop(db, "2.5.0", programs_that_run)
    in_turn = [loaders for place, (loaders, _) in enumerate(seen) if place == 0 or loaders != seen[place - 1][0]]
    assert in_turn == [{"2.2.1"}, {"2.3.0"}, set(), {"2.5.0"}]
    assert [loaders for loaders, _ in seen].count(set()) == 1
    assert [failed for _, failed in seen] == [{}] * len(seen)
    assert len(seen) > 20
    assert current(db.target) == NEWEST["2.5.0"]


def programs_that_run(db: Session) -> tuple[set[str], dict[str, int]]:
    """Releases whose loader gets both kinds of summary in; what the summariser fails with."""
    return {release for release in ("2.2.1", "2.3.0", "2.5.0") if loads(db, release) == Loads()}, summarise(db)


def test_h20_programs_of_221_run_after_the_way_back(old: MakeOld, release: str):
    db = old()
    upgrade(db.target, release)
    downgrade(db.target)
    assert h20_programs(db) == OLD_PROGRAMS


def test_h21_second_run_changes_nothing(old: MakeOld, release: str):
    db = old(sql_mode="")
    fill(db, lax=True)
    upgrade(db.target, release, policy=POLICY)
    before, made = whole(db.target), times_made(db)
    upgrade(db.target, release, policy=POLICY)
    assert whole(db.target) == before
    assert times_made(db) == made


def times_made(db: Session) -> list[tuple[object, ...]]:
    """When each table was made or rebuilt."""
    return db.rows("SELECT TABLE_NAME, CREATE_TIME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE()")


def test_h21_version_row_lost_and_run_again_changes_nothing(old: MakeOld, release: str):
    """Everything is found done: the database is at the release, whatever Alembic's table says."""
    db = old()
    fill(db, lax=False)
    upgrade(db.target, release, policy=POLICY)
    before = whole(db.target)
    db.execute("UPDATE alembic_version SET version_num = '221_baseline'")
    upgrade(db.target, release, policy=POLICY)
    assert whole(db.target) == before
    assert current(db.target) == NEWEST[release]
    downgrade(db.target)
    assert current(db.target) == "221_baseline"
    assert count(db, "HybridSuperSummaries", "t.Infrastructure = ''") > 0


@pytest.mark.parametrize("made_by_hand", ["2.3.0", "2.4.1", "2.5.0"])
def test_h21_official_release_is_not_taken_for_221(
    make_database: MakeDatabase, session: OpenSession, made_by_hand: str
):
    db = session(make_database())
    install_official(db, "2.2.1")
    for name, update in (
        ("2.3.0", official_update_230),
        ("2.4.1", official_update_241),
        ("2.5.0", official_update_250),
    ):
        if name <= made_by_hand:
            update(db)
    before = whole(db.target)
    with pytest.raises(ApelschemaError, match=f"nearest to {made_by_hand}"):
        upgrade(db.target, "2.5.0")
    assert whole(db.target) == before
