"""``adopt`` names what stands there, mends what it may, refuses what it may not, and changes nothing but that."""

from collections.abc import Callable
from typing import Final

import pytest

from apelschema import names
from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.cli import Ended, inside
from tests.support.content import install_with
from tests.support.dump import tables_of, whole
from tests.support.install import install
from tests.support.runs import current, downgrade

TIMES_OF_1_6: Final = ("Summaries", "HybridSuperSummaries")

KEY: Final = "ALTER TABLE SyncRecords DROP PRIMARY KEY, ADD PRIMARY KEY ({})"
DESCRIBED: Final = (
    "ALTER TABLE HybridSuperSummaries ADD COLUMN InfrastructureDescription VARCHAR(100) AFTER Infrastructure"
)

Existing = Callable[..., Session]


@pytest.fixture
def existing(make_database: MakeDatabase, session: OpenSession) -> Existing:
    """A function that makes a database of 2.2.1 that this tool has not met, changed by some statements."""

    def make(*statements: str) -> Session:
        db = session(make_database())
        install_with(db)
        for statement in statements:
            db.execute(statement)
        return db

    return make


def footprint(target: Target) -> set[str]:
    """The tool's own tables."""
    return {each for each in tables_of(target) if names.is_ours(each)}


def said(ended: Ended) -> str:
    return " ".join(ended.out.split())


def test_an_older_database_is_told_then_adopted_then_given_back(existing: Existing):
    db = existing(
        *(f"ALTER TABLE {table} MODIFY UpdateTime TIMESTAMP NULL DEFAULT NULL" for table in TIMES_OF_1_6),
        "ALTER TABLE Summaries ADD INDEX mine (VOID)",
        "CREATE TABLE OurOwn (id INT PRIMARY KEY)",
    )
    for vo in ("atlas", "cms"):
        load_job(db, vo=vo)
        load_summary(db, vo=vo, month=2)
        load_normalised(db, vo=vo, month=3)
    assert summarise(db) == {}  # these two tables have no time of their own then
    before = whole(db.target)
    foreseen = inside(db.target, "adopt", "--dry-run", "--json").json
    assert (whole(db.target), footprint(db.target)) == (before, set())
    assert (foreseen["schema"], foreseen["state"], foreseen["kind"]) == ("apelschema.adopt/1", "adoptable", "server")
    assert (foreseen["central"], foreseen["adopted"], foreseen["refused"]) == (True, False, [])
    assert [each["object"] for each in foreseen["own"]] == ["OurOwn"]
    assert "Summaries.mine" in [each["object"] for each in foreseen["tolerated"]]
    assert [each["object"] for each in foreseen["mended"]] == list(TIMES_OF_1_6)
    for each in foreseen["mended"]:
        assert each["found"] == "UpdateTime as in 1.6.0"
        assert each["lock"] == ("NONE" if db.server.makes_timestamps_not_null_online else "SHARED")
        assert f"LOCK={each['lock']}" in each["sql"][-1]
    text = said(inside(db.target, "adopt", "--dry-run"))
    assert "can be adopted" in text
    assert "HybridSuperSummaries: UpdateTime as in 1.6.0 (algorithm" in text

    asked = inside(db.target, "adopt")
    assert (asked.code, "no terminal to confirm on" in asked.err, footprint(db.target)) == (2, True, set())
    done = inside(db.target, "adopt", "--yes", "--json")
    assert (done.code, done.json["adopted"], done.json["verdict"]) == (0, True, "pass"), done.err
    assert current(db.target) == "221_baseline"
    again = inside(db.target, "adopt", "--json")
    assert (again.code, again.json["state"], again.json["revision"]) == (0, "adopted", "221_baseline")
    downgrade(db.target, "base")
    assert whole(db.target) == before


def test_what_nobody_knows_is_refused_with_what_to_do(existing: Existing):
    db = existing(
        KEY.format("SiteID, SubmitHostID, Year, Month"),
        "DROP PROCEDURE UpdateTimestamp",
        "CREATE PROCEDURE UpdateTimestamp (type VARCHAR(255)) BEGIN DO 1; END",
    )
    before = whole(db.target)
    refused = inside(db.target, "adopt", "--yes", "--json")
    assert (refused.code, refused.json["state"], refused.json["adopted"]) == (2, "refused", False)
    found = {each["object"]: each["hint"] for each in refused.json["refused"]}
    assert "Bring it to the shape" in found["SyncRecords.PRIMARY"]
    assert "--accept-changed UpdateTimestamp" in found["UpdateTimestamp"]
    assert "Refused" in said(inside(db.target, "adopt", "--yes"))
    assert (whole(db.target), footprint(db.target)) == (before, set())

    db.execute(KEY.format("SiteID, SubmitHostID, Month, Year"))
    accepted = inside(db.target, "adopt", "--dry-run", "--json", "--accept-changed", "UpdateTimestamp")
    assert (accepted.code, accepted.json["state"], accepted.json["refused"]) == (0, "adoptable", [])


def test_a_later_database_is_named_and_left_alone(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    install(db, "2.3.0")
    before = whole(db.target)
    whole_release = inside(db.target, "adopt", "--yes", "--json")
    assert (whole_release.code, whole_release.json["state"], whole_release.json["release"]) == (0, "later", "2.3.0")
    assert "apelschema repair" in whole_release.json["next"]
    assert (whole(db.target), footprint(db.target)) == (before, set())


def test_a_half_way_database_is_named_with_what_completes_it(existing: Existing):
    db = existing(DESCRIBED)
    before = whole(db.target)
    half = inside(db.target, "adopt", "--yes", "--json")
    assert (half.code, half.json["state"]) == (0, "later")
    assert half.json["half_way"]
    assert "apelschema upgrade 2.5.0" in half.json["next"]
    assert (whole(db.target), footprint(db.target)) == (before, set())


def test_others_databases_are_refused_and_an_empty_one_is_not(make_database: MakeDatabase, session: OpenSession):
    db = session(make_database())
    empty = inside(db.target, "adopt", "--json")
    assert (empty.code, empty.json["state"]) == (0, "empty")
    db.execute("CREATE TABLE Somebodys (id INT PRIMARY KEY)")
    assert (foreign := inside(db.target, "adopt", "--json")).code == 2
    assert "not one of APEL's" in foreign.json["refused"][0]["difference"]
    db.execute("CREATE TABLE CloudRecords (id INT PRIMARY KEY)")
    assert (cloud := inside(db.target, "adopt", "--json")).code == 2
    assert "cloud" in cloud.json["refused"][0]["difference"]
