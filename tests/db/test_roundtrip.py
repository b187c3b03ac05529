"""``apelschema roundtrip``: to a later release and back, byte for byte, and a difference is never missed."""

import gzip
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from apelschema.cli import roundtrip as command
from apelschema.cli.brief import BriefLines
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.roundtrip import RoundTrip, Sampled
from apelschema.runner import Settings
from apelschema.sample import Sample
from tests.support.cli import Ended, inside
from tests.support.dump import tables_of

DUMP: Final = Path(__file__).parents[1] / "cases/dumps/server-2.2.1.sql.gz"
SMALL: Final = ("--jobs", "100", "--summaries", "48", "--sites", "2", "--months", "4")

Run = Callable[..., Ended]


@pytest.fixture
def in_scratch(database: Target, tmp_path: Path) -> Run:
    """A function that runs the command in the test's database, named by options as a user would."""
    options = tmp_path / "client.cnf"
    way = f"socket={database.unix_socket}" if database.unix_socket else f"host={database.host}\nport={database.port}"
    options.write_text(f'[client]\n{way}\nuser={database.user}\npassword="{database.password or ""}"\n')
    given = ("--defaults-file", str(options), "--database", str(database.database))
    return lambda *arguments: inside(None, *given, "roundtrip", "--yes", *arguments)


def text_of_dump() -> str:
    return gzip.decompress(DUMP.read_bytes()).decode()


@pytest.fixture
def plain_dump(tmp_path: Path, database: Target) -> Callable[..., Path]:
    """A function that writes the dump for the test's database, without foreign definers, with more at its end."""

    def write(more: str = "") -> Path:
        text = text_of_dump().replace("`apelserver`", f"`{database.database}`").replace("`apel`@`%`", "CURRENT_USER")
        path = tmp_path / "dump.sql"
        path.write_text(text + more)
        return path

    return write


@pytest.mark.own_server
@pytest.mark.slow
def test_a_lax_database_of_2_2_1_goes_to_the_head_and_back_on_a_private_server():
    ended = inside(None, "roundtrip", *SMALL, "--lax", "--overflow", "--custom", "--charset", "latin1", "--json")
    assert ended.code == 0, ended.out + ended.err
    found = ended.json
    assert (found["schema"], found["from"], found["to"]) == ("apelschema.roundtrip/1", "2.2.1", "2.5.0")
    assert (found["verdict"], found["differences"]) == ("pass", [])
    assert found["verify_upgraded"]["verdict"] == found["verify_downgraded"]["verdict"] == "pass"
    phases = ["build", "fill", "snapshot", "upgrade", "verify", "downgrade", "compare", "verify again"]
    assert [each["name"] for each in found["phases"]] == phases
    rows = {each["table"]: each["rows"] for each in found["tables"] if each["equal"]}
    assert rows["JobRecords"] == 100
    assert rows["Sites"] == 2


@pytest.mark.own_server
@pytest.mark.slow
def test_a_dump_goes_up_and_back_with_its_definers_trigger_and_hand_made_procedure():
    ended = inside(None, "roundtrip", "--dump", str(DUMP), "--to", "2.3.0", "--json")
    assert ended.code == 0, ended.out + ended.err
    assert (ended.json["from"], ended.json["to"], ended.json["objects"]) == ("2.2.1", "2.3.0", 30)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("start", "to"),
    [pytest.param("2.2.1", "head", marks=pytest.mark.smoke), ("2.3.0", "head"), ("2.4.1", "2.5.0")],
)
def test_every_release_goes_up_and_back_in_a_scratch_database(database: Target, in_scratch: Run, start: str, to: str):
    ended = in_scratch("--from", start, "--to", to, *SMALL)
    assert ended.code == 0, ended.out + ended.err
    assert f"{start} to 2.5.0 and back" in ended.out
    assert "compare: everything is as it was, byte for byte" in ended.out
    assert tables_of(database) == set()


def altering(target: Target, *statements: str) -> type[BriefLines]:
    """A listener that changes the database behind the command's back, between the way up and the way back."""

    class Altering(BriefLines):
        def said(self, text: str) -> None:
            super().said(text)
            if text.startswith("upgrade:"):
                with Session(target) as db:
                    for statement in statements:
                        db.execute(statement)

    return Altering


@pytest.mark.slow
def test_a_difference_is_found_named_and_left_for_a_look(
    database: Target, in_scratch: Run, plain_dump: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    by_hand = altering(
        database,
        "UPDATE SyncRecords SET NumberOfJobs = NumberOfJobs + 1, UpdateTime = UpdateTime WHERE SiteID = 2 LIMIT 1",
        "UPDATE DNs SET name = 'Somebody' WHERE id = 5",
        "ALTER TABLE LastUpdated COMMENT 'changed'",
        "DROP TRIGGER no_negative",
        "DROP PROCEDURE ByHand",
    )
    monkeypatch.setattr(command, "brief", lambda *, on_stderr: by_hand(sys.stderr if on_stderr else sys.stdout))
    dump = str(plain_dump())
    ended = in_scratch("--dump", dump, "--to", "2.3.0", "--json")
    assert ended.code == 1, ended.out + ended.err
    found = {each["object"]: each["difference"] for each in ended.json["differences"]}
    assert set(found) == {"SyncRecords", "DNs", "LastUpdated", "trigger no_negative", "ByHand"}
    assert "EXAMPLE" in found["SyncRecords"] or "(2)" in found["SyncRecords"]
    assert "not all are as before" in found["SyncRecords"]
    assert found["DNs"] == "ids 0 to 99: 28 rows, and not all are as before"
    assert "COMMENT='changed'" in found["LastUpdated"]
    assert (found["trigger no_negative"], found["ByHand"]) == ("is gone", "is gone")
    assert "Somebody" not in ended.out + ended.err
    assert {each["table"] for each in ended.json["tables"] if not each["equal"]} == {
        "SyncRecords",
        "DNs",
        "LastUpdated",
    }
    assert str(database.database) in ended.json["left"]
    assert "Summaries" in tables_of(database)
    monkeypatch.undo()
    refused = in_scratch("--dump", dump)
    assert (refused.code, "is not empty" in refused.err) == (2, True)
    assert "Summaries" in tables_of(database)


def test_types_that_need_a_policy_give_the_usual_message_and_leave_the_database_empty(
    database: Target, in_scratch: Run, plain_dump: Callable[..., Path]
):
    more = (
        "CREATE TRIGGER odd BEFORE INSERT ON Summaries FOR EACH ROW SET NEW.ServiceLevelType = 'odd';\n"
        "INSERT INTO Summaries SELECT * FROM (SELECT * FROM Summaries WHERE WallDuration > 0 AND ServiceLevel > 0"
        " LIMIT 1) AS s;\n"
    )
    ended = in_scratch("--dump", str(plain_dump(more)), "--accept-trigger", "odd")
    assert ended.code == 1, ended.out + ended.err
    assert 'does not name the benchmark type "odd"' in " ".join(ended.err.split())
    assert tables_of(database) == set()


def test_a_sample_is_built_under_the_policy_that_is_given(database: Target):
    policy = Sample(custom=True).policy
    trip = RoundTrip(Settings(database, policy), Sampled(Sample("2.3.0", jobs=0), policy), "2.5.0")
    name, build = trip.source.parts[0]
    assert (name, build(database, trip.settings.listener)) == ("build", "the schema of 2.3.0")
    with Session(database) as db:
        body = db.rows("SHOW CREATE PROCEDURE SummariseJobs")[0][2]
    assert "'custom'" in body


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--from", "2.5.0"), "head is not later than 2.5.0"),
        (("--from", "2.4.1", "--to", "2.3.0"), "2.3.0 is not later than 2.4.1"),
        (("--to", "3.0.0"), "no release or revision"),
        (("--from", "2.4.1", "--lax"), "--lax is for releases before 2.4.1"),
        (("--dump", str(DUMP), "--jobs", "1"), "--jobs is for a sample"),
        (("--dump", "/no/such/file"), "does not exist"),
        (("--keep",), "--keep is for a scratch database"),
        (("--charset", "latin1 x"), "is no character set"),
    ],
)
def test_what_makes_no_round_trip_ends_with_2_before_anything_is_made(arguments: tuple[str, ...], said: str):
    ended = inside(None, "roundtrip", *arguments)
    assert (ended.code, said in " ".join(ended.err.split())) == (2, True), ended.err
    assert ended.out == ""


def test_a_scratch_database_wants_its_name_typed_or_yes(database: Target, in_scratch: Run, tmp_path: Path):
    ended = inside(
        None, "--defaults-file", str(tmp_path / "client.cnf"), "--database", str(database.database), "roundtrip"
    )
    assert (ended.code, "no terminal to confirm on" in ended.err) == (2, True)
    assert tables_of(database) == set()


@pytest.mark.parametrize(
    "line",
    ["\\! touch {}", "system touch {}", "source {}", "\\. {}", "SELECT 1 INTO OUTFILE '{}';", "DROP DATABASE other;"],
)
def test_lines_that_a_client_program_would_obey_are_refused_by_number_and_never_run(
    database: Target, in_scratch: Run, tmp_path: Path, line: str
):
    evil, touched = tmp_path / "evil.sql", tmp_path / "touched"
    evil.write_text(f"CREATE TABLE x (a INT);\n-- fine so far\n{line.format(touched)}\nINSERT INTO x VALUES (1);\n")
    ended = in_scratch("--dump", str(evil))
    assert (ended.code, f"{evil}, line 3, holds a statement that is not run" in ended.err) == (2, True), ended.err
    assert not touched.exists()
    assert tables_of(database) == set()


def test_a_dump_of_another_database_or_release_or_of_nothing_is_refused(
    database: Target, in_scratch: Run, tmp_path: Path, plain_dump: Callable[..., Path]
):
    path = tmp_path / "other.sql"
    for text, said in (
        ("USE `production`;\n", "is for the database production"),
        ("CREATE DATABASE `production`;\n", "is for the database production"),
        ("INSERT INTO production.x VALUES (1);\n", "names another database"),
        ("CREATE TABLE x (a INT);\n", "not that of an APEL server"),
        ("CREATE TABLE x (a INT);\nINSERT INTO x VALUES (1)", "ends within a statement"),
        ("CREATE TABLE x (a INT;\n", "line 1, holds a statement that the server refuses: error 1064"),
    ):
        path.write_text(text)
        ended = in_scratch("--dump", str(path))
        assert (ended.code, said in ended.err) == (2, True), ended.err
        assert tables_of(database) == set()
    ended = in_scratch("--dump", str(plain_dump()), "--from", "2.3.0")
    assert (ended.code, "is of release 2.2.1" in ended.err) == (2, True), ended.err
    assert tables_of(database) == set()
