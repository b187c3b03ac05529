"""The forecast of time: its parts are those of a real run, measuring writes nothing, what a run took is noted."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from apelschema import forecast_log, runner, sampling, sql
from apelschema.cli.forecast import sentence
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.db.sizes import read_sizes
from apelschema.errors import Stopped
from apelschema.forecast import speed_sample
from apelschema.forecast.base import Estimate
from apelschema.forecast.speed import Speed, measure
from apelschema.forecast.speed_writes import SCRATCH, measure_writes
from apelschema.forecast.time import estimate
from apelschema.forecast.time_parts import LOOKING, VERIFICATION, parts_of
from apelschema.forecast_log import Compared, Foreseen
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.sample import Sample
from apelschema.steps.backfill import Backfill
from tests.conftest import OpenSession
from tests.support.cli import inside
from tests.support.dump import whole
from tests.support.servers import TestServer

READER = "apel_time_reader"
SAMPLE = Sample(jobs=400, sites=3, months=6)


@pytest.fixture(scope="module")
def old(server: TestServer) -> Iterator[Target]:
    """A small sample of 2.2.1 that tests read only."""
    target = server.create_database()
    sampling.make_schema(target, SAMPLE)
    sampling.fill(target, SAMPLE, Listener())
    yield target
    server.drop_database(target)


@pytest.fixture
def account(server: TestServer, old: Target) -> Iterator[Callable[[str], Target]]:
    """A function that makes an account with these privileges in the old database, gone after the test."""

    def make(privileges: str) -> Target:
        server.execute(f"CREATE USER '{READER}'@'%'")
        server.execute(f"GRANT {privileges} ON `{old.database}`.* TO '{READER}'@'%'")
        return replace(old, user=READER, password=None)

    yield make
    server.execute(f"DROP USER IF EXISTS '{READER}'@'%'")


def planned(session: Session) -> list[PlannedStep]:
    return runner.plan(session, Settings(session.target), "head", "upgrade")


def foreseen(session: Session, speed: Speed | None = None) -> Estimate:
    return estimate(session, planned(session), measure(session) if speed is None else speed)


def of(found: Estimate, name: str):
    (cost,) = [each for each in found.parts if each.name == name]
    return cost


def taken(part: Compared) -> float:
    assert part.actual is not None
    return part.actual


def test_measuring_takes_select_alone_and_writes_nothing(
    old: Target, account: Callable[[str], Target], session: OpenSession
):
    before = whole(old)
    db = session(account("SELECT"))
    db.only_read()
    speed = measure(db)
    found = estimate(db, planned(session(old)), speed)
    assert whole(old) == before
    hybrid = speed.tables["HybridSuperSummaries"]
    assert hybrid.rows == db.value("SELECT COUNT(*) FROM HybridSuperSummaries")
    assert hybrid.unsettled == db.value(
        f"SELECT COUNT(*) FROM HybridSuperSummaries WHERE {sql.is_unsettled('Infrastructure')}"
    )
    assert 0 < hybrid.wrong < hybrid.rows
    assert set(speed.tables) == {"JobRecords", "Summaries", "NormalisedSummaries", "HybridSuperSummaries"}
    assert {each.basis for each in found.parts} == {"measured"}
    assert any(note.startswith("Only reads were timed") for note in found.notes)


def test_the_scratch_table_goes_also_after_an_error(
    old: Target, account: Callable[[str], Target], session: OpenSession
):
    db = session(old)
    before = whole(old)
    timed = measure_writes(db, measure(db))
    assert timed.writes is not None
    assert min(timed.writes.copy, timed.writes.update, timed.writes.ddl) > 0
    assert whole(old) == before
    without = session(account("SELECT, INSERT, CREATE, DROP"))
    speed = measure_writes(without, measure(without))
    assert speed.writes is None
    assert any(note.startswith("Writes were not timed: UPDATE command denied") for note in speed.notes)
    assert not [each for each in speed.notes if READER in each]
    assert not db.rows(f"SHOW TABLES LIKE '{SCRATCH}'")
    assert whole(old) == before


def test_ranges_are_wider_and_notes_say_so_where_only_reads_were_timed(old: Target, session: OpenSession):
    db = session(old)
    reads = measure(db)
    read, written = foreseen(db, reads), foreseen(db, measure_writes(db, reads))
    name = "230_routines: relabel HybridSuperSummaries.Infrastructure"
    wide, narrow = of(read, name), of(written, name)
    assert wide.high / wide.low > narrow.high / narrow.low
    assert (len(read.notes), written.notes) == (1, ())
    assert [each.name for each in read.parts] == [each.name for each in written.parts]


def test_what_could_not_be_measured_is_stated(database: Target, old: Target, session: OpenSession):
    empty = foreseen(session(database))
    assert {each.basis for each in empty.parts} == {"stated"}
    assert empty.notes == ("There were no rows to read: the times are stated, not measured.",)
    assert "since there was nothing to time" in sentence(empty)
    db = session(old)
    late = measure(db, seconds=1e-9)
    assert all(each.is_stated for each in late.tables.values())
    found = foreseen(db, late)
    assert {of(found, "ledger before").basis, of(found, VERIFICATION).basis} == {"stated"}
    assert "JobRecords was not timed, because the time given was over." in found.notes


def test_rows_that_there_is_no_time_to_count_are_taken_from_a_sample(
    old: Target, session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    db = session(old)
    for table in ("Summaries", "NormalisedSummaries", "HybridSuperSummaries", "JobRecords"):
        db.rows(f"ANALYZE TABLE {table}")
    counted = measure(db).tables["HybridSuperSummaries"]
    monkeypatch.setattr(speed_sample, "COUNTING", 0.0)
    speed = measure(db)
    sampled = speed.tables["HybridSuperSummaries"]
    assert (counted.is_counted, sampled.is_counted, sampled.is_stated) == (True, False, False)
    assert sampled.rows == {each.name: each.rows for each in read_sizes(db)}["HybridSuperSummaries"]
    assert sampled.unsettled / sampled.rows == pytest.approx(counted.unsettled / counted.rows, abs=0.25)
    assert "The rows of HybridSuperSummaries were not counted but taken from a sample." in speed.notes


def test_bytes_follow_from_the_tables_and_the_server(
    old: Target, session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    db = session(old)
    speed = measure(db)
    sizes = {each.name: each.bytes for each in read_sizes(db)}
    real = db.variables

    def logging(switch: str) -> Estimate:
        found = {"log_bin": switch, "binlog_format": "ROW"}
        monkeypatch.setattr(db, "variables", lambda *names: real(*names) | found)
        return foreseen(db, speed)

    plain, logged = logging("OFF"), logging("ON")
    rebuild = of(plain, "241_keys: alter Summaries")
    assert (rebuild.disk_bytes, rebuild.temporary_bytes) == (sizes["Summaries"], sizes["Summaries"])
    kept = of(plain, "230_routines: relabel HybridSuperSummaries.Infrastructure").disk_bytes
    assert 0 < kept <= sizes["HybridSuperSummaries"]
    assert plain.temporary_bytes == max(sizes["Summaries"], sizes["NormalisedSummaries"])
    assert plain.disk_bytes < sum(each.disk_bytes for each in plain.parts)
    assert plain.binlog_bytes == 0
    assert logged.binlog_bytes > kept
    assert of(logged, "241_keys: alter Summaries").binlog_bytes == 0


def test_writers_wait_for_swapped_routines_and_on_galera_for_every_rebuild(old: Target, session: OpenSession):
    db = session(old)
    speed = measure(db)
    alone = foreseen(db, speed)
    waiting = {each.step.partition(" ")[0] for each in alone.parts if each.blocked_seconds}
    assert waiting == {"routine"}
    steps = planned(db)
    db.server = replace(db.server, galera=True)
    cluster = estimate(db, steps, speed)
    rebuild = of(cluster, "241_keys: alter Summaries")
    assert rebuild.blocked_seconds == rebuild.seconds
    backfill = "230_figures: backfill HybridSuperSummaries"
    assert of(cluster, backfill).blocked_seconds == 0
    assert of(cluster, backfill).seconds == 2 * of(alone, backfill).seconds  # it rests as long as it works
    assert cluster.blocked_seconds > alone.blocked_seconds


def test_a_label_is_settled_once_and_read_again(old: Target, session: OpenSession):
    db = session(old)
    speed = measure(db)
    parts = {each.name: each for each in parts_of(planned(db), speed)}
    settled = [parts[f"{name}: settle NormalisedSummaries.Infrastructure"] for name in ("230_types", "241_keys")]
    found = speed.tables["NormalisedSummaries"]
    assert [each.changed["NormalisedSummaries"] for each in settled] == [found.unsettled, 0]
    assert [each.read["NormalisedSummaries"] for each in settled] == [found.rows, found.rows]
    assert "241_keys: settle JobRecords.InfrastructureType" not in parts
    assert "241_keys: alter NormalisedSummaries" not in parts  # in the one rebuild of 230_types


def test_goes_of_a_run_add_up_and_a_killed_one_is_marked(database: Target, session: OpenSession):
    db = session(database)
    part = Foreseen("ledger before", 2.0, 1.0, 4.0, "measured")
    forecast_log.note(db, 1, [part], resumed=False)
    forecast_log.note_actual(db, 1, {part.part: 1.5, "a barrier": 0.5})
    forecast_log.note(db, 1, [replace(part, seconds=9.0)], resumed=True)
    forecast_log.note_actual(db, 1, {part.part: 1.0})
    barrier, ledger = forecast_log.noted(db, 1)
    assert (ledger.seconds, ledger.actual, ledger.is_comparable) == (2.0, 2.5, True)
    assert (barrier.seconds, barrier.actual, barrier.is_comparable) == (None, 0.5, False)
    forecast_log.note(db, 2, [part], resumed=True)  # nothing was noted of an earlier go
    forecast_log.note_actual(db, 2, {part.part: 1.0})
    (killed,) = forecast_log.noted(db, 2)
    assert (killed.is_incomplete, killed.is_comparable) == (True, False)


def test_nothing_is_written_before_the_question_is_answered(old: Target, server: TestServer):
    """Not even the scratch table, which nobody would see any more."""
    written = "SHOW GLOBAL STATUS WHERE Variable_name IN ('Com_create_table', 'Com_insert_select', 'Com_insert')"
    before = server.execute(written)
    ended = inside(old, "upgrade")
    assert (ended.code, "About " in ended.err, "nothing was changed" in ended.err) == (2, True, True)
    assert server.execute(written) == before


def test_every_part_of_an_upgrade_is_foreseen_and_noted_also_when_it_is_resumed(
    database: Target, session: OpenSession, monkeypatch: pytest.MonkeyPatch
):
    sampling.make_schema(database, SAMPLE)
    sampling.fill(database, SAMPLE, Listener())
    db = session(database)
    names = [each.name for each in foreseen(db).parts]
    assert len(names) == len(set(names))

    def stop(*_: object) -> None:
        raise Stopped("Stopped on purpose.")

    with monkeypatch.context() as patched:
        patched.setattr(Backfill, "do", stop)
        first = inside(database, "upgrade", "--yes", "--json")
    assert (first.code, "About " in first.err, "by what this server was timed" in first.err) == (3, True, True)
    run = Journal(db).last_run()
    assert run is not None
    begun = {each.part: each for each in forecast_log.noted(db, run.id)}
    backfill = "230_figures: backfill HybridSuperSummaries"
    assert begun[backfill].actual is not None
    assert begun[VERIFICATION].actual is None

    second = inside(database, "upgrade", "--yes", "--json")
    assert second.code == 0, second.err
    noted = {each.part: each for each in forecast_log.noted(db, run.id)}
    waits = {part for part in noted if ": barrier " in part}  # nobody foresees whom a barrier will meet
    ended = {part: each for part, each in noted.items() if part not in waits}
    assert set(ended) == set(names)
    assert {each.part for each in ended.values() if not each.is_comparable} == set()
    for part in (backfill, LOOKING):
        assert taken(ended[part]) > taken(begun[part])
    assert {part: begun[part].seconds for part in ended} == {part: each.seconds for part, each in ended.items()}
    assert {each.basis for each in ended.values()} == {"measured"}
    assert all((each.low or 0) <= (each.seconds or 0) <= (each.high or 0) for each in ended.values())

    report = second.json["forecast"]
    assert report["seconds"] == pytest.approx(sum(each.seconds or 0 for each in ended.values()), abs=0.01)
    assert report["actual"] == pytest.approx(sum(map(taken, ended.values())), abs=0.01)
    assert report["ratio"] == pytest.approx(report["actual"] / report["seconds"], rel=0.01)
    assert (report["basis"], report["parts_left_out"]) == ("measured", len(waits))
    phases = {each["name"]: each for each in second.json["phases"]}
    assert {LOOKING, backfill, "ledger after", "checksums after", VERIFICATION} <= set(phases) <= {*names, *waits}
    assert phases[backfill]["forecast"] == ended[backfill].seconds

    back = inside(database, "downgrade", "2.2.1", "--yes", "--json")
    assert back.code == 0, back.err
    run = Journal(db).last_run()
    assert run is not None
    unforeseen = [each.part for each in forecast_log.noted(db, run.id) if not each.is_comparable]
    assert [part for part in unforeseen if ": undo barrier " not in part] == []
