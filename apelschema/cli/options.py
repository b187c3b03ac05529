"""Options that commands share. They may stand before or after the command's name; two that differ are an error."""

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final, TypeVar, get_args

import click
from click.shell_completion import CompletionItem

from apelschema import revisions
from apelschema.checks import Writers
from apelschema.db.lag import place
from apelschema.db.settings import Connection, find_target
from apelschema.db.target import Target
from apelschema.policy import Policy
from apelschema.throttle import Limits, parse_load

F = TypeVar("F", bound=Callable[..., Any])

POLICY_VARIABLE: Final = "APELSCHEMA_POLICY"
_KEPT: Final = "apelschema.options"
_FILE: Final = click.Path(path_type=Path)


def _keep(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    """Remember an option that was given, wherever it stood."""
    if value is None or value is False:
        return
    kept = _kept(context)
    name = str(parameter.name)
    if kept.setdefault(name, value) != value:
        raise click.UsageError(f"{parameter.opts[-1]} is given twice, and not the same.", context)


def _kept(context: click.Context) -> dict[str, Any]:
    kept: dict[str, Any] = context.meta.setdefault(_KEPT, {})
    return kept


def _option(*names: str, **settings: Any) -> Callable[[F], F]:
    return click.option(*names, expose_value=False, callback=_keep, **settings)


_CONNECTION: Final = (
    _option("--url", metavar="URL", help="mysql+pymysql://user@host:port/database, without a password"),
    _option("--db-config", type=_FILE, metavar="FILE", help="APEL's own db.cfg"),
    _option("--defaults-file", type=_FILE, metavar="FILE", help="a MySQL option file, group [client]"),
    _option("--database", metavar="NAME", help="the database, with --defaults-file or ~/.my.cnf"),
    _option("--ask-password", "--ask-pass", is_flag=True, help="prompt for the password"),
)
_POLICY: Final = (
    _option(
        "--policy",
        type=_FILE,
        metavar="FILE",
        help=f"decisions about benchmark types, TOML (or the variable {POLICY_VARIABLE})",
    ),
)
_JSON: Final = (_option("--json", is_flag=True, help="print one JSON document on stdout"),)
_DEBUG: Final = (_option("--debug", is_flag=True, help="show the traceback of an unexpected error"),)


def _all(options: Iterable[Callable[[F], F]]) -> Callable[[F], F]:
    def decorate(function: F) -> F:
        for option in reversed(tuple(options)):
            function = option(function)
        return function

    return decorate


def shared(*, policy: bool = True, json: bool = True) -> Callable[[F], F]:
    """The options about connection, policy, output and debugging."""
    return _all((*_CONNECTION, *(_POLICY if policy else ()), *(_JSON if json else ()), *_DEBUG))


def wants_json() -> bool:
    """Whether --json was given."""
    return bool(_kept(click.get_current_context()).get("json"))


def target(*, only_reads: bool = False) -> Target:
    """The database that is meant; raises CannotRun. Prompts for a password when asked to."""
    kept = _kept(click.get_current_context())
    given = Connection(*(kept.get(name) for name in ("url", "db_config", "defaults_file", "database")))
    found = find_target(given, only_reads=only_reads)
    if kept.get("ask_password"):
        return found.with_password(click.prompt("Password", hide_input=True, default="", show_default=False, err=True))
    return found


def is_target_given() -> bool:
    """Whether an option says which database is meant; variables and files that are always there do not count."""
    kept = _kept(click.get_current_context())
    return any(kept.get(name) for name in ("url", "db_config", "defaults_file", "database"))


def policy() -> Policy | None:
    """The policy that was given; None when there is none, so that the journal's may hold. Raises CannotRun."""
    path = _kept(click.get_current_context()).get("policy") or os.environ.get(POLICY_VARIABLE)
    return Policy.read(Path(path)) if path else None


def sample_options(function: F) -> F:
    """What a sample is to hold (``sample.Sample``)."""
    count = click.IntRange(min=0)
    of_summaries = "rows of Summaries and NormalisedSummaries, half each; else a tenth of the jobs"
    options = (
        click.option("--jobs", type=count, default=5000, show_default=True, help="rows of JobRecords in the sample"),
        click.option("--summaries", type=count, help=of_summaries),
        click.option("--sites", type=int, default=6, show_default=True),
        click.option("--months", type=int, default=12, show_default=True),
        click.option("--seed", type=int, default=1, show_default=True, help="equal seeds give equal databases"),
        click.option("--lax", is_flag=True, help="as made without strict mode: NULLs, every spelling of nothing"),
        click.option("--overflow", is_flag=True, help="with a figure that exceeds 64 bits under the rule of 2.3.0"),
        click.option("--custom", is_flag=True, help="with benchmark types that a policy must name"),
    )
    for option in reversed(options):
        function = option(function)
    return function


def charset_option(of_what: str) -> Callable[[F], F]:
    """--charset, a word."""
    return click.option("--charset", default="utf8mb4", show_default=True, callback=_charset, help=of_what)


def _charset(context: click.Context, parameter: click.Parameter, value: str) -> str:
    if not value.isalnum():
        raise click.BadParameter(f"{value!r} is no character set.", context, parameter)
    return value


def gives_way(function: F) -> F:
    """What a run gives way to; ``limits`` reads it."""
    options = (
        click.option(
            "--max-lag",
            type=click.IntRange(min=0),
            metavar="SECONDS",
            help="wait between pieces, and before a rebuild, while a replica is further behind",
        ),
        click.option(
            "--replica",
            "replicas",
            multiple=True,
            metavar="HOST[:PORT]",
            callback=_places,
            help="with --max-lag: a replica, or its socket's path; else those that the server knows (repeatable)",
        ),
        click.option(
            "--max-load",
            multiple=True,
            metavar="NAME=NUMBER",
            callback=_loads,
            help="wait while a status variable is higher, as Threads_running=25 (repeatable, or with commas)",
        ),
        click.option(
            "--pause-file", type=_FILE, metavar="FILE", callback=_pause_file, help="wait while this file exists"
        ),
    )
    for option in reversed(options):
        function = option(function)
    return function


def limits(given: Mapping[str, Any]) -> Limits:
    """What ``gives_way`` was told; raises UsageError for replicas without a limit."""
    if given["replicas"] and given["max_lag"] is None:
        raise click.UsageError("--replica says whom to ask; how far it may be behind says --max-lag SECONDS.")
    return Limits(given["max_lag"], given["replicas"], given["max_load"], given["pause_file"])


def _places(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for each in value:
        try:
            place(Target(), each)
        except ValueError:
            message = f"{each!r} is neither HOST, HOST:PORT, [ADDRESS]:PORT nor the path of a socket."
            raise click.BadParameter(message, context, parameter) from None
    return value


def _loads(context: click.Context, parameter: click.Parameter, value: tuple[str, ...]) -> tuple[tuple[str, float], ...]:
    try:
        return tuple(limit for each in value for limit in parse_load(each))
    except ValueError:
        message = f"{','.join(value)!r} is not NAME=NUMBER, such as Threads_running=25."
        raise click.BadParameter(message, context, parameter) from None


def _pause_file(context: click.Context, parameter: click.Parameter, value: Path | None) -> Path | None:
    """The whole path; one in a folder that is not there, or that this account may not look into, is a mistake."""
    if value is None:
        return None
    path = value.absolute()
    if not (os.access(path.parent, os.X_OK) and path.parent.is_dir()):
        raise click.BadParameter(f"{path.parent} is no folder that can be looked into.", context, parameter)
    return path


def _complete_target(context: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    del context, parameter
    scripts = list(revisions.scripts().walk_revisions())
    known = dict.fromkeys([*(revisions.release_of(each) for each in scripts), "head", "base"])
    known |= dict.fromkeys(each.revision for each in scripts)
    return [CompletionItem(name) for name in known if name.startswith(incomplete)]


def _target_or_option(context: click.Context, parameter: click.Parameter, value: str | None) -> str | None:
    """``-1`` is a target; anything else that begins like an option is a mistake."""
    del parameter
    if value and value.startswith("-") and not value[1:].isdigit():
        raise click.NoSuchOption(value, ctx=context)
    return value


writers: Final = click.option(
    "--writers",
    type=click.Choice(get_args(Writers)),
    default="stop",
    show_default=True,
    help="what to do about other connections of the database",
)
accept_stall: Final = click.option(
    "--accept-stall", is_flag=True, help="Galera: accept that all writes stop while tables are rebuilt"
)
accept_changed: Final = click.option(
    "--accept-changed",
    multiple=True,
    metavar="NAME",
    help="go on with a routine or view that was changed by hand (repeatable)",
)
accept_triggers: Final = click.option(
    "--accept-trigger",
    "accept_triggers",
    multiple=True,
    metavar="NAME",
    help="go on although this trigger fires for each row that steps change (repeatable)",
)

LETS_TARGET_BE_NEGATIVE: Final = {"ignore_unknown_options": True}
"""Context settings of commands with a TARGET."""


def target_argument(default: str | None = None) -> Callable[[F], F]:
    """TARGET: a release, a revision id, ``+1``, ``-1``, ``base`` or ``head``."""
    return click.argument(
        "to", metavar="TARGET" if default is None else "[TARGET]", default=default, required=default is None,
        shell_complete=_complete_target, callback=_target_or_option,
    )  # fmt: skip
