"""Bad input: a paragraph that says what is wrong and what to type, the exit code, and nothing changed."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from apelschema.checks.privileges.grants import ON_DATABASE
from apelschema.db.connect import Target
from apelschema.db.private import PrivateServer
from apelschema.db.privileges import to_read_accounts, to_read_texts, to_set_definers, to_touch_system_users
from apelschema.db.session import Session
from apelschema.names import LEASE
from apelschema.sample import Sample, build
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_summary, summarise
from tests.support.cli import Ended, apelschema, command, environment, inside
from tests.support.dump import tables_of, whole
from tests.support.install import install
from tests.support.processes import wait_until
from tests.support.servers import TestServer

ACCOUNT = "'apel_dba'@'%'"
GRANTED = tuple(each for each in ON_DATABASE)


@pytest.fixture(scope="module")
def bare(server: TestServer) -> Iterator[Target]:
    """A 2.2.1 database of another definer without rows; tests here never change it."""
    target = server.create_database(prefix="bare")
    with Session(target) as db:
        install(db, "2.2.1")
    yield target
    server.drop_database(target)


@pytest.fixture
def account(server: TestServer) -> Iterator[str]:
    """An account without any privilege."""
    server.execute(f"DROP USER IF EXISTS {ACCOUNT}")
    server.execute(f"CREATE USER {ACCOUNT} IDENTIFIED BY 'secret-word'")
    yield ACCOUNT
    server.execute(f"DROP USER {ACCOUNT}")


def as_dba(target: Target) -> Target:
    return replace(target, user="apel_dba", password="secret-word")


def seen(target: Target) -> Any:
    """Everything in a database, the tool's own tables by name."""
    return tables_of(target), whole(target)


def is_paragraph(ended: Ended, code: int, *said: str) -> None:
    """That it ended as a user's mistake should."""
    assert ended.code == code, ended.err
    assert "Traceback" not in ended.err
    assert "secret-word" not in ended.out + ended.err
    assert "\n\n" not in ended.err.strip()
    assert ended.err.count("Error: ") == 1
    for each in said:
        assert each in ended.err


@pytest.mark.parametrize("arguments", [["status"], ["upgrade", "--yes"], ["verify"], ["sample", "--yes"]])
def test_wrong_url(tmp_path: Path, arguments):
    nowhere = Target(unix_socket=str(tmp_path / "no.sock"), user="root", database="apel")
    is_paragraph(inside(nowhere, *arguments), 2, "No server answers on the socket")


def test_no_such_database(server: TestServer):
    missing = server.admin.with_database("no_such_database")
    is_paragraph(inside(missing, "upgrade", "--yes"), 2, "There is no database no_such_database")


def test_wrong_password(bare: Target, account: str):
    wrong = replace(bare, user="apel_dba", password="not-secret-word")
    is_paragraph(inside(wrong, "status"), 2, "refuses user or password", "--ask-password")


def test_no_privilege_on_the_database(bare: Target, account: str):
    is_paragraph(inside(as_dba(bare), "status"), 2, "no privilege on the database", "GRANT ALL")


def grant_all_but(server: TestServer, target: Target, privilege: str) -> None:
    on_database = ", ".join(each for each in ON_DATABASE if each != privilege)
    server.execute(f"GRANT {on_database} ON `{target.database}`.* TO {ACCOUNT}")
    for name, grant in beyond_the_database(server, target).items():
        if name != privilege:
            server.execute(f"{grant} TO {ACCOUNT}")


def beyond_the_database(server: TestServer, target: Target) -> dict[str, str]:
    """GRANT statements for objects of other accounts, by what MariaDB 10.5 calls the privilege."""
    with Session(server.admin) as db:
        known = {
            "SET USER": to_set_definers(db.server),
            "mysql.proc": to_read_texts(db.server),
            "SYSTEM_USER": to_touch_system_users(db.server),
            "mysql.user": to_read_accounts(),
        }
    grants = {name: need.grant(str(target.database)) for name, need in known.items() if need}
    return {"PROCESS": "GRANT PROCESS ON *.*"} | {name: grant.partition(" TO ")[0] for name, grant in grants.items()}


@pytest.mark.parametrize("privilege", [*ON_DATABASE, "PROCESS", "SET USER", "mysql.proc"])
def test_each_missing_privilege_is_named_with_its_grant(server: TestServer, bare: Target, account: str, privilege: str):
    grant_all_but(server, bare, privilege)
    before = seen(bare)
    ended = inside(as_dba(bare), "upgrade", "--yes")
    is_paragraph(ended, 2, beyond_the_database(server, bare).get(privilege, f"GRANT {privilege} ON "), "TO <account>")
    assert ended.err.count("GRANT ") == 1
    assert seen(bare) == before


def test_all_missing_privileges_are_named_at_once(server: TestServer, bare: Target, account: str):
    server.execute(f"GRANT SELECT ON `{bare.database}`.* TO {ACCOUNT}")
    ended = inside(as_dba(bare), "upgrade", "--yes")
    is_paragraph(ended, 2, "nothing was changed", *(f"GRANT {each} ON" for each in ON_DATABASE if each != "SELECT"))


def test_an_account_with_just_these_privileges_upgrades(
    server: TestServer, make_database: MakeDatabase, session: OpenSession, account: str
):
    target = make_database()
    install(session(target), "2.2.1")
    server.execute(f"GRANT {', '.join(ON_DATABASE)} ON `{target.database}`.* TO {ACCOUNT}")
    grant_all_but(server, target, "")
    ended = inside(as_dba(target), "upgrade", "2.3.0", "--yes")
    assert ended.code == 0, ended.err


@pytest.fixture(scope="module")
def own_server() -> Iterator[PrivateServer]:
    with PrivateServer() as server:
        yield server


@pytest.mark.own_server
@pytest.mark.parametrize(
    ("user", "variable"), [("apel_dba", "read_only"), ("root", "read_only and only SELECT"), ("root", "tx_read_only")]
)
def test_read_only_server(own_server: PrivateServer, user: str, variable: str):
    name = f"ro_{user}_{variable[:2]}"
    target = own_server.create_database(name)
    with Session(target) as db:
        install(db, "2.2.1")
        before = seen(target)
        db.execute("CREATE OR REPLACE USER apel_dba@localhost")
        db.execute("GRANT ALL ON *.* TO apel_dba@localhost")
        db.execute("REVOKE READ ONLY ADMIN ON *.* FROM apel_dba@localhost")
        switch = "tx_read_only" if variable == "tx_read_only" else "read_only"
        db.execute(f"SET GLOBAL {switch} = 1")
        try:
            ended = inside(replace(target, user=user), "upgrade", "--yes")
        finally:
            db.execute(f"SET GLOBAL {switch} = 0")
        if user == "root" and switch == "read_only":
            assert ended.code == 0, ended.err  # it may write all the same, and is told so
            assert "is it a replica?" in ended.out
            return
    is_paragraph(ended, 2, f"takes no writes from this account: {switch.replace('tx', 'transaction')} is on")
    assert seen(target) == before


@pytest.mark.own_server
def test_innodb_read_only_server(tmp_path: Path):
    with PrivateServer() as server:
        target = server.create_database("apel")
        with Session(target) as db:
            install(db, "2.2.1")
        server.stop()
        server._options = ("--innodb-read-only",)
        server.start()
        is_paragraph(inside(target, "upgrade", "--yes"), 2, "innodb_read_only is on")


@pytest.mark.own_server
@pytest.mark.parametrize("command_", ["status", "upgrade", "verify"])
def test_server_that_is_too_old(old_server: Target, command_: str):
    """A server that says so: older ones than those supported are not to be had here."""
    arguments = [command_, "--yes"] if command_ == "upgrade" else [command_]
    is_paragraph(inside(old_server, *arguments), 2, "MariaDB 10.4.30, which is too old", "At least MariaDB 10.5")


@pytest.fixture(scope="module")
def old_server() -> Iterator[Target]:
    with PrivateServer(["--version=10.4.30-MariaDB"]) as server:
        yield server.create_database("apel")


def test_database_that_is_not_apels(database: Target, session: OpenSession):
    session(database).execute("CREATE TABLE shop (id INT PRIMARY KEY) ENGINE=InnoDB")
    for arguments in (["upgrade", "--yes"], ["upgrade", "--dry-run"]):
        is_paragraph(inside(database, *arguments), 2, "holds none of APEL's tables")
    is_paragraph(inside(database, "verify"), 2)
    assert tables_of(database) == {"shop"}
    assert inside(database, "status", "--json").json["kind"] is None


def test_cloud_database(database: Target, session: OpenSession):
    session(database).execute("CREATE TABLE CloudRecords (VMUUID VARCHAR(255) PRIMARY KEY) ENGINE=InnoDB")
    ended = inside(database, "upgrade", "--yes")
    is_paragraph(ended, 2, "APEL's cloud database, for which there are no upgrades here")
    assert tables_of(database) == {"CloudRecords"}
    found = inside(database, "status", "--json").json
    assert (found["kind"], found["pending"]) == ("cloud", [])


def test_schema_that_drifted(database: Target, session: OpenSession):
    install(session(database), "2.2.1")
    session(database).execute("ALTER TABLE Summaries ADD COLUMN Remark VARCHAR(10) NULL FIRST")
    before = seen(database)
    ended = inside(database, "upgrade", "--yes")
    is_paragraph(ended, 2, "Summaries.Remark")
    assert seen(database) == before
    assert inside(database, "upgrade", "--dry-run").code == 2


def test_type_that_the_policy_does_not_name(database: Target, session: OpenSession, tmp_path: Path):
    db = session(database)
    install(db, "2.2.1")
    load_summary(db, serviceLevelType="SpecInt 2000", serviceLevel="2500")
    load_summary(db, serviceLevelType="custom", serviceLevel="1")
    load_summary(db, serviceLevelType="HEPscore23", serviceLevel="0", vo="zero")
    assert summarise(db) == {}
    db.close()
    before = seen(database)
    ended = inside(database, "upgrade", "--yes")
    is_paragraph(ended, 1, 'custom = "keep-old"', '"specint 2000" = "keep-old"', "1 rows of Summaries", "1 sites")
    dry = inside(database, "upgrade", "--dry-run", "--json")
    about_types = [each["object"] for each in dry.json["findings"] if each["id"] == "benchmark_types"]
    assert (dry.code, about_types) == (1, ["custom", "specint 2000"])
    assert seen(database) == before
    policy = tmp_path / "policy.toml"
    policy.write_text('[types]\ncustom = "keep-old"\n"specint 2000" = "keep-old"\n')
    ended = inside(database, "upgrade", "2.3.0", "--yes", APELSCHEMA_POLICY=str(policy))
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("nonsense", "cannot be read"),
        ("backfil = 'all'", "unknown keys"),
        ("[types]\nhepspec = 'released'", "whose factor is fixed"),
    ],
)
def test_policy_that_cannot_be_understood(bare: Target, tmp_path: Path, text: str, said: str):
    policy = tmp_path / "policy.toml"
    policy.write_text(text)
    is_paragraph(inside(bare, "upgrade", "--yes", "--policy", str(policy)), 2, said)


def test_no_terminal_to_confirm_on(bare: Target):
    before = seen(bare)
    ended = apelschema(bare, "upgrade")
    is_paragraph(ended, 2, "There is no terminal to confirm on", "--yes", str(bare.database))
    assert seen(bare) == before


@pytest.mark.parametrize("to", ["2.9.9", "nonsense", "+9", "-1"])
def test_target_that_does_not_exist(bare: Target, to: str):
    is_paragraph(inside(bare, "upgrade", to, "--yes"), 2)


def test_writers_are_seen_by_number_only(bare: Target, session: OpenSession):
    before = seen(bare)
    other = session(bare)
    ended = apelschema(bare, "upgrade", "--yes")
    is_paragraph(ended, 1, f"Another connection works in this database: {other.connection_id} (Sleep", "--writers wait")
    assert seen(bare) == before


def test_writers_are_waited_for(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    install(db := session(target), "2.2.1")
    waiting = subprocess.Popen(
        command("upgrade", "2.3.0", "--yes", "--writers", "wait"),
        env=environment(target),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert waiting.stdout is not None
    told = ""
    while "waiting until other connections" not in told:
        told = waiting.stdout.readline()
        assert told, "it ended without waiting"
    assert str(db.connection_id) in told
    db.close()
    rest = waiting.communicate(timeout=60)[0]
    assert waiting.returncode == 0, rest


def test_second_run_at_the_same_time(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    first = session(target)
    install(first, "2.2.1")
    assert inside(target, "upgrade", "230_types", "--yes").code == 1  # between releases there is no whole proof
    first.execute(
        f"INSERT INTO {LEASE} VALUES (1, UUID(), 'somebody@elsewhere, connection 7', CONNECTION_ID(), UTC_TIMESTAMP(6),"
        " UTC_TIMESTAMP(6) + INTERVAL 60 SECOND)"
    )
    before = seen(target)
    ended = inside(target, "upgrade", "--yes")
    is_paragraph(ended, 2, "Another run is at work", "somebody@elsewhere", "expires in")
    assert seen(target) == before


@pytest.mark.slow
@pytest.mark.faults
def test_killed_first_run_goes_on_and_ends_well(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    assert inside(target, "upgrade", "2.2.1", "--yes").code == 0
    build(session(target), Sample(jobs=6000, sites=8))
    session(target).close()
    run = subprocess.Popen(
        command("upgrade", "2.3.0", "--yes", "--writers", "ignore"),
        env=environment(target),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with Session(target) as watching:
        wait_until(lambda: _walks(watching), "a step walks through a table", 60)
    run.kill()
    run.wait()
    status = apelschema(target, "status", "--json").json
    assert status["unfinished"]["step"] is not None
    assert status["revision"] in ("221_baseline", "230_types", "230_routines")
    ended = inside(target, "upgrade", "2.3.0", "--yes", "--json")
    assert ended.code == 0, ended.err
    assert "lease of a run that died was taken over" in ended.err
    assert ended.json["resumed"] is True
    assert ended.json["verify"]["verdict"] == "pass", json.dumps(ended.json["verify"])


def _walks(watching: Session) -> bool:
    if "apelschema_steps" not in {str(row[0]) for row in watching.rows("SHOW TABLES")}:
        return False
    return bool(
        watching.value(
            "SELECT COUNT(*) FROM apelschema_steps WHERE State = 'running' AND (RowsDone > 0 OR Step LIKE 'settle%')"
        )
    )
