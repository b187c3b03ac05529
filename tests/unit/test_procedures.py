import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from apelschema import procedures
from apelschema.errors import CannotRun
from apelschema.policy import Policy

KEEPS_CUSTOM = Policy(types={"custom": "keep-old"})
KEEPS_UNLISTED = Policy(unlisted_types="keep-old")

OLD = "CREATE PROCEDURE SummariseJobs ()\nBEGIN\n    SELECT 'old'; -- why\nEND"
NEW = """CREATE PROCEDURE SummariseJobs ()
COMMENT 'a ) in it'
SQL SECURITY DEFINER
BEGIN
    -- si2k alone
    SELECT 1 FROM t AS j WHERE LOWER(j.ServiceLevelType) {{ keeps_old_factor }} AND j.x LIKE '%:name' ;
END
"""
LOOKUP = """CREATE FUNCTION SiteLookup (lookup VARCHAR(255), n DECIMAL(10,3))
RETURNS INTEGER
DETERMINISTIC
BEGIN
    RETURN 1;
END
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    for name, release, text in (
        ("SummariseJobs", "2.2.1", OLD),
        ("SummariseJobs", "2.3.0", NEW),
        ("SiteLookup", "2.2.1", LOOKUP),
    ):
        place = tmp_path / "server" / "routines" / name
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{release}.sql").write_text(text)
    monkeypatch.setattr(procedures, "folder", lambda name: tmp_path)
    for each in (procedures.source, procedures.changed_in):
        each.cache_clear()
    yield tmp_path
    for each in (procedures.source, procedures.changed_in):
        each.cache_clear()


@pytest.mark.parametrize(
    ("release", "since"), [("2.2.1", "2.2.1"), ("2.3.0", "2.3.0"), ("2.4.0", "2.3.0"), ("2.5.0", "2.3.0")]
)
def test_the_text_of_a_release_is_the_newest_not_after_it(files, release, since):
    assert procedures.source("routine", "SummariseJobs", release).release == since


def test_there_is_no_text_for_older_releases_and_foreign_names(files):
    with pytest.raises(CannotRun):
        procedures.source("routine", "SummariseJobs", "1.6.1")
    with pytest.raises(CannotRun):
        procedures.source("routine", "HandMade", "2.3.0")
    assert procedures.changed_in("HandMade") == ()
    assert procedures.changed_in("SummariseJobs") == ("2.2.1", "2.3.0")


@pytest.mark.parametrize(
    ("policy", "tail"),
    [
        (Policy(), "IN ('si2k')"),
        (KEEPS_CUSTOM, "IN ('custom', 'si2k')"),
        (KEEPS_UNLISTED, "NOT IN ('hepscore23', 'hepspec')"),
        (Policy(types={"it's\\": "keep-old"}), "IN ('it''s\\\\', 'si2k')"),
    ],
)
def test_the_policy_fills_the_placeholder(files, policy, tail):
    assert procedures.keeps_old_factor(policy) == tail
    assert f"LOWER(j.ServiceLevelType) {tail} AND" in procedures.text("routine", "SummariseJobs", "2.3.0", policy)


@pytest.mark.parametrize("policy", [Policy(), KEEPS_CUSTOM, KEEPS_UNLISTED, Policy(types={"it's\\": "keep-old"})])
def test_a_body_is_ours_under_any_policy_but_matches_one(files, policy):
    ours = procedures.Ours()
    body = procedures.source("routine", "SummariseJobs", "2.3.0").body(policy)
    assert body.startswith("BEGIN")
    assert ours.is_own_body("SummariseJobs", "2.3.0", body)
    assert ours.is_own_body("SummariseJobs", "2.5.0", body.replace("-- si2k alone", ""))
    assert not ours.is_own_body("SummariseJobs", "2.2.1", body)
    for other in (Policy(), KEEPS_CUSTOM, KEEPS_UNLISTED):
        matches = procedures.matches_policy("SummariseJobs", "2.3.0", body, other)
        assert matches == (other.old_factor() == policy.old_factor())


def test_a_changed_body_is_not_ours(files):
    body = procedures.source("routine", "SummariseJobs", "2.3.0").body()
    assert not procedures.Ours().is_own_body("SummariseJobs", "2.3.0", body.replace("1", "2"))
    assert not procedures.Ours().is_own_body("SummariseJobs", "2.3.0", body.replace("('si2k')", "(SELECT 1)"))
    assert not procedures.Ours().is_own_body("SummariseVMs", "2.3.0", body)


def test_characteristics_are_no_part_of_the_body(files):
    assert procedures.source("routine", "SiteLookup", "2.2.1").body() == "BEGIN\n    RETURN 1;\nEND"


def test_the_head_is_rewritten_and_nothing_else(files):
    text = procedures.text("routine", "SummariseJobs", "2.3.0")
    made = procedures.create_statement(text, definer="a`p'el@%.example.org", replace=True)
    assert made.startswith("CREATE OR REPLACE DEFINER=`a``p'el`@`%.example.org` PROCEDURE SummariseJobs ()")
    assert made.split("SummariseJobs", 1)[1] == text.split("SummariseJobs", 1)[1]
    assert procedures.create_statement(text) == text


def test_a_view_gets_its_security(files):
    made = procedures.create_statement("-- what for\ncreate view V as select 1", definer="u@h", replace=True)
    assert made == "CREATE OR REPLACE DEFINER=`u`@`h` SQL SECURITY DEFINER VIEW V as select 1"


def test_other_text_is_no_statement_of_ours():
    with pytest.raises(ValueError, match="no CREATE"):
        procedures.create_statement("DROP TABLE Sites")


def test_a_role_has_no_host():
    assert procedures.quoted_account("apel@localhost") == "`apel`@`localhost`"
    assert procedures.quoted_account("a@b@localhost") == "`a@b`@`localhost`"
    assert procedures.quoted_account("accounting") == "`accounting`"


def test_names_of_a_release_with_and_without_the_central_ones():
    assert len(procedures.names("routine", "2.2.1")) == 16
    assert len(procedures.names("view", "2.2.1")) == 12
    assert len(procedures.names("view", "2.2.1", central=False)) == 7


def test_every_object_of_the_supported_releases_has_a_text():
    for release in ("2.2.1", "2.3.0", "2.4.1", "2.5.0"):
        for kind in ("routine", "view"):
            for name in procedures.names(kind, release):
                assert f" {name}" in procedures.text(kind, name, release).split("(")[0]


@pytest.mark.parametrize(
    ("release", "kind", "changed"),
    [
        ("2.4.1", "routine", {"CopyNormalisedSummaries", "ReplaceNormalisedSummary"}),
        ("2.4.1", "view", set()),
        (
            "2.5.0",
            "routine",
            {
                "CopyNormalisedSummaries",
                "NormaliseSummaries",
                "ReplaceNormalisedSummary",
                "ReplaceSummary",
                "SummariseJobs",
            },
        ),
        ("2.5.0", "view", {"VNormalisedSummaries", "VNormalisedSuperSummaries", "VSummaries", "VSuperSummaries"}),
    ],
)
def test_a_release_has_texts_of_what_changed_in_it_alone(release, kind, changed):
    names = procedures.names(kind, release)
    assert {name for name in names if release in procedures.changed_in(name, kind)} == changed


NORMALISING = {"NormaliseSummaries", "SummariseJobs"}


@pytest.mark.parametrize("release", ["2.3.0", "2.4.1", "2.5.0"])
def test_the_policy_decides_in_the_routines_that_normalise_and_nowhere_else(release):
    names = procedures.names("routine", release)
    texts = {
        name: [procedures.text("routine", name, release, each) for each in (Policy(), KEEPS_CUSTOM)] for name in names
    }
    assert {name for name, (default, other) in texts.items() if default != other} == NORMALISING


@pytest.mark.parametrize("release", ["2.3.0", "2.4.1", "2.5.0"])
def test_no_routine_ends_a_transaction_or_changes_tables(release):
    """The loader's message is one transaction."""
    ends = re.compile(
        r"^\s*(COMMIT|ROLLBACK|START TRANSACTION|CREATE (TEMPORARY )?TABLE|ALTER|DROP|TRUNCATE)\b", re.MULTILINE
    )
    for name in procedures.names("routine", release):
        assert ends.findall(procedures.source("routine", name, release).body()) == [], name
