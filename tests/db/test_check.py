"""The command ``check``: harmless, complete, honest about what it did not see."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from apelschema import checks, inspection, snapshot
from apelschema.checks import Check, Finding
from apelschema.db.connect import Target
from apelschema.db.errors import number
from apelschema.db.session import Session
from apelschema.inspection import Inspection
from apelschema.names import quoted
from apelschema.runner import Settings
from tests.conftest import OpenSession
from tests.db.conftest import MakeOld
from tests.support import content
from tests.support.cli import inside
from tests.support.servers import TestServer

SELECT_ONLY = "apel_select_only"
READ_ONLY_REFUSAL = 1792


@pytest.fixture
def filled(old: MakeOld) -> Session:
    """A lax database of 2.2.1 with everything in it."""
    db = old(sql_mode="")
    content.fill(db, lax=True)
    return db


@pytest.fixture
def reader(server: TestServer, filled: Session) -> Iterator[Target]:
    """An account that may read the database and nothing else."""
    server.execute(f"CREATE USER {SELECT_ONLY}@'%'")
    server.execute(f"GRANT SELECT ON {quoted(filled.database)}.* TO {SELECT_ONLY}@'%'")
    yield replace(filled.target, user=SELECT_ONLY, password=None)
    server.execute(f"DROP USER {SELECT_ONLY}@'%'")


@pytest.fixture
def read_only(server: TestServer) -> Iterator[None]:
    """The server takes no writes but those of administrators."""
    server.execute("SET GLOBAL read_only = 1")
    yield
    server.execute("SET GLOBAL read_only = 0")


def inspected(db: Session, **wanted) -> Inspection:
    settings = Settings(db.target, content.POLICY)
    with Session(db.target) as session:
        return inspection.inspect(session, settings, "head", **wanted)


def test_an_account_that_may_only_read_on_a_read_only_server_changes_nothing(
    filled: Session, reader: Target, read_only: None
):
    before = snapshot.take(filled)
    ended = inside(reader, "check", "--json")
    assert (ended.code, ended.err) == (1, "")
    findings = ended.json["findings"]
    assert {"privileges", "read_only"} <= {each["id"] for each in findings if each["severity"] == "blocker"}
    unseen = {each["id"] for each in findings if each["severity"] == "not_checked"}
    assert {"writers", "definers", "long_transactions", "routine_grants"} <= unseen
    assert ended.json["forecast"]
    assert not snapshot.differences(before, snapshot.take(filled))


def test_what_may_run_is_known_for_every_step(filled: Session):
    found = inspected(filled)
    assert len(found.opens) == len(found.steps)
    assert (found.opens[0].whole, found.opens[-1].whole) == (("2.2.1",), ("2.5.0",))


def test_the_servers_own_rules_keep_a_check_from_writing(filled: Session):
    with Session(filled.target) as session:
        inspection.inspect(session, Settings(filled.target, content.POLICY), "head")
        for statement in ("UPDATE Summaries SET Month = Month", "CREATE TABLE Anything (Id INT PRIMARY KEY)"):
            with pytest.raises(Exception) as raised:
                session.execute(statement)
            assert number(raised.value) == READ_ONLY_REFUSAL


def test_no_lock_is_held_from_one_check_to_the_next(filled: Session, session: OpenSession):
    other = session(filled.target)
    other.execute("SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1")
    looked_at: list[str] = []

    def take_all_locks(part: str) -> None:
        listed = ", ".join(f"{quoted(name)} WRITE" for name in ("JobRecords", "Summaries", "HybridSuperSummaries"))
        other.execute(f"LOCK TABLES {listed}")
        other.execute("UNLOCK TABLES")
        looked_at.append(part)

    inspected(filled, on_part=take_all_locks)
    assert {check.title for check in checks.ALL} <= set(looked_at)


def test_what_there_was_no_time_for_is_said(filled: Session):
    found = inspected(filled, max_seconds=1e-6)
    unseen = [each for each in found.findings if each.severity == "not_checked"]
    assert {check.id for check in checks.ALL} <= {each.id for each in unseen}
    assert all("--max-seconds" in each.hint for each in unseen)
    assert found.verdict == "warn"
    assert (found.figures, found.estimate) == (None, None)


def test_a_check_that_cannot_run_is_a_finding_and_the_others_run(filled: Session, monkeypatch: pytest.MonkeyPatch):
    def fails(situation: checks.Situation) -> list[Finding]:
        return [Finding("broken", "info", "", str(1 // 0))]

    def refused(situation: checks.Situation) -> list[Finding]:
        return [Finding("refused", "info", "", str(situation.value("SELECT * FROM No_such_table")))]

    wrong = [Check("broken", "Broken", "why", fails), Check("refused", "Refused", "why", refused)]
    monkeypatch.setattr(checks, "ALL", (*wrong, *checks.ALL))
    findings = inspected(filled).findings
    assert [(each.id, each.severity) for each in findings[:2]] == [
        ("broken", "not_checked"),
        ("refused", "not_checked"),
    ]
    assert "ZeroDivisionError" in findings[0].message
    assert "error 1146" in findings[1].message
    assert len({each.id for each in findings}) > len(wrong)


@pytest.mark.parametrize(
    ("found", "strict", "code"),
    [("pass", False, 0), ("pass", True, 0), ("warn", False, 0), ("warn", True, 1), ("block", False, 1)],
)
def test_exit_codes_are_those_of_the_verdict(found: checks.Verdict, strict: bool, code: int):
    from apelschema.cli.check import code_of

    assert code_of(found, strict=strict) == code


def test_a_policy_that_is_wanting_blocks_and_says_what_to_write(filled: Session):
    ended = inside(filled.target, "check")
    assert ended.code == 1
    assert "block" in ended.out.splitlines()[0] + ended.out.splitlines()[1]
    assert 'custom = "keep-old"' in ended.out


@pytest.mark.parametrize("form", ["json", "html", "junit", "text"])
def test_a_report_goes_whole_into_a_file(filled: Session, tmp_path: Path, form: str):
    output = tmp_path / "report"
    ended = inside(filled.target, "check", "--format", form, "--output", str(output))
    assert (ended.code, ended.out) == (1, "")
    assert "verdict" in output.read_text(encoding="utf-8").lower() or form == "junit"
    assert [each.name for each in tmp_path.iterdir()] == ["report"]


def test_json_is_the_contract(filled: Session, tmp_path: Path):
    policy = tmp_path / "policy.toml"
    policy.write_text('unlisted_types = "keep-old"\n', encoding="utf-8")
    ended = inside(filled.target, "check", "2.3.0", "--json", "--by", "site,month", "--policy", str(policy))
    document = ended.json
    assert (document["schema"], document["target"]) == ("apelschema.check/1", "2.3.0")
    assert document["verdict"] in ("pass", "warn", "block")
    assert set(document["findings"][0]) >= {"id", "severity", "object", "count", "message", "hint"}
    wanted = {"type", "rule_before", "rule_after", "rows", "jobs", "normalised_wall_before", "normalised_wall_after"}
    assert all(set(each) >= {*wanted, "site", "year", "month"} for each in document["forecast"])
    estimate = document["estimate"]
    assert set(estimate) >= {"seconds", "low", "high", "blocked_seconds", "disk_bytes", "steps"}
    assert estimate["low"] <= estimate["seconds"] <= estimate["high"]
    assert all(set(each) >= {"step", "rows", "seconds"} for each in estimate["steps"])


@pytest.mark.parametrize(
    "arguments",
    [
        ["check", "9.9.9"],
        ["check", "--format", "html", "--json"],
        ["check", "--by", "colour"],
        ["check", "--max-seconds", "-1"],
        ["check", "--output", "/"],
    ],
)
def test_usage_errors_end_with_2(filled: Session, arguments: list[str]):
    ended = inside(filled.target, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err
