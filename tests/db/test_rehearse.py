"""``apelschema rehearse``: the real thing on a copy; the database at hand is only read, and nothing is left behind."""

import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest

from apelschema import checksums, names, revisions, sampling, snapshot
from apelschema.db.connect import Target
from apelschema.db.copy import Copier, Reader
from apelschema.db.session import Session
from apelschema.db.space import Room
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.listener import Listener
from apelschema.rehearsal import beside, room
from apelschema.rehearsal.beside import MARK, Beside, name_beside
from apelschema.rehearsal.copied import Copied
from apelschema.rehearsal.extract import read_extract
from apelschema.rehearsal.restored import demand_other
from apelschema.rehearsal.sites import choose, rows_in_all, tables_of_sites
from apelschema.sample import Sample
from apelschema.snapshot import Snapshot
from tests.conftest import MakeDatabase
from tests.db.conftest import MakeOld
from tests.support.cli import Ended, command, environment, inside, url_of
from tests.support.content import fill
from tests.support.processes import is_alive, wait_until
from tests.support.servers import TestServer, in_memory

DUMP: Final = Path(__file__).parents[1] / "cases/dumps/server-2.2.1.sql.gz"
BESIDE: Final = ("--same-server", "--accept-unknown-space")
"""In the same server, whose disk the tests cannot see where it runs in a container."""

SAMPLE: Final = Sample(jobs=240, summaries=120, sites=4, months=4, strict=False)


@pytest.fixture(scope="module")
def source(server: TestServer) -> Iterator[Target]:
    """A lax 2.2.1 database with a trigger, a view upon a view, and a procedure of somebody who is gone."""
    target = server.create_database("latin1", prefix="source")
    sampling.make_schema(target, SAMPLE)
    sampling.fill(target, SAMPLE, Listener())
    with Session(target) as db:
        db.execute("CREATE TRIGGER no_negative BEFORE INSERT ON SyncRecords FOR EACH ROW SET NEW.NumberOfJobs = 1")
        db.execute("CREATE VIEW AView AS SELECT Site FROM VSummaries")  # before the one that it reads, by name
        db.execute("CREATE DEFINER='apel_gone'@'%' PROCEDURE ByHand() SELECT 1")
    yield target
    server.execute("DROP USER IF EXISTS 'apel_gone'@'%'")
    server.drop_database(target)


@pytest.fixture
def reader(server: TestServer, source: Target) -> Iterator[Callable[..., Target]]:
    """A function that gives an account which may only read the source, and the texts of routines if that is said."""
    server.execute("CREATE USER 'apel_rehearser'@'%'")
    server.execute(f"GRANT SELECT, SHOW VIEW ON `{source.database}`.* TO 'apel_rehearser'@'%'")

    def make(*, sees_texts: bool) -> Target:
        with Session(server.admin) as db:
            texts = "SELECT ON mysql.proc" if db.server.is_mariadb else "SHOW_ROUTINE ON *.*"
        if sees_texts:
            server.execute(f"GRANT {texts} TO 'apel_rehearser'@'%'")
        return replace(source, user="apel_rehearser", password=None)

    yield make
    server.execute("DROP USER 'apel_rehearser'@'%'")


@pytest.fixture
def place(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The one folder in which private servers of the test are made, in memory if there is room."""
    tmp_path_factory.getbasetemp()  # pytest's own is not to be made in it
    with tempfile.TemporaryDirectory(dir=in_memory() or "/tmp") as name:
        Path(name).chmod(0o755)
        monkeypatch.setenv("TMPDIR", name)
        monkeypatch.setattr("tempfile.tempdir", name)
        yield Path(name)


def taken(target: Target) -> Snapshot:
    with Session(target) as db:
        return snapshot.take(db)


def databases(server: TestServer) -> set[str]:
    return {str(name) for (name,) in server.execute("SHOW DATABASES")}


@pytest.mark.slow
def test_an_account_that_may_only_read_rehearses_on_a_private_server(
    reader: Callable[..., Target], source: Target, place: Path
):
    before = taken(source)
    ended = inside(reader(sees_texts=True), "rehearse", "2.3.0", "--sample", "5%", "--json")
    assert ended.code == 0, ended.out + ended.err
    found = ended.json
    assert (found["schema"], found["from"], found["to"]) == ("apelschema.rehearse/1", "2.2.1", "2.3.0")
    assert (found["verdict"], found["equal"], found["differences"]) == ("pass", True, [])
    assert found["upgraded"]["verdict"] == found["downgraded"]["verdict"] == "pass"
    assert len(found["sample"]["sites"]) == 1
    assert 0 < found["sample"]["rows"] < found["whole_rows"] == before.rows
    assert found["sample"]["share"] == pytest.approx(found["sample"]["rows"] / before.rows, abs=1e-6)
    times = {each["name"]: each for each in found["phases"]}
    assert list(times) == ["copy", "snapshot", "upgrade", "verify", "downgrade", "compare", "verify again"]
    assert all(each["low"] <= each["extrapolated_seconds"] <= each["high"] for each in times.values())
    assert times["upgrade"]["seconds"] < times["upgrade"]["extrapolated_seconds"]
    said = " ".join(found["notes"])
    assert "This account sees no triggers" in said
    assert "could not be seen (GRANT PROCESS" in said
    assert snapshot.differences(before, taken(source)) == {}
    assert not list(place.iterdir())


def test_an_account_that_sees_no_routines_is_told_what_to_type(reader: Callable[..., Target]):
    ended = inside(reader(sees_texts=False), "rehearse")
    assert ended.code == 2, ended.out + ended.err
    assert "does not see the text of" in ended.err
    assert "GRANT S" in ended.err
    assert "apel_rehearser" not in ended.err


def test_a_whole_copy_equals_its_source_byte_for_byte_with_owners_that_were_missing(
    source: Target, database: Target, server: TestServer
):
    with Reader(source) as session:
        extract = read_extract(session, "head", None, 1)
    copied = Copied(source, extract)
    ((name, copy),) = copied.parts
    assert (name, copy(database, Listener())) == ("copy", f"{taken(source).rows:,} rows of all sites")
    assert extract.rows == taken(source).rows
    with Session(database) as db:
        db.execute(f"ALTER DATABASE CHARACTER SET {extract.live.charset} COLLATE {extract.live.collation}")
    assert snapshot.differences(taken(source), taken(database)) == {}
    assert len(server.execute("SELECT 1 FROM mysql.user WHERE User = 'apel_gone'")) == 1
    assert copied.notes == []


def test_a_sample_has_whole_sites_only_and_all_names(source: Target, database: Target):
    with Reader(source) as session:
        extract = read_extract(session, "head", 0.4, 3)
    copied = Copied(source, extract)
    copied.parts[0][1](database, Listener())
    whole, part = taken(source), taken(database)
    assert extract.sites
    assert len(extract.sites) < SAMPLE.sites
    for table, state in whole.tables.items():
        if state.key[:1] == ("SiteID",):
            assert part.tables[table].sums == {
                place: each for place, each in state.sums.items() if place[0] in extract.sites
            }, table
        else:
            assert part.tables[table] == state
    assert part.rows == extract.rows


def test_equal_seeds_choose_equal_sites_and_the_share_is_about_what_was_asked_for(source: Target):
    with Reader(source) as session:
        whole, tables = rows_in_all(session), tables_of_sites(read_extract(session, "head", None, 1).live)
        total = sum(whole[name] for name in tables)

        def chosen(share: float, seed: int) -> tuple[int, ...]:
            found = choose(session, tables, whole, share, seed)
            counts = [
                session.value(f"SELECT COUNT(*) FROM {each} WHERE SiteID IN %s", (found.sites,)) for each in tables
            ]
            assert found.rows == sum(counts)
            assert found.rows <= 1.5 * share * total or len(found.sites) == 1
            return found.sites

        assert chosen(0.5, 7) == chosen(0.5, 7)
        assert len({chosen(0.5, seed) for seed in range(8)}) > 1
        assert len(chosen(0.001, 1)) == 1
        assert len(chosen(1.0, 1)) == SAMPLE.sites


def test_a_session_that_reads_may_not_write_nor_may_its_streams(source: Target):
    with Reader(source) as session:
        with pytest.raises(Exception, match="READ ONLY"):
            session.execute("DELETE FROM LastUpdated")
        with pytest.raises(Exception, match="READ ONLY"):
            list(session.stream("INSERT INTO LastUpdated VALUES (NOW(), 'x')"))


def begun(source: Target, *arguments: str) -> "subprocess.Popen[str]":
    """The command as typed."""
    return subprocess.Popen(
        command("rehearse", "+1", "--sample", "5%", "--yes", *arguments),
        env=environment(source),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def at_work_beside(source: Target, server: TestServer, table: str) -> "subprocess.Popen[str]":
    """One in the same server, which has made this table already."""
    process, scratch = begun(source, *BESIDE), name_beside(str(source.database))
    there = "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = %s AND TABLE_NAME = %s"
    wait_until(lambda: bool(server.execute(there, (scratch, table))), f"{table} is there", 60, every=0.1)
    return process


def ended(process: "subprocess.Popen[str]") -> Ended:
    out, err = process.communicate(timeout=60)
    return Ended(process.returncode, out, err)


@pytest.mark.slow
@pytest.mark.faults
def test_a_scratch_database_is_dropped_after_sigterm_and_by_the_next_rehearsal_after_sigkill(
    source: Target, server: TestServer
):
    """Then that one, in the same server, proves all and drops its own."""
    before, scratch = taken(source), name_beside(str(source.database))
    told = at_work_beside(source, server, names.RUNS)
    assert scratch in databases(server)
    told.send_signal(signal.SIGTERM)
    stopped = ended(told)
    assert stopped.code == 3, stopped.out + stopped.err
    assert "Stopped by SIGTERM" in stopped.out + stopped.err
    assert "The same command begins anew." in stopped.err
    assert scratch not in databases(server)

    killed = at_work_beside(source, server, "Sites")
    killed.kill()
    ended(killed)
    assert scratch in databases(server)
    wait_until(lambda: _is_left(server, scratch), "the killed rehearsal's connections are gone")
    again = inside(source, "rehearse", "2.3.0", *BESIDE, "--sample", "all", "--yes", "--json")
    assert again.code == 0, again.out + again.err
    assert again.json["notes"] == [f"What an earlier rehearsal left, {scratch}, was dropped."]
    assert (again.json["sample"]["share"], len(again.json["sample"]["sites"])) == (1.0, SAMPLE.sites)
    assert scratch not in databases(server)
    assert snapshot.differences(before, taken(source)) == {}


def _is_left(server: TestServer, database: str) -> bool:
    return not server.execute("SELECT 1 FROM information_schema.PROCESSLIST WHERE DB = %s", (database,))


@pytest.mark.own_server
@pytest.mark.faults
@pytest.mark.parametrize("with_signal", [signal.SIGTERM, signal.SIGKILL])
def test_a_private_server_goes_with_its_rehearsal(source: Target, place: Path, with_signal: signal.Signals):
    process = begun(source)
    wait_until(lambda: bool(list(place.glob("*/pid"))), "a private server is at work", 60)
    (written,) = place.glob("*/pid")
    wait_until(lambda: bool(written.read_text()), "it has written its number")
    pid = int(written.read_text())
    assert is_alive(pid)
    process.send_signal(with_signal)
    assert ended(process).code == (3 if with_signal is signal.SIGTERM else -signal.SIGKILL)
    wait_until(lambda: not is_alive(pid), "the server has ended")
    wait_until(lambda: not list(place.iterdir()), "its folder is removed")


def test_a_database_of_the_scratch_name_that_no_rehearsal_made_is_left_alone(source: Target, server: TestServer):
    name = name_beside(str(source.database))
    server.execute(f"CREATE DATABASE `{name}`")
    try:
        server.execute(f"CREATE TABLE `{name}`.precious (a INT)")
        refused = inside(source, "rehearse", *BESIDE, "--yes")
        assert (refused.code, "that no rehearsal made" in refused.err) == (2, True), refused.err
        assert server.execute(f"SHOW TABLES FROM `{name}`") == [("precious",)]
        server.execute(f"DROP TABLE `{name}`.precious")
        server.execute(f"CREATE TABLE `{name}`.{MARK} (ServerHost VARCHAR(50))")
        server.execute(f"INSERT INTO `{name}`.{MARK} VALUES ('another-node')")
        refused = inside(source, "rehearse", *BESIDE, "--yes")
        assert (refused.code, "through the node another-node" in refused.err) == (2, True), refused.err
        assert name in databases(server)
        with Reader(source) as session:
            assert name in beside.leftover(session)
    finally:
        server.execute(f"DROP DATABASE `{name}`")
    with Reader(source) as session:
        assert beside.leftover(session) == ""


def test_two_rehearsals_do_not_share_a_scratch_database(source: Target, server: TestServer):
    with Reader(source) as session:
        live = read_extract(session, "head", 0.05, 1).live
    with Beside(source, live) as first:
        with pytest.raises(CannotRun, match="Another rehearsal is at work"):
            Beside(source, live).__enter__()
        assert first.name in databases(server)
    assert first.name not in databases(server)


def test_what_may_not_be_made_is_told_with_its_grant(reader: Callable[..., Target], source: Target):
    refused = inside(reader(sees_texts=True), "rehearse", *BESIDE, "--yes")
    assert refused.code == 2
    assert f"GRANT ALL ON `{name_beside(str(source.database))}`.* TO <account>" in refused.err


def test_without_yes_or_a_terminal_nothing_is_made_in_the_same_server(source: Target, server: TestServer):
    before = databases(server)
    refused = inside(source, "rehearse", *BESIDE)
    assert (refused.code, "no terminal to confirm on" in refused.err) == (2, True)
    assert databases(server) == before


def test_a_text_that_names_its_database_is_not_copied_beside_it(source: Target, make_database: MakeDatabase):
    other = make_database()
    with Session(other) as db:
        db.execute(f"CREATE PROCEDURE Far() DELETE FROM {other.database}.LastUpdated")
        place = Session(make_database())
        with place, pytest.raises(CannotRun, match="names its database"):
            Copier(db, place, adopts=True).stored("procedure", "Far")


def test_no_room_or_room_that_cannot_be_seen_stops_it_before_anything_is_made(
    source: Target, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    room.demand_on_disk(tmp_path, 1000)
    with pytest.raises(CannotRun, match="too little room"):
        room.demand_on_disk(tmp_path, 2**60)
    with Session(source) as session:
        here = Room("here", shutil.disk_usage(tmp_path).free)
        monkeypatch.setattr(room, "read_room", lambda session, folder: here)
        room.demand_in_server(session, 1000, accepts_unknown=False)
        with pytest.raises(CannotRun, match="too little room"):
            room.demand_in_server(session, 2**60, accepts_unknown=True)
        monkeypatch.setattr(room, "read_room", lambda session, folder: None)
        with pytest.raises(CannotRun, match="cannot be seen") as caught:
            room.demand_in_server(session, 1000, accepts_unknown=False)
        assert "--accept-unknown-space" in caught.value.hint
        room.demand_in_server(session, 1000, accepts_unknown=True)


def test_blockers_in_the_copy_end_with_1_and_the_copy_goes(server: TestServer, old: MakeOld):
    db = old()
    fill(db, lax=False)
    wrong = inside(db.target, "rehearse", "2.3.0", *BESIDE, "--sample", "all", "--yes")
    assert wrong.code == 1, wrong.out + wrong.err
    assert 'does not name the benchmark type "custom"' in " ".join(wrong.err.split())
    assert name_beside(db.database) not in databases(server)


@pytest.mark.slow
def test_a_restored_copy_is_upgraded_and_taken_back_and_the_database_at_hand_is_none(source: Target, database: Target):
    """Only half-way to a release, which is never proved whole."""
    with Reader(source) as session:
        Copied(source, read_extract(session, "head", 0.3, 1)).parts[0][1](database, Listener())
    url, before = url_of(database.with_password(None)), taken(database)
    refused = inside(source, "rehearse", "--on", url_of(source.with_password(None)), "--yes")
    assert (refused.code, "is the database at hand itself" in refused.err) == (2, True), refused.err
    refused = inside(source, "rehearse", "--on", url)
    assert (refused.code, "no terminal to confirm on" in refused.err) == (2, True), refused.err
    password = database.password or ""
    done = inside(source, "rehearse", "+1", "--on", url, "--yes", "--json", APELSCHEMA_ON_PASSWORD=password)
    assert done.code == 1, done.out + done.err
    found = done.json
    assert (found["verdict"], found["equal"], found["upgraded"]["verdict"]) == ("partial", True, "partial")
    assert str(database.database) in found["place"]
    assert (found["sample"]["rows"], found["whole_rows"]) == (before.rows, taken(source).rows)
    assert snapshot.differences(before, taken(database)) == {}


def test_the_same_database_is_known_by_another_way_to_its_server(source: Target, tmp_path: Path):
    other = source
    if source.unix_socket:
        link = tmp_path / "s"
        link.symlink_to(source.unix_socket)
        other = replace(source, unix_socket=str(link))
        assert other.shown() != source.shown()
    with Session(source) as one, Session(other) as same, pytest.raises(CannotRun, match="itself"):
        demand_other(one, same)


def test_a_dump_is_restored_into_a_private_server_and_one_of_something_else_is_refused(place: Path, tmp_path: Path):
    """What becomes of a right one is told in the tests of round trips: the same machinery restores it."""
    dump = tmp_path / "other.sql"
    dump.write_text("CREATE TABLE x (a INT);\n")
    refused = inside(None, "rehearse", "--dump", str(dump))
    assert (refused.code, "not that of an APEL server" in refused.err) == (2, True), refused.err
    assert not list(place.iterdir())


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--on", "mysql://a:s3cret@b/c", "--yes"), "holds a password"),
        (("--on", "mysql://a@b", "--yes"), "names no database"),
        (("--on", "mysql://a@b/c", "--dump", str(DUMP)), "each say where to rehearse"),
        (("--dump", str(DUMP), "--same-server"), "each say where to rehearse"),
        (("--dump", str(DUMP), "--sample", "9%"), "--sample is of the database at hand"),
        (("--dump", str(DUMP), "--seed", "9"), "--seed chooses among the sites"),
        (("--accept-unknown-space",), "is for --same-server"),
        (("--sample", "0%"), "neither a percentage"),
        (("--sample", "101%"), "neither a percentage"),
        (("--sample", "some"), "neither a percentage"),
        (("2.2.1",), "2.2.1 is not later than"),
        (("9.9.9",), "no release or revision"),
    ],
)
def test_what_makes_no_rehearsal_ends_with_2(source: Target, arguments: tuple[str, ...], said: str):
    refused = inside(source, "rehearse", *arguments)
    assert (refused.code, said in " ".join(refused.err.split())) == (2, True), refused.err
    assert "s3cret" not in refused.err
    assert refused.out == ""


def test_a_database_that_was_upgraded_brings_its_journal_along_but_no_sums_and_must_have_ended(
    make_database: MakeDatabase,
):
    upgraded, place = make_database(), make_database()
    sampling.make_schema(upgraded, Sample("2.3.0", jobs=0))
    with Reader(upgraded) as session:
        Copied(upgraded, read_extract(session, "head", 0.05, 1)).parts[0][1](place, Listener())
    with Session(place) as db, Session(upgraded) as original:
        assert revisions.current(db) == revisions.current(original) is not None
        assert Journal(db).last_run() == Journal(original).last_run() is not None
        assert Journal(db).steps() == Journal(original).steps() != {}
        assert original.value(f"SELECT COUNT(*) FROM {checksums.TAKEN}") > 0
        assert db.value(f"SELECT COUNT(*) FROM {checksums.TAKEN}") == 0
        original.execute(f"UPDATE {names.RUNS} SET State = 'stopped'")
    refused = inside(upgraded, "rehearse")
    assert (refused.code, "has an unfinished run" in refused.err) == (2, True), refused.err


def test_a_database_that_is_no_apel_servers_is_refused(database: Target):
    refused = inside(database, "rehearse")
    assert (refused.code, "is not that of an APEL server" in refused.err) == (2, True)
