"""The whole way through the real command line: documents, text, exit codes, a terminal."""

import os
import pty
import re
import subprocess
import time

import pytest

from apelschema import revisions
from apelschema.db.connect import Target
from tests.conftest import MakeDatabase
from tests.support.cli import Ended, apelschema, command, environment, inside
from tests.support.dump import tables_of, whole
from tests.support.servers import TestServer

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
STATUS_KEYS = {"schema", "database", "server", "kind", "release", "revision", "head", "pending", "drift", "unfinished"}
STEP_KEYS = {
    "revision", "step", "object", "sql", "algorithm", "lock", "rows", "seconds", "bytes", "state", "open_after",
}  # fmt: skip
AFTER_221 = [each.revision for each in revisions.scripts().walk_revisions()][-2::-1]
AFTER_230 = AFTER_221[AFTER_221.index("230_figures") + 1 :]


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err + ended.out
    return ended


def sampled(target: Target, *options: str) -> None:
    ok(inside(target, "sample", "--jobs", "600", "--months", "8", "--sites", "3", "--yes", *options))


@pytest.mark.slow
def test_the_whole_way_with_documents(make_database: MakeDatabase):
    target = make_database()
    ok(apelschema(target, "sample", "--jobs", "600", "--months", "8", "--sites", "3", "--yes"))
    assert not [name for name in tables_of(target) if name.startswith(("apelschema", "alembic"))]
    before = whole(target)

    status = ok(inside(target, "status", "--json")).json
    assert set(status) >= STATUS_KEYS
    assert (status["schema"], status["kind"], status["release"]) == ("apelschema.status/1", "server", "2.2.1")
    assert set(status["server"]) == {"family", "version", "galera"}
    assert (status["revision"], status["drift"], status["unfinished"]) == (None, [], None)
    assert status["pending"] == ["221_baseline", *AFTER_221]

    plan = ok(inside(target, "upgrade", "2.3.0", "--dry-run", "--json")).json
    assert (plan["schema"], plan["from"], plan["to"]) == ("apelschema.plan/1", "2.2.1", "2.3.0")
    assert all(set(step) >= STEP_KEYS for step in plan["steps"])
    (rebuild,) = [step for step in plan["steps"] if step["object"] == "NormalisedSummaries" and step["bytes"]]
    assert (rebuild["lock"], rebuild["state"]) == ("NONE", "before")
    assert rebuild["sql"].startswith("ALTER TABLE `NormalisedSummaries`")
    assert whole(target) == before

    done = ok(apelschema(target, "upgrade", "2.3.0", "--yes", "--json"))
    assert (done.json["schema"], done.json["to"], done.json["resumed"]) == ("apelschema.upgrade/1", "2.3.0", False)
    assert done.json["verify"]["verdict"] == "pass"
    figures = {each["type"]: each for each in done.json["figures"]}
    after = figures["hepscore23"]["normalised_wall_after"]
    assert after == pytest.approx(250 * figures["hepscore23"]["normalised_wall_before"], rel=1e-4)
    assert "backfill HybridSuperSummaries" in done.err

    again = ok(inside(target, "upgrade", "2.3.0", "--yes"))
    assert again.out.endswith("is at 2.3.0 already: nothing to do.\n")
    verify = ok(inside(target, "verify", "--json")).json
    assert (verify["schema"], verify["verdict"]) == ("apelschema.verify/1", "pass")
    assert {"id", "status", "detail"} == set(verify["checks"][0])

    ok(apelschema(target, "downgrade", "2.2.1", "--yes", "--json"))
    assert whole(target) == before
    ok(inside(target, "verify"))


@pytest.mark.slow
def test_the_texts_read_as_a_log_too(make_database: MakeDatabase):
    target = make_database()
    sampled(target, "--lax")
    shown = {
        "status": ok(inside(target, "status")).out,
        "plan": ok(inside(target, "upgrade", "2.3.0", "--dry-run")).out,
        "plan in full": ok(inside(target, "upgrade", "2.3.0", "--dry-run", "-v")).out,
        "upgrade": ok(inside(target, "upgrade", "2.3.0", "--yes")).out,
        "verify": ok(inside(target, "verify")).out,
        "plan of the way back": ok(inside(target, "downgrade", "-1", "--dry-run")).out,
    }
    for text in shown.values():
        assert not CONTROL.search(text)
        assert not [line for line in text.splitlines() if line != line.rstrip()]
    assert "APEL server, exactly release 2.2.1, with central objects" in shown["status"]
    assert "Nothing was changed." in shown["plan"]
    assert max(len(line) for line in shown["plan"].splitlines()) <= 140
    assert "  RETURN " in shown["plan in full"] or "BEGIN" in shown["plan in full"]
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (\d+)/\1 230_figures: backfill", shown["upgrade"], re.MULTILINE)
    assert "hepscore23" in shown["upgrade"]
    assert "Verdict: pass" in shown["verify"]


def test_a_sample_of_a_later_release(server: TestServer, make_database: MakeDatabase):
    target = make_database()
    server.drop_database(target)
    sampled(target, "--release", "2.3.0", "--create-database", "--seed", "3")
    status = ok(inside(target, "status", "--json")).json
    assert (status["release"], status["exact"], status["pending"]) == ("2.3.0", True, AFTER_230)
    refused = inside(target, "sample", "--yes")
    assert (refused.code, "is not empty" in refused.err) == (2, True)


def test_without_central_objects(make_database: MakeDatabase):
    target = make_database()
    ok(inside(target, "upgrade", "2.2.1", "--no-central", "--yes"))
    assert not {"VSumCPU", "VUserCPU"} & tables_of(target)
    ok(inside(target, "upgrade", "2.3.0", "--no-central", "--yes"))
    assert ok(inside(target, "status", "--json")).json["central"] is False
    central = make_database()
    ok(inside(central, "upgrade", "2.2.1", "--yes"))
    refused = inside(central, "upgrade", "--no-central", "--yes")
    assert (refused.code, "--no-central is for an empty database" in refused.err) == (2, True)


def test_an_upgrade_is_no_way_back(make_database: MakeDatabase):
    target = make_database()
    ok(inside(target, "upgrade", "2.3.0", "--yes"))
    for arguments in (["upgrade", "2.2.1", "--yes"], ["upgrade", "2.2.1", "--dry-run"]):
        ended = inside(target, *arguments)
        assert (ended.code, "Use apelschema downgrade 2.2.1" in ended.err) == (2, True)


def on_a_terminal(target: Target, answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command on a terminal of 80 columns and answer its question."""
    leader, follower = pty.openpty()
    variables = {"TERM": "xterm", "COLUMNS": "80", "LINES": "30"}
    process = subprocess.Popen(
        command(*arguments),
        env=environment(target, **variables),
        stdin=follower,
        stdout=follower,
        stderr=follower,
        start_new_session=True,
    )
    os.close(follower)
    shown, asked = b"", False
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            part = os.read(leader, 65536)
        except OSError:
            break  # the other end is gone
        shown += part
        if not asked and b"to go on" in shown:
            asked = True
            os.write(leader, f"{answer}\n".encode())
    os.close(leader)
    return process.wait(timeout=10), shown.decode()


def test_the_name_is_wanted_on_a_terminal(make_database: MakeDatabase):
    target = make_database()
    code, shown = on_a_terminal(target, "no", "upgrade", "2.2.1")
    assert (code, tables_of(target)) == (2, set())
    assert "That is not the database's name; nothing was changed." in shown
    code, shown = on_a_terminal(target, str(target.database), "upgrade", "2.2.1")
    assert code == 0, shown
    assert "an empty database" in " ".join(shown.split())
    assert "whole run" in shown  # the bar
    assert "\x1b[?25h" in shown  # the cursor is back
