"""Names of benchmark types in every spelling: check, routines, backfill and verify take them for the same."""

import re
import tomllib
from collections.abc import Iterator
from typing import Any, Final

import pytest
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from apelschema import checks, revisions, verify
from apelschema.db.connect import Target
from apelschema.db.session import Session, can_hold
from apelschema.errors import FoundWrong
from apelschema.policy import Policy, is_nameable
from apelschema.sql import Normalisation
from tests.conftest import MakeDatabase
from tests.support.calls import load_job, load_summary, summarise
from tests.support.content import install_with, stamp
from tests.support.dump import whole
from tests.support.runs import downgrade, upgrade
from tests.support.servers import TestServer

COLLATIONS: Final = ("utf8mb4_general_ci", "utf8mb4_bin", "latin1_swedish_ci", "latin1_bin")

NAMES: Final = (
    "Custom", "SPECint 2000", " leading", "two  blanks", "it's", 'say "x"', "50% :x", "%s %% %(a)s", "`tick`",
    "# no comment", "-- none", "/* nor here */", "{{ keeps_old_factor }}", "a, 'b') OR (TRUE", "Bänchmark", "HÉPSPEC 2",
)  # fmt: skip


def figures(db: Session) -> dict[str, int]:
    rows = db.rows(
        "SELECT v.name, SUM(h.NormalisedWallDuration) FROM HybridSuperSummaries h JOIN VOs v ON v.id = h.VOID"
        " GROUP BY v.name"
    )
    return {str(name): int(wall) for name, wall in rows}


def fill(db: Session) -> None:
    """A job and a summary of 500 s at level 10 for each name; those of January have no source any more."""
    for number, name in enumerate(NAMES):
        who = {"vo": f"vo{number}", "serviceLevelType": name, "serviceLevel": "10", "wallDuration": 500}
        load_job(db, localJobId=str(number), **who)
        load_summary(db, month=3, **who)
    assert summarise(db) == {}
    db.execute("DELETE FROM JobRecords")


@pytest.mark.parametrize("kept", [0, 1])
@pytest.mark.parametrize("collation", COLLATIONS)
def test_every_spelling_goes_through_everything(make_database: MakeDatabase, collation: str, kept: int):
    target = make_database(collation.split("_")[0], collation)
    with Session(target) as db:
        install_with(db)
        fill(db)
        stamp(db)
    before = whole(target)
    with pytest.raises(FoundWrong, match="things stand in the way") as refused:
        upgrade(target)
    assert whole(target) == before
    factors = {name: ("keep-old", "released")[(number + kept) % 2] for number, name in enumerate(NAMES)}
    assert refused.value.what.count('"keep-old"') == len(NAMES)
    expected = {f"vo{number}": 40 if factor == "keep-old" else 10000 for number, factor in enumerate(factors.values())}
    upgrade(target, policy=Policy.from_mapping({"types": factors}))
    with Session(target) as db:
        assert figures(db) == expected
        assert summarise(db) == {}
        assert figures(db) == expected
        assert verify.run(db).verdict != "fail"
    others = {name: "released" if factor == "keep-old" else "keep-old" for name, factor in factors.items()}
    upgrade(target, policy=Policy.from_mapping({"types": others}))
    with Session(target) as db:
        assert figures(db) == {name: 10040 - wall for name, wall in expected.items()}
        assert summarise(db) == {}
        assert verify.run(db).verdict != "fail"


@pytest.mark.parametrize(("unlisted", "wall"), [("released", 10000), ("keep-old", 40)])
def test_unlisted_types_decide_about_all_that_are_not_named(make_database: MakeDatabase, unlisted: Any, wall: int):
    target = make_database()
    with Session(target) as db:
        install_with(db)
        fill(db)
        for type_ in ("hepspec", "HEPscore23"):
            load_summary(db, vo=type_, serviceLevelType=type_)
        load_summary(db, vo="Si2k", serviceLevelType="Si2k", serviceLevel="2500")
        assert summarise(db) == {}
        stamp(db)
    before = whole(target)
    policy = Policy.from_mapping(
        {"unlisted_types": unlisted, "types": {"it's": "released", "50% :X": "keep-old", "bänchmark": "keep-old"}}
    )
    upgrade(target, policy=policy)
    expected = {f"vo{number}": wall for number in range(len(NAMES))}
    expected |= {f"vo{NAMES.index(name)}": 40 for name in ("50% :x", "Bänchmark")}
    expected |= {f"vo{NAMES.index(chr(105) + 't' + chr(39) + 's')}": 10000}
    listed = {"hepspec": 10000, "HEPscore23": 10000, "Si2k": 10000}
    with Session(target) as db:
        for _ in range(2):
            assert figures(db) == expected | listed
            assert verify.run(db).verdict != "fail"
            assert summarise(db) == {}
    downgrade(target)
    assert whole(target)[2] == before[2]


def findings(db: Session, policy: Policy) -> list[checks.Finding]:
    planned = revisions.steps_between("221_baseline", "230_figures")
    return [each for each in checks.run(checks.Situation(db, policy), planned) if each.id == "benchmark_types"]


@pytest.fixture(scope="module", params=COLLATIONS)
def empty(server: TestServer, request: pytest.FixtureRequest) -> Iterator[Session]:
    target: Target = server.create_database(request.param.split("_")[0], request.param)
    with Session(target) as db:
        install_with(db)
        yield db
    server.drop_database(target)


names = st.text(st.characters(exclude_characters="\0", exclude_categories=("Cs", "Cn")), max_size=20)


@settings(max_examples=40, deadline=None, phases=[Phase.explicit, Phase.generate], derandomize=True)
@example(
    types=["İstanbul", "ẞ", "Σίσυφος", "ΣΑΣ", "Ა", "É", "custom ", "a\tb", "a\nb", "a\x1fb", "x" * 50, "\U0001f600"]
)
@example(types=["custom", "Custom", "cüstom", "CÜSTOM", " custom", "custom "])
@example(types=["a\\b", "\\", "a\\'b", "hepspec ", " hepspec", "HÉPSPEC"])
@given(types=st.lists(names, min_size=1, max_size=6))
def test_what_the_check_says_to_write_is_all_that_it_takes(empty: Session, types: list[str]):
    """The lines of its hints, put into a file, name each type: to the check, and to the rule of the figures."""
    db = empty
    character_set = str(db.value("SELECT @@character_set_database"))
    held = [each for each in types if can_hold(character_set, each)]
    db.execute("DELETE FROM HybridSuperSummaries")
    for number, name in enumerate(held):
        db.execute(
            "INSERT INTO HybridSuperSummaries (SiteID, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,"
            " Infrastructure, NodeCount, Processors, NumberOfJobs, Year, Month, ServiceLevelType, ServiceLevel,"
            " WallDuration, CpuDuration, NormalisedWallDuration, NormalisedCpuDuration)"
            " VALUES (1, 1, %s, 1, 1, 1, 'grid', 1, 1, 1, 2024, 1, %s, 10, 500, 500, 20, 20)",
            (number, name),
        )
    found = findings(db, Policy())
    lines = [match[1] for each in found if (match := re.match(r'Put (.*) = "keep-old" \(', each.hint, re.DOTALL))]
    policy = Policy.from_mapping(tomllib.loads("[types]\n" + "".join(f'{line} = "keep-old"\n' for line in lines)))
    left = findings(db, policy)
    assert [each for each in left if is_nameable(each.object) or "unlisted_types" not in each.hint] == []
    rule = Normalisation(policy)
    rows = db.rows(f"SELECT h.ServiceLevelType, {rule.keeps} FROM HybridSuperSummaries h", ())
    assert len(rows) == len(held)
    unnamed = {each.object for each in left}
    released = {str(kind) for kind, kept in rows if not kept}
    assert {each for each in released if each.lower() not in unnamed and not is_listed(db, each)} == set()


def is_listed(db: Session, name: str) -> bool:
    return bool(
        db.value(
            "SELECT COUNT(*) FROM HybridSuperSummaries h WHERE h.ServiceLevelType = %s"
            " AND LOWER(h.ServiceLevelType) IN ('hepspec', 'hepscore23')",
            (name,),
        )
    )


def test_name_that_the_database_cannot_hold_is_in_the_way(make_database: MakeDatabase):
    target = make_database("latin1")
    with Session(target) as db:
        install_with(db)
        stamp(db)
        (finding,) = findings(db, Policy.from_mapping({"types": {"бенчмарк": "keep-old", "bänchmark": "keep-old"}}))
    assert finding.message == (
        'The policy names "бенчмарк", which no column of this database can hold (character set latin1).'
    )
    with pytest.raises(FoundWrong, match="can hold"):
        upgrade(target, policy=Policy.from_mapping({"types": {"бенчмарк": "released"}}))


@pytest.mark.parametrize("pair", [("custom", "cüstom"), ("hépspec", "hepspec"), ("a", "a "), ("sï2k", "si2k")])
def test_names_that_are_one_to_the_collation_cannot_be_told_apart(make_database: MakeDatabase, pair: tuple[str, str]):
    one, other = pair
    factor = "released" if other == "si2k" else "keep-old"
    types = {one: factor} if other in ("hepspec", "si2k") else {one: "keep-old", other: "released"}
    target = make_database("utf8mb4", "utf8mb4_general_ci")
    exact = make_database("utf8mb4", "utf8mb4_bin")
    for each, expected in ((target, 1), (exact, 1 if other == "a " else 0)):
        with Session(each) as db:
            install_with(db)
            assert len(findings(db, Policy.from_mapping({"types": types}))) == expected, each
