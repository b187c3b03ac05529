"""``apelschema rehearse``."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import click
from click.core import ParameterSource

from apelschema.cli import options
from apelschema.cli.brief import brief
from apelschema.cli.confirmation import confirm
from apelschema.cli.in_order import InOrder
from apelschema.cli.options import (
    LETS_TARGET_BE_NEGATIVE,
    is_target_given,
    policy,
    shared,
    target,
    target_argument,
    wants_json,
)
from apelschema.cli.output import put
from apelschema.cli.roundtrip import demand_default
from apelschema.db.copy import Reader
from apelschema.db.private import PrivateServer
from apelschema.db.session import Session
from apelschema.db.settings import URL_VARIABLE
from apelschema.db.target import Target
from apelschema.errors import CannotRun, ExitCode, Stopped
from apelschema.rehearsal import room
from apelschema.rehearsal.beside import Beside, LeftBehind, leftover
from apelschema.rehearsal.copied import Copied
from apelschema.rehearsal.extract import demand_rehearsable, read_extract
from apelschema.rehearsal.restored import Restored, demand_other
from apelschema.rehearsal.run import Rehearsal, Rehearsed
from apelschema.rehearsal.sites import rows_in_all
from apelschema.report import RehearsalDocument
from apelschema.roundtrip import Dumped
from apelschema.runner import Settings

PASSWORD_VARIABLE: Final = "APELSCHEMA_ON_PASSWORD"
_SHARE: Final = re.compile(r"(\d{1,3}(?:\.\d+)?)%?")
_LOOKING: Final = "looking at the database at hand"
_PACKED: Final = 8
"""A compressed dump becomes about so many times as large."""


def _share(context: click.Context, parameter: click.Parameter, value: str) -> float | None:
    """A part between 0 and 1; None for all."""
    if value == "all":
        return None
    found = _SHARE.fullmatch(value)
    percent = float(found[1]) if found else 0.0
    if not 0 < percent <= 100:
        raise click.BadParameter(f"{value!r} is neither a percentage such as 5% nor all.", context, parameter)
    return None if percent == 100 else percent / 100


@click.command(
    short_help="Try the upgrade and the way back on a copy, and take the time.",
    context_settings=LETS_TARGET_BE_NEGATIVE,
    epilog=f"""\b
Examples:
  apelschema rehearse
  apelschema rehearse 2.3.0 --sample 20% --seed 7 --policy policy.toml
  apelschema rehearse --sample all --json > rehearsal.json
  apelschema rehearse --dump apelserver.sql.gz
  apelschema rehearse --on mysql+pymysql://root@otherhost/copy --ask-on-password
  apelschema rehearse --same-server --sample 1%

\b
The copy's password: --ask-on-password, or the variable {PASSWORD_VARIABLE}.
""",
)
@target_argument("head")
@shared()
@click.option("--sample", "share", default="5%", show_default=True, callback=_share, metavar="PERCENT|all",
    help="which part of the rows, by whole sites")  # fmt: skip
@click.option("--seed", type=int, default=1, show_default=True, help="equal seeds choose equal sites")
@click.option("--on", metavar="URL", help="a copy that was restored; it is upgraded and taken back")
@click.option("--ask-on-password", is_flag=True, help="prompt for the password of --on")
@click.option("--dump", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
    help="a dump (.gz too), restored into a private server")  # fmt: skip
@click.option("--same-server", is_flag=True, help="in a scratch database in the server at hand")
@click.option("--accept-unknown-space", is_flag=True, help="--same-server: go on where free space cannot be seen")
@options.accept_stall
@options.accept_changed
@options.accept_triggers
@click.option("--yes", is_flag=True, help="do not ask")
@click.pass_context
def rehearse(context: click.Context, /, to: str, **given: Any) -> int:
    """Upgrade a copy to TARGET, verify, go back, verify: the real thing, with its times.

    By default whole sites of the database at hand, with all names, routines and views, are copied into a private
    server on this machine, gone at the end. The database at hand is only read, by statements that lock nothing. What
    took longer with more rows is extrapolated to the whole database.

    Ends with 0 when everything was proved and came back byte for byte, with 1 when not, or when the checks found a
    blocker in the copy. However it ends, kill -9 included, what was made for it is removed: a scratch database that a
    kill left behind by the next rehearsal with --same-server.
    """
    wish = _Wish(to, **given)
    _demand_one_place(context, wish)
    with InOrder() as order, brief(on_stderr=wants_json()) as listener, _stopped_in_order(order, wish):
        settings = Settings(
            Target(), policy(), accept_stall=wish.accept_stall, accept_changed=frozenset(wish.accept_changed),
            accept_triggers=frozenset(wish.accept_triggers), listener=listener,
        )  # fmt: skip
        done = _rehearsed(wish, settings)
    put(RehearsalDocument(done))
    return ExitCode.OK if done.verdict == "pass" else ExitCode.WRONG


@dataclass(frozen=True)
class _Wish:
    """What the command line says."""

    to: str
    share: float | None
    seed: int
    on: str | None
    ask_on_password: bool
    dump: Path | None
    same_server: bool
    accept_unknown_space: bool
    accept_stall: bool
    accept_changed: tuple[str, ...]
    accept_triggers: tuple[str, ...]
    yes: bool

    @property
    def is_of_a_copy(self) -> bool:
        """Whether somebody made the copy already."""
        return self.on is not None or self.dump is not None


def _demand_one_place(context: click.Context, wish: _Wish) -> None:
    places = [
        name for name, given in (("--on", wish.on), ("--dump", wish.dump), ("--same-server", wish.same_server)) if given
    ]
    if len(places) > 1:
        raise click.UsageError(f"{' and '.join(places)} each say where to rehearse.")
    if wish.is_of_a_copy:
        demand_default(context, ("seed",), "chooses among the sites of the database at hand")
        if context.get_parameter_source("share") is not ParameterSource.DEFAULT:
            raise click.UsageError("--sample is of the database at hand; a copy is taken whole.")
    if wish.accept_unknown_space and not wish.same_server:
        raise click.UsageError("--accept-unknown-space is for --same-server.")


def _rehearsed(wish: _Wish, settings: Settings) -> Rehearsed:
    if wish.on is not None:
        return _on_a_copy(wish, settings)
    if wish.dump is not None:
        return _of_a_dump(wish, settings, wish.dump)
    return (_beside if wish.same_server else _privately)(wish, settings)


def _privately(wish: _Wish, settings: Settings) -> Rehearsed:
    """The default: an extract of the database at hand, in a private server."""
    source = target()
    settings.listener.filling(_LOOKING)
    with Reader(source) as session:
        extract = read_extract(session, wish.to, wish.share, wish.seed)
        left, name = leftover(session), session.own_name
    with PrivateServer() as server:
        room.demand_on_disk(server.folder, extract.bytes)
        place = server.create_database(name, str(extract.live.charset), extract.live.collation)
        return _of_extract(wish, replace(settings, target=place), Copied(source, extract), "a private server", left)


def _beside(wish: _Wish, settings: Settings) -> Rehearsed:
    source = target()
    settings.listener.filling(_LOOKING)
    with Reader(source) as session:
        extract = read_extract(session, wish.to, wish.share, wish.seed)
        room.demand_in_server(session, extract.bytes, accepts_unknown=wish.accept_unknown_space)
        confirm(session, "This will make, and drop again, a scratch database beside", yes=wish.yes)
    with Beside(source, extract.live) as scratch:
        said = f"What an earlier rehearsal left, {scratch.name}, was dropped." if scratch.dropped else ""
        if said:
            settings.listener.said(said)
        copied = Copied(source, extract, adopts=True)
        where = f"the scratch database {scratch.name} on the same server"
        return _of_extract(wish, replace(settings, target=scratch.target), copied, where, said)


def _of_extract(wish: _Wish, settings: Settings, copied: Copied, where: str, note: str) -> Rehearsed:
    extract = copied.extract
    done = Rehearsal(settings, copied, wish.to, where, extract.sites, extract.whole).run()
    return replace(done, notes=tuple(each for each in (note, *copied.notes) if each))


def _of_a_dump(wish: _Wish, settings: Settings, path: Path) -> Rehearsed:
    source = Dumped(path, makes_definers=True)
    with PrivateServer() as server:
        room.demand_on_disk(server.folder, path.stat().st_size * (_PACKED if path.suffix == ".gz" else 1))
        place = server.create_database(source.name)
        return Rehearsal(replace(settings, target=place), source, wish.to, "a private server").run()


def _on_a_copy(wish: _Wish, settings: Settings) -> Rehearsed:
    copy = _copy(wish)
    with Session(copy) as session:
        whole = _whole_of_other(session)
        demand_rehearsable(session, wish.to)
        confirm(session, "This will upgrade, and take back again,", yes=wish.yes)
    return Rehearsal(replace(settings, target=copy), Restored(), wish.to, f"the copy {copy.shown()}", None, whole).run()


def _copy(wish: _Wish) -> Target:
    found = Target.from_url(str(wish.on))
    if found.database is None:
        raise CannotRun("--on names no database, only a server.", hint="Put the database's name at the end of the URL.")
    if wish.ask_on_password:
        asked = click.prompt("Password for --on", hide_input=True, default="", show_default=False, err=True)
        return found.with_password(asked)
    return found.with_password(os.environ.get(PASSWORD_VARIABLE))


def _whole_of_other(copy: Session) -> Mapping[str, int] | None:
    """The rows of the database at hand, which must be another; None where nothing says which that is."""
    try:
        at_hand = target(only_reads=True)
    except CannotRun:
        if is_target_given() or os.environ.get(URL_VARIABLE):
            raise
        return None
    with Reader(at_hand) as session:
        demand_other(session, copy)
        return rows_in_all(session)


@contextmanager
def _stopped_in_order(order: InOrder, wish: _Wish) -> Iterator[None]:
    """Say what became of it when it is told to end."""
    try:
        yield
    except LeftBehind:
        raise
    except (KeyboardInterrupt, Stopped) as error:
        what = error.what if isinstance(error, Stopped) else f"Stopped by {order.heard or 'an interrupt'}."
        if wish.on:
            raise Stopped(
                what,
                why="The copy may be anywhere between the two releases.",
                hint="Restore it again, or bring it back: apelschema --url URL downgrade RELEASE.",
            ) from error
        raise Stopped(
            what,
            why="What was made for the rehearsal is removed, and the database at hand was only read.",
            hint="The same command begins anew.",
        ) from error
