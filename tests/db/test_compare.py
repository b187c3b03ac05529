import json
from collections.abc import Iterable
from dataclasses import replace
from importlib.resources import files

import pytest

from apelschema import procedures
from apelschema.catalogue.compare import DERIVED, Difference, compare, untolerated
from apelschema.catalogue.fingerprint import Fingerprint, fingerprint
from apelschema.catalogue.load import load
from apelschema.catalogue.own_views import own_view_hashes
from apelschema.catalogue.tables import OWN_PARTITIONS
from apelschema.db.connect import Target
from apelschema.db.ddl import alter_table, create_table
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.names import quoted
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.install import create_objects, install


@pytest.fixture
def installed(database: Target, session: OpenSession) -> Session:
    """A database as this project makes it at 2.2.1, but without partitions: they take most of the time."""
    db = session(database)
    for table in load("2.2.1").tables.values():
        db.execute(create_table(table, partitioned=False))
    create_objects(db, "2.2.1", lambda kind, name: procedures.text(kind, name, "2.2.1"))
    return db


def found(db: Session, release: str = "2.2.1") -> list[Difference]:
    """Differences but for partitions."""
    return but_partitions(compare(read_schema(db), load(release), central=True))


def but_partitions(differences: Iterable[Difference]) -> list[Difference]:
    return [each for each in differences if each.reason != OWN_PARTITIONS]


def recognised(db: Session) -> Fingerprint:
    return fingerprint(read_schema(db))


@pytest.mark.parametrize("charset", ["latin1", "utf8mb4"])
@pytest.mark.parametrize("release", ["2.2.1", "2.3.0", "2.4.1", "2.5.0"])
def test_s1_what_we_create_is_exactly_the_release(release, charset, make_database: MakeDatabase, session: OpenSession):
    db = session(make_database(charset))
    install(db, release, all_partitions=True)
    assert untolerated(found(db, release)) == []
    mark = recognised(db)
    assert (mark.kind, mark.release, mark.exact, mark.central, mark.empty) == (
        "server",
        release,
        True,
        True,
        False,
    )
    assert all("be NULL" in each.difference for each in mark.differences), "columns of views may differ in this alone"


@pytest.mark.parametrize("policy", [Policy(unlisted_types="keep-old"), Policy(types={"custom": "keep-old"})])
@pytest.mark.parametrize("release", ["2.3.0", "2.5.0"])
def test_our_routines_are_recognised_under_any_policy(release, policy, database: Target, session: OpenSession):
    db = session(database)
    install(db, release, policy=policy)
    assert untolerated(found(db, release)) == []


def test_routines_made_without_strict_mode_or_by_another_definer_are_no_difference(
    database: Target, session: OpenSession
):
    db = session(database)
    install(db, "2.2.1", sql_mode="")
    statement = procedures.text("routine", "SiteLookup", "2.2.1")
    db.execute("DROP FUNCTION SiteLookup")
    db.execute(procedures.create_statement(statement, definer="somebody@else"))
    assert [each for each in found(db) if db.server.is_mariadb or each.reason != DERIVED] == []


def test_a_database_without_server_extra_is_exact_too(installed: Session):
    for name in set(procedures.names("view", "2.2.1")) - set(procedures.names("view", "2.2.1", central=False)):
        installed.execute(f"DROP VIEW {quoted(name)}")
    mark = recognised(installed)
    assert (mark.release, mark.exact, mark.central, mark.differences) == ("2.2.1", True, False, ())


def test_s2_own_partitions_are_tolerated(database: Target, session: OpenSession):
    db = session(database)
    install(db, "2.2.1", all_partitions=True)
    assert compare(read_schema(db), load("2.2.1"), central=True) == []
    db.execute("ALTER TABLE JobRecords REORGANIZE PARTITION pDefault INTO (PARTITION q VALUES LESS THAN MAXVALUE)")
    differences = compare(read_schema(db), load("2.2.1"), central=True)
    assert [(each.object, each.tolerated) for each in differences] == [("JobRecords", True)]
    assert recognised(db).exact


def test_the_other_shape_of_the_bare_timestamp_is_tolerated(installed: Session):
    installed.execute(
        "ALTER TABLE SuperSummaries MODIFY UpdateTime TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP"
        " ON UPDATE CURRENT_TIMESTAMP"
    )
    (difference,) = found(installed)
    assert difference.object == "SuperSummaries.UpdateTime"
    assert difference.tolerated
    assert "explicit_defaults_for_timestamp" in difference.reason


def test_a_stricter_not_null_is_tolerated_a_looser_null_is_not(installed: Session):
    installed.execute("ALTER TABLE Summaries MODIFY InfrastructureType VARCHAR(20) NOT NULL")
    assert [each.tolerated for each in found(installed) if "Summaries.Infra" in each.object] == [True] * 2
    installed.execute("ALTER TABLE Sites MODIFY name VARCHAR(255) NULL DEFAULT NULL")
    assert {each.object for each in untolerated(found(installed))} == {"Sites.name"}


@pytest.mark.parametrize(
    ("statement", "place", "tolerated"),
    [
        ("ALTER TABLE Sites ADD COLUMN country INT", "Sites.country", True),
        ("ALTER TABLE Sites ADD COLUMN country INT FIRST", "Sites.country", False),
        ("ALTER TABLE Sites ADD COLUMN country INT NOT NULL", "Sites.country", False),
        ("ALTER TABLE SyncRecords DROP COLUMN PublisherDNID", "SyncRecords.PublisherDNID", False),
        ("ALTER TABLE SyncRecords MODIFY NumberOfJobs INT UNSIGNED NOT NULL", "SyncRecords.NumberOfJobs", False),
        ("ALTER TABLE LastUpdated DROP PRIMARY KEY", "LastUpdated.PRIMARY", False),
        ("ALTER TABLE JobRecords DROP INDEX UASIdx", "JobRecords.UASIdx", False),
        ("ALTER TABLE Summaries ADD INDEX mine (Year)", "Summaries.mine", True),
        ("ALTER TABLE Sites ADD UNIQUE INDEX mine (name)", "Sites.mine", False),
        ("ALTER TABLE SyncRecords ENGINE = MyISAM", "SyncRecords", False),
        ("ALTER TABLE Sites ALTER COLUMN name SET DEFAULT 'x'", "Sites.name", False),
        ("ALTER TABLE Summaries MODIFY NodeCount INT NOT NULL AFTER Processors", "Summaries", False),
        ("DROP TABLE SyncRecords", "SyncRecords", False),
        ("DROP PROCEDURE SummariseJobs", "SummariseJobs", False),
        ("DROP VIEW VSumCPU", "VSumCPU", False),
        ("CREATE TABLE notes (a INT PRIMARY KEY)", "notes", True),
        ("CREATE TABLE apelschema_runs (a INT PRIMARY KEY)", None, True),
        ("CREATE TABLE alembic_version (a INT PRIMARY KEY)", None, True),
        ("CREATE VIEW VMine AS SELECT 1 AS a", "VMine", True),
        ("CREATE PROCEDURE Mine () SELECT 1", "Mine", True),
        ("CREATE TRIGGER mine AFTER INSERT ON Sites FOR EACH ROW SET @n = 1", "mine", True),
        ("ALTER VIEW VSyncRecords AS SELECT 1 AS Site", "VSyncRecords.SubmitHost", False),
        ("ALTER PROCEDURE UpdateTimestamp SQL SECURITY INVOKER", "UpdateTimestamp", False),
    ],
)
def test_drift_is_named_at_its_place(statement, place, tolerated, installed: Session):
    installed.execute(statement)
    differences = found(installed)
    if place is None:
        assert differences == []
        return
    assert [each.tolerated for each in differences if each.object == place] == [tolerated]
    mark = recognised(installed)
    assert (mark.release, mark.exact) == ("2.2.1", tolerated)


def test_a_body_changed_by_hand_is_drift(installed: Session):
    text = procedures.text("routine", "SummariseJobs", "2.2.1").replace("BEGIN", "BEGIN SET @mine = 1;", 1)
    installed.execute("DROP PROCEDURE SummariseJobs")
    installed.execute(text)
    (difference,) = found(installed)
    assert difference.object == "SummariseJobs"
    assert not difference.tolerated


def test_a_body_loaded_by_a_client_that_strips_comments_is_ours(installed: Session):
    text = procedures.text("routine", "SummariseJobs", "2.2.1")
    stripped = "\n".join(line.split("-- ")[0] for line in text.splitlines())
    installed.execute("DROP PROCEDURE SummariseJobs")
    installed.execute(stripped)
    assert found(installed) == []


def test_a_view_with_other_words_is_drift(installed: Session):
    if not installed.server.shares_view_text:
        return  # the text of views means nothing on this server
    text = procedures.text("view", "VSyncRecords", "2.2.1")
    installed.execute(procedures.create_statement(f"{text} WHERE 1 = 1", replace=True))
    assert [each.object for each in untolerated(found(installed))] == ["VSyncRecords"]


def test_wrong_parameters_are_told_by_number_or_name(installed: Session):
    installed.execute("DROP PROCEDURE UpdateTimestamp")
    installed.execute("CREATE PROCEDURE UpdateTimestamp () SELECT 1")
    assert "0 parameters, should have 1" in str(found(installed)[0])
    installed.execute("DROP PROCEDURE UpdateTimestamp")
    installed.execute("CREATE PROCEDURE UpdateTimestamp (kind VARCHAR(255)) SELECT 1")
    assert "IN kind varchar(255)" in str(found(installed)[0])


def test_half_way_is_the_nearer_release_with_the_rest_as_drift(installed: Session):
    name = "NormalisedSummaries"
    statement = alter_table(load("2.2.1").tables[name], load("2.3.0").tables[name])
    assert statement is not None
    installed.execute(statement)
    mark = recognised(installed)
    assert (mark.release, mark.exact) == ("2.2.1", False)
    assert {each.object.split(".")[0] for each in mark.drift} == {name}


def test_other_kinds_are_named_and_empty_is_empty(database: Target, session: OpenSession):
    db = session(database)
    assert recognised(db) == Fingerprint(None, None, exact=False, central=False, empty=True)
    db.execute("CREATE TABLE apelschema_runs (a INT PRIMARY KEY)")
    assert recognised(db).empty
    db.execute("CREATE TABLE pets (a INT PRIMARY KEY)")
    assert recognised(db) == Fingerprint(None, None, exact=False, central=False, empty=False)
    for table, kind in (("BlahdRecords", "client"), ("StarRecords", "storage"), ("CloudRecords", "cloud")):
        db.execute(f"CREATE TABLE {table} (a INT PRIMARY KEY)")
        mark = recognised(db)
        assert (mark.kind, mark.release, mark.empty) == (kind, None, False)


def test_cloud_leftovers_in_a_server_database_are_tolerated(installed: Session):
    installed.execute("CREATE PROCEDURE ReplaceCloudRecord () SELECT 1")
    mark = recognised(installed)
    assert (mark.kind, mark.exact) == ("server", True)
    assert [each.object for each in but_partitions(mark.differences)] == ["ReplaceCloudRecord"]


def test_a_body_that_may_not_be_seen_is_not_taken_for_right(installed: Session):
    live = read_schema(installed)
    hidden = replace(live.routines["SummariseJobs"], body=None, body_sha256=None)
    schema = replace(live, routines={**live.routines, "SummariseJobs": hidden})
    (difference,) = but_partitions(compare(schema, load("2.2.1"), central=True))
    assert "may not see" in difference.difference
    assert not difference.tolerated


def test_integer_widths_of_views_where_texts_cannot_be_compared(installed: Session):
    """MySQL: the types of views are its own, and its text is no evidence."""
    live = read_schema(installed)
    view = live.views["VSumCPU"]
    columns = tuple(replace(column, type="double") for column in view.columns)
    schema = replace(live, views={**live.views, "VSumCPU": replace(view, columns=columns, definition_sha256=None)})
    assert untolerated(compare(schema, load("2.2.1"), central=True)) == []


def test_the_hashes_of_our_views_are_current(database: Target, session: OpenSession):
    db = session(database)
    if db.server.shares_view_text:
        kept = files("apelschema.catalogue") / "data" / "own_views.json"
        assert own_view_hashes(db) == json.loads(kept.read_text()), "run scripts/own_view_hashes.py"
