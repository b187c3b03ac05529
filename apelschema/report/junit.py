"""The report of ``check`` as JUnit XML, which CI systems show: a suite for each group, a case for each check."""

from collections.abc import Iterable, Sequence
from typing import Final

from junitparser import Failure, JUnitXml, Skipped, TestCase, TestSuite

from apelschema.checks import GROUPS, Finding, Severity
from apelschema.inspection import Inspection
from apelschema.report.xml import allowed_in_xml

_CLASS: Final = "apelschema.check"


def to_junit(inspection: Inspection, *, strict: bool = False) -> str:
    """Blockers fail their case, and with ``strict`` warnings too; what was not checked is skipped.

    All findings of a case are told in it. What no check found (the run's own refusals) is a case of the suite "run".
    """
    report = JUnitXml("apelschema check")
    known = set()
    for group, checks in GROUPS.items():
        ids = [check.id for check in checks]
        known.update(ids)
        report.add_testsuite(_suite(inspection, group, ids, strict=strict))
    if others := dict.fromkeys(each.id for each in inspection.findings if each.id not in known):
        report.add_testsuite(_suite(inspection, "run", others, strict=strict))
    xml: bytes = report.tostring()  # type: ignore[no-untyped-call]
    return xml.decode() + "\n"


def _suite(inspection: Inspection, group: str, ids: Iterable[str], *, strict: bool) -> TestSuite:
    suite = TestSuite(group)
    suite.timestamp = inspection.taken_at.replace(tzinfo=None).isoformat(timespec="seconds")
    for name, value in _facts(inspection).items():
        suite.add_property(name, allowed_in_xml(value))
    for identity in ids:
        found = [each for each in inspection.findings if each.id == identity]
        suite.add_testcase(_case(group, identity, found, strict=strict))
    return suite


def _facts(inspection: Inspection) -> dict[str, str]:
    way = inspection.way
    return {
        "database": way.shown,
        "from": way.from_name or "nothing",
        "to": way.end,
        "verdict": inspection.verdict,
        "apelschema": inspection.tool_version,
    }


def _case(group: str, identity: str, found: Sequence[Finding], *, strict: bool) -> TestCase:
    case = TestCase(identity, f"{_CLASS}.{group.replace(' ', '_')}")
    failing: set[Severity] = {"blocker", "warning"} if strict else {"blocker"}
    wrong = [each for each in found if each.severity in failing]
    unseen = [each for each in found if each.severity == "not_checked"]
    if wrong:
        failure = Failure(_first(wrong), "/".join(dict.fromkeys(each.severity for each in wrong)))
        failure.text = _told(wrong)
        case.result = [failure]
    elif unseen:
        case.result = [Skipped(_first(unseen))]
    if rest := [each for each in found if each not in wrong]:
        case.system_out = _told(rest)
    return case


def _first(found: Sequence[Finding]) -> str:
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return allowed_in_xml(found[0].message + more)


def _told(found: Iterable[Finding]) -> str:
    lines = (f"{each.severity.replace('_', ' ')}: {each.message} {each.hint}".rstrip() for each in found)
    return allowed_in_xml("\n".join(lines))
