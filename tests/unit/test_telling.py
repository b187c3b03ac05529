"""What a run says while it is at work: in a log file, and at the foot of a terminal."""

import io
import re
from typing import Any

import pytest
from rich.console import Console
from rich.live import Live

from apelschema import revisions
from apelschema.cli.bars import BarTelling
from apelschema.cli.lines import LineTelling
from apelschema.cli.telling import Telling
from apelschema.db.sizes import TableSize
from apelschema.errors import Stopped
from apelschema.listener import Outcome
from apelschema.revisions import Planned, PlannedStep
from apelschema.steps.base import Description, Standing, State

STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d ")


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def plan() -> list[Planned]:
    return revisions.steps_of("230_figures", "do")


def walk(telling: Telling, clock: Clock) -> None:
    """A barrier with nothing to wait for, then half of a backfill."""
    steps = plan()
    costs = zip(steps, (0, 100_000), strict=True)
    rows = [PlannedStep(each, Standing(State.BEFORE), Description((), rows=cost)) for each, cost in costs]
    telling.expects(rows, [TableSize("HybridSuperSummaries", 100_000, 1), TableSize("Sites", 7, 1)])
    telling.began(steps, False, None)
    telling.phase_began("ledger before", "adding up")
    clock.now += 2
    telling.step_began(1, steps[0], Standing(State.DONE))
    telling.step_ended(1, steps[0], Outcome(State.DONE, "none is left"), 0.1)
    telling.step_began(2, steps[1], Standing(State.BEFORE))
    for done in (10_000, 30_000, 50_000):
        clock.now += 11
        telling.progress(done, 100_000)


def test_a_log_says_every_ten_seconds_how_far_it_is():
    out, clock = io.StringIO(), Clock()
    telling = LineTelling(out, clock)
    walk(telling, clock)
    clock.now += 1
    telling.progress(51_000, 100_000)  # too soon for another line
    telling.watched(0.25, None)
    telling.step_ended(2, plan()[1], Outcome(State.BEFORE, "done", 1234, "all on the new rule"), 34.0)
    lines = out.getvalue().splitlines()
    assert all(STAMP.match(line) for line in lines)
    said = [STAMP.sub("", line) for line in lines]
    assert said[0] == "ledger before: adding up"
    assert said[1].startswith("230_figures: backfill HybridSuperSummaries: 10,000 of about 100,000 rows, 10%, ")
    assert re.search(
        r"50,000 of about 100,000 rows, 50%, 1,818 rows a second, 0:00:33 so far, 0:00:28 left, whole run \d+%", said[3]
    )
    assert said[4:] == [
        "2/2 230_figures: backfill HybridSuperSummaries: 1,234 rows changed, 34.0 s, proved: all on the new rule",
        "230_figures: 1 step found done already",
    ]
    assert [(each.name, each.seconds) for each in telling.phases] == [
        ("ledger before", 2.0),
        ("230_figures: backfill HybridSuperSummaries", 34.0),
    ]
    assert telling.waits.longest == 0.25


def test_an_alter_without_rows_still_says_how_far_it_is():
    out, clock = io.StringIO(), Clock()
    telling = LineTelling(out, clock)
    (alter,) = [each for each in revisions.steps_of("230_types", "do") if each.step.kind == "alter"]
    telling.began([alter], False, None)
    telling.step_began(1, alter, Standing(State.BEFORE))
    clock.now += 10
    telling.watched(0.25, 0.25)
    assert "alter NormalisedSummaries: 25%, 0:00:10 so far, 0:00:30 left, held up by a lock for 0.2 s" in out.getvalue()


def test_a_log_has_no_control_characters_and_one_line_an_event():
    out = io.StringIO()
    LineTelling(out).write("connection \x1b[31m7\x07\nof two lines")
    assert STAMP.sub("", out.getvalue()) == "connection ?[31m7? of two lines\n"


def test_where_a_run_stopped_is_said():
    out, clock = io.StringIO(), Clock()
    telling = LineTelling(out, clock)
    with pytest.raises(Stopped), telling, telling:
        walk(telling, clock)
        telling.stopping("SIGINT")
        raise Stopped("stopped")
    *_, heard, where = out.getvalue().splitlines()
    assert "SIGINT: stops after the piece at hand; the same command goes on then." in heard
    assert re.search(
        r"Stopped in step 2/2, 230_figures: backfill HybridSuperSummaries, after 50,000 of about 100,000 rows; \d+% of",
        where,
    )


def shown(width: int, monkeypatch: pytest.MonkeyPatch, **change: Any) -> list[str]:
    """The block at the foot of a terminal so wide, in the middle of a backfill."""
    clock = Clock()
    monkeypatch.setattr(Live, "start", lambda self: None)
    telling = BarTelling(io.StringIO(), clock)
    telling._console = Console(file=io.StringIO(), width=width, force_terminal=True)
    walk(telling, clock)
    for name, value in change.items():
        getattr(telling, name)(*value)
    with telling._console.capture() as captured:
        telling._console.print(telling._block())
    return [re.sub(r"\x1b\[[0-9;]*m", "", line).rstrip() for line in captured.get().splitlines()]


@pytest.mark.parametrize("width", [80, 140])
def test_the_block_fits_and_says_all(width: int, monkeypatch: pytest.MonkeyPatch):
    lines = shown(width, monkeypatch)
    text = "\n".join(lines)
    # Less than the width: on a full line the terminal's echo of Ctrl-C would begin another.
    assert max(map(len, lines)) < width
    assert len(lines) == (6 if width == 80 else 5)
    for part in (
        "230_figures: backfill HybridSuperSummaries", "step 2/2", "50%", "50,000 of about 100,000 rows", "0:00:33",
        "0:00:28 left", "1,818 rows/s", "whole run", "about 0:01:20 left", "Longest wait for a lock: 0.0 s",
        "Ctrl-C stops after the piece at hand; the same command goes on then.",
    ):  # fmt: skip
        assert part in text
    assert "…" not in text


def test_the_block_says_a_wait_and_a_stop(monkeypatch: pytest.MonkeyPatch):
    text = "\n".join(shown(80, monkeypatch, watched=(0.25, None), stopping=("SIGINT",)))
    assert "Longest wait for a lock: 0.2 s; waiting now, for 0.2 s" in text
    assert "SIGINT: stops after the piece at hand; once more ends it at once." in text


def test_steps_stand_under_their_revision(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Live, "start", lambda self: None)
    out = io.StringIO()
    telling = BarTelling(out)
    steps = revisions.steps_of("230_types", "do")
    telling.began(steps, False, None)
    for number, planned in enumerate(steps, start=1):
        telling.step_began(number, planned, Standing(State.BEFORE))
        telling.step_ended(number, planned, Outcome(State.BEFORE, "done", 9, "as in 2.3.0"), 1.0)
    assert out.getvalue().count("230_types") == 1
    last = f"{len(steps)}/{len(steps)} {steps[-1].step.key}: 9 rows changed, 1.0 s, proved: as in 2.3.0"
    assert last in " ".join(out.getvalue().split())
