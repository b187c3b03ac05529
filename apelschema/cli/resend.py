"""``apelschema resend``."""

import sys

import click

from apelschema.cli.confirmation import confirm
from apelschema.cli.options import shared, target
from apelschema.cli.output import put
from apelschema.db.session import Session
from apelschema.errors import ExitCode
from apelschema.report import ResendDocument, say
from apelschema.report.base import plural
from apelschema.report.resend import DroppedDocument
from apelschema.resend import corrected, database
from apelschema.resend.months import Months
from apelschema.resend.sendable import demand_sendable


@click.command(
    short_help="Let the unloader send corrected history again.",
    epilog="""\b
Examples:
  apelschema resend
  apelschema resend --months all --scratch apel_resend
  apelschema resend --months 2023-05..2024-02 --site SITE-A --scratch apel_resend
  apelschema resend --drop --scratch apel_resend
""",
)
@shared(policy=False)
@click.option("--months", metavar="MONTHS", help="all, 2023-05..2024-02, or 2023-05,2023-07: which corrected months")
@click.option("--site", "sites", multiple=True, metavar="NAME", help="only this site; may be given more than once")
@click.option("--scratch", metavar="NAME", help="the database to make, or with --drop to remove")
@click.option(
    "--view", type=click.Choice(database.VIEWS), default=database.VIEWS[0], show_default=True, help="what is sent"
)
@click.option("--drop", is_flag=True, help="remove the database that an earlier resend made")
@click.option("--yes", is_flag=True, help="do not ask")
def resend(months: str | None, sites: tuple[str, ...], scratch: str | None, view: str, drop: bool, yes: bool) -> int:
    """Let the unchanged unloader send exactly the site-months that an upgrade has corrected.

    Without --scratch it lists them, and only reads. With it a database is made in the same server whose one view
    shows their rows as the repository has them, and what to set is printed. Months with rows that a message with
    benchmark types cannot carry are refused, with exit code 1. The repository's own database is only read.
    """
    if drop:
        if months is not None or sites:
            raise click.UsageError("--drop removes the whole database: leave --months and --site out.")
        return _drop(_demanded(scratch, "--drop"), yes=yes)
    if scratch is None and months is None:
        return _list(sites)
    name = _demanded(scratch, "--months")
    if months is None:
        raise click.UsageError("--scratch wants to know which months: --months all, or 2023-05..2024-02.")
    return _make(Months.parse(months), sites, name, view, yes=yes)


def _demanded(scratch: str | None, option: str) -> str:
    if scratch is None:
        raise click.UsageError(f"{option} wants the name of the database: --scratch NAME.")
    return scratch


def _list(sites: tuple[str, ...]) -> int:
    with Session(target(only_reads=True)) as session:
        put(ResendDocument(session.target, corrected.find(session).only(Months(), sites)))
    return ExitCode.OK


def _make(months: Months, sites: tuple[str, ...], name: str, view: str, *, yes: bool) -> int:
    with Session(target()) as session:
        found = corrected.find(session)
        found.demand_known()
        chosen = found.only(months, sites)
        chosen.demand_known()
        standing = database.demand_usable(session, name)
        demand_sendable(session, view, chosen.months)
        again = "anew " if standing.state == "ours" else ""
        what = f"{view} with {plural(len(chosen.months), 'site-month')}"
        confirm(session, f"This will make the database {name} {again}({what}), beside", yes=yes)
        made = database.make(session, name, view, str(chosen.release), chosen.months)
    put(ResendDocument(session.target, chosen, made))
    return ExitCode.OK


def _drop(name: str, *, yes: bool) -> int:
    with Session(target()) as session:
        database.demand_ours(session, name)
        say("Stop the unloader that sends from it.", sys.stderr)
        with Session(session.target.with_database(name)) as scratch:
            confirm(scratch, "This will drop the database", yes=yes)
        database.drop(session, name)
    put(DroppedDocument(session.target, name))
    return ExitCode.OK
