"""``plan --sql``: the real client brings a database to the state that an upgrade brings an equal one to."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from apelschema import script, snapshot
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import CannotRun, FoundWrong
from apelschema.policy import Policy
from apelschema.runner import Settings
from tests.conftest import MakeDatabase, OpenSession
from tests.support.cli import inside
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import tables_of
from tests.support.runs import current, upgrade

Client = Callable[..., subprocess.CompletedProcess]

OF_ROUTINES = ("apelschema_replaced", "apelschema_marks")
LEFT_ALONE = "apelschema_kept_backfill"


@pytest.fixture
def client(tmp_path: Path) -> Client:
    """Runs a script through the server's own client, as a DBA would: ``client(target, text, *options)``."""

    def run(target: Target, text: str, *options: str) -> subprocess.CompletedProcess:
        with Session(target) as db:
            program = shutil.which("mariadb" if db.server.is_mariadb else "mysql")
        assert program, "the server's client is not installed"
        settings = {"user": target.user, "password": target.password, "default-character-set": "utf8mb4"}
        settings |= (
            {"socket": target.unix_socket} if target.unix_socket else {"host": target.host, "port": str(target.port)}
        )
        file = tmp_path / "client.cnf"
        file.write_text("[client]\n" + "".join(f"{name}={value}\n" for name, value in settings.items() if value))
        words = [program, f"--defaults-file={file}", "--comments", *options, str(target.database)]
        return subprocess.run(words, input=text, capture_output=True, text=True, check=False, timeout=100)

    return run


def written(target: Target, to: str, policy: Policy | None = POLICY, **settings) -> str:
    return script.write(Settings(target, policy, **settings), to)


def state(target: Target) -> tuple[snapshot.Snapshot, dict]:
    """All of APEL's, and those tables of the tool that routines and later runs read."""
    with Session(target) as db:
        kept = {name: db.rows(f"SELECT * FROM {name}") for name in tables_of(target) & {*OF_ROUTINES, LEFT_ALONE}}
        shapes = {name: db.rows(f"SHOW CREATE TABLE {name}") for name in kept if name in OF_ROUTINES}
        return snapshot.take(db), {"rows": kept, "shapes": shapes}


def demand_equal(scripted: Target, upgraded: Target) -> None:
    (found, tables), (expected, wanted) = state(scripted), state(upgraded)
    assert snapshot.differences(expected, found) == {}
    assert expected.rows > 100
    assert tables == wanted
    assert current(scripted) == current(upgraded)


def contents(make_database: MakeDatabase, *, lax: bool, charset: str = "utf8mb4") -> Target:
    target = make_database(charset)
    with Session(target) as db:
        install_with(db, sql_mode="" if lax else None)
        fill(db, lax=lax)
        stamp(db)
    return target


def samples(make_database: MakeDatabase, *options: str) -> Target:
    target = make_database()
    made = inside(target, "sample", "--jobs", "600", "--months", "8", "--sites", "3", "--yes", *options)
    assert made.code == 0, made.err
    return target


@pytest.mark.slow
@pytest.mark.parametrize(("to", "lax", "charset"), [("2.3.0", True, "utf8mb4"), ("2.4.1", False, "latin1")])
def test_the_script_ends_where_an_upgrade_ends(
    make_database: MakeDatabase, client: Client, to: str, lax: bool, charset: str
):
    scripted, upgraded = (contents(make_database, lax=lax, charset=charset) for _ in range(2))
    done = client(scripted, written(scripted, to))
    assert (done.returncode, done.stderr) == (0, "")
    assert f"The database is at {to}" in done.stdout
    upgrade(upgraded, to, policy=POLICY)
    demand_equal(scripted, upgraded)


@pytest.mark.slow
def test_a_database_of_a_later_release_too(make_database: MakeDatabase, client: Client):
    scripted, upgraded = (samples(make_database, "--lax", "--release", "2.3.0") for _ in range(2))
    assert client(scripted, written(scripted, "2.5.0", None)).returncode == 0
    upgrade(upgraded, "2.5.0")
    demand_equal(scripted, upgraded)


@pytest.mark.slow
def test_a_sample_without_a_version_row_too_and_status_and_verify_know_it(make_database: MakeDatabase, client: Client):
    scripted, upgraded = (samples(make_database, "--lax") for _ in range(2))
    text = inside(scripted, "plan", "--sql")
    assert text.code == 0, text.err
    done = client(scripted, text.out)
    assert (done.returncode, done.stderr) == (0, "")
    upgrade(upgraded, "2.5.0")
    demand_equal(scripted, upgraded)
    status = inside(scripted, "status", "--json").json
    assert (status["release"], status["pending"], status["drift"], status["unfinished"]) == ("2.5.0", [], [], None)
    verified = inside(scripted, "verify", "--json").json
    found = {each["id"]: each["status"] for each in verified["checks"]}
    passed = {each for each, said in found.items() if said == "pass"}
    assert passed >= {"structure", "definers", "I3", "I7", "I10", "doubles"}
    assert {found[each] for each in ("ledger", "checksums", "I4")} == {"skipped"}  # a script takes none
    assert verified["verdict"] != "fail"
    assert inside(scripted, "upgrade", "--yes").out.endswith("nothing to do.\n")


@pytest.mark.slow
def test_another_database_than_the_script_was_written_for_is_not_touched(
    make_database: MakeDatabase, session: OpenSession, client: Client
):
    target = contents(make_database, lax=False)
    text, db = written(target, "2.5.0"), session(target)
    changes = (
        ("ALTER TABLE Summaries ADD COLUMN Note INT NULL", "ALTER TABLE Summaries DROP COLUMN Note"),
        (
            "UPDATE alembic_version SET version_num = '230_types'",
            "UPDATE alembic_version SET version_num = '221_baseline'",
        ),
        ("CREATE PROCEDURE ByHand() SELECT 1", "DROP PROCEDURE ByHand"),
    )
    for change, back in changes:
        db.execute(change)
        before = state(target)
        for options in ((), ("--force",)):
            done = client(target, text, *options)
            assert "apelschema: not the database that this script is for" in done.stderr
            assert (done.returncode != 0) or options
            assert state(target) == before
            assert "The database is at" not in done.stdout or options
        db.execute(back)
    assert client(target, text).returncode == 0
    again = client(target, text)
    assert (again.returncode, "not the database" in again.stderr) == (1, True)


@pytest.mark.slow
def test_what_a_stopped_script_began_is_finished_by_an_upgrade(make_database: MakeDatabase, client: Client):
    scripted, upgraded = (contents(make_database, lax=True) for _ in range(2))
    text = written(scripted, "2.5.0")
    upgrade(upgraded, "2.5.0", policy=POLICY)
    cut = text.index("-- 230_routines: relabel")
    assert client(scripted, text[:cut]).returncode == 0
    assert current(scripted) == "230_types"
    upgrade(scripted, "2.5.0", policy=POLICY)
    demand_equal(scripted, upgraded)


def test_a_client_that_strips_comments_makes_the_same_but_for_these(make_database: MakeDatabase, client: Client):
    target = contents(make_database, lax=False)
    done = client(target, written(target, "2.3.0"), "--skip-comments")
    assert (done.returncode, done.stderr) == (0, "")
    status = inside(target, "status", "--json").json
    assert (status["release"], status["exact"], status["drift"]) == ("2.3.0", True, [])


def test_the_head_of_a_script_says_what_it_is_and_holds_no_secret(make_database: MakeDatabase):
    target = contents(make_database, lax=False)
    text = written(target, "2.3.0")
    head = text[: text.index("SET NAMES")]
    for word in ("from 2.2.1 to 2.3.0", "policy {", "fingerprint ", "--default-character-set=utf8mb4", "way back"):
        assert word in head
    assert all(line.startswith("--") or not line for line in head.splitlines())
    assert not target.password or target.password not in text
    assert "/CN=" not in text


def test_what_only_a_run_can_do_is_refused(make_database: MakeDatabase):
    target = contents(make_database, lax=False)
    with pytest.raises(FoundWrong, match="custom"):
        written(target, "2.3.0", None)
    upgrade(target, "2.3.0", policy=POLICY)
    with pytest.raises(CannotRun, match="nothing to write"):
        written(target, "2.3.0")
    with pytest.raises(CannotRun, match="behind"):
        written(target, "2.2.1")
    with pytest.raises(CannotRun, match="is empty"):
        written(make_database(), "2.3.0")
