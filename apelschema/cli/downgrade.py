"""``apelschema downgrade``."""

from typing import Any, cast

import click

from apelschema.checks import Writers
from apelschema.cli import options, plan, run
from apelschema.cli.options import LETS_TARGET_BE_NEGATIVE, shared, target, target_argument, wants_json
from apelschema.cli.progress import telling
from apelschema.runner import Settings


@click.command(
    short_help="Go back to a release.",
    context_settings=LETS_TARGET_BE_NEGATIVE,
    epilog="""\b
Examples:
  apelschema downgrade 2.2.1 --dry-run
  apelschema downgrade 2.2.1
  apelschema downgrade 2.2.1 --accept-folding
""",
)
@target_argument()
@shared(policy=False)
@click.option("--dry-run", is_flag=True, help="show every step, its SQL, rows and locks; change nothing")
@click.option("-v", "--verbose", is_flag=True, help="with --dry-run: the SQL in full")
@click.option("--yes", is_flag=True, help="do not ask")
@options.writers
@click.option(
    "--accept-folding", is_flag=True, help="go back though rows fall together that only the newer release tells apart"
)
@options.gives_way
@options.accept_stall
@options.accept_triggers
def downgrade(to: str, dry_run: bool, verbose: bool, yes: bool, writers: str, **given: Any) -> int:
    """Go back to TARGET: a release, a revision, -1 or base.

    Puts back what the upgrade found, routines and views to the letter. What came in since stays, as far as the
    older release has a place for it; where it has none, this says so and changes nothing, unless --accept-folding
    is given: such rows are added up, so that jobs, wall and cpu of every site and month stay what they are, and
    kept aside for going forward again.
    """
    with telling(on_stderr=wants_json()) as listener:
        settings = Settings(
            target(),
            None,
            True,
            cast(Writers, writers),
            given["accept_stall"],
            given["accept_folding"],
            accept_triggers=frozenset(given["accept_triggers"]),
            limits=options.limits(given),
            listener=listener,
        )
        if dry_run:
            return plan.dry_run(settings, "downgrade", to, verbose=verbose)
        return run.run(settings, "downgrade", to, listener, yes=yes)
