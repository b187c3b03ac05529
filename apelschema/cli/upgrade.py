"""``apelschema upgrade``."""

from typing import Any, get_args

import click

from apelschema.checks import Writers
from apelschema.cli import run
from apelschema.cli.options import LETS_TARGET_BE_NEGATIVE, policy, shared, target, target_argument, wants_json
from apelschema.cli.progress import telling
from apelschema.runner import Settings


@click.command(
    short_help="Upgrade to a release.",
    context_settings=LETS_TARGET_BE_NEGATIVE,
    epilog="""\b
Examples:
  apelschema upgrade --dry-run
  apelschema upgrade 2.3.0
  apelschema upgrade --policy /etc/apel/policy.toml --yes > upgrade.log
""",
)
@target_argument("head")
@shared()
@click.option("--dry-run", is_flag=True, help="show every step, its SQL, rows and locks; change nothing")
@click.option("-v", "--verbose", is_flag=True, help="with --dry-run: the SQL in full")
@click.option("--yes", is_flag=True, help="do not ask")
@click.option(
    "--writers",
    type=click.Choice(get_args(Writers)),
    default="stop",
    show_default=True,
    help="what to do about other connections of the database",
)
@click.option("--accept-stall", is_flag=True, help="Galera: accept that all writes stop while tables are rebuilt")
@click.option(
    "--accept-changed",
    multiple=True,
    metavar="NAME",
    help="go on with a routine or view that was changed by hand (repeatable)",
)
@click.option("--no-central", is_flag=True, help="create an empty database without the central extra objects")
def upgrade(to: str, dry_run: bool, verbose: bool, yes: bool, accept_changed: tuple[str, ...], **given: Any) -> int:
    """Upgrade to TARGET: a release, a revision, +1 or head (the default).

    Looks first and stops before anything is changed where something stands in the way; does the work with
    progress; verifies. Stop the loaders, the summariser, the unloader and the partition job first. An
    interrupted upgrade goes on when the same command is run again.
    """
    with telling(on_stderr=wants_json()) as listener:
        settings = Settings(
            target(),
            policy(),
            not given["no_central"],
            given["writers"],
            given["accept_stall"],
            accept_changed=frozenset(accept_changed),
            listener=listener,
        )
        if dry_run:
            return run.dry_run(settings, "upgrade", to, verbose=verbose)
        return run.run(settings, "upgrade", to, listener, yes=yes)
