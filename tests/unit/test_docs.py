"""The documents say what the commands do: every command line in them can be typed."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from apelschema import cli

ROOT = Path(__file__).parents[2]
PAGES = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md")])
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
INLINE = re.compile(r"`(apelschema [^`\n]*)`")
NOT_TYPED = {"...", "NAME", "FILE", "N", "HH:MM", "TARGET"}


def typed(page: Path) -> Iterator[str]:
    """The command lines of a page, in its blocks and between its words."""
    text = page.read_text(encoding="utf-8")
    for block in FENCE.findall(text):
        for line in block.splitlines():
            if line.startswith("apelschema "):
                yield line
    yield from INLINE.findall(FENCE.sub("", text))


def words_of(line: str) -> list[str]:
    """The words after the program's name, up to a comment, a pipe or a redirection."""
    words = shlex.split(line, comments=True)[1:]
    ends = [place for place, word in enumerate(words) if re.match(r"[|<>&;]|\d>", word)]
    return words[: ends[0]] if ends else words


def command_of(words: list[str]) -> click.Command:
    """The command that is meant: the first word that is one."""
    named = [word for word in words if word in cli.cli.commands]
    return cli.cli.commands[named[0]] if named else cli.cli


def options_of(command: click.Command) -> set[str]:
    listed = [*command.params, *cli.cli.params]
    return {name for each in listed for name in (*each.opts, *each.secondary_opts)} | {"--help", "-h", "--version"}


def every_line() -> list[tuple[str, str]]:
    examples = [(f"--help of {name}", command.epilog or "") for name, command in cli.cli.commands.items()]
    lines = [(page.relative_to(ROOT).as_posix(), line) for page in PAGES for line in typed(page)]
    return lines + [
        (place, line.strip())
        for place, text in [*examples, ("--help", cli.cli.epilog or "")]
        for line in text.splitlines()
        if line.strip().startswith("apelschema ")
    ]


def test_there_are_command_lines_to_look_at():
    places = {place for place, _ in every_line()}
    assert {"README.md", "docs/runbook.md", "--help"} <= places
    assert {f"--help of {name}" for name in cli.cli.commands} <= places


@pytest.mark.parametrize(("place", "line"), every_line())
def test_command_lines_name_commands_and_options_that_exist(place: str, line: str):
    words = words_of(line)
    command = command_of(words)
    unknown = [word for word in words if re.match(r"--?[a-zA-Z]", word)]
    unknown = [word for word in unknown if word.partition("=")[0] not in options_of(command)]
    assert not unknown, f"{place}: {line}"
    first = next((word for word in words if re.fullmatch(r"[a-z]+", word) and word not in NOT_TYPED), None)
    if command is cli.cli and first is not None:
        assert any(word.startswith("-") for word in words), f"{place}: {line} names no command"


@pytest.mark.parametrize("name", sorted(cli.cli.commands))
def test_every_command_is_in_the_readme(name: str):
    assert f"apelschema {name}" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_links_between_documents_lead_somewhere():
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"
