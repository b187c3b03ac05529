"""How the server reads for our summarising procedures (semantics.md section 4 rules 3 and 4)."""

import re
from typing import Any

import pytest

from apelschema import procedures, verify
from apelschema.db.session import Session
from apelschema.verify.probes.recompute import differing
from tests.db.conftest import MakeInstalled
from tests.support.calls import load_job, load_normalised, load_summary, summarise

JOBS = 3000


RELEASES = ["2.3.0", "2.4.1", "2.5.0"]


@pytest.fixture(params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def statements(routine: str, start: str, release: str) -> list[str]:
    """The statements of a routine's text that begin so."""
    text = re.sub(r"--(?=\s).*", "", procedures.text("routine", routine, release))
    return [found[1] for found in re.finditer(rf"({start}.*?);", text, re.DOTALL)]


def explained(db: Session, statement: str) -> list[dict[str, str]]:
    """EXPLAIN's rows as text, by column, for the query in a statement."""
    query = statement[statement.index("SELECT") :].partition("ON DUPLICATE KEY")[0]
    rows = db.dicts(f"EXPLAIN FORMAT=TRADITIONAL {query}")
    return [{name: str(value) for name, value in row.items()} for row in rows]


@pytest.fixture
def filled(installed: MakeInstalled, release: str) -> Session:
    """Some thousand jobs in groups of a few, as many summaries of both kinds."""
    db = installed(release)
    if not db.server.keeps_to_a_forced_index:
        pytest.skip("how it reads is promised only where the server keeps to the summariser's index")
    load_job(db)
    load_summary(db)
    load_normalised(db)
    db.execute("CREATE TEMPORARY TABLE Digits (number INT PRIMARY KEY)")
    db.execute(f"INSERT INTO Digits VALUES {', '.join(f'({number})' for number in range(100))}")
    db.execute("CREATE TEMPORARY TABLE MoreDigits SELECT * FROM Digits")
    for table, number in (("JobRecords", "LocalJobId"), ("Summaries", "Year"), ("NormalisedSummaries", "Year")):
        columns = [str(row[0]) for row in db.rows(f"SHOW COLUMNS FROM {table}")]
        values = ["5000 + d.number" if name == number else f"t.{name}" for name in columns]
        if table == "JobRecords":
            values[columns.index("SiteID")] = "1 + d.number DIV 500"  # most have no summaries
            values[columns.index("GlobalUserNameID")] = "1 + d.number DIV 5"
        db.execute(
            f"INSERT INTO {table} ({', '.join(columns)}) SELECT {', '.join(values)} FROM {table} AS t,"
            " (SELECT 100 * a.number + b.number + 2 AS number FROM Digits AS a, MoreDigits AS b"
            f" WHERE 100 * a.number + b.number < {JOBS}) AS d"
        )
    db.execute("UPDATE NormalisedSummaries SET UpdateTime = '2024-02-01 00:00:00' WHERE Year > 5100")
    assert summarise(db) == {}
    db.rows("ANALYZE TABLE JobRecords, Summaries, NormalisedSummaries, HybridSuperSummaries")
    return db


def test_jobs_are_read_in_the_order_of_the_index(filled: Session, release: str):
    by_index, level_zero = statements("SummariseJobs", "INSERT INTO Hybrid", release)
    (row,) = explained(filled, by_index)
    assert row["key"] == "SummaryIdx"
    assert "temporary" not in row["Extra"]
    assert "filesort" not in row["Extra"]
    jobs = next(row for row in explained(filled, level_zero.replace("mustFold", "FALSE")) if row["table"] == "j")
    covering = [each for each in (row, jobs) if "Using index" in each["Extra"] and each["key"] == "SummaryIdx"]
    assert len(covering) == (0 if release == "2.5.0" else 2)  # the description is not in it


def test_summaries_meet_normalised_ones_by_key(filled: Session, release: str):
    compared, everything = statements("NormaliseSummaries", "INSERT INTO Hybrid", release)
    summaries, normalised = explained(filled, everything.replace("everything", "TRUE"))
    assert summaries["table"] == "s"
    assert (normalised["table"], normalised["key"]) == ("n", "PRIMARY")
    summaries, hybrid = explained(filled, compared)
    assert summaries["table"] == "s"
    assert (hybrid["table"], hybrid["key"]) == ("h", "PRIMARY")


def test_copying_reads_the_source_once(filled: Session, release: str):
    mark, first = statements("CopyNormalisedSummaries", "REPLACE INTO", release)
    compared, plain, with_level_zero = statements("CopyNormalisedSummaries", "INSERT INTO Hybrid", release)
    assert [row["table"] for row in explained(filled, plain)] == ["n"]
    copies, hybrid = explained(filled, compared)
    assert copies["table"] == "n"
    assert (hybrid["table"], hybrid["key"]) == ("h", "PRIMARY")
    assert all(
        row["type"] != "ALL" for row in explained(filled, first.replace("startedAt", "NOW()")) if row["table"] == "h"
    )
    sites = [row for row in explained(filled, mark.replace("startedAt", "NOW()")) if row["table"] == "n"]
    assert {row["Extra"] for row in sites} == {"Using index for group-by"}
    jobs = next(row for row in explained(filled, with_level_zero) if row["table"] == "r")
    assert jobs["key"] == "SummaryIdx"


def test_stale_copies_are_looked_for_by_key_and_never_among_all_jobs(filled: Session, release: str):
    for look in statements("CopyNormalisedSummaries", "CURSOR FOR", release):
        query = look.removeprefix("CURSOR FOR").replace("since IS NULL OR ", "")
        query = query.replace(">= since", ">= NOW() - INTERVAL 1 DAY").replace("startedAt", "NOW()")
        rows = explained(filled, query)
        assert [row["table"] for row in rows if row["type"] == "ALL"] in (["n"], ["y"])
        assert "j" not in {row["table"] for row in rows}


def test_verify_looks_for_jobs_behind_a_copy_by_the_index_whatever_the_statistics(
    filled: Session, monkeypatch: pytest.MonkeyPatch
):
    asked: list[str] = []
    read = filled.rows

    def listening(query: str, args: Any = None) -> list[tuple[Any, ...]]:
        asked.append(query)
        return read(query, args)

    filled.execute("UPDATE NormalisedSummaries SET CpuDuration = CpuDuration + 1, UpdateTime = UpdateTime")
    with monkeypatch.context() as patched:
        patched.setattr(filled, "rows", listening)
        assert sum(each.rows + each.waiting for each in differing(verify._subject(filled, None))) >= JOBS
    (in_detail,) = (query for query in asked if "FROM JobRecords o" in query)
    (jobs,) = (row for row in explained(filled, in_detail % ()) if row["key"] == "SummaryIdx")
    assert jobs["possible_keys"] == "SummaryIdx"


def test_without_odd_rows_jobs_are_grouped_once(filled: Session):
    """The statement that folds does nothing but look for level 0 then: no group is written twice."""
    filled.execute("FLUSH STATUS")
    filled.execute("CALL SummariseJobs()")
    written = {name: int(value) for name, value in filled.rows("SHOW SESSION STATUS LIKE 'Handler_%write'")}
    groups = filled.value("SELECT COUNT(DISTINCT j.GlobalUserNameID) FROM JobRecords AS j")
    assert groups > JOBS // 10
    assert written == {"Handler_write": groups, "Handler_tmp_write": 0}
