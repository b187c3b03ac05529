"""The report of a check on terminals of 80 and of 140 columns, and its document for programs."""

import json
import subprocess
import sys
from dataclasses import replace

import pytest

from apelschema import revisions
from apelschema.checks import ALL, Finding
from apelschema.db.stored import without_definer
from apelschema.forecast.base import Cost, Estimate
from apelschema.forecast.summing import summed_up
from apelschema.report import CheckDocument
from apelschema.report.check_formats import render
from tests.support import inspections
from tests.support.inspections import inspection
from tests.unit.test_documents import WIDTHS, text, words

CONTRACT = {
    "schema": None,
    "target": None,
    "verdict": None,
    "findings": {"id", "severity", "object", "count", "message", "hint"},
    "forecast": {
        "type", "rule_before", "rule_after", "rows", "jobs", "normalised_wall_before", "normalised_wall_after"
    },
    "estimate": {"seconds", "low", "high", "blocked_seconds", "disk_bytes", "steps"},
}  # fmt: skip


def test_the_document_for_programs_keeps_the_contract():
    document = CheckDocument(inspection()).as_json()
    assert document.keys() >= CONTRACT.keys()
    assert (document["schema"], document["target"], document["verdict"]) == ("apelschema.check/1", "2.5.0", "block")
    assert all(each.keys() == CONTRACT["findings"] for each in document["findings"])
    assert all(each.keys() >= CONTRACT["forecast"] for each in document["forecast"])
    assert document["estimate"].keys() >= CONTRACT["estimate"]
    assert all(each.keys() >= {"step", "rows", "seconds"} for each in document["estimate"]["steps"])
    assert len(document["findings"]) == len(inspections.FINDINGS)
    assert document["findings"][0]["count"] == 1234
    assert document["taken_at"] == "2026-05-04T01:02:03Z"
    assert document["policy"]["types"] == {"custom": "released"}


def test_the_forecast_for_programs_is_exact_and_says_of_what_it_is():
    figures = inspections.months(12)
    whole, parts = (
        CheckDocument(inspection(figures=each, months=figures)).as_json() for each in (summed_up(figures), figures)
    )
    assert "month" not in whole["forecast"][0]
    assert {each["type"]: each["normalised_wall_after"] for each in whole["forecast"]} == {
        name: sum(each.normalised_wall_after for each in figures if each.type == name)
        for name in ("hepspec", "si2k", "hepscore23")
    }
    assert parts["forecast"] == parts["months"] == whole["months"]
    assert [(each["year"], each["month"]) for each in parts["forecast"][:3]] == [(2023, 1)] * 3


def test_what_could_not_be_told_is_null_and_no_empty_list():
    document = CheckDocument(inspection(figures=None, months=None, estimate=None)).as_json()
    assert document["forecast"] is document["months"] is document["estimate"] is None
    assert "hours" not in text(CheckDocument(inspection(figures=None, months=None, estimate=None)), 80)
    assert "Nothing is published." in text(CheckDocument(inspection(figures=[])), 80)


@pytest.mark.parametrize("width", WIDTHS)
def test_the_verdict_comes_first_and_the_blockers_before_the_rest(width: int):
    shown = text(CheckDocument(inspection()), width)
    assert shown.startswith("Verdict: block. The upgrade must not begin as things stand: 1 blocker, 10")
    places = [shown.index(f"\n{title} (") for title in ("Blockers", "Warnings", "Not checked", "For information")]
    assert places == sorted(places)
    flat = " ".join(shown.split())
    assert "From 2.2.1 to 2.5.0; 3 tables, about 1,244,913,575 rows, 2.0 TiB" in flat
    assert 'Policy: unlisted types block, backfill all, "custom" released' in flat
    assert "To do: Give --accept-stall, or wait for a quiet night." in flat
    assert flat.endswith("Next: settle the blockers, then check again.")


@pytest.mark.parametrize("width", WIDTHS)
def test_like_findings_stand_together_and_each_is_named(width: int):
    shown = words(CheckDocument(inspection()), width)
    assert "writers: Writers (9)" in shown
    assert shown.count("Stop loaders, summariser and unloader in the downtime.") == 1
    for number in range(70, 79):
        assert shown.count(f"database: {number} ") + shown.count(f"connection {number}") == 1
    assert words(CheckDocument(inspection(), verbose=True), width).count("Another connection works") == 9


@pytest.mark.parametrize("width", WIDTHS)
def test_figures_are_hours_before_and_after_with_factor_and_rule(width: int):
    flat = words(CheckDocument(inspection()), width)
    assert "3,367,700 841,925,000 x 250" in flat
    assert "level / 250 -> level" in flat
    assert "48,110,000 48,110,000 unchanged" in flat
    assert "in all 48,600,000 941,512,700 1,780,070,000 x 1.891" in flat


def test_rows_that_fall_together_are_told_before_and_after():
    fewer = replace(inspections.months(1)[0], rows_after=1100, site="CERN-PROD")
    flat = words(CheckDocument(inspection(figures=[fewer])), 140)
    assert "hepspec, CERN-PROD, 2023-01" in flat
    assert "1,200 -> 1,100" in flat


@pytest.mark.parametrize("width", WIDTHS)
def test_the_longest_parts_are_told_in_their_order_and_the_rest_is_summed_up(width: int):
    parts = tuple(
        Cost(f"part {number}", None, "x", 7, 10.0 + number % 10, 5.0, 200.0 + number, "measured")
        for number in range(20)
    )
    estimate = Estimate(parts, 300, 150, 4000, 0.0, 1 << 30, 0, 0, ("Timed on this server.",))
    flat = words(CheckDocument(inspection(estimate=estimate)), width)
    assert "About 0:05:00, between 0:02:30 and 1:06:40; no writer waits." in flat
    assert "1.0 GiB of the data's disk, 0 B of the temporary folder" in flat
    places = [flat.index(f"part {number} ") for number in range(12, 20)]
    assert places == sorted(places)
    assert "part 11 " not in flat
    assert "12 more parts 0:02:46" in flat
    assert "0:02:46 Timed on this server." in flat
    assert "part 11 " in words(CheckDocument(inspection(estimate=estimate), verbose=True), width)


def test_in_full_it_has_the_plan_the_server_and_why_a_check_is_there():
    shown = text(CheckDocument(inspection(), verbose=True), 140)
    assert "ADD COLUMN ServiceLevelType" in shown
    assert "MariaDB 10.11.6" in shown
    assert next(each.why for each in ALL if each.id == "writers") in " ".join(shown.split())


@pytest.mark.parametrize(
    "head",
    (
        "CREATE DEFINER=`jane``doe`@`%` PROCEDURE",
        "CREATE ALGORITHM=UNDEFINED DEFINER=`jane doe`@`localhost` SQL SECURITY DEFINER VIEW",
        "create or replace definer = jane@'10.0.%' view",
        "CREATE DEFINER='jane'@'h' PROCEDURE",
        "CREATE DEFINER=jane PROCEDURE",
    ),
)
def test_what_is_put_back_is_shown_without_its_owner(head: str):
    shown = without_definer(f"{head} x AS SELECT 'DEFINER=kept'")
    assert "jane" not in shown
    assert "10.0." not in shown
    assert shown.upper().startswith("CREATE ")
    assert shown.endswith(" x AS SELECT 'DEFINER=kept'")


def test_nothing_from_the_database_steers_a_terminal_or_a_program():
    hostile = Finding("writers", "warning", "x", "\x1b[2J[bold]a\u202eb\x00", "\x9b")
    forecast = replace(inspections.months(1)[0], type="\x1b[31m", site="[red]x[/red]")
    document = CheckDocument(inspection(findings=[hostile], figures=[forecast]), verbose=True)
    shown = text(document, 80)
    assert "?[2J[bold]a?b?" in shown
    assert "[red]x[/red]" in shown
    assert json.loads(render(inspection(findings=[hostile]), "json"))["findings"][0]["message"] == hostile.message


@pytest.mark.parametrize(
    ("findings", "said", "next_step"),
    [
        ([], "Verdict: pass. Nothing stands against the upgrade: no findings.", "apelschema rehearse 2.5.0"),
        (inspections.FINDINGS[1:], "Verdict: warn. The upgrade may be done once the warnings are", "apelschema plan"),
        (inspections.FINDINGS[-2:-1], "Verdict: warn. The upgrade may be done", "apelschema upgrade 2.5.0"),
        (inspections.FINDINGS[:1], "Verdict: block.", "settle the blockers"),
    ],
    ids=("pass", "warnings", "not-checked", "blocker"),
)
def test_each_verdict_says_what_it_means_and_what_to_type(findings: list[Finding], said: str, next_step: str):
    flat = words(CheckDocument(inspection(findings=findings)), 80)
    assert flat.startswith(said)
    assert next_step in flat.partition("Next: ")[2]


def test_a_way_back_and_a_way_of_no_length_are_called_what_they_are():
    way = replace(inspection().way, listed=())
    assert "there is nothing to do; apelschema verify" in words(CheckDocument(inspection(way=way, findings=())), 80)
    down = revisions.steps_between(revisions.head(), None)
    back = replace(way, from_name="2.5.0", to_name=None, to_revision=None, listed=down)
    flat = words(CheckDocument(inspection(way=back, findings=())), 80)
    assert "Nothing stands against the downgrade" in flat
    assert "apelschema downgrade base" in flat
    assert CheckDocument(inspection(way=back)).as_json()["target"] == "base"


def test_text_in_a_file_is_wide_plain_and_ends_with_a_newline():
    written = render(inspection(), "text")
    assert written.startswith("Verdict: block.")
    assert written.endswith("check again.\n")
    assert "\x1b" not in written


def test_the_command_line_starts_without_the_libraries_of_single_formats():
    look = "import sys, apelschema.cli; print({'matplotlib', 'numpy', 'jinja2', 'junitparser'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", look], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
