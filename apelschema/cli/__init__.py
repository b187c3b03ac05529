"""The command line: one file per command; the only place that knows click."""

import sys
import traceback
from typing import Final

import click

from apelschema import runner
from apelschema.cli import (
    adopt,
    check,
    cleanup,
    downgrade,
    plan,
    rehearse,
    repair,
    resend,
    roundtrip,
    sample,
    status,
    tune,
    upgrade,
    verify,
)
from apelschema.cli.options import shared
from apelschema.errors import ApelschemaError, ExitCode
from apelschema.report import say

_EPILOG: Final = """\b
Examples:
  export APELSCHEMA_URL='mysql+pymysql://apel@localhost/apelserver'
  apelschema status
  apelschema check
  apelschema plan
  apelschema --db-config /etc/apel/db.cfg upgrade
  apelschema verify --json

\b
The database is taken from --url, --db-config or --defaults-file; else from the variable
APELSCHEMA_URL; else from ~/.my.cnf with --database; commands that only read then take
/etc/apel/db.cfg.

\b
Exit codes: 0 done, nothing wrong; 1 it ran and found something wrong; 2 it could not run,
nothing was changed; 3 stopped half-way, safe to run again.

\b
Completion for the shell (bash; also zsh_source, fish_source):
  eval "$(_APELSCHEMA_COMPLETE=bash_source apelschema)"
"""

_SETTINGS: Final = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


@click.group(context_settings=_SETTINGS, epilog=_EPILOG)
@click.version_option(package_name="apelschema", message="%(package)s %(version)s")
@shared()
def cli() -> None:
    """Upgrade the database schema of an APEL accounting server, and prove that nothing was lost or counted twice."""


_COMMANDS: Final = (
    status.status,
    check.check,
    plan.plan,
    upgrade.upgrade,
    downgrade.downgrade,
    verify.verify,
    adopt.adopt,
    rehearse.rehearse,
    sample.sample,
    roundtrip.roundtrip,
    repair.repair,
    resend.resend,
    tune.tune,
    cleanup.cleanup,
)
for _command in _COMMANDS:
    cli.add_command(_command)


def main(arguments: list[str] | None = None) -> None:
    """Run a command and end the process with its exit code (DESIGN section 3)."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run a command and return its exit code; every error ends here, as a paragraph on stderr."""
    debug = "--debug" in (sys.argv[1:] if arguments is None else arguments)
    try:
        with runner.explained():
            return int(cli.main(arguments, prog_name="apelschema", standalone_mode=False) or 0)
    except ApelschemaError as error:
        _tell(error.what, error.why, error.hint)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return ExitCode.CANNOT_RUN
    except (click.Abort, KeyboardInterrupt):
        _tell(
            "Interrupted.",
            "If a run was at work, the server may still be busy with its last statement.",
            "Run the same command again: it looks how things stand and goes on.",
        )
        return ExitCode.STOPPED
    except Exception as error:
        if debug:
            traceback.print_exc()
        _tell(
            f"This is a bug in apelschema: {type(error).__name__} in {_place(error)}.",
            "Every step looks first how things stand, so it is safe to run the same command again.",
            "Please report it with what --debug shows.",
        )
        return ExitCode.STOPPED


def _tell(what: str, why: str, hint: str) -> None:
    say(what, sys.stderr, label="Error: ")
    for more in (why, hint):
        if more:
            say(more, sys.stderr)


def _place(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}, line {last.lineno} of {last.filename.rpartition('/')[2]}"
