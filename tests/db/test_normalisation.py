"""The rule of normalisation in the backfill and in the routines is one and the same, whatever the row."""

import unicodedata
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from typing import Any, Final

import pytest
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st

from apelschema.db.session import Session
from apelschema.policy import Policy
from apelschema.sql import LARGEST, Normalisation
from tests.support.calls import call
from tests.support.install import install
from tests.support.servers import TestServer

POLICIES: Final = {
    "default": Policy(),
    "some kept": Policy(types={"custom": "keep-old", "50% :x": "keep-old", "it's": "keep-old", "hs06": "released"}),
    "all kept": Policy(unlisted_types="keep-old", types={"hs06": "released"}),
}

types = st.sampled_from(
    ["HEPSPEC", "hepspec", "HepSpec", "HÉPSPEC", "si2k", "Si2k", "SI2K", "HEPscore23", "hepscore23", "custom", "Custom",
     "None", "", "HS06", "50% :x", "it's", "unknown", "hepspec "]
)  # fmt: skip
levels = st.one_of(
    st.sampled_from(["0", "0.001", "0.125", "1", "10", "250", "2500", "9999999.999"]),
    st.decimals(0, 3000, places=3).map(str),
)
walls = st.one_of(st.integers(0, 2000), st.integers(0, 10**11))
huge = st.one_of(walls, st.integers(10**11, 4 * 10**14))
Row = tuple[str, str, int, int]


def rows_of(durations) -> Any:
    return st.lists(st.tuples(types, levels, durations, durations), min_size=1, max_size=25)


@pytest.fixture(scope="module", params=["latin1_swedish_ci", "utf8mb4_bin"])
def databases(server: TestServer, request: pytest.FixtureRequest) -> Iterator[dict[str, Session]]:
    """One of 2.2.1, and one of 2.3.0 for each policy."""
    wanted: dict[str, tuple[str, Policy]] = {"2.2.1": ("2.2.1", Policy())}
    wanted |= {name: ("2.3.0", policy) for name, policy in POLICIES.items()}
    made = {}
    for name, (release, policy) in wanted.items():
        target = server.create_database(request.param.split("_")[0], request.param)
        made[name] = Session(target)
        install(made[name], release, policy=policy)
    yield made
    for db in made.values():
        db.close()
        server.drop_database(db.target)


relaxed = settings(
    max_examples=12,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # to shrink an example over a database takes minutes
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)


def summarise(db: Session, rows: list[Row], source: str) -> None:
    """Each row under a VO of its own, as a summary or as two jobs, through the routines into hybrid."""
    for table in ("JobRecords", "Summaries", "HybridSuperSummaries"):
        db.execute(f"DELETE FROM {table}")
    if source == "jobs":
        _insert_jobs(db, rows)
        call(db, "SummariseJobs")
        return
    one = "(%s, 1, 2024, 1, 1, 1, 1, 1, 'grid', %s, %s, 1, 1, '2024-01-01', '2024-01-01', %s, %s, 1, 1)"
    db.execute(
        "INSERT INTO Summaries (VOID, Month, Year, SiteID, GlobalUserNameID, VOGroupID, VORoleID, SubmitHostId,"
        " InfrastructureType, ServiceLevelType, ServiceLevel, NodeCount, Processors, EarliestEndTime, LatestEndTime,"
        f" WallDuration, CpuDuration, NumberOfJobs, PublisherDNID) VALUES {', '.join([one] * len(rows))}",
        [value for number, row in enumerate(rows) for value in (number, *row)],
    )
    call(db, "NormaliseSummaries")


def _insert_jobs(db: Session, rows: list[Row]) -> None:
    one = "(%s, %s, 1, 1, 1, 1, 1, 1, 1, 1, %s, %s, 1, 1, '2024-01-01', '2024-01-01 01:00', 2024, 1, 'grid', %s, %s, 1)"
    values: list[Any] = []
    for number, (type_, level, wall, cpu) in enumerate(rows):
        for job, share in enumerate((wall // 3, wall - wall // 3)):
            values += [number, f"{number}-{job}", share, cpu if job else None, type_, level]
    db.execute(
        "INSERT INTO JobRecords (VOID, LocalJobId, SiteID, SubmitHostID, MachineNameID, QueueID, GlobalUserNameID,"
        " VOGroupID, VORoleID, NodeCount, WallDuration, CpuDuration, Processors, PublisherDNID, StartTime, EndTime,"
        " EndYear, EndMonth, InfrastructureType, ServiceLevelType, ServiceLevel, MemoryReal) VALUES "
        + ", ".join([one] * (2 * len(rows))),
        values,
    )


def compared(db: Session, rule: Normalisation, factor: str) -> list[tuple[Any, ...]]:
    """Rows of hybrid with the routines' figures, and those of the backfill's SQL."""
    return db.rows(
        "SELECT h.ServiceLevelType, h.ServiceLevel, h.WallDuration, h.CpuDuration,"
        " h.NormalisedWallDuration, h.NormalisedCpuDuration,"
        f" {rule.value('h.WallDuration', factor)}, {rule.value('h.CpuDuration', factor)}, {rule.matches(factor)}"
        " FROM HybridSuperSummaries h",
        (),
    )


@relaxed
@pytest.mark.parametrize("source", ["jobs", "summaries"])
@given(rows=rows_of(walls))
def test_old_rule_is_that_of_the_old_routines(databases: dict[str, Session], source: str, rows: list[Row]):
    db, rule = databases["2.2.1"], Normalisation(Policy())
    summarise(db, rows, source)
    found = compared(db, rule, rule.old_factor)
    assert len(found) == len(rows)
    for kind, level, wall, cpu, *figures in found:
        assert figures == [*figures[2:4], *figures[2:4], 1], (kind, level, wall, cpu)
        assert int(figures[0]) == by_hand(wall, level, is_whole=is_hepspec(db, kind))


@relaxed
@pytest.mark.parametrize("source", ["jobs", "summaries"])
@pytest.mark.parametrize("policy", POLICIES)
@given(rows=rows_of(huge))
@example(rows=[("HEPscore23", "9999999.999", 4 * 10**14, 1), ("custom", "1", 125, 124), ("si2k", "0.001", 125000, 0)])
def test_new_rule_is_that_of_the_new_routines(databases: dict[str, Session], source: str, policy: str, rows: list[Row]):
    db, rule = databases[policy], Normalisation(POLICIES[policy])
    summarise(db, rows, source)
    these, names = POLICIES[policy].old_factor()
    found = compared(db, rule, rule.new_factor)
    assert len(found) == len(rows)
    for kind, level, wall, cpu, *figures in found:
        assert figures == [*figures[2:4], *figures[2:4], 1], (kind, level, wall, cpu)
        if kind.isascii():
            divided = (kind.strip().lower() in names) == these
            assert int(figures[0]) == by_hand(wall, level, is_whole=not divided)


@relaxed
@pytest.mark.parametrize("policy", POLICIES)
@given(rows=rows_of(huge), shown=st.integers(0, 2))
@example(rows=[("HEPscore23", "9999999.999", 4 * 10**14, 1), ("custom", "1", 125, 124)], shown=1)
def test_row_is_on_the_wrong_rule_if_any_other_gives_its_figures(
    databases: dict[str, Session], policy: str, rows: list[Row], shown: int
):
    db, rule = databases[policy], Normalisation(POLICIES[policy])
    summarise(db, rows, "summaries")
    factor = (rule.old_factor, rule.other_factor, rule.new_factor)[shown]
    db.execute(
        f"UPDATE HybridSuperSummaries h SET h.NormalisedWallDuration = {rule.value('h.WallDuration', factor)},"
        f" h.NormalisedCpuDuration = {rule.value('h.CpuDuration', factor)} + (h.VOID %% 5 = 4)",
        (),
    )
    by_words = (
        f"(h.ServiceLevel <> 0 AND NOT {rule.matches(rule.new_factor)}"
        f" AND ({rule.matches(rule.old_factor)} OR {rule.matches(rule.other_factor)}))"
    )
    found = db.rows(f"SELECT {rule.on_wrong_rule}, {by_words}, h.ServiceLevelType FROM HybridSuperSummaries h", ())
    assert len(found) == len(rows)
    assert [row for row in found if row[0] != row[1]] == []


def by_hand(duration: int, level: Decimal, *, is_whole: bool) -> int:
    """Half up, clamped: in decimals, with nothing of the server's."""
    exact = Decimal(duration) * level * (1 if is_whole else Decimal("0.004"))
    return min(int(exact.quantize(Decimal(1), ROUND_HALF_UP)), LARGEST)


def is_hepspec(db: Session, kind: str) -> bool:
    """Whether the collation takes a type for HEPSPEC: blanks behind never count, case and accents mostly."""
    if str(db.value("SELECT @@collation_database")).endswith("_bin"):
        return kind.rstrip() == "HEPSPEC"
    letters = (each for each in unicodedata.normalize("NFKD", kind) if not unicodedata.combining(each))
    return "".join(letters).upper().rstrip() == "HEPSPEC"


@pytest.mark.parametrize("figure", [0, 1, 3, 4, 5])
def test_row_is_on_one_rule_only_if_the_other_gives_something_else(databases: dict[str, Session], figure: int):
    """A duration of nothing, or a rounding to the same, belongs to both rules: there is nothing to change."""
    db, rule = databases["default"], Normalisation(Policy())
    db.execute("DELETE FROM HybridSuperSummaries")
    old, new = by_hand(figure, Decimal("0.125"), is_whole=False), by_hand(figure, Decimal("0.125"), is_whole=True)
    for void, shown in enumerate((old, new, 77)):
        db.execute(
            "INSERT INTO HybridSuperSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID,"
            " SubmitHostId, Infrastructure, ServiceLevelType, ServiceLevel, NodeCount, Processors, WallDuration,"
            " CpuDuration, NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs)"
            " VALUES (1, 1, 2024, 1, %s, 1, 1, 1, 'grid', 'HEPscore23', 0.125, 1, 1, %s, %s, %s, %s, 1)",
            (void, figure, figure, shown, shown),
        )
    found = db.rows(
        f"SELECT {rule.on_old_rule_only}, {rule.on_new_rule_only}, {rule.on_neither_rule} FROM HybridSuperSummaries h"
        " ORDER BY h.VOID",
        (),
    )
    differ = int(old != new)
    assert found == [(differ, 0, 0), (0, differ, 0), (0, 0, 1)]
