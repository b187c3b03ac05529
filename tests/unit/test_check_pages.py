"""Every check has its page, with the same headings, and no page is without its check."""

import re
from pathlib import Path

import pytest

from apelschema.checks import ALL, GROUPS, Check

PAGES = Path(__file__).parents[2] / "docs" / "checks"
HEADINGS = ["What it looks at", "Why it matters", "Findings", "Seen with"]
SEVERITIES = {"blocker", "warning", "info", "not_checked"}


def page_of(check: Check) -> str:
    return (PAGES / f"{check.id}.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_check_has_its_page(check: Check):
    text = page_of(check)
    assert text.startswith(f"# {check.id}: {check.title}\n")
    assert re.findall(r"^## (.*)$", text, re.MULTILINE) == HEADINGS


@pytest.mark.parametrize("check", ALL, ids=lambda check: check.id)
def test_every_page_tells_severities_with_what_to_do(check: Check):
    findings = page_of(check).partition("## Findings")[2].partition("## Seen with")[0]
    table = [line for line in findings.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in re.split(r"(?<!\\)\|", row.strip("|"))] for row in table]
    assert rows[0] == ["severity", "when", "what to do"]
    assert rows[2:]
    assert all(row[0] in SEVERITIES and all(row) for row in rows[2:])


def test_no_page_is_without_its_check():
    assert {page.stem for page in PAGES.glob("*.md")} == {"README", *(check.id for check in ALL)}


def test_the_index_lists_every_check_in_its_group():
    index = (PAGES / "README.md").read_text(encoding="utf-8")
    for name, listed in GROUPS.items():
        section = index.partition(f"## {name.capitalize()}\n")[2].partition("\n## ")[0]
        assert re.findall(r"\[(\w+)\]\(\1\.md\)", section) == [check.id for check in listed]
