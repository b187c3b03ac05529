"""The policy decides published figures: its defaults, its refusals and what it renders are fixed here."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apelschema import procedures
from apelschema.errors import CannotRun
from apelschema.policy import Policy, lower


def test_defaults_block_unlisted_types_and_correct_all_history():
    policy = Policy.read(None)
    assert (policy.unlisted_types, policy.backfill, policy.types) == ("block", "all", {})
    assert policy.since is None
    assert policy.changes_figures


def test_a_file_is_read(tmp_path: Path):
    file = tmp_path / "policy.toml"
    file.write_text('unlisted_types = "released"\nbackfill = "since 2023-05"\n[types]\nCustom = "keep-old"\n')
    policy = Policy.read(file)
    assert policy == Policy("released", "since 2023-05", {"custom": "keep-old"})
    assert policy.since == (2023, 5)


@pytest.mark.parametrize(
    "text",
    [
        'unlisted = "block"',
        'unlisted_types = "ignore"',
        'backfill = "since 2023-13"',
        'backfill = "since 2023"',
        "backfill = 3",
        'types = "custom"',
        '[types]\nHEPSPEC = "released"',
        '[types]\nsi2k = "released"',
        '[types]\ncustom = "old"',
        "not toml at all",
    ],
)
def test_what_it_does_not_know_is_refused(text: str, tmp_path: Path):
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(CannotRun):
        Policy.read(file)


def test_a_missing_or_binary_file_is_refused_by_name(tmp_path: Path):
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    for file in (tmp_path / "absent.toml", binary):
        with pytest.raises(CannotRun, match=file.name):
            Policy.read(file)


def test_si2k_alone_keeps_the_old_factor_by_default():
    assert Policy().old_factor() == (True, ("si2k",))


def test_named_types_keep_the_old_factor_beside_si2k():
    policy = Policy(types={"custom": "keep-old", "other": "released"})
    assert policy.old_factor() == (True, ("custom", "si2k"))


def test_keep_old_for_all_unlisted_spares_the_listed_and_the_released():
    policy = Policy("keep-old", types={"other": "released"})
    assert policy.old_factor() == (False, ("hepscore23", "hepspec", "other"))


@pytest.mark.parametrize(
    ("policy", "decided"),
    [
        (Policy(), ("hepscore23", "hepspec", "si2k")),
        (Policy(types={"custom": "released", " a": "keep-old"}), (" a", "custom", "hepscore23", "hepspec", "si2k")),
        (Policy("released"), None),
        (Policy("keep-old"), None),
    ],
)
def test_which_types_are_decided(policy: Policy, decided: tuple[str, ...] | None):
    assert policy.decided == decided


def test_no_backfill_changes_no_published_figure():
    assert not Policy(backfill="none").changes_figures


def test_equal_policies_have_equal_texts():
    one = Policy(types={"a": "released", "b": "keep-old"})
    two = Policy(types={"b": "keep-old", "a": "released"})
    assert one.to_json() == two.to_json()
    assert Policy.from_mapping(json.loads(one.to_json())) == one


@pytest.mark.parametrize("name", ["a\\b", "a\0b"])
def test_what_servers_do_not_show_as_sent_is_refused_in_a_type(name: str):
    with pytest.raises(CannotRun, match="backslash or a zero"):
        Policy.from_mapping({"types": {name: "keep-old"}})


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('unlisted = "block"', 1, "unknown keys: unlisted"),
        ('# why\n\nbackfill = "since 2023-13"', 3, "since YYYY-MM"),
        ("backfill = 2023-05-01", 1, "since YYYY-MM"),
        ('unlisted_types = ["block"]', 1, "Use one of block, released, keep-old"),
        ('[types]\n\nHEPSPEC = "released"', 3, "whose factor is fixed"),
        ('[types]\n"si2k " = "released"', 2, "whose factor is fixed"),
        ('[types]\na = "released"\n"50% :x" = "old"', 3, "types.50% :x is 'old'"),
        ('[types]\nCustom = "released"\ncustom = "keep-old"', 3, "custom twice, and not the same"),
        ('types = "custom"', 1, "not a table"),
        ('[types]\ncustom = "keep-old"\nnonsense\n', 3, "cannot be read"),
        ("[types\n", 1, "cannot be read"),
    ],
)
def test_mistakes_are_told_with_file_and_line(tmp_path: Path, text: str, line: int, said: str):
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(CannotRun) as caught:
        Policy.read(file)
    assert said in str(caught.value)
    assert str(file) in caught.value.what
    assert f"line {line}" in caught.value.what


def test_letter_case_and_order_do_not_matter(tmp_path: Path):
    one, other = tmp_path / "one.toml", tmp_path / "other.toml"
    one.write_text('[types]\nCUSTOM = "keep-old"\n"" = "released"\ncustom = "keep-old"\n', encoding="utf-8-sig")
    other.write_text('types = { "" = "released", custom = "keep-old" }\nbackfill = "all"\n')
    assert Policy.read(one) == Policy.read(other)
    assert Policy.read(one).to_json() == Policy.read(other).to_json()


def test_blanks_before_a_name_count():
    """The server compares so; blanks behind are for the collation to judge."""
    policy = Policy.from_mapping({"types": {" custom": "keep-old", "custom": "released"}})
    assert policy.types == {" custom": "keep-old", "custom": "released"}


names = st.text(st.characters(exclude_characters="\\\0", exclude_categories=["Cs"]), max_size=50)


@given(st.dictionaries(names, st.sampled_from(["released", "keep-old"]), max_size=4), st.data())
def test_any_name_goes_through_policy_journal_and_text(types: dict[str, str], data: st.DataObject):
    try:
        policy = Policy.from_mapping(
            {"types": types, "unlisted_types": data.draw(st.sampled_from(["block", "keep-old"]))}
        )
    except CannotRun as refused:
        assert "fixed" in refused.what or "twice" in refused.what
        return
    assert Policy.from_mapping(json.loads(policy.to_json())) == policy
    assert {lower(name) for name in types} <= policy.types.keys()
    text = procedures.text("routine", "SummariseJobs", "2.3.0", policy)
    assert procedures.rendered(text, Policy()) == procedures.text("routine", "SummariseJobs", "2.3.0")
    assert procedures.rendered(procedures.text("routine", "SummariseJobs", "2.3.0"), policy) == text


def test_names_that_differ_in_white_space_are_two_texts():
    """Layout of a body is folded before it is compared; what stands in quotes is not layout."""
    source = procedures.source("routine", "SummariseJobs", "2.3.0")
    one, other = (Policy(types={name: "keep-old"}) for name in ("a b", "a  b"))
    assert procedures.matches_policy("SummariseJobs", "2.3.0", source.body(one), one)
    assert not procedures.matches_policy("SummariseJobs", "2.3.0", source.body(one), other)


def test_differences_in_words():
    one, other = Policy(types={"a": "released"}), Policy("released", "since 2023-05", {"b": "keep-old"})
    assert one.differences(one) == []
    assert one.differences(other) == [
        ("unlisted types", "block", "released"),
        ("backfill", "all", "since 2023-05"),
        ('type "a"', "released", "not named"),
        ('type "b"', "not named", "keep-old"),
    ]
