"""The report of a round trip on terminals of 80 and of 140 columns, and its document for programs."""

import json
from dataclasses import replace

import pytest

from apelschema.catalogue.difference import Difference
from apelschema.report import RoundTripDocument, to_json
from apelschema.roundtrip import PhaseTime, Result, TableResult
from apelschema.verify import CheckResult, Report
from tests.unit.test_documents import text

PROVED = Report((CheckResult("structure", "pass", "equals 2.2.1"),))
FAILED = Report((CheckResult("structure", "fail", "differs: " + "VSumCPU is missing; " * 9),))
EQUAL = Result(
    "MariaDB 10.11.6", "2.2.1", "2.5.0", (PhaseTime("build", 1.25), PhaseTime("upgrade", 300.0)),
    (TableResult("HybridSuperSummaries", 1_234_567_890, True), TableResult("DNs", 7, True)), 28, (), PROVED, PROVED,
)  # fmt: skip
DIFFERS = replace(
    EQUAL,
    tables=(TableResult("DNs", 7, False),),
    differences=(Difference("DNs", "ids 0 to 99: 7 rows, and not all are as before " * 3),),
)


@pytest.mark.parametrize("width", (80, 140))
def test_the_report_fits_and_tells_what_is_as_before(width: int):
    shown = " ".join(text(RoundTripDocument(EQUAL), width).split())
    assert "2.2.1 to 2.5.0 and back, on MariaDB 10.11.6" in shown
    assert "HybridSuperSummaries 1,234,567,890 rows as before" in shown
    assert "Verdict: pass, every row and all 28 routines, views and triggers are what they were (0:05:01)." in shown


@pytest.mark.parametrize("width", (80, 140))
def test_the_report_tells_what_differs_and_where_it_was_left(width: int):
    shown = " ".join(text(RoundTripDocument(DIFFERS, "db:3306/scratch"), width).split())
    assert "DNs 7 rows not as before" in shown
    assert "Not as before (1) DNs ids 0 to 99" in shown
    assert "Verdict: fail, it did not come back as it was" in shown
    assert shown.endswith("The database db:3306/scratch was left as it is.")


UNPROVED = Report((replace(FAILED.checks[0], status="unproved"),))


@pytest.mark.parametrize("report", (FAILED, UNPROVED), ids=("fail", "unproved"))
def test_a_verification_that_proves_not_all_fails_the_round_trip_and_is_shown_whole(report: Report):
    for result in (replace(EQUAL, upgraded=report), replace(EQUAL, downgraded=report)):
        document = RoundTripDocument(result)
        assert document.as_json()["verdict"] == "fail"
        assert "VSumCPU is missing" in text(document, 80)
        assert "a verification did not prove it" in text(document, 80)


def test_the_document_for_programs():
    found = json.loads(to_json(RoundTripDocument(DIFFERS)))
    assert (found["schema"], found["from"], found["to"], found["verdict"]) == (
        "apelschema.roundtrip/1", "2.2.1", "2.5.0", "fail"
    )  # fmt: skip
    assert found["phases"] == [{"name": "build", "seconds": 1.25}, {"name": "upgrade", "seconds": 300.0}]
    assert found["tables"] == [{"table": "DNs", "rows": 7, "equal": False}]
    assert found["differences"][0]["object"] == "DNs"
    assert found["verify_upgraded"]["schema"] == "apelschema.verify/1"
