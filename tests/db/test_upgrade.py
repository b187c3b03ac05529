"""The whole way from 2.2.1 to 2.3.0 and back, by the orchestrator and by plain alembic."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from apelschema import revisions, runner
from apelschema.catalogue.compare import DERIVED, compare
from apelschema.catalogue.load import load
from apelschema.db.connect import Target
from apelschema.db.introspect import read_schema
from apelschema.db.session import SQL_MODE, Session
from apelschema.errors import CannotRun, FoundWrong
from apelschema.names import is_ours
from apelschema.procedures import Ours
from apelschema.runner import Settings
from apelschema.steps.base import State
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.content import POLICY, fill, install_with, stamp
from tests.support.dump import shape_of, stored_of, tables_of, whole
from tests.support.runs import current, downgrade, upgrade
from tests.support.servers import TestServer

HEAD = "2.5.0"
RELEASES = ("2.2.1", "2.3.0", "2.4.1", HEAD)
REPOSITORY = Path(__file__).parents[2]
OTHER_COLLATION = {"utf8mb4": "utf8mb4_unicode_ci", "latin1": "latin1_general_ci"}
ACCOUNT = "'apel_owner'@'localhost'"


@pytest.fixture
def owner(server: TestServer) -> Iterator[str]:
    """An account of the site that owns the routines, and has a grant on two of them."""
    server.execute(f"CREATE USER IF NOT EXISTS {ACCOUNT}")
    yield "apel_owner@localhost"
    server.execute(f"DROP USER IF EXISTS {ACCOUNT}")


@pytest.fixture
def fresh(make_database: MakeDatabase) -> Target:
    """A database of 2.2.1 without rows, of which Alembic says that the baseline was done."""
    target = make_database()
    with Session(target) as db:
        install_with(db)
        stamp(db)
    return target


def differences(db: Session, release: str, *, central: bool = True) -> list[str]:
    """From the catalogue, but for the nullability of view columns, which servers derive."""
    found = compare(read_schema(db), load(release), central=central, own=Ours())
    return [f"{each.object}: {each.difference}" for each in found if each.reason != DERIVED]


def without_settings(stored):
    """What the text of routines and views says, without who made them where."""
    return {name: each.statement.split(each.name, 1)[1] for name, each in stored.items()}


def test_fresh_database_upgraded_equals_the_catalogue_at_each_release(database: Target, session: OpenSession):
    db = session(database)
    for release in RELEASES:
        upgrade(database, release)
        assert differences(db, release) == []
        found = runner.status(db)
        assert (found.fingerprint.release, found.fingerprint.exact) == (release, True)
        assert found.revision == revisions.resolve(release, None)
        assert found.unfinished is None
    assert found.pending == ()


def test_fresh_database_without_central_objects_upgraded_equals_the_catalogue(
    make_database: MakeDatabase, session: OpenSession
):
    target = make_database()
    upgrade(target, "2.2.1", central=False)
    assert differences(session(target), "2.2.1", central=False) == []
    upgrade(target, HEAD)
    assert differences(session(target), HEAD, central=False) == []
    assert read_schema(session(target)).tables["JobRecords"].partitioning is None
    before = whole(target)
    downgrade(target)
    upgrade(target, HEAD)
    assert whole(target) == before


@pytest.mark.parametrize(
    ("release", "sql_mode", "charset"),
    [("2.3.0", None, "utf8mb4"), ("2.4.1", "", "latin1"), (HEAD, "", "utf8mb4"), (HEAD, None, "latin1")],
)
def test_old_database_upgraded_equals_a_fresh_one(
    make_database: MakeDatabase, session: OpenSession, release: str, charset: str, sql_mode: str | None
):
    old, new = make_database(charset), make_database(charset)
    install_with(session(old), sql_mode=sql_mode)
    fill(session(old), lax=sql_mode == "")
    stamp(session(old))
    session(old).execute("ALTER TABLE JobRecords REMOVE PARTITIONING")
    upgrade(old, release, policy=POLICY)
    upgrade(new, release, policy=POLICY)
    session(new).execute("ALTER TABLE JobRecords REMOVE PARTITIONING")
    assert shape_of(session(old)) == shape_of(session(new))
    made, expected = stored_of(session(old)), stored_of(session(new))
    assert without_settings(made) == without_settings(expected)
    replaced = {name for name in made if made[name].sql_mode != (sql_mode if sql_mode == "" else SQL_MODE)}
    if sql_mode == "":
        assert replaced == {name for name in made if name.startswith(("Replace", "Summarise", "Normalise", "Copy"))} - {
            "ReplaceSyncRecord"
        }
    else:
        assert replaced <= {name for name in made if made[name].kind == "view"}


@pytest.mark.parametrize(
    ("sql_mode", "charset"),
    [("STRICT_ALL_TABLES,NO_ZERO_DATE,HIGH_NOT_PRECEDENCE", "utf8mb4"), ("", "utf8mb4"), ("", "latin1")],
)
def test_way_back_brings_everything_back_byte_for_byte(
    make_database: MakeDatabase, session: OpenSession, server: TestServer, owner: str, charset: str, sql_mode: str
):
    target = make_database(charset)
    db = session(target)
    with db.using(character_set="latin1", collation="latin1_german1_ci"):
        install_with(db, sql_mode=sql_mode, definer=owner)
    server.execute(f"GRANT ALL ON `{target.database}`.* TO {ACCOUNT}")
    for procedure in ("SummariseJobs", "ReplaceJobRecord"):
        server.execute(f"GRANT EXECUTE ON PROCEDURE `{target.database}`.{procedure} TO {ACCOUNT}")
    fill(db, lax=sql_mode == "")
    db.execute(f"ALTER DATABASE COLLATE {OTHER_COLLATION[charset]}")  # as moved databases have it
    before = whole(target)
    stamp(db)
    assert before[2]["SummariseJobs"].grants
    assert {each.definer for each in before[2].values()} == {owner}
    assert before[2]["SummariseJobs"].database_collation != db.value("SELECT @@collation_database")
    upgrade(target, HEAD, policy=POLICY)
    after = whole(target)
    assert after[0] != before[0]
    assert {each.definer for each in after[2].values()} == {owner}
    assert after[2]["SummariseJobs"].sql_mode == SQL_MODE
    assert after[2]["SummariseJobs"].grants == before[2]["SummariseJobs"].grants
    downgrade(target)
    rows, shapes, stored = whole(target)
    assert {name: rows[name] for name in rows if rows[name] != before[0][name]} == {}
    assert {name: text for name, text in shapes.items() if text != before[1][name]} == {}
    assert {name: each for name, each in stored.items() if each != before[2][name]} == {}
    assert (before[0].keys(), before[1].keys(), before[2].keys()) == (rows.keys(), shapes.keys(), stored.keys())


def test_upgrade_after_the_way_back_does_the_same_again(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    install_with(session(target), sql_mode="")
    fill(session(target), lax=True)
    stamp(session(target))
    upgrade(target, policy=POLICY)
    first = whole(target)
    downgrade(target)
    upgrade(target, policy=POLICY)
    assert whole(target) == first


def test_hand_made_change_is_put_back(fresh: Target, session: OpenSession):
    """A routine whose text only a comment tells from the release's is known by its folded body."""
    db = session(fresh)
    found = stored_of(db)["SummariseJobs"].statement
    assert found is not None
    db.execute("DROP PROCEDURE SummariseJobs")
    db.execute(found.replace("BEGIN", "BEGIN\n-- changed by hand: 100% of :jobs {x}", 1))
    before = whole(fresh)
    upgrade(fresh)
    downgrade(fresh)
    assert whole(fresh) == before


def test_every_step_has_its_states_on_the_way(fresh: Target, session: OpenSession):
    def states() -> set[State]:
        return {each.standing.state for each in runner.plan(session(fresh), Settings(fresh), "2.3.0")}

    assert states() == {State.BEFORE, State.ABSENT, State.DONE}  # a barrier has nothing to wait for
    upgrade(fresh)
    assert runner.plan(session(fresh), Settings(fresh), "2.3.0") == []
    back = runner.plan(session(fresh), Settings(fresh), "2.2.1")
    assert {each.standing.state for each in back} == {State.DONE}
    assert {each.planned.direction for each in back} == {"undo"}


def test_way_back_leaves_rows_alone_that_came_in_since(fresh: Target, session: OpenSession):
    """A summary that was sent again says itself how it spells no infrastructure."""
    db = session(fresh)
    for vo in ("again", "never"):
        load_summary(db, vo=vo, infrastructureType="null")
    db.execute("UPDATE Summaries SET UpdateTime = '2024-01-01'")
    upgrade(fresh)
    load_summary(db, vo="again", infrastructureType="none", numberOfJobs=11)
    with Session(fresh) as now:
        sent = now.rows("SELECT s.* FROM Summaries AS s WHERE s.NumberOfJobs = 11")
    downgrade(fresh)
    assert db.rows("SELECT s.* FROM Summaries AS s WHERE s.NumberOfJobs = 11") == sent
    assert db.rows("SELECT s.InfrastructureType FROM Summaries AS s ORDER BY s.NumberOfJobs") == [("null",), ("None",)]


@pytest.mark.parametrize("charset", ["utf8mb4", "latin1"])
def test_routines_fit_the_tables_where_the_database_has_another_collation(
    make_database: MakeDatabase, session: OpenSession, charset: str
):
    """Parameters take the database's collation: with that of the tables they cannot be compared (error 1267)."""
    db = session(make_database(charset))
    install_with(db)
    stamp(db)
    db.execute(f"ALTER DATABASE COLLATE {OTHER_COLLATION[charset]}")
    load_job(db)
    upgrade(db.target)
    for send in (load_job, load_summary, load_normalised):
        send(db, infrastructureType="none", infrastructure="none")
    assert summarise(db) == {}
    assert db.value("SELECT @@collation_database") == OTHER_COLLATION[charset]
    downgrade(db.target)
    assert db.value("SELECT @@collation_database") == OTHER_COLLATION[charset]
    load_job(db)


@pytest.mark.parametrize("column_type", ["hepscore23", "None"])
def test_way_back_over_new_types_is_refused_before_anything_changes(
    fresh: Target, session: OpenSession, column_type: str
):
    upgrade(fresh)
    if column_type == "None":  # our routine folds it, so it is no new type
        load_normalised(session(fresh), serviceLevelType=column_type)
        downgrade(fresh)
        return
    load_normalised(session(fresh), serviceLevelType=column_type)
    before = whole(fresh)
    with pytest.raises(FoundWrong, match="1 rows of NormalisedSummaries have a benchmark type"):
        downgrade(fresh)
    assert whole(fresh) == before
    assert current(fresh) == "230_figures"


@pytest.mark.parametrize(("at", "act", "to"), [("2.3.0", upgrade, "2.2.1"), ("2.2.1", downgrade, "2.3.0")])
def test_wrong_direction_is_refused(fresh: Target, at: str, act, to: str):
    upgrade(fresh, at)
    with pytest.raises(CannotRun, match="Use apelschema"):
        act(fresh, to)


@pytest.mark.parametrize("target", ["9.9.9", "+8", "-7", "230_nonsense", ""])
def test_unknown_target_is_refused(fresh: Target, target: str):
    with pytest.raises(CannotRun):
        upgrade(fresh, target)
    assert current(fresh) == "221_baseline"


def test_targets_of_every_spelling(fresh: Target):
    for target, at in (("+1", "230_types"), ("230_routines", "230_routines"), ("head", "250_routines")):
        upgrade(fresh, target)
        assert current(fresh) == at
    back = {"-1": "250_columns", "2.3.0": "230_figures", "230_types": "230_types", "2.2.1": "221_baseline"}
    for target, at in back.items():
        downgrade(fresh, target)
        assert current(fresh) == at
    downgrade(fresh, "base")
    assert current(fresh) is None


# Plain alembic


def alembic(target: Target | None, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the program in the repository, as a DBA would."""
    given = {name: value for name, value in os.environ.items() if not name.startswith("APELSCHEMA_")}
    if target is not None:
        given["APELSCHEMA_URL"] = url_of(target)
    return subprocess.run(
        [sys.executable, "-m", "alembic", *arguments],
        cwd=REPOSITORY,
        env=given | environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def said(done: subprocess.CompletedProcess[str]) -> str:
    """What a user reads; never a traceback."""
    text = done.stdout + done.stderr
    assert "Traceback" not in text
    return text


def url_of(target: Target) -> str:
    """The target as a URL for the environment, where a password may stand."""
    account = f"{target.user}:{target.password}" if target.password else f"{target.user}"
    at = "localhost" if target.unix_socket else f"{target.host}:{target.port}"
    query = f"?unix_socket={target.unix_socket}" if target.unix_socket else ""
    return f"mysql+pymysql://{account}@{at}/{target.database}{query}"


def test_alembic_does_the_same_work(make_database: MakeDatabase, tmp_path: Path):
    ours, theirs = make_database(), make_database()
    for target in (ours, theirs):
        with Session(target) as db:
            install_with(db, sql_mode="")
            fill(db, lax=True)
    policy = tmp_path / "policy.toml"
    policy.write_text('[types]\ncustom = "keep-old"\nnone = "released"\nhs06 = "released"\n"" = "released"\n')
    before = whole(theirs)
    upgrade(ours, HEAD, policy=POLICY)
    done = alembic(theirs, "upgrade", "head", APELSCHEMA_POLICY=str(policy))
    assert done.returncode == 0, said(done)
    assert whole(theirs) == whole(ours)
    assert "250_routines (head)" in alembic(theirs, "current").stdout
    done = alembic(theirs, "downgrade", "221_baseline")
    assert done.returncode == 0, said(done)
    assert whole(theirs) == before
    assert current(theirs) == "221_baseline"


def test_alembic_refuses_offline_mode(fresh: Target):
    done = alembic(fresh, "upgrade", "head", "--sql")
    assert done.returncode != 0
    assert "plan --sql" in said(done)
    assert current(fresh) == "221_baseline"


def test_alembic_refuses_a_foreign_database(database: Target, session: OpenSession):
    session(database).execute("CREATE TABLE Pictures (id INT PRIMARY KEY)")
    done = alembic(database, "upgrade", "head")
    assert done.returncode != 0
    assert "holds none of APEL's tables" in said(done)
    assert tables_of(database) == {"Pictures"}


def test_alembic_without_a_database_says_what_to_set():
    done = alembic(None, "upgrade", "head")
    assert done.returncode != 0
    assert "APELSCHEMA_URL" in said(done)


def test_alembic_current_changes_nothing(database: Target):
    done = alembic(database, "current")
    assert done.returncode == 0
    assert tables_of(database) == set()


def test_alembic_stamp_moves_the_row_and_nothing_else(fresh: Target):
    before = whole(fresh)
    done = alembic(fresh, "stamp", "head")
    assert done.returncode == 0, said(done)
    assert current(fresh) == "250_routines"
    assert whole(fresh) == before


def test_only_our_tables_are_added(fresh: Target):
    upgrade(fresh, HEAD)
    extra = tables_of(fresh) - set(load(HEAD).tables) - set(load(HEAD).views)
    assert extra
    assert all(is_ours(name) for name in extra)


def test_way_back_without_the_journals_copy_is_refused_before_anything_changes(fresh: Target, session: OpenSession):
    upgrade(fresh)
    session(fresh).execute("DELETE FROM apelschema_found WHERE Name = 'SummariseJobs'")
    before = whole(fresh)
    with pytest.raises(FoundWrong, match="does not hold what stood in place of SummariseJobs"):
        downgrade(fresh, writers="ignore")
    assert whole(fresh) == before
    assert current(fresh) == "230_figures"
