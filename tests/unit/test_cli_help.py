"""The command line without a database: help, usage errors, options before and after the command."""

import pytest
from click.testing import CliRunner

from apelschema import cli
from apelschema.checks import ALL, Check
from apelschema.checks import _registered as registered
from apelschema.report import printable

COMMANDS = (
    "status", "check", "plan", "upgrade", "downgrade", "verify", "rehearse", "sample", "roundtrip", "cleanup",
    "resend", "repair", "tune",
)  # fmt: skip


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path):
    """No settings of the user's own."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("APELSCHEMA_URL", "APELSCHEMA_POLICY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)


def ended(capsys: pytest.CaptureFixture, *arguments: str) -> tuple[int, str, str]:
    code = cli.run(list(arguments))
    captured = capsys.readouterr()
    return code, captured.out, captured.err


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_examples(command):
    shown = CliRunner().invoke(cli.cli, [command, "--help"])
    assert shown.exit_code == 0
    assert "Examples:" in shown.output
    assert f"apelschema {command}" in shown.output or f" {command} " in shown.output


def test_the_programs_help_names_commands_exit_codes_and_completion():
    shown = CliRunner().invoke(cli.cli, ["--help"]).output
    assert all(command in shown for command in COMMANDS)
    assert "Exit codes: 0 done" in shown
    assert "_APELSCHEMA_COMPLETE=bash_source" in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["no-such-command"],
        ["status", "--no-such-option"],
        ["upgrade", "--no-such-option"],
        ["upgrade", "2.3.0", "2.4.1"],
        ["downgrade"],
        ["upgrade", "--writers", "kill"],
        ["sample", "--jobs", "many"],
        ["--url", "mysql://a@b/c", "status", "--url", "mysql://a@b/d"],
        ["status", "--url"],
    ],
)
def test_usage_errors_end_with_2(capsys, arguments):
    code, out, err = ended(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert "Error" in err
    assert "Traceback" not in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["status"], "Nothing says which database is meant"),
        (["status", "--url", "mysql://a:s3cret@b/c"], "holds a password"),
        (["status", "--url", "postgresql://a@b/c"], "no MySQL or MariaDB"),
        (["status", "--url", "what?"], "cannot be understood"),
        (["status", "--url", "mysql://a@b/c", "--db-config", "x"], "each say where the database is"),
        (["--url", "mysql://a@b/c", "status", "--defaults-file", "x"], "each say where the database is"),
        (["upgrade", "--url", "mysql://a@b/c", "--policy", "/no/such/file"], "cannot be read"),
    ],
)
def test_mistakes_are_told_in_a_paragraph(capsys, arguments, said):
    code, out, err = ended(capsys, *arguments)
    assert code == 2
    assert out == ""
    assert said in err
    assert "s3cret" not in err
    assert "Traceback" not in err


def test_a_bug_is_told_as_one(capsys, monkeypatch):
    monkeypatch.setattr(cli.cli, "main", lambda *_, **__: 1 / 0)
    code, _, err = ended(capsys, "status")
    assert code == 3
    assert "This is a bug in apelschema: ZeroDivisionError" in err
    assert "Traceback" not in err
    assert "Traceback" in ended(capsys, "status", "--debug")[2]


def test_two_checks_of_one_id_are_refused():
    twice = Check("same", "", "", lambda situation: [])
    with pytest.raises(ValueError, match="same"):
        registered([twice, twice])
    assert all(check.id and check.title and check.why for check in ALL)


def test_text_of_a_database_cannot_steer_a_terminal():
    assert printable("a\x1b[2Jb\x07\u202e\x9b") == "a?[2Jb???"
    assert printable("Zürich\n") == "Zürich\n"
