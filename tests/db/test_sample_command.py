"""``apelschema sample``: what it makes can be looked at, upgraded and verified with the other commands."""

import json
from pathlib import Path

import pytest

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.policy import Policy
from apelschema.sample import RELEASES, Sample
from tests.conftest import MakeDatabase
from tests.support.cli import Ended, inside
from tests.support.dump import tables_of
from tests.support.servers import TestServer

SMALL = ("--jobs", "300", "--summaries", "200", "--sites", "3", "--months", "8", "--yes")


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err + ended.out
    return ended


def status(target: Target) -> dict:
    return json.loads(ok(inside(target, "status", "--json")).out)


def test_an_old_sample_tells_nothing_of_this_tool(database: Target):
    ok(inside(database, "sample", *SMALL))
    assert not [name for name in tables_of(database) if name.startswith(("apelschema", "alembic"))]
    assert (status(database)["release"], status(database)["revision"]) == ("2.2.1", None)


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES)
def test_a_sample_of_any_release_goes_to_head(make_database: MakeDatabase, tmp_path: Path, release: str):
    target, policy = make_database(), tmp_path / "policy.toml"
    ok(inside(target, "sample", "--release", release, "--overflow", "--policy-out", str(policy), *SMALL))
    ok(inside(target, "upgrade", "head", "--policy", str(policy), "--yes"))
    assert (status(target)["release"], status(target)["exact"], status(target)["pending"]) == ("2.5.0", True, [])


@pytest.mark.slow
def test_a_lax_sample_of_2_2_1_goes_to_head(make_database: MakeDatabase, tmp_path: Path):
    target, policy = make_database(), tmp_path / "policy.toml"
    ok(inside(target, "sample", "--lax", "--overflow", "--policy-out", str(policy), *SMALL))
    ok(inside(target, "upgrade", "head", "--policy", str(policy), "--yes"))
    assert status(target)["pending"] == []


@pytest.mark.slow
@pytest.mark.parametrize("release", RELEASES[1:])
def test_h22_spellings_in_a_lax_later_sample_are_settled_on_the_way_to_2_4_1(make_database: MakeDatabase, release: str):
    """What the upgrade to 2.3.0 settled and other hands unsettled since; from 2.4.1 on only verify sees it."""
    target = make_database()
    ok(inside(target, "sample", "--lax", "--release", release, *SMALL))
    assert status(target)["exact"] is True
    inside(target, "upgrade", "head", "--yes")
    assert status(target)["pending"] == []
    checks = inside(target, "verify", "--json").json["checks"]
    wrong = [check["id"] for check in checks if check["status"] == "fail"]
    settled = release == "2.3.0"
    assert [name for name in wrong if name != "I3"] == ([] if settled else ["no-infrastructure"])  # I3: types, likewise


@pytest.mark.parametrize("release", RELEASES[1:])
def test_a_later_sample_stands_at_the_revision_of_its_release_and_verifies(database: Target, release: str):
    ok(inside(database, "sample", "--release", release, *SMALL))
    assert status(database)["revision"] is not None
    assert status(database)["release"] == release
    assert json.loads(ok(inside(database, "verify", "--json")).out)["verdict"] == "pass"


def test_the_policy_beside_it_unblocks_the_upgrade(database: Target, tmp_path: Path):
    policy = tmp_path / "policy.toml"
    made = ok(inside(database, "sample", "--policy-out", str(policy), *SMALL))
    assert str(policy) in made.out
    assert Policy.read(policy) == Sample(custom=True).policy
    blocked = inside(database, "upgrade", "2.3.0", "--yes")
    assert blocked.code == 1
    for name in ("custom", "hs06", "none"):
        assert f'does not name the benchmark type "{name}"' in " ".join((blocked.err + blocked.out).split())
    ok(inside(database, "upgrade", "2.3.0", "--policy", str(policy), "--yes"))


def test_a_sample_without_odd_types_needs_no_policy(database: Target):
    ok(inside(database, "sample", *SMALL))
    ok(inside(database, "upgrade", "2.3.0", "--yes"))


def test_the_database_is_created_in_the_character_set_that_is_named(server: TestServer, make_database: MakeDatabase):
    target = make_database()
    server.drop_database(target)
    ok(inside(target, "sample", "--create-database", "--charset", "latin1", "--sites", "6", "--jobs", "64", "--yes"))
    with Session(target) as db:
        assert db.value("SELECT @@character_set_database") == "latin1"
        assert db.value("SELECT name FROM Sites WHERE id = 6") == "Zürich-Århus"
    wrong = inside(target, "sample", "--create-database", "--charset", "latin1 COLLATE x", "--yes")
    assert (wrong.code, "is no character set" in wrong.err) == (2, True)


def test_a_database_with_anything_in_it_is_refused_and_left_alone(database: Target, tmp_path: Path):
    ok(inside(database, "sample", *SMALL))
    before, policy = tables_of(database), tmp_path / "policy.toml"
    refused = inside(database, "sample", "--policy-out", str(policy), "--yes")
    assert (refused.code, "is not empty" in refused.err) == (2, True)
    assert tables_of(database) == before
    assert not policy.exists()


@pytest.mark.parametrize(
    "options",
    [("--release", "2.2.0"), ("--jobs", "-1"), ("--sites", "0"), ("--policy-out", "/no/such/directory/policy.toml")],
)
def test_impossible_wishes_end_with_2_and_make_nothing(database: Target, options: tuple[str, ...]):
    ended = inside(database, "sample", "--yes", *options)
    assert ended.code == 2
    assert "Traceback" not in ended.err
    assert tables_of(database) == set()
