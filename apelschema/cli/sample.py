"""``apelschema sample``."""

from contextlib import closing
from dataclasses import replace
from typing import Any, cast

import click

from apelschema import names, runner
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import shared, target
from apelschema.cli.progress import Telling, telling
from apelschema.db.connect import Target, open_connection
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.db.stored import put_back, read_stored
from apelschema.errors import CannotRun, ExitCode
from apelschema.names import quoted
from apelschema.runner import Settings
from apelschema.sample import Sample, build

BUILT = "2.2.1"
"""The release whose schema samples are filled in; later ones are upgraded from it."""


@click.command(
    short_help="Create a realistic database in an empty one.",
    epilog="""\b
Examples:
  apelschema --url mysql+pymysql://root@localhost/apel_sample sample --create-database
  apelschema sample --release 2.3.0 --jobs 100000 --sites 20 --seed 7 --yes
""",
)
@shared(policy=False, json=False)
@click.option("--release", metavar="RELEASE", default=BUILT, show_default=True, help="of the schema")
@click.option("--jobs", type=int, default=5000, show_default=True, help="rows of JobRecords; summaries come on top")
@click.option("--sites", type=int, default=6, show_default=True)
@click.option("--months", type=int, default=12, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="equal seeds give equal databases")
@click.option("--lax", is_flag=True, help="as made without strict mode: routines under sql_mode='', NULLs inside")
@click.option("--custom", is_flag=True, help="with jobs of a benchmark type that a policy must name")
@click.option("--create-database", is_flag=True, help="create the database if it is not there")
@click.option("--yes", is_flag=True, help="do not ask")
def sample(release: str, lax: bool, custom: bool, create_database: bool, yes: bool, **size: int) -> int:
    """Create a realistic database of a release in an empty one, deterministic by its seed.

    One of 2.2.1 looks as an old database does: nothing in it tells of this tool.
    """
    wanted = replace(Sample(strict=not lax, custom=custom), **cast(Any, size))
    place = target()
    if create_database:
        _create(place)
    with Session(place) as session:
        _demand_empty(session)
        confirm(session, f"This will create a sample of {wanted.jobs:,} jobs in", yes=yes)
    with telling(on_stderr=False) as listener:
        _make(place, wanted, release, listener)
    click.echo(f"A sample of release {release} is in {place.shown()}.")
    return ExitCode.OK


def _create(place: Target) -> None:
    with closing(open_connection(place.with_database(None))) as connection, connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE IF NOT EXISTS {quoted(str(place.database))} CHARACTER SET utf8mb4")


def _demand_empty(session: Session) -> None:
    live = read_schema(session)
    if live.tables or live.views or live.routines:
        raise CannotRun(
            f"The database {session.database} is not empty.",
            why="A sample never mixes with other data.",
            hint="Name an empty one, or add --create-database for a new one.",
        )


def _make(place: Target, wanted: Sample, release: str, listener: Telling) -> None:
    runner.upgrade(Settings(place), BUILT)
    listener.write(f"The schema of {BUILT} is there; filling it.")
    with Session(place) as session:
        if not wanted.strict:
            _relax(session)
        build(session, wanted, listener.filling("jobs"))
    if release == BUILT:
        with Session(place) as session:
            _forget(session)
    else:
        runner.upgrade(Settings(place, listener=listener), release)


def _relax(session: Session) -> None:
    """Make all routines as a client of old would have: under an empty sql_mode."""
    for name, routine in read_schema(session).routines.items():
        put_back(session, replace(read_stored(session, routine.kind, name), sql_mode=""))


def _forget(session: Session) -> None:
    """Drop the tables of this tool: an old database has none."""
    for table in read_schema(session).tables:
        if names.is_ours(table):
            session.execute(f"DROP TABLE {quoted(table)}")
