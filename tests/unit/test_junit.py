"""The JUnit XML of a check, as a CI system reads it."""

from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from junitparser import Failure, JUnitXml, Skipped, TestCase

from apelschema.checks import ALL, GROUPS, Finding
from apelschema.report.check_formats import render
from tests.support.inspections import FINDINGS, inspection


def cases(findings: tuple[Finding, ...] = FINDINGS, *, strict: bool = False) -> dict[str, TestCase]:
    report = JUnitXml.fromstring(render(inspection(findings=findings), "junit", strict=strict).encode())
    return {case.name: case for suite in report for case in suite}


def test_every_check_is_a_case_of_its_group():
    report = JUnitXml.fromstring(render(inspection(), "junit").encode())
    assert [suite.name for suite in report] == list(GROUPS)
    for suite in report:
        assert [case.name for case in suite] == [check.id for check in GROUPS[suite.name]]
        assert suite.tests == len(GROUPS[suite.name])
        assert suite.timestamp == "2026-05-04T01:02:03"
        facts = {each.name: each.value for each in suite.properties()}
        assert facts["to"] == "2.5.0"
        assert facts["verdict"] == "block"
    assert {case.classname for suite in report for case in suite} >= {"apelschema.check.order_of_systems"}


def test_a_blocker_fails_its_check_and_says_what_to_do():
    (failure,) = cases()["benchmark_types"].result
    assert isinstance(failure, Failure)
    assert failure.type == "blocker"
    assert failure.message.startswith("The policy does not name")
    assert 'Put custom = "keep-old"' in failure.text


@pytest.mark.parametrize("strict", (False, True))
def test_warnings_fail_only_where_they_count(strict: bool):
    found = cases(strict=strict)["writers"]
    assert [type(each) for each in found.result] == ([Failure] if strict else [])
    told = found.result[0].text if strict else found.system_out
    assert [f"works in this database: {number} " in told for number in range(70, 79)] == [True] * 9


def test_what_could_not_be_looked_at_is_skipped_and_information_is_told():
    found = cases(strict=True)
    assert [type(each) for each in found["privileges"].result] == [Skipped]
    assert found["privileges"].result[0].message == "The bodies of routines cannot be seen."
    assert "GRANT SELECT" in found["privileges"].system_out
    assert found["encryption"].is_passed
    assert "The connection is encrypted." in found["encryption"].system_out


def test_counts_are_those_of_the_cases():
    root = ElementTree.fromstring(render(inspection(), "junit", strict=True))
    counted = {name: sum(int(suite.get(name, "0")) for suite in root) for name in ("tests", "failures", "skipped")}
    assert counted == {"tests": len(ALL), "failures": 3, "skipped": 1}


def test_what_the_run_itself_would_refuse_is_a_failure_too():
    refusal = Finding("preflight", "blocker", "", "The way back would lose rows.", "--accept-folding")
    assert "lose rows" in cases((refusal,))["preflight"].result[0].text
    assert "preflight" not in cases()


@given(st.text(max_size=40), st.text(max_size=40))
@settings(max_examples=25, deadline=None)
def test_whatever_a_database_holds_the_report_can_be_read(message: str, hint: str):
    awkward = f"]]>&<\x00\x1b\ufffe{message}"
    found = cases((Finding("writers", "blocker", "", awkward, hint), Finding("galera", "warning", "", awkward)))
    assert found["writers"].result[0].text.startswith("blocker: ]]>&<???")
    assert found["galera"].system_out.startswith("warning: ]]>&<???")
