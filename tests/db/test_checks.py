"""Checks that the bad-input tests do not reach: cluster, definers, and what an account may not see."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from apelschema import checks, revisions
from apelschema.checks import Situation
from apelschema.checks.server import galera
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.install import install
from tests.support.servers import TestServer

PLAN = "221_baseline"


@pytest.fixture
def old(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A session in a 2.2.1 database without rows."""
    db = session(make_database())
    install(db, "2.2.1")
    return db


@pytest.fixture
def nobody(server: TestServer) -> Iterator[str]:
    """An account that sees one database and nothing of the server."""
    server.execute(
        "CREATE OR REPLACE USER 'apel_nobody'@'%'" if is_mariadb(server) else "CREATE USER 'apel_nobody'@'%'"
    )
    yield "apel_nobody"
    server.execute("DROP USER 'apel_nobody'@'%'")


def is_mariadb(server: TestServer) -> bool:
    with Session(server.admin) as db:
        return db.server.is_mariadb


def found(situation: Situation, id_: str, to: str = "2.3.0") -> list[checks.Finding]:
    planned = revisions.steps_between(PLAN, revisions.resolve(to, PLAN))
    return [each for each in checks.run(situation, planned) if each.id == id_]


def test_nothing_stands_in_the_way_of_a_plain_database(old: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(old, "is_encrypted", lambda: True)
    planned = revisions.steps_between(PLAN, revisions.head())
    assert checks.run(Situation(old, Policy()), planned) == []


def as_cluster(db: Session, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a plain server pass for a node of a cluster with so many rows in the tables to rebuild."""
    db.server = replace(db.server, galera=True)
    monkeypatch.setattr(galera, "rebuilt_rows", lambda situation: rows)


@pytest.mark.parametrize(
    ("rows", "accepted", "severity"),
    [(0, False, None), (100_000, False, "info"), (200_000, False, "blocker"), (200_000, True, "info")],
)
def test_stall_of_a_cluster(old: Session, monkeypatch: pytest.MonkeyPatch, rows, accepted, severity):
    as_cluster(old, rows, monkeypatch)
    findings = found(Situation(old, Policy(), accept_stall=accepted), "galera")
    assert [each.severity for each in findings if each.object == "cluster"] == ([severity] if severity else [])


def test_rows_to_rebuild_are_those_of_tables_whose_key_changes(old: Session):
    planned = tuple(revisions.steps_between(PLAN, revisions.head()))
    before = galera.rebuilt_rows(Situation(old, Policy(), planned=planned))
    assert before == 0
    old.execute(
        "INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VORoleID, VOGroupID,"
        " SubmitHostId, Infrastructure, NodeCount, Processors, EarliestEndTime, LatestEndTime, WallDuration,"
        " CpuDuration, NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID)"
        " SELECT seq, 1, 2024, 1, 1, 1, 1, 1, 'grid', 1, 1, NULL, NULL, 1, 1, 1, 1, 1, 1 FROM seq_1_to_500"
        if old.server.is_mariadb
        else "DO 0"
    )
    old.rows("ANALYZE TABLE NormalisedSummaries")
    if old.server.is_mariadb:
        assert galera.rebuilt_rows(Situation(old, Policy(), planned=planned)) == pytest.approx(500, rel=0.2)


def test_definer_that_is_gone_is_named_by_its_objects_only(old: Session):
    old.execute("CREATE DEFINER = 'gone_dba'@'localhost' VIEW Extra AS SELECT 1 AS One")
    (finding,) = found(Situation(old, Policy()), "definers")
    assert (finding.severity, finding.count) == ("warning", 1)
    assert "Extra" in finding.message
    assert "gone_dba" not in finding.message + finding.hint


def test_what_cannot_be_seen_is_said(server: TestServer, old: Session, nobody: str, session: OpenSession):
    server.execute(f"GRANT ALL ON `{old.database}`.* TO 'apel_nobody'@'%'")
    target: Target = replace(old.target, user=nobody, password=None)
    situation = Situation(session(target), Policy())
    assert [each.severity for each in found(situation, "definers")] == ["not_checked"]
    assert [each.severity for each in found(situation, "writers")] == ["not_checked"]
    missing = {each.object for each in found(situation, "privileges")}
    seen_in_mysql = {"SELECT (Host, User)", "SELECT (USER, HOST, PRIV)"}
    of_mysql = {"PROCESS", "SET_ANY_DEFINER", "SHOW_ROUTINE", *seen_in_mysql}
    on_mysql_proc = {"SELECT"} if old.server.version < (11, 3) else set()  # SHOW CREATE ROUTINE is among ALL there
    assert missing == ({"PROCESS", "SET USER", *on_mysql_proc} if old.server.is_mariadb else of_mysql)


def test_making_functions_under_a_binary_log_takes_trust(
    server: TestServer, database: Target, nobody: str, monkeypatch, session: OpenSession
):
    server.execute(f"GRANT ALL ON `{database.database}`.* TO 'apel_nobody'@'%'")
    server.execute("GRANT PROCESS ON *.* TO 'apel_nobody'@'%'")
    if not is_mariadb(server):
        server.execute("GRANT SELECT (Host, User) ON mysql.user TO 'apel_nobody'@'%'")
    db = session(replace(database, user=nobody, password=None))
    logging = {"log_bin": "ON", "log_bin_trust_function_creators": "OFF"}
    real = db.variables
    monkeypatch.setattr(db, "variables", lambda *names: real(*names) | {n: v for n, v in logging.items() if n in names})
    planned = revisions.steps_between(None, "221_baseline")
    findings = [each for each in checks.run(Situation(db, Policy()), planned) if each.id == "privileges"]
    assert [each.object for each in findings] == ["log_bin_trust_function_creators"]
    assert findings[0].count == 8
    logging["log_bin_trust_function_creators"] = "ON"
    assert not [each for each in checks.run(Situation(db, Policy()), planned) if each.id == "privileges"]


def test_plain_connection_to_another_host(old: Session, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(old, "is_encrypted", lambda: False)
    old.target = replace(old.target, unix_socket="/run/mysqld/mysqld.sock")
    assert found(Situation(old, Policy()), "encryption") == []
    old.target = replace(old.target, host="db.example.org", port=3306, unix_socket=None)
    (finding,) = found(Situation(old, Policy()), "encryption")
    assert (finding.severity, "db.example.org:3306 is not encrypted" in finding.message) == ("warning", True)
