"""The reports on terminals of 80 and of 140 columns: nothing wider, nothing missing, nothing that steers a terminal."""

import io
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
from rich.console import Console

from apelschema import revisions
from apelschema.catalogue.difference import Difference
from apelschema.catalogue.fingerprint import Fingerprint
from apelschema.catalogue.states import State as HalfWay
from apelschema.checks import Finding
from apelschema.cleanup import Findings, Item, Staying, WayBack
from apelschema.db.family import Server
from apelschema.db.sizes import TableSize
from apelschema.floor import Floor
from apelschema.forecast.base import Cost, Estimate
from apelschema.history import PastRun
from apelschema.journal_notes import Run, StepLog
from apelschema.ledger import TypeFigures
from apelschema.open_after import OpenAfter
from apelschema.policy import Policy
from apelschema.report import (
    CleanupDocument,
    Document,
    PlanDocument,
    StatusDocument,
    UpgradeDocument,
    VerifyDocument,
    Way,
)
from apelschema.report.outlook import Unnoted
from apelschema.report.upgrade import Phase
from apelschema.revisions import PlannedStep
from apelschema.runner import Status
from apelschema.steps.base import Description, Standing, State
from apelschema.verify import CheckResult, Report

WIDTHS = (80, 140)
SIZES = (
    TableSize("JobRecords", 1_234_567_890, 1 << 41),
    TableSize("Summaries", 10, 1 << 14),
    TableSize("Sites", 7, 99),
)
OLD = Fingerprint("server", "2.2.1", exact=True, central=True, empty=False)
RUN = Run(7, "upgrade", "250_routines", None, "stopped", Policy().to_json(), True)
LAST = PastRun(
    7, "upgrade", "250_routines", "stopped", "root@db", Policy().to_json(), "Stopped by SIGINT.",
    datetime(2026, 5, 4, 1, 2), datetime(2026, 5, 4, 1, 3),
)  # fmt: skip
STEP = StepLog(7, "230_figures", "backfill HybridSuperSummaries", "do", "running", "before", None, 5000, 80_000, 3)


def text(document: Document, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, markup=False)
    with console.capture() as captured:
        for part in document.as_text(width):
            console.print(part)
    lines = [line.rstrip() for line in captured.get().splitlines()]
    assert max(map(len, lines)) <= width, [line for line in lines if len(line) > width]
    assert not any(ord(each) < 32 for line in lines for each in line)
    return "\n".join(lines)


def words(document: Document, width: int) -> str:
    return " ".join(text(document, width).split())


def status(
    found: Fingerprint = OLD, at: str | None = None, unfinished: Run | None = None, **more: Any
) -> StatusDocument:
    pending = dict.fromkeys(each.revision for each in revisions.steps_between(at, revisions.head()))
    standing = Status(found, at, tuple(pending), unfinished)
    server = Server.from_version("10.11.6-MariaDB", galera=False)
    return StatusDocument("db.example.org:3306", "apel", server, standing, revisions.head(), sizes=SIZES, **more)


@pytest.mark.parametrize("width", WIDTHS)
def test_status_tells_what_each_release_brings_and_what_to_type(width: int):
    shown = text(status(), width)
    assert "1,234,567,890 rows" in shown
    assert "1 others" in shown
    for script in revisions.scripts().walk_revisions():
        assert f" {script.revision} " in shown
    assert shown.count("  2.3.0  ") == 1  # the release once, before the first of its revisions
    assert "Benchmark type in NormalisedSummaries" in words(status(), width)
    assert "Next: apelschema upgrade --dry-run" in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_status_tells_how_far_an_unfinished_run_came(width: int):
    shown = words(status(at="230_routines", unfinished=RUN, step=STEP, last=LAST, policy=Policy()), width)
    assert "run 7 (upgrade to 250_routines) ended, at 230_figures: backfill HybridSuperSummaries, after 5,000" in shown
    assert "Stopped by SIGINT." in shown
    assert "policy the defaults" in shown
    assert "Next: apelschema upgrade 250_routines goes on where the run ended." in shown


def test_status_tells_of_a_run_at_work_and_of_one_that_died():
    at_work = words(status(unfinished=RUN, step=STEP, last=replace(LAST, state="running"), holder="root@db"), 80)
    assert "is at work now, at 230_figures" in at_work
    assert "Next: wait for the run at work" in at_work
    died = words(status(unfinished=RUN, step=STEP, last=replace(LAST, state="running")), 80)
    assert "upgrade to 250_routines, broken off, begun 2026-05-04 01:02 UTC by root@db" in died


def test_status_tells_what_the_last_run_proved():
    done = words(status(at=revisions.head(), last=replace(LAST, state="done")), 80)
    assert "done, in 60.0 s, begun 2026-05-04 01:02 UTC by root@db; every step proved" in done
    assert "Next: nothing is pending; apelschema verify" in done


def test_status_lists_nothing_as_pending_where_an_upgrade_would_refuse():
    drifted = replace(OLD, exact=False, differences=(Difference("Summaries.NodeCount", "is text, should be int"),))
    document = status(drifted, unnoted=Unnoted(is_foreign=True))
    assert document.as_json()["pending"] == []
    shown = words(document, 80)
    assert "To come" not in shown
    assert "Differences from release 2.2.1 (1)" in shown
    assert "would refuse: something is of no release (nearest: 2.2.1), see the differences." in shown


def test_status_of_a_later_release_that_nobody_vouches_for_names_repair():
    document = status(replace(OLD, release="2.3.0"), unnoted=Unnoted(later="2.3.0"))
    assert document.as_json()["pending"] == [each.revision for each in document.outlook.coming] != []
    assert "release 2.3.0, brought there without this tool" in words(document, 80)
    assert "Next: apelschema repair" in words(document, 80)


@pytest.mark.parametrize("width", WIDTHS)
def test_status_names_a_half_way_state_what_works_in_it_and_what_to_type(width: int):
    state = HalfWay(
        "official update, stopped", "2.2.1", "2.3.0", "view V: created", ("loaders work",), "2.3.0", ("forced",)
    )
    document = status(replace(OLD, exact=False), unnoted=Unnoted(state))
    shown = words(document, width)
    assert "half-way between releases: official update, stopped, or forced, with central objects" in shown
    assert "loaders work" in shown
    assert "Next: apelschema upgrade 2.3.0 completes it, or apelschema upgrade for 2.5.0" in shown
    told = document.as_json()["state"]
    assert (told["name"], told["next"], told["also"]) == ("official update, stopped", "view V: created", ("forced",))
    assert status().as_json()["state"] is None


def planned(*, beyond: tuple[str, ...] = ()) -> list[PlannedStep]:
    """All steps from 2.2.1 to the head as they might stand, with large figures."""
    steps = []
    for each in revisions.steps_between(None, revisions.head()):
        kind, settled = each.step.kind, each.revision == "221_baseline"
        state = State.DONE if settled else State.BEYOND if each.step.key in beyond else State.BEFORE
        costs = kind == "alter"
        what = Description(
            (f"UPDATE {each.step.object} SET {'x' * 200}",), "INPLACE, table rebuilt" if costs else "",
            "NONE" if costs else "", None if kind == "routine" else 1_234_567_890, 1 << 39 if costs else None,
        )  # fmt: skip
        steps.append(PlannedStep(each, Standing(state, "as in 2.2.1" if settled else "is looked at"), what))
    return steps


def plan(**more: Any) -> PlanDocument:
    steps = planned(**more)
    way = Way("db.example.org:3306/apel", "2.2.1", "2.3.0", None, "230_figures", [each.planned for each in steps])
    findings = (Finding("galera", "warning", "cluster", "Stops all writes. " * 8, "Give --accept-stall. " * 6),)
    return PlanDocument(way, steps, findings, sizes=SIZES)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_says_which_routines_are_gone_for_a_moment(width: int):
    dropping = replace(plan(), server=Server.from_version("9.7.4"))
    assert "CopyNormalisedSummaries" in dropping.as_json()["totals"]["gone_for_a_moment"]
    assert "gap 6 routines, one after the other: this server has no CREATE OR REPLACE" in words(dropping, width)
    in_place = replace(plan(), server=Server.from_version("10.5.23-MariaDB"))
    assert in_place.as_json()["totals"]["gone_for_a_moment"] == ()
    assert "no CREATE OR REPLACE" not in words(in_place, width)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_fits_and_is_short(width: int):
    shown = text(plan(), width)
    assert "53 steps with nothing to do" in shown
    assert "create Sites" not in shown
    assert "settle NormalisedSummaries.Infrastructure " in shown
    assert "relabel HybridSuperSummaries.Infrastructure" in shown
    assert "6 routines" in shown
    assert "LOCK=NONE" in shown
    assert shown.count("x" * 200) == 0
    flat = words(plan(), width)
    assert "tables rebuilt NormalisedSummaries (1,234,567,890 rows, 512.0 GiB)" in flat
    assert "the ledger adds up 1,234,567,900, twice" in flat
    assert "disk about 512.0 GiB more while a table is rebuilt" in flat
    assert "until the packages of 2.3.0 are installed and verify has passed" in flat
    assert "Nothing was changed." in flat
    assert flat.endswith("Next: apelschema upgrade 2.3.0, with the programs stopped.")


def test_a_plan_says_what_stands_beyond():
    one = "alter NormalisedSummaries"
    assert "of them of a later release" in text(plan(beyond=(one,)), 80)


def test_a_plan_in_full_has_every_step_and_the_whole_sql():
    shown = "".join(text(replace(plan(), verbose=True), 140).split())
    assert "createSites" in shown
    assert "x" * 200 in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_a_plan_tells_times_and_which_programs_may_run(width: int):
    steps = planned()
    parts = tuple(
        Cost(each.planned.name, each.planned.revision, "", 1, 90.0, 60.0, 120.0, "measured") for each in steps
    )
    whole = Estimate(parts, 5400.0, 3600.0, 7200.0, 12.0, 1 << 39, 0, 0, ("Only reads were timed.",))
    opens = [OpenAfter(("2.2.1",), (), ("2.2.1",)) for _ in steps]
    timed = replace(plan(), estimate=whole, opens=opens)
    assert max(map(len, text(timed, width).splitlines())) <= width
    flat = words(timed, width)
    assert "About 1:30:00, between 1:00:00 and 2:00:00; writers wait 12.0 s of it." in flat
    assert "Only reads were timed." in flat
    revisions_shown = len({each.planned.revision for each in steps if not each.is_settled})
    assert flat.count("may run now: loader 2.2.1; summariser none; unloader 2.2.1") == revisions_shown
    assert "90.0 s" in flat
    assert "540.0 s" not in flat and "0:09:00" in flat  # six routines together
    document = timed.as_json()
    assert {each["seconds"] for each in document["steps"]} == {90.0}
    assert document["steps"][0]["open_after"] == {"loader": ["2.2.1"], "summariser": [], "unloader": ["2.2.1"]}
    assert document["estimate"]["high"] == 7200.0


def test_a_blocked_plan_says_what_to_do_first():
    blocked = replace(plan(), findings=(Finding("writers", "blocker", "connection 7", "Another connection works."),))
    assert words(blocked, 80).endswith("Next: settle what is marked as blocker above, then look again.")


def verified(verdict: str = "pass") -> VerifyDocument:
    status: Any = verdict
    results = (CheckResult("structure", status, "differs in 3 places: " + "VSumCPU is missing; " * 12),)
    return VerifyDocument("db.example.org:3306/apel", Report(results))


def upgraded(**more: Any) -> UpgradeDocument:
    steps = revisions.steps_between(None, "230_figures")
    way = Way("db.example.org:3306/apel", "2.2.1", "2.3.0", None, "230_figures", steps)
    figures = (TypeFigures("hepscore23", 10**9, 10**9, 10**12, 10**12, 10**18, 25 * 10**19),)
    phases = [Phase(f"230_figures: backfill number {n} of HybridSuperSummaries", n * 100.0, 10**9) for n in range(9)]
    return UpgradeDocument("upgrade", way, False, 7000.0, figures, verified(), phases, 3.25, **more)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_end_of_an_upgrade_says_what_was_proved_and_what_comes(width: int):
    shown = words(upgraded(), width)
    assert "is at 2.3.0 now (" in shown
    assert "in 1:56:40)" in shown
    assert "Proved: every step, as it ended; and jobs, wall and cpu of every table, site and month as before." in shown
    assert "0:13:20 230_figures: backfill number 8 of HybridSuperSummaries, 1,000,000,000 rows changed" in shown
    assert "4 more pieces of work" in shown
    assert "backfill number 3" not in shown
    assert "The longest wait of a piece or statement for locks of others: 3.2 s." in shown
    assert "1. Install the APEL packages of 2.3.0" in shown
    assert shown.endswith("apelschema downgrade 2.2.1")


def test_a_resumed_upgrade_names_the_way_back_to_where_the_run_began():
    shown = words(replace(upgraded(), resumed=True, begun_at="2.2.1", way=replace(upgraded().way, from_name="x")), 80)
    assert "an earlier run had done a part of it" in shown
    assert shown.endswith("apelschema downgrade 2.2.1")


def test_a_failed_verification_keeps_the_programs_stopped():
    shown = words(replace(upgraded(), verification=verified("fail")), 80)
    assert "keep the programs stopped until what failed above is explained" in shown
    assert "Install the APEL packages" not in shown


@pytest.mark.parametrize("width", WIDTHS)
def test_a_verification_fits(width: int):
    assert "Verdict: fail, something is wrong." in text(verified("fail"), width)


def cleaned(loss: str = "", **more: Any) -> CleanupDocument:
    items = (
        Item("apelschema_kept_230_routines_HybridSuperSummaries", 1_234_567_890, 1 << 41),
        Item("apelschema_found", 21, None, "Revision <> '221_baseline'"),
    )
    staying = (Staying("apelschema_replaced", f"written, or read, by {', '.join(['ReplaceNormalisedSummary'] * 5)}"),)
    found = Findings("250_routines", items, staying, WayBack("221_baseline", LAST, loss))
    return CleanupDocument("db.example.org:3306/apel", found, datetime(2026, 6, 1, 2, 3), **more)


@pytest.mark.parametrize("width", WIDTHS)
def test_a_cleanup_says_until_when_the_way_back_was_lossless(width: int):
    shown = words(cleaned(), width)
    assert "apelschema_found 21 rows of it" in shown
    assert "Down to release 2.2.1 it was possible since run 7 (upgrade to 250_routines, ended 2026-05-04 01:03" in shown
    assert "It was lossless until this cleanup, 2026-06-01 02:03 UTC. From here on it ends at 250_routines" in shown


def test_a_dry_run_of_a_cleanup_says_why_the_way_back_was_not_lossless_any_more():
    shown = words(cleaned("rows have no place there.", dry_run=True), 80)
    assert "Since then it was not lossless any more: rows have no place there." in shown
    assert shown.endswith("Nothing was changed.")
    assert cleaned("x", dry_run=True).as_json()["way_back"]["lossless_until"] is None


def test_a_status_tells_what_was_accepted_and_where_the_way_back_ends():
    drift = (Difference("VSumCPU.Added", "is not a column of the release"), Difference("SiteLookup", "the body is new"))
    found = replace(OLD, exact=False, differences=drift)
    floor = Floor(1, "250_routines", "none", "root@db", datetime(2026, 6, 1, 2, 3), None)
    shown = words(status(found, "221_baseline", accepted=frozenset({"VSumCPU", "SiteLookup"}), floor=floor), 80)
    assert "release 2.2.1, with central objects, but for SiteLookup, VSumCPU, changed by hand and accepted" in shown
    assert "VSumCPU.Added: is not a column of the release (accepted)" in shown
    assert "way back not below 250_routines: cleaned up 2026-06-01 02:03 UTC by root@db" in shown
    assert "nearest to release 2.2.1" in words(status(found, "221_baseline", accepted=frozenset({"VSumCPU"})), 80)
