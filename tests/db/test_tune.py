"""``tune``: the summariser's index holds the description, programs go on meanwhile, and all comes back as it was."""

import threading
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from apelschema import names, tune, tunings
from apelschema.catalogue import tuned
from apelschema.db.connect import Target
from apelschema.db.errors import CONNECTION_KILLED, SERVER_GONE, SERVER_LOST, DatabaseError
from apelschema.db.introspect import read_table
from apelschema.db.session import Session
from apelschema.db.space import read_folders, read_room
from apelschema.errors import FoundWrong, Stopped
from apelschema.forecast.tuning import sample
from apelschema.journal import Journal
from apelschema.ledger import BEFORE, live_differences, take
from apelschema.ledger import ensure as ensure_ledger
from apelschema.listener import Listener
from tests.conftest import MakeDatabase, OpenSession
from tests.db.conftest import MakeInstalled
from tests.support.calls import error_of, load_job, summarise
from tests.support.cli import Ended, inside
from tests.support.content import install_with, stamp
from tests.support.dump import whole
from tests.support.faults import expire_lease
from tests.support.processes import wait_until
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

JOBS = 3000


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err + ended.out
    return ended


def said(ended: Ended) -> str:
    return " ".join((ended.out + ended.err).split())


def multiply(db: Session, jobs: int = JOBS, group: int = 5) -> None:
    """So many jobs like the first one, in groups, with descriptions that change within them."""
    db.execute("CREATE TEMPORARY TABLE Digits (number INT PRIMARY KEY)")
    db.execute(f"INSERT INTO Digits VALUES {', '.join(f'({number})' for number in range(100))}")
    db.execute("CREATE TEMPORARY TABLE MoreDigits SELECT * FROM Digits")
    values = {str(row[0]): f"t.{row[0]}" for row in db.rows("SHOW COLUMNS FROM JobRecords")}
    values["LocalJobId"] = "5000 + d.number"
    values["GlobalUserNameID"] = f"1 + d.number DIV {group}"
    values["InfrastructureDescription"] = "CONCAT('Site ', d.number DIV 3)"
    db.execute(
        f"INSERT INTO JobRecords ({', '.join(values)}) SELECT {', '.join(values.values())} FROM JobRecords AS t,"
        " (SELECT 100 * a.number + b.number AS number FROM Digits AS a, MoreDigits AS b"
        f" WHERE 100 * a.number + b.number < {jobs}) AS d"
    )
    db.rows("ANALYZE TABLE JobRecords")


@pytest.fixture
def described(installed: MakeInstalled) -> Session:
    """A database of 2.5.0 with some thousand jobs that bear descriptions."""
    db = installed("2.5.0")
    load_job(db, infrastructureDescription="Somewhere")
    multiply(db)
    return db


def index_of(db: Session) -> tuple[str, ...]:
    live = read_table(db, tuned.TABLE)
    assert live is not None
    found = tuned.in_table(live)
    return found.columns if found else ()


def shape(db: Session) -> str:
    """The definition of the jobs, as the server writes it."""
    row = db.one("SHOW CREATE TABLE JobRecords")
    assert row is not None
    return str(row[1])


def hybrid(db: Session) -> list[tuple[Any, ...]]:
    """What a summariser run makes of the jobs, but for when."""
    db.execute("DELETE FROM HybridSuperSummaries")
    assert summarise(db) == {}
    columns = [str(row[0]) for row in db.rows("SHOW COLUMNS FROM HybridSuperSummaries") if row[0] != "UpdateTime"]
    return db.rows(f"SELECT {', '.join(columns)} FROM HybridSuperSummaries ORDER BY {', '.join(columns)}")


def tune_it(target: Target, *arguments: str) -> Ended:
    """``tune`` on any engine: where nothing is gained it is told to do it all the same."""
    force = () if "--undo" in arguments else ("--force",)
    return inside(target, "tune", "--yes", *force, *arguments)


def test_the_index_is_extended_once_and_comes_back_byte_for_byte(described: Session):
    target, before, rows = described.target, shape(described), hybrid(described)
    document = ok(tune_it(target, "--json")).json
    assert document["schema"] == "apelschema.tune/1"
    assert (document["release"], document["direction"]) == ("2.5.0", "do")
    assert (document["tuned"], document["done"]) == (True, True)
    assert document["cost"]["rows"] > JOBS / 2
    assert 80 * document["cost"]["rows"] < document["cost"]["bytes"] < 250 * document["cost"]["rows"]
    assert document["sampled"]["described"] > 0
    assert "LOCK=NONE" in document["sql"]
    assert f"ALGORITHM={described.server.adds_indexes_by}" in document["sql"]
    assert index_of(described) == tuned.tuned(described.server.most_index_columns).columns
    assert index_of(described)[-1] == "InfrastructureDescription"
    changed = [line for line in shape(described).splitlines() if line not in before.splitlines()]
    assert [line.split("`")[1] for line in changed] == ["SummaryIdx"]
    assert hybrid(described) == rows

    again = ok(tune_it(target))
    assert "stands so already" in said(again)
    assert described.value(f"SELECT COUNT(*) FROM {names.TUNINGS}") == 1

    back = ok(tune_it(target, "--undo", "--json")).json
    assert (back["direction"], back["tuned"], back["done"]) == ("undo", False, True)
    assert shape(described) == before
    assert hybrid(described) == rows
    assert "is as in the release" in said(ok(tune_it(target, "--undo")))
    notes = described.rows(f"SELECT Direction, EndedAt IS NULL FROM {names.TUNINGS} ORDER BY Id")
    assert notes == [("do", 0), ("undo", 0)]


def test_a_dry_run_says_statement_and_cost_and_changes_nothing(described: Session):
    before = shape(described)
    text = said(ok(inside(described.target, "tune", "--dry-run", "--force")))
    assert "ADD INDEX `SummaryIdx`" in text
    assert "bytes a job" in text
    assert "Programs go on meanwhile" in text or described.server.galera
    assert "Nothing was changed." in text
    assert ok(inside(described.target, "tune", "--dry-run", "--force", "--json")).json["done"] is False
    refused = inside(described.target, "tune", "--force")
    assert (refused.code, "no terminal to confirm on" in said(refused)) == (2, True)
    assert shape(described) == before
    assert described.rows("SHOW TABLES LIKE 'apelschema\\_tunings'") == []


@pytest.mark.parametrize("form", [16, 32])
def test_a_tuned_index_is_no_drift_in_either_form(described: Session, form: int):
    target, server = described.target, described.server
    columns = ", ".join(tuned.tuned(min(form, server.most_index_columns)).columns)
    described.execute(f"ALTER TABLE JobRecords DROP INDEX SummaryIdx, ADD INDEX SummaryIdx ({columns})")
    status = inside(target, "status", "--json").json
    assert status["drift"] == []
    found = {each["id"]: each["status"] for each in inside(target, "verify", "--json").json["checks"]}
    assert found["structure"] == "pass"
    assert not [each for each in inside(target, "check", "--json").json["findings"] if each["id"] == "drift"]


def test_another_index_of_that_name_is_drift_and_left_alone(described: Session):
    described.execute("ALTER TABLE JobRecords DROP INDEX SummaryIdx, ADD INDEX SummaryIdx (SiteID, VOID)")
    before = shape(described)
    assert inside(described.target, "status", "--json").json["drift"]
    refused = tune_it(described.target)
    assert refused.code == 2
    assert "SummaryIdx of JobRecords is on SiteID, VOID" in said(refused)
    assert shape(described) == before


def test_an_index_of_the_dbas_own_stays(described: Session):
    described.execute("CREATE INDEX Own ON JobRecords (LocalUserId(10), StartTime)")
    ok(tune_it(described.target))
    assert "KEY `Own` (`LocalUserId`(10),`StartTime`)" in shape(described)
    ok(tune_it(described.target, "--undo"))
    assert "KEY `Own` (`LocalUserId`(10),`StartTime`)" in shape(described)


def test_the_summariser_reads_the_index_alone(described: Session):
    """Where the server can: no row of the table is looked up beside the index, nothing is sorted."""
    if not described.server.keeps_to_a_forced_index:
        text = said(ok(inside(described.target, "tune", "--yes")))
        assert "nothing to gain, since MySQL" in text
        assert index_of(described) == tuned.of_release().columns
        return
    query = (
        "SELECT j.SiteID, MAX(j.InfrastructureDescription), MIN(j.EndTime), SUM(j.WallDuration), SUM(j.CpuDuration)"
        f" FROM JobRecords AS j GROUP BY {', '.join(f'j.{name}' for name in tuned.of_release().columns[:13])}"
    )
    (plain,) = described.dicts(f"EXPLAIN {query}")
    assert "Using index" not in str(plain["Extra"]).split("; ")
    ok(inside(described.target, "tune", "--yes"))
    (row,) = described.dicts(f"EXPLAIN {query}")
    assert (row["key"], row["Extra"]) == ("SummaryIdx", "Using index")
    described.rows("ANALYZE TABLE JobRecords")
    ensure_ledger(described)
    take(described, 1, BEFORE)
    assert list(live_differences(described, 1)) == []
    ledger = described.dicts(
        "EXPLAIN SELECT t.SiteID, SUM(t.WallDuration), MIN(t.EndTime) FROM JobRecords t FORCE INDEX (SummaryIdx)"
        " GROUP BY t.SiteID, IFNULL(t.EndYear, YEAR(t.EndTime))"
    )
    assert "Using index" in str(ledger[0]["Extra"])


def test_the_real_summariser_reads_no_job_beside_the_index(installed: MakeInstalled):
    """Such a read takes two pages and more; the index alone has dozens of jobs on a page."""
    db = installed("2.5.0")
    load_job(db, infrastructureDescription="Somewhere")
    multiply(db, group=500)
    ok(tune_it(db.target))
    db.rows("ANALYZE TABLE JobRecords")
    if db.server.keeps_to_a_forced_index:
        assert min(pages_read(db) for _ in range(3)) < JOBS
    assert summarise(db) == {}
    assert db.value("SELECT SUM(NumberOfJobs) FROM HybridSuperSummaries") == JOBS + 1


def pages_read(db: Session) -> int:
    """Pages that the server looks at for a run of SummariseJobs."""
    asked = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_read_requests'"
    (before,) = db.rows(asked)
    db.execute("CALL SummariseJobs()")
    (after,) = db.rows(asked)
    return int(after[1]) - int(before[1])


def test_without_descriptions_there_is_nothing_to_gain(installed: MakeInstalled):
    db = installed("2.5.0")
    for number, nothing in enumerate((None, "", "None", " null ")):
        load_job(db, localJobId=str(number), infrastructureDescription=nothing)
    found = ok(inside(db.target, "tune", "--yes", "--json")).json
    assert (found["done"], found["sql"]) == (False, None)
    assert (found["sampled"]["jobs"], found["sampled"]["described"]) == (4, 0)
    assert "nothing to gain" in said(ok(inside(db.target, "tune", "--yes")))
    assert index_of(db) == tuned.of_release().columns
    load_job(db, localJobId="5", vo="cms", infrastructureDescription="Somewhere")
    assert (sample(db).described, sample(db).vos) == (1, 2)


@pytest.mark.parametrize("release", ["2.2.1", "2.4.1"])
def test_an_older_release_has_nothing_to_tune(installed: MakeInstalled, release: str):
    db = installed(release)
    refused = inside(db.target, "tune", "--yes")
    assert refused.code == 2
    assert "First apelschema upgrade 2.5.0." in said(refused)


def test_an_empty_database_is_told_so(database: Target):
    refused = inside(database, "tune", "--yes")
    assert (refused.code, "is no database of an APEL server" in said(refused)) == (2, True)


def test_jobs_are_replaced_while_the_index_is_built(described: Session):
    """Loaders call the real procedure all the time: no call fails, none is lost, and the index knows them all.

    Nor is there a moment without an index of that name (error 1176).
    """
    stop = threading.Event()
    errors: list[DatabaseError] = []
    done: list[str] = []

    def load() -> None:
        with Session(described.target) as own:
            while not stop.is_set():
                number = len(done)
                try:
                    job = str(5000 + number) if number % 2 else f"new {number}"
                    load_job(own, localJobId=job, infrastructureDescription=f"New {number}", wallDuration=7)
                    own.rows("SELECT COUNT(*) FROM JobRecords FORCE INDEX (SummaryIdx)")
                except DatabaseError as error:
                    errors.append(error)
                    return
                done.append(job)

    writer = threading.Thread(target=load)
    writer.start()
    try:
        wait_until(lambda: len(done) > 5, "jobs are written")
        for direction in ("do", "undo", "do"):
            found = tune.look(described, direction, force=True)
            tune.run(described, found, Listener())
            wait_until(partial(_more, done, len(done)), "jobs are written")
    finally:
        stop.set()
        writer.join()
    assert errors == []
    count = "SELECT COUNT(*), SUM(j.WallDuration), COUNT(DISTINCT j.InfrastructureDescription) FROM JobRecords AS j"
    by_table, by_index = (described.one(f"{count} FORCE INDEX ({each})") for each in ("PRIMARY", "SummaryIdx"))
    assert by_table == by_index
    written = described.value("SELECT COUNT(*) FROM JobRecords WHERE WallDuration = 7")
    assert written == len(set(done))


def _more(done: list[str], before: int) -> bool:
    return len(done) > before


def test_a_transaction_in_the_way_leaves_the_old_index(described: Session, monkeypatch: pytest.MonkeyPatch):
    """The lock is given up in time, tried for again, and nothing is lost but the work of the ALTER."""
    monkeypatch.setattr(tune, "END_WAIT", 1)
    monkeypatch.setattr(tune, "SHORT_SECONDS", 0)
    before, found = shape(described), tune.look(described, "do", force=True)
    with Session(described.target) as other:
        other.execute("START TRANSACTION")
        other.rows("SELECT * FROM JobRecords LIMIT 1")
        with pytest.raises(Stopped, match="waited 1 s for transactions of others"):
            tune.run(described, found, Listener())
        assert shape(described) == before
        other.execute("ROLLBACK")
    assert described.rows(f"SELECT Direction, EndedAt FROM {names.TUNINGS}") == [("do", None)]
    assert not tunings.is_ours(described)
    tune.run(described, found, Listener())
    assert tunings.is_ours(described)


def test_killed_at_work_it_leaves_the_old_index_and_goes_through_the_next_time(installed: MakeInstalled):
    db = installed("2.5.0")
    load_job(db, infrastructureDescription="Somewhere")
    multiply(db, 10_000)
    before = shape(db)
    while (error := killed(db)) is None or shape(db) != before:  # it was done before it could be killed
        assert index_of(db)[-1] == "InfrastructureDescription"
        expire_lease(db.target)
        ok(tune_it(db.target, "--undo"))
    assert error in (SERVER_GONE, SERVER_LOST, CONNECTION_KILLED)
    assert shape(db) == before
    expire_lease(db.target)
    ok(tune_it(db.target))
    assert index_of(db)[-1] == "InfrastructureDescription"


def killed(db: Session) -> int | None:
    """Kill the connection of ``tune`` within its ALTER; gives the error's number, None where it was done already."""
    running = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE ID = %s AND INFO LIKE 'ALTER TABLE%%'"
    ended: list[int | None] = []
    with Session(db.target) as own:
        found, identity = tune.look(own, "do", force=True), own.connection_id
        worker = threading.Thread(target=lambda: ended.append(error_of(lambda: tune.run(own, found, Listener()))))
        worker.start()
        wait_until(lambda: bool(ended or db.value(running, (identity,))), "the ALTER is at work", every=0.002)
        if not ended:
            with suppress(DatabaseError):  # it may just have ended
                db.execute(f"KILL {identity}")
        worker.join()
    return ended[0]


def test_what_a_lost_connection_left_done_is_not_done_again(described: Session):
    found = tune.look(described, "do", force=True)
    assert found.statement is not None
    described.execute(found.statement)
    built = described.value(_BUILT) if described.server.is_mariadb else None
    tune.run(described, found, Listener())
    assert built == (described.value(_BUILT) if described.server.is_mariadb else None)
    assert index_of(described)[-1] == "InfrastructureDescription"


_BUILT = "SELECT MAX(INDEX_ID) FROM information_schema.INNODB_SYS_INDEXES WHERE NAME = 'SummaryIdx'"


def test_a_run_and_tune_keep_out_of_each_others_way(described: Session):
    journal = Journal(described)
    journal.ensure()
    journal.begin("upgrade", "250_routines", "241_keys", "{}", True)
    refused = tune_it(described.target)
    assert (refused.code, "is unfinished" in said(refused)) == (2, True)
    assert index_of(described) == tuned.of_release().columns


def test_a_clusters_stall_has_to_be_accepted(described: Session):
    """The rule for it; the stall itself is Galera's own (tests/cluster)."""
    found = tune.look(described, "do", force=True)
    assert found.cost is not None
    stalls = replace(found, cost=replace(found.cost, blocked_seconds=0.6))
    with pytest.raises(FoundWrong, match=r"stops all writes of the whole cluster for about 0\.6 seconds"):
        tune.demand_stall(stalls, accept_stall=False)
    tune.demand_stall(stalls, accept_stall=True)
    tune.demand_stall(replace(found, cost=replace(found.cost, blocked_seconds=0.5)), accept_stall=False)


def test_the_smallest_privileges_do_and_each_is_asked_for_before(described: Session, server: TestServer):
    account, own = "apel_tuner", replace(described.target, user="apel_tuner", password="tuner")
    needed = ["SELECT", "INSERT", "UPDATE", "DELETE", "CREATE", "ALTER"]
    place = f"`{described.database}`.*"
    server.execute(f"CREATE USER {account} IDENTIFIED BY 'tuner'")
    try:
        server.execute(f"GRANT {', '.join(needed)} ON {place} TO {account}")
        for lacking in needed[1:]:
            server.execute(f"REVOKE {lacking} ON {place} FROM {account}")
            refused = tune_it(own)
            assert (refused.code, f"GRANT {lacking} ON {place}" in said(refused)) == (2, True)
            assert described.rows("SHOW TABLES LIKE 'apelschema\\_tunings'") == []
            server.execute(f"GRANT {lacking} ON {place} TO {account}")
        ok(tune_it(own))
        assert index_of(described)[-1] == "InfrastructureDescription"
        ok(tune_it(own, "--undo"))
    finally:
        server.execute(f"DROP USER {account}")


def test_a_disk_that_is_too_small_is_refused_before(described: Session):
    """Where it can be seen from here, as on the machine of the tests' own server; elsewhere nobody is hindered."""
    found = tune.look(described, "do", force=True)
    assert found.cost is not None
    tune.demand_room(described, found)
    huge = replace(found, cost=replace(found.cost, bytes=2**60))
    if read_room(described, read_folders(described).data) is None:
        tune.demand_room(described, huge)
        return
    with pytest.raises(FoundWrong, match=r"needed are 2,199,023,255,552 MiB|needed are 1,099,511,627,776 MiB"):
        tune.demand_room(described, huge)


@pytest.mark.slow
def test_the_way_back_wants_it_taken_back_first(make_database: MakeDatabase, session: OpenSession):
    target = make_database()
    db = session(target)
    install_with(db)
    stamp(db)
    load_job(db, infrastructureDescription="Somewhere")
    before, columns = whole(target), shape(db)
    upgrade(target, "2.5.0")
    ok(tune_it(target))
    findings = inside(target, "check", "2.4.1", "--json").json["findings"]
    assert [each["severity"] for each in findings if each["id"] == "tuned_index"] == ["blocker"]
    at_newest = whole(target)
    refused = inside(target, "downgrade", "2.2.1", "--yes")
    assert refused.code == 1
    assert "First, while programs go on: apelschema tune --undo." in said(refused)
    assert whole(target) == at_newest
    ok(tune_it(target, "--undo"))
    downgrade(target, "2.2.1")
    assert whole(target) == before
    assert shape(db) == columns


def test_an_index_that_was_found_tuned_is_not_in_the_way(described: Session):
    described.execute(tune.look(described, "do", force=True).statement or "")
    assert not tunings.is_ours(described)


def test_check_says_what_it_would_gain(described: Session):
    def found() -> list[dict[str, Any]]:
        listed = inside(described.target, "check", "--json").json["findings"]
        return [each for each in listed if each["id"] == "tuned_index"]

    if described.server.keeps_to_a_forced_index:
        (finding,) = found()
        assert finding["severity"] == "info"
        assert "apelschema tune" in finding["hint"]
        assert finding["count"] > 0
    ok(tune_it(described.target))
    assert found() == []
