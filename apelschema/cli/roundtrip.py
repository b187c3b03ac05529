"""``apelschema roundtrip``."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from apelschema import revisions, scratch
from apelschema.cli import options
from apelschema.cli.brief import brief
from apelschema.cli.confirmation import confirm
from apelschema.cli.options import charset_option, is_target_given, policy, sample_options, shared, target, wants_json
from apelschema.cli.output import put
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.errors import ApelschemaError, ExitCode, FoundWrong
from apelschema.journal import Journal
from apelschema.policy import Policy
from apelschema.report import RoundTripDocument
from apelschema.roundtrip import DEFAULT_NAME, Dumped, RoundTrip, Sampled, Source, demand_way
from apelschema.runner import Settings
from apelschema.sample import OLDEST, RELEASES, Sample

_STRICT_FROM: Final = "2.4.1"
"""From this release on the columns themselves forbid what a lax sample has."""


@click.command(
    short_help="Prove the way to a later release and back.",
    epilog="""\b
Examples:
  apelschema roundtrip
  apelschema roundtrip --from 2.3.0 --to 2.5.0 --jobs 20000
  apelschema roundtrip --dump apelserver.sql.gz --policy policy.toml
  apelschema --url mysql+pymysql://root@127.0.0.1/scratch roundtrip --yes --json
""",
)
@shared()
@click.option(
    "--from", "start", type=click.Choice(RELEASES), help=f"of the sample; else {OLDEST}, or what the dump is of"
)
@click.option("--to", metavar="TARGET", default="head", show_default=True, help="a release, a revision, +1")
@click.option(
    "--dump",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    metavar="FILE",
    help="of mysqldump --routines --triggers (or mariadb-dump), .gz too, instead of a sample",
)
@sample_options
@charset_option("of the database on the private server")
@options.accept_stall
@options.accept_triggers
@click.option("--keep", is_flag=True, help="leave the scratch database as it is at the end")
@click.option("--yes", is_flag=True, help="do not ask")
@click.pass_context
def roundtrip(
    context: click.Context, /, start: str | None, to: str, dump: Path | None, charset: str, keep: bool, **rest: Any
) -> int:
    """Prove the way to a later release and back: byte for byte, on a database of no other use.

    Makes a database of an old release with sample data, or of a dump; upgrades it, verifies, goes back, and holds
    every row of every table, every routine, view and trigger against what was there before; verifies again.

    Without --url, --db-config, --defaults-file or --database it starts a private server, gone at the end (a dump's
    missing definers are made there). With one of them it takes that database, which must be empty, and
    empties it again at the end; where something was found wrong it leaves it for a look.

    A dump is read through the driver: commands of the client program in it are never run.
    """
    yes, accept_stall = rest.pop("yes"), rest.pop("accept_stall")
    accept_triggers = frozenset(rest.pop("accept_triggers"))
    source = _source(context, start, to, dump, rest)
    with brief(on_stderr=wants_json()) as listener:
        settings = partial(
            Settings,
            policy=_policy(source),
            accept_stall=accept_stall,
            accept_triggers=accept_triggers,
            listener=listener,
        )
        if is_target_given():
            demand_default(context, ("charset",), "is for the private server")
            document = _in_scratch(RoundTrip(settings(target()), source, to), yes=yes, keep=keep)
        else:
            demand_default(context, ("keep",), "is for a scratch database")
            document = _on_private_server(source, to, settings, charset)
    put(document)
    return ExitCode.OK if document.result.passed else ExitCode.WRONG


def _source(context: click.Context, start: str | None, to: str, dump: Path | None, wishes: dict[str, Any]) -> Source:
    """What the database is made of; raises what is wrong with the options before anything is made."""
    if dump:
        demand_default(context, wishes, "is for a sample, not for a dump")
        return Dumped(dump, start, makes_definers=not is_target_given())
    lax = wishes.pop("lax")
    wanted = Sample(start or OLDEST, strict=not lax, **wishes)
    if lax and wanted.has(_STRICT_FROM):
        raise click.UsageError(
            f"--lax is for releases before {_STRICT_FROM}: verify rightly finds fault with it later."
        )
    demand_way(str(revisions.resolve(wanted.release, None)), to)
    return Sampled(wanted, policy())


def _policy(source: Source) -> Policy | None:
    """The one given; else the one that a sample needs, if it does."""
    needed = source.wanted.policy if isinstance(source, Sampled) and source.wanted.custom else None
    return policy() or needed


def demand_default(context: click.Context, names: Iterable[str], why: str) -> None:
    """Raise UsageError for an option that was given where it means nothing."""
    for name in names:
        if context.get_parameter_source(name) is not ParameterSource.DEFAULT:
            raise click.UsageError(f"--{name} {why}.")


def _on_private_server(
    source: Source, to: str, settings: Callable[[Target], Settings], charset: str
) -> RoundTripDocument:
    with PrivateServer() as server:
        place = server.create_database(source.name if isinstance(source, Dumped) else DEFAULT_NAME, charset)
        return RoundTripDocument(RoundTrip(settings(place), source, to).run())


def _in_scratch(trip: RoundTrip, *, yes: bool, keep: bool) -> RoundTripDocument:
    """In a database that is empty before, and afterwards too if nothing was found wrong and ``keep`` is not set."""
    place = trip.settings.target
    with Session(place) as session:
        scratch.demand_empty(session, why="A round trip never mixes with other data.")
        confirm(session, "This will fill, and empty again,", yes=yes)
    try:
        result = trip.run()
    except (ApelschemaError, DatabaseError, KeyboardInterrupt) as error:
        with suppress(ApelschemaError, DatabaseError), Session(place) as session:
            if not keep and not (isinstance(error, FoundWrong) and Journal(session).unfinished()):
                scratch.empty(session)
        raise
    if keep or not result.passed:
        return RoundTripDocument(result, place.shown())
    with Session(place) as session:
        scratch.empty(session)
    return RoundTripDocument(result)
