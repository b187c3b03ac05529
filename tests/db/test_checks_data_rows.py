"""Checks of labels, names, dates, sync records and the way back: C6, C10 to C12 and C14 of semantics.md section 5."""

from collections.abc import Iterator
from typing import Any

import pytest

from apelschema.checks.data import (
    dates_and_widths,
    lookup_names,
    no_infrastructure,
    orphans,
    sync,
    untyped_doubles,
    way_back,
)
from apelschema.db.session import Session
from apelschema.steps.fold import FoldTypes
from tests.support import numbers
from tests.support.calls import error_of, load_job, load_normalised, load_summary
from tests.support.data_checks import LATER, OLDEST, RELEASES, At, databases, down, found, summarised, told, up
from tests.support.data_checks import sync as send_sync
from tests.support.runs import surroundings
from tests.support.servers import TestServer

HYBRID = "HybridSuperSummaries"
NORMALISED = "NormalisedSummaries"
PERSON = "/DC=org/DC=example/CN=someone"

every_release = pytest.mark.parametrize("release", RELEASES)
every_later_release = pytest.mark.parametrize("release", LATER)


@pytest.fixture(scope="module")
def at(server: TestServer) -> Iterator[At]:
    with databases(server) as opened:
        yield opened


def load_all(db: Session, **values: Any) -> None:
    """A job, a summary and a normalised one, which meet nowhere."""
    load_job(db, **values)
    load_summary(db, vo="cms", **values)
    load_normalised(db, vo="lhcb", **values)


# C6


def test_rows_that_get_the_label(at: At):
    db = at(OLDEST)
    load_all(db, infrastructureType="None", infrastructure="None")
    summarised(db)
    assert found(no_infrastructure.CHECK, db, up(OLDEST)) == []
    load_all(db, month=2, localJobId="2", infrastructureType="none", infrastructure="none")
    summarised(db)
    for table in ("JobRecords", "Summaries"):
        db.execute(f"UPDATE {table} SET InfrastructureType = NULL WHERE InfrastructureType LIKE BINARY 'none'")
    findings = found(no_infrastructure.CHECK, db, up(OLDEST))
    assert told(findings) == [
        ("info", "Summaries.InfrastructureType", 1),
        ("info", "NormalisedSummaries.Infrastructure", 1),
        ("info", "HybridSuperSummaries.Infrastructure", 2),
        ("info", "JobRecords.InfrastructureType", 1),
    ]
    assert all(each.message.endswith("they get that label.") for each in findings)


def test_rows_of_one_key_that_fall_together(at: At):
    db = at(OLDEST)
    for spelling in ("None", ""):
        load_summary(db, infrastructureType=spelling)
        summarised(db)
    findings = {each.severity: each for each in found(no_infrastructure.CHECK, db, up(OLDEST))}
    assert (findings["warning"].object, findings["warning"].count) == (HYBRID, 1)
    assert "summed up" in findings["warning"].message


@every_later_release
def test_other_spellings_count_twice_where_nothing_settles_them(at: At, release: str):
    db = at(release)
    load_all(db)
    summarised(db)
    assert found(no_infrastructure.CHECK, db) == []
    db.execute("UPDATE Summaries SET InfrastructureType = ''")
    db.execute("UPDATE JobRecords SET InfrastructureType = ' '")
    findings = found(no_infrastructure.CHECK, db)
    assert told(findings) == [
        ("warning", "Summaries.InfrastructureType", 1),
        ("warning", "JobRecords.InfrastructureType", 1),
    ]


@pytest.mark.parametrize("release", ["2.4.1", "2.5.0"])
@pytest.mark.parametrize("severity", ["warning", "blocker"])
def test_two_spellings_under_one_key_leave_no_room_for_the_label(at: At, release: str, severity: str):
    db = at(release)
    for name in ("grid", "None"):
        load_summary(db, infrastructureType=name)
        load_normalised(db, infrastructure=name)
    assert found(no_infrastructure.CHECK, db) == []
    db.execute("UPDATE Summaries SET InfrastructureType = '' WHERE InfrastructureType = 'grid'")
    db.execute(f"UPDATE {NORMALISED} SET Infrastructure = 'null' WHERE Infrastructure = 'grid'")
    planned = up("2.3.0") if severity == "blocker" else ()
    findings = [each for each in found(no_infrastructure.CHECK, db, planned) if "." not in each.object]
    assert told(findings) == [(severity, "Summaries", 1), (severity, NORMALISED, 1)]


# C10


@every_release
def test_names_that_stand_twice(at: At, release: str):
    db = at(release)
    load_all(db)
    summarised(db)
    assert found(lookup_names.CHECK, db, up(release)) == []
    db.execute("INSERT INTO Sites (name) VALUES ('SITE-A')")
    db.execute("INSERT INTO Queues (name) VALUES ('long'), ('long')")
    db.execute(f"INSERT INTO DNs (name) VALUES ('{PERSON}')")
    assert error_of(lambda: load_job(db)) == numbers.TWO_ROWS_FOR_ONE_NAME
    findings = {each.object: each for each in found(lookup_names.CHECK, db, up(release))}
    assert {name: (each.severity, each.count) for name, each in findings.items()} == {
        "Sites": ("warning", 1),
        "DNs": ("warning", 1),
        "Queues": ("warning", 1),
    }
    one, other = (int(id_) for (id_,) in db.rows("SELECT id FROM Sites ORDER BY id"))
    assert f"SITE-A (id {one}: 3 rows of {HYBRID}, id {other}: 0 rows of {HYBRID})" in findings["Sites"].message
    assert "3 rows" in findings["DNs"].message
    assert not any("CN=" in each.message + each.hint for each in findings.values())


@every_release
def test_ids_without_a_name(at: At, release: str):
    db = at(release)
    load_all(db)
    send_sync(db, 10)
    summarised(db)
    assert found(orphans.CHECK, db, up(release)) == []
    db.execute("DELETE FROM VOs WHERE name = 'cms'")
    db.execute("DELETE FROM SubmitHosts")
    db.execute("DELETE FROM DNs WHERE name LIKE '%someone'")
    findings = {each.object: each for each in found(orphans.CHECK, db, up(release))}
    assert {name: (each.severity, each.count) for name, each in findings.items()} == {
        HYBRID: ("warning", 3),
        "Summaries": ("warning", 1),
        NORMALISED: ("warning", 1),
        "SyncRecords": ("warning", 1),
        "JobRecords": ("warning", 1),
    }
    assert "3 rows of HybridSuperSummaries of 21 jobs" in findings[HYBRID].message
    assert "(VOID: 1, GlobalUserNameID: 3, SubmitHostId: 3)" in findings[HYBRID].message
    assert "(GlobalUserNameID: 1)" in findings["JobRecords"].message


# C11


@every_release
def test_dates_that_are_none_and_texts_that_may_have_been_cut(at: At, release: str):
    db = at(release)
    load_all(db)
    load_all(db, month=2, localJobId="2", infrastructureType="i" * 19, infrastructure="i" * 19)
    summarised(db)
    assert found(dates_and_widths.CHECK, db, up(release)) == []
    db.execute("UPDATE JobRecords SET EndTime = '0000-00-00 00:00:00', EndMonth = NULL WHERE LocalJobId = '1'")
    db.execute("UPDATE JobRecords SET InfrastructureType = REPEAT('i', 20) WHERE LocalJobId = '2'")
    db.execute("UPDATE Summaries SET Month = 13 WHERE Month = 2")
    db.execute(
        f"UPDATE {NORMALISED} SET Infrastructure = REPEAT('i', 20), LatestEndTime = '2024-00-01' WHERE Month = 2"
    )
    db.execute(f"UPDATE {HYBRID} SET Year = 0 WHERE Month = 2")
    db.execute(f"UPDATE {HYBRID} SET EarliestEndTime = NULL, ServiceLevelType = REPEAT('t', 50) WHERE Month = 1")
    db.execute("INSERT INTO DNs (name) VALUES (REPEAT('d', 255))")
    findings = found(dates_and_widths.CHECK, db, up(release))
    assert told(findings) == [
        ("warning", HYBRID, 2),
        ("info", HYBRID, 4),
        ("warning", HYBRID, 4),
        ("warning", "Summaries", 1),
        ("warning", NORMALISED, 1),
        ("warning", NORMALISED, 1),
        ("warning", "DNs", 1),
        ("warning", "JobRecords", 1),
        ("info", "JobRecords", 1),
        ("warning", "JobRecords", 1),
    ]
    assert "SITE-A, 0-02: 2" in findings[0].message
    assert "SITE-A, 2024-13: 1" in findings[3].message
    assert "ddd" not in findings[6].message


# C12


@every_release
def test_jobs_told_against_jobs_here(at: At, release: str):
    db = at(release)
    for month, jobs in ((1, 10), (2, 9), (3, 11), (4, 5)):
        send_sync(db, jobs, month)
        if month != 4:
            load_summary(db, month=month)
    load_summary(db, month=6)
    summarised(db)
    more, fewer = found(sync.CHECK, db, up(release))
    assert told([more, fewer]) == [("warning", "SyncRecords", 1), ("info", "SyncRecords", 1)]
    assert "In 1 of 3 submit hosts and months in both" in more.message
    assert more.message.endswith("SITE-A, ce.site-a.example, 2024-02: 10 here, 9 told.")
    assert fewer.message.endswith("SITE-A, ce.site-a.example, 2024-03: 10 here, 11 told.")


def test_what_was_told_after_the_last_summariser_run_is_left_out(at: At):
    db = at(OLDEST)
    send_sync(db, 9)
    load_summary(db)
    summarised(db)
    assert len(found(sync.CHECK, db)) == 1
    db.execute("UPDATE SyncRecords SET UpdateTime = UpdateTime + INTERVAL 1 HOUR")
    assert found(sync.CHECK, db) == []


# C14


@every_later_release
def test_what_the_way_back_would_fold(at: At, release: str):
    db = at(release)
    load_normalised(db)
    load_summary(db)
    assert found(way_back.CHECK, db, down(release)) == []
    assert found(way_back.CHECK, db) == []
    load_normalised(db, vo="cms", serviceLevelType="hepscore23")
    load_summary(db, infrastructureType="local", infrastructureDescription="arc")
    to_know = found(way_back.CHECK, db)
    asked = found(way_back.CHECK, db, down(release))
    of_release = {"2.3.0": [1], "2.4.1": [2, 1], "2.5.0": [1, 2, 1]}
    assert [each.count for each in asked] == of_release[release]
    assert {each.severity for each in asked} == {"warning"}
    assert all("--accept-folding" in each.hint for each in asked)
    assert [(each.severity, each.count) for each in to_know] == [("info", count) for count in of_release[release]]


def test_a_database_of_the_oldest_release_has_no_way_back(at: At):
    db = at(OLDEST)
    load_all(db)
    assert found(way_back.CHECK, db, up(OLDEST)) == []


def test_what_blocks_the_way_back_is_what_its_steps_refuse(at: At):
    """The check of doubles and the downgrade itself agree on which keys are to be settled first."""
    db = at("2.3.0")
    for type_ in ("hepscore23", "hepspec"):
        load_normalised(db, serviceLevelType=type_)
    planned = down("2.3.0")

    def refused() -> list[str]:
        folds = [each for each in planned if isinstance(each.step, FoldTypes)]
        return [text for each in folds for text in each.step.undo_blockers(surroundings(db).at(each.revision))]

    assert (refused(), found(untyped_doubles.CHECK, db, planned)) == ([], [])
    db.execute(f"UPDATE {NORMALISED} SET ServiceLevelType = '' WHERE ServiceLevelType = 'hepspec'")
    assert len(refused()) == len(found(untyped_doubles.CHECK, db, planned)) == 1
