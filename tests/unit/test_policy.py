"""The policy decides published figures: its defaults, its refusals and what it renders are fixed here."""

import json
from pathlib import Path

import pytest

from apelschema.errors import CannotRun
from apelschema.policy import Policy


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
    ("policy", "name", "decided"),
    [
        (Policy(), "HEPscore23", True),
        (Policy(), " Si2K ", True),
        (Policy(), "custom", False),
        (Policy(types={"custom": "released"}), "Custom", True),
        (Policy("released"), "anything", True),
        (Policy("keep-old"), "anything", True),
    ],
)
def test_which_types_are_decided(policy: Policy, name: str, decided: bool):
    assert policy.names(name) is decided


def test_no_backfill_changes_no_published_figure():
    assert not Policy(backfill="none").changes_figures


def test_equal_policies_have_equal_texts():
    one = Policy(types={"a": "released", "b": "keep-old"})
    two = Policy(types={"b": "keep-old", "a": "released"})
    assert one.to_json() == two.to_json()
    assert Policy.from_mapping(json.loads(one.to_json())) == one


def test_backslash_in_a_type_is_refused():
    with pytest.raises(CannotRun, match="backslash"):
        Policy.from_mapping({"types": {"a\\b": "keep-old"}})
