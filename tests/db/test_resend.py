"""Corrected history sent again: which site-months are meant, what the scratch database shows, what is refused."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final

import pytest

from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.errors import Stopped
from apelschema.listener import Listener, Outcome
from apelschema.names import quoted
from apelschema.policy import Policy
from apelschema.resend import database as work
from apelschema.revisions import Planned
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import call, load_job, load_normalised, load_summary, summarise
from tests.support.cli import Ended, inside
from tests.support.content import install_with, stamp
from tests.support.dump import tables_of, whole
from tests.support.faults import Fault, lost_connection
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

VIEW: Final = "VNormalisedSuperSummaries"
ACCOUNT: Final = "'apel_unloader'@'%'"
NOVEMBER: Final = {"startTime": "2023-11-10 00:00:00", "endTime": "2023-11-10 01:00:00"}

SiteMonth = tuple[str, str]


@pytest.fixture
def place(make_database: MakeDatabase, server: TestServer) -> Iterator[tuple[Target, str]]:
    """An empty database whose tables will not have its default collation, and a name for a scratch database."""
    target = make_database("latin1")
    name = f"{target.database}_resend"
    yield target, name
    server.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")


def prepare(target: Target) -> None:
    """2.2.1 with months that an upgrade corrects, by figures, rows or labels, and others beside them."""
    with Session(target) as db:
        install_with(db)
        load_job(db)
        load_job(db, localJobId="2", **NOVEMBER)
        load_job(db, localJobId="3", serviceLevelType="HEPSPEC", vo="cms", **NOVEMBER)
        load_summary(db, month=12, year=2023, serviceLevelType="HEPSPEC")
        load_summary(db, month=3, site="SITE-Zürich")
        load_summary(db, month=3, site="SITE-Q", serviceLevelType="si2k")
        load_normalised(db, month=3, site="SITE-Q")
        load_summary(db, month=4, site="SITE-N", serviceLevelType="HEPSPEC", infrastructureType="")
        for spelling in ("", "None"):  # two rows of hybrid: the source was replaced between two summariser runs
            load_summary(db, month=5, site="SITE-N", serviceLevelType="HEPSPEC", infrastructureType=spelling)
            assert summarise(db) == {}
        stamp(db)
        db.execute(f"ALTER DATABASE {quoted(db.database)} CHARACTER SET utf8mb4")


def published(db: Session) -> dict[SiteMonth, set[tuple[Any, ...]]]:
    """All that is published of a site's month, labels byte for byte."""
    found: dict[SiteMonth, set[tuple[Any, ...]]] = defaultdict(set)
    for site, year, month, *rest in db.rows(
        "SELECT s.name, h.Year, h.Month, h.GlobalUserNameID, h.VOID, h.SubmitHostId, HEX(h.Infrastructure),"
        " h.ServiceLevelType, h.ServiceLevel, h.NormalisedWallDuration, h.NormalisedCpuDuration, h.NumberOfJobs"
        " FROM HybridSuperSummaries h JOIN Sites s ON s.id = h.SiteID"
    ):
        found[site, f"{year}-{month:02d}"].add(tuple(rest))
    return found


def changed_between(before: dict[SiteMonth, Any], after: dict[SiteMonth, Any]) -> set[SiteMonth]:
    return {each for each in before | after if after.get(each) != before.get(each)}


def rows_of(db: Session, places: set[SiteMonth] | None = None) -> list[list[str]]:
    """Rows of the view as texts, those of some site-months or all."""
    return sorted(
        [str(value) for value in row.values()]
        for row in db.dicts(f"SELECT * FROM {VIEW}")
        if places is None or (row["Site"], f"{row['Year']}-{row['Month']:02d}") in places
    )


def columns(db: Session) -> list[tuple[Any, ...]]:
    return db.rows(
        "SELECT COLUMN_NAME, COLUMN_TYPE, COLLATION_NAME FROM information_schema.COLUMNS"
        f" WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = '{VIEW}' ORDER BY ORDINAL_POSITION"
    )


def listed(target: Target) -> dict[SiteMonth, list[str]]:
    """What the command says was corrected."""
    found = ok(inside(target, "resend", "--json")).json["corrected"]
    return {(each["site"], each["month"]): each["changed"] for each in found}


@contextmanager
def account(server: TestServer, target: Target, *grants: str) -> Iterator[Target]:
    """The target as a fresh account with these grants sees it."""
    server.execute(f"DROP USER IF EXISTS {ACCOUNT}")
    server.execute(f"CREATE USER {ACCOUNT}")
    try:
        for grant in grants:
            server.execute(grant.replace("<account>", ACCOUNT).rstrip(";"))
        yield replace(target, user="apel_unloader", password=None)
    finally:
        server.execute(f"DROP USER {ACCOUNT}")


class Changing(Fault):
    """Strikes at statements that change something; every session is set up by others."""

    def strikes(self, what: str) -> bool:
        return not what.startswith("SET ") and super().strikes(what)


class StopsAfterBackfill(Listener):
    def step_ended(self, number: int, planned: Planned, outcome: Outcome, seconds: float) -> None:
        if planned.step.kind == "backfill":
            raise Stopped("Stopped on purpose.")


def databases(server: TestServer) -> set[str]:
    return {str(name) for (name,) in server.execute("SHOW DATABASES")}


def ok(ended: Ended) -> Ended:
    assert ended.code == 0, ended.err + ended.out
    return ended


def refused(ended: Ended, code: int, *said: str) -> None:
    words = " ".join(ended.err.split())
    assert (ended.code, ended.out) == (code, ""), words
    assert [each for each in said if each not in words] == [], words
    assert "Traceback" not in words


def test_exactly_the_corrected_site_months_are_shown_as_the_repository_has_them(
    place: tuple[Target, str], session: OpenSession, server: TestServer
):
    target, name = place
    prepare(target)
    db = session(target)
    before = published(db)
    upgrade(target, "2.5.0")
    corrected = changed_between(before, published(db))
    changed = {
        ("SITE-A", "2023-11"): ["figures"],
        ("SITE-A", "2024-01"): ["figures"],
        ("SITE-Zürich", "2024-03"): ["figures"],
        ("SITE-N", "2024-04"): ["labels"],
        ("SITE-N", "2024-05"): ["rows", "labels"],
    }
    assert corrected == changed.keys()
    content, tables = whole(target), tables_of(target)
    assert listed(target) == changed
    text = ok(inside(target, "resend")).out
    assert "5 months of 3 sites" in text
    assert "  SITE-A       figures       2023-11, 2024-01" in text
    assert name not in databases(server)

    made = ok(inside(target, "resend", "--months", "all", "--scratch", name, "--yes", "--json")).json["scratch"]
    with account(server, target.with_database(name), *made["grants"]) as unloader, Session(unloader) as sender:
        sender.execute("SET SESSION sql_mode = 'ONLY_FULL_GROUP_BY,STRICT_TRANS_TABLES'")
        rows = rows_of(sender)
        call(sender, "UpdateTimestamp", ["sent"])
        assert sender.value("SELECT Type FROM LastUpdated") == "sent"
    assert rows == rows_of(db, corrected)
    assert (made["view"], made["rows"]) == (VIEW, len(rows))
    own = session(target.with_database(name))
    assert made["jobs"] == own.value(f"SELECT SUM(NumberOfJobs) FROM {VIEW}") == 43
    assert columns(own) == columns(db)
    assert tables_of(target.with_database(name)) == {VIEW, "LastUpdated", work.MARK, work.MONTHS}
    assert made["unloader_cfg"] == f"table_name = {VIEW}\ninterval = all\ndict_benchmark_type = true"
    assert f"\nname = {name}\nusername = ...\npassword = ..." in made["db_cfg"]

    # Anew, with fewer months and the other view: what the first showed is gone, what was sent is still noted.
    chosen = ("--months", "2023-01..2023-12,2024-01", "--site", "SITE-A", "--scratch", name)
    text = ok(inside(target, "resend", *chosen, "--view", "VSuperSummaries", "--yes")).out
    assert "table_name = VSuperSummaries" in text
    assert own.rows("SELECT Site, Year, Month, VO FROM VSuperSummaries ORDER BY Year, Month, VO") == [
        ("SITE-A", 2023, 11, "atlas"), ("SITE-A", 2023, 11, "cms"), ("SITE-A", 2024, 1, "atlas"),
    ]  # fmt: skip
    assert own.value("SELECT COUNT(*) FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()") == 1
    assert own.value("SELECT Type FROM LastUpdated") == "sent"
    assert ok(inside(target, "resend", "--drop", "--scratch", name, "--yes", "--json")).json["dropped"] == name
    assert name not in databases(server)
    refused(inside(target, "resend", "--drop", "--scratch", name, "--yes"), 2, f"There is no database {name}")
    assert (whole(target), tables_of(target)) == (content, tables)


def test_rows_that_a_message_with_types_cannot_carry_are_refused_in_the_chosen_months_only(
    place: tuple[Target, str], server: TestServer
):
    target, name = place
    with Session(target) as db:
        install_with(db)
        for level in ("10", "12"):
            load_summary(db, serviceLevel=level)
        load_summary(db, month=2, serviceLevelType="custom")
        for kind in ("None", "HEPSPEC"):
            load_summary(db, month=3, serviceLevelType=kind)
        load_summary(db, month=4, serviceLevelType="None")
        assert summarise(db) == {}
        stamp(db)
    upgrade(target, "2.3.0", policy=Policy(types={"custom": "released", "none": "released"}))
    assert len(listed(target)) == 4

    def sent(months: str, view: str = VIEW) -> Ended:
        return inside(target, "resend", "--months", months, "--scratch", name, "--view", view, "--yes")

    refused(sent("all"), 1, "Types that v0.4 messages do not know", '"custom" in SITE-A, 2024-02 (rows: 1)')
    refused(sent("2024-01,2024-03"), 1, "fall together", '"hepspec" in SITE-A, 2024-03 (rows: 2)')
    refused(sent("2024-03", "VSuperSummaries"), 1, '"hepspec" in SITE-A, 2024-03 (rows: 2)')
    refused(sent("2024-05"), 2, "Nothing was corrected in the month 2024-05")
    refused(sent("2024-06..2025-01"), 2, "Nothing was corrected in these months")
    assert name not in databases(server)
    assert "in it shows these months: 2 rows, 30 jobs" in ok(sent("2024-01,2024-04")).out
    assert "in it shows these months: 2 rows, 20 jobs" in ok(sent("2024-01", "VSuperSummaries")).out


def test_only_what_is_its_own_is_filled_or_dropped(place: tuple[Target, str], server: TestServer, session: OpenSession):
    target, name = place
    with Session(target) as db:
        install_with(db)
        load_summary(db)
        assert summarise(db) == {}
        stamp(db)
    refused(inside(target, "resend", "--months", "all", "--scratch", name, "--yes"), 2, "shows no benchmark types")
    upgrade(target, "2.3.0")
    make = ("resend", "--months", "all", "--scratch")
    for wrong, said in (
        (("resend", "--scratch", name), "--months all"),
        (("resend", "--months", "all"), "--scratch NAME"),
        (("resend", "--drop", "--months", "all", "--scratch", name), "leave --months"),
        ((*make[:2], "2023-5", *make[3:], name), '"2023-5" is no month'),
        ((*make, name, "--site", "SITE-X"), "Nothing was corrected in the site SITE-X"),
        ((*make, name), "no terminal to confirm on"),
        ((*make, str(target.database), "--yes"), "was not made by apelschema resend"),
        ((*make, "mysql", "--yes"), "was not made by apelschema resend"),
        (("resend", "--drop", "--scratch", str(target.database), "--yes"), "was not made by apelschema resend"),
    ):
        refused(inside(target, *wrong), 2, said)
    assert name not in databases(server)

    rights = (("ALL", str(target.database)), ("SELECT", name))
    grants = [f"GRANT {right} ON {quoted(on)}.* TO <account>" for right, on in rights]
    with account(server, target, *grants) as poor:
        refused(
            inside(poor, *make, name, "--yes"), 2, "INSERT, DELETE, CREATE, DROP", f"ON {quoted(name)}.* TO <account>"
        )
        server.execute(f"GRANT {', '.join(work.TO_MAKE)} ON {quoted(name)}.* TO {ACCOUNT}")
        ok(inside(poor, *make, name, "--yes"))
    assert name in databases(server)
    ok(inside(target, *make, name, "--yes"))  # by another account, again

    own = session(target.with_database(name))
    own.execute("CREATE TABLE precious (id INT PRIMARY KEY)")
    refused(inside(target, "resend", "--drop", "--scratch", name, "--yes"), 2, "did not make: precious")
    own.execute("DROP TABLE precious")
    own.execute(f"UPDATE {work.MARK} SET Source = 'another'")
    refused(inside(target, *make, name, "--yes"), 2, "was made to send from another")
    ok(inside(target, "resend", "--drop", "--scratch", name, "--yes"))
    assert name not in databases(server)


@pytest.mark.slow
@pytest.mark.faults
def test_with_the_connection_lost_at_any_statement_it_is_made_and_dropped_by_the_same_command(
    place: tuple[Target, str], server: TestServer
):
    target, name = place
    with Session(target) as db:
        install_with(db)
        load_summary(db)
        assert summarise(db) == {}
        stamp(db)
    upgrade(target, "2.3.0")
    for command, stays in (
        (("resend", "--months", "all", "--scratch", name, "--yes"), True),
        (("resend", "--drop", "--scratch", name, "--yes"), False),
    ):
        done = Changing(None)
        with lost_connection(done):
            ok(inside(target, *command))
        for at in range(1, done.occasions + 1):
            if stays:
                server.execute(f"DROP DATABASE IF EXISTS {quoted(name)}")
            else:
                ok(inside(target, "resend", "--months", "all", "--scratch", name, "--yes"))
            with lost_connection(Changing(at)):
                assert inside(target, *command).code == 3
            if stays or name in databases(server):
                ok(inside(target, *command))
            assert (name in databases(server)) is stays
        assert done.occasions >= 5


@pytest.mark.slow
def test_months_of_all_runs_count_but_not_what_programs_wrote_nor_what_was_taken_back(
    place: tuple[Target, str], session: OpenSession, server: TestServer
):
    target, name = place
    prepare(target)
    db = session(target)
    before = published(db)
    with pytest.raises(Stopped):
        upgrade(target, "2.3.0", listener=StopsAfterBackfill())
    refused(inside(target, "resend"), 2, "is unfinished")
    upgrade(target, "2.4.1")  # the first run is given up, its work stands
    corrected = changed_between(before, published(db))
    assert corrected == listed(target).keys()
    load_summary(db, month=9)
    assert summarise(db) == {}
    upgrade(target, "2.5.0")
    assert corrected == listed(target).keys()

    downgrade(target, "2.2.1")
    assert listed(target) == {}
    assert "No run of apelschema has corrected anything" in ok(inside(target, "resend")).out
    before = published(db)
    upgrade(target, "2.3.0")
    corrected = changed_between(before, published(db))
    assert ("SITE-A", "2024-09") in corrected  # on the old rule in between
    assert listed(target).keys() == corrected

    upgrade(target, "2.4.1")
    ok(inside(target, "cleanup", "--yes"))
    found = ok(inside(target, "resend", "--json")).json
    assert (len(found["unknown"]), found["labels_unknown"]) == (1, True)
    assert "is not known: apelschema cleanup removed its sums" in ok(inside(target, "resend")).out
    refused(inside(target, "resend", "--months", "all", "--scratch", name, "--yes"), 2, "its sums are gone")
    assert name not in databases(server)
