"""``apelschema sample``."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from apelschema import sampling, scratch
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import charset_option, sample_options, shared, target
from apelschema.cli.progress import telling
from apelschema.db.connect import Target, open_connection
from apelschema.db.session import Session
from apelschema.errors import CannotRun, ExitCode
from apelschema.names import quoted
from apelschema.sample import OLDEST, RELEASES, Sample, policy_text


@click.command(
    short_help="Create a realistic database in an empty one.",
    epilog="""\b
Examples:
  apelschema --url mysql+pymysql://root@localhost/apel_sample sample --create-database
  apelschema sample --jobs 1000000 --summaries 1000000 --yes
  apelschema sample --lax --overflow --policy-out policy.toml --yes
  apelschema sample --release 2.3.0 --sites 20 --seed 7 --yes
""",
)
@shared(policy=False, json=False)
@click.option("--release", type=click.Choice(RELEASES), default=OLDEST, show_default=True, help="of the schema")
@sample_options
@click.option(
    "--policy-out",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="with such types, and write a policy that names them",
)
@click.option("--create-database", is_flag=True, help="create the database if it is not there")
@charset_option("of the database that is created: latin1 ...")
@click.option("--yes", is_flag=True, help="do not ask")
def sample(yes: bool, create_database: bool, charset: str, policy_out: Path | None, lax: bool, **wishes: Any) -> int:
    """Create a realistic database of a release in an empty one, deterministic by its seed.

    One of 2.2.1 looks as an old database does: nothing in it tells of this tool. A later release is made by a real
    upgrade of the empty database, then filled: its revision is known, and `upgrade` goes on from there. Its figures
    are those of its own procedures, and without --lax it says "no infrastructure" in the one way that these do.

    The jobs of the oldest months are gone, as are some summaries, while their sums are there; some jobs were sent
    again with another benchmark.
    """
    wanted = Sample(strict=not lax, **wishes)
    if policy_out:
        wanted = replace(wanted, custom=True)
    place = target()
    if create_database:
        _create(place, charset)
    with Session(place) as session:
        scratch.demand_empty(
            session,
            why="A sample never mixes with other data.",
            hint="Name an empty one, or add --create-database for a new one.",
        )
        rows = f"{wanted.jobs:,} jobs and {wanted.summaries_in_all:,} summaries"
        confirm(session, f"This will create a sample of {rows} in", yes=yes)
    if policy_out:
        _write(policy_out, policy_text(wanted))
    with telling(on_stderr=False) as listener:
        listener.write(f"Making the schema of {wanted.release}.")
        sampling.make_schema(place, wanted)
        sampling.fill(place, wanted, listener)
    click.echo(f"A sample of release {wanted.release} is in {place.shown()}.")
    if policy_out:
        click.echo(f"The policy for it is in {policy_out}: apelschema upgrade --policy {policy_out}")
    return ExitCode.OK


def _create(place: Target, charset: str) -> None:
    with closing(open_connection(place.with_database(None))) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(str(place.database))} CHARACTER SET {charset}")


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CannotRun(f"The policy cannot be written to {path}: {error.strerror}.") from error
