"""Alembic's revisions: where they are, which release each belongs to, and their steps in order."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import cast

from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError

from apelschema import operations
from apelschema.db.introspect import has_table
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import VERSION_TABLE
from apelschema.resources import folder
from apelschema.steps.base import Description, Direction, Standing, State, Step


@dataclass(frozen=True)
class Planned:
    """A step in its place: revision and release, and whether it is done or undone."""

    revision: str
    release: str
    direction: Direction
    step: Step

    @property
    def name(self) -> str:
        """For people and the journal."""
        return f"{self.revision}: {'' if self.direction == 'do' else 'undo '}{self.step.key}"


@dataclass(frozen=True)
class PlannedStep:
    """A step of a plan with how things stand now and what it would mean."""

    planned: Planned
    standing: Standing
    description: Description

    @property
    def is_settled(self) -> bool:
        """Whether nothing is to be done, or undone, in this step."""
        state = self.standing.state
        if self.planned.direction == "do":
            return state in (State.DONE, State.BEYOND)
        return self.planned.step.stays or state is State.ABSENT


def configuration(kind: str = "server") -> Config:
    """Alembic's configuration for the revisions of a kind, without any file of the user."""
    place = folder("migrations")
    config = Config(attributes={})
    config.set_main_option("script_location", _escaped(str(place)))
    config.set_main_option("version_locations", _escaped(str(place / "versions" / kind)))
    config.set_main_option("path_separator", "newline")
    return config


@cache
def scripts() -> ScriptDirectory:
    """The revisions of the server database, read once: they do not change while we run."""
    return ScriptDirectory.from_config(configuration())


def release_of(script: Script) -> str:
    """The release that a revision belongs to."""
    return str(script.module.release)


def name_of(revision: str | None) -> str | None:
    """The release that ends with a revision, else the revision itself."""
    if revision is None:
        return None
    release = release_of(scripts().get_revision(revision))
    return release if resolve(release, None) == revision else revision


def head() -> str:
    """The newest revision."""
    return str(scripts().get_current_head())


def first() -> str:
    """The oldest revision, at which a database without a version row stands if it stands at any."""
    return _in_order(scripts())[0]


def current(session: Session) -> str | None:
    """The revision in Alembic's version row; None where there is no row or no table."""
    if not has_table(session, VERSION_TABLE):
        return None
    found = session.value(f"SELECT version_num FROM {VERSION_TABLE}")
    return str(found) if found else None


def resolve(target: str, at: str | None) -> str | None:
    """The revision that a TARGET means: release, id, ``+1``, ``-1``, ``head`` or ``base`` (None).

    A release is its last revision. Raises CannotRun for anything else.
    """
    directory = scripts()
    if target == "base":
        return None
    of_release = [script.revision for script in directory.walk_revisions() if release_of(script) == target]
    if of_release:
        return of_release[0]
    if target[:1] in "+-" and target[1:].isdigit():
        return _relative(directory, int(target), at)
    try:
        script = directory.get_revision(target) if target else None
    except CommandError as error:
        raise _unknown(target) from error
    if script is None:
        raise _unknown(target)
    return script.revision


def steps_between(at: str | None, to: str | None) -> list[Planned]:
    """The steps that lead from one revision to another, in the order of their doing (or undoing)."""
    directory = scripts()
    up = _between(directory, to, at)
    if up is not None:
        return planned((script, True) for script in reversed(up))
    down = _between(directory, at, to)
    if down is None:
        raise CannotRun(f"There is no way from revision {at} to {to}.")
    return planned((script, False) for script in down)


def after(revision: str | None) -> list[str]:
    """The revisions that follow one, in order."""
    order: list[str | None] = [None, *_in_order(scripts())]
    return [each for each in order[order.index(revision) + 1 :] if each]


def steps_of(revision: str | None, direction: Direction) -> list[Planned]:
    """The steps of one revision, in the order of their doing (or undoing); none for None."""
    if revision is None:
        return []
    script = scripts().get_revision(revision)
    return planned([(script, direction == "do")])


def planned(revisions: Iterable[tuple[Script, bool]]) -> list[Planned]:
    """The steps of revisions, each with whether it is upgraded (or downgraded)."""
    found = []
    for script, is_upgrade in revisions:
        function = cast(Callable[[], None], script.module.upgrade if is_upgrade else script.module.downgrade)
        for direction, step in operations.collect(function):
            found.append(Planned(script.revision, release_of(script), direction, step))
    return found


def coming(planned: Iterable[Planned]) -> tuple[tuple[str, Step], ...]:
    """The steps of a plan that are to be done, as ``Context.plan`` holds them."""
    return tuple((each.revision, each.step) for each in planned if each.direction == "do")


def _between(directory: ScriptDirectory, upper: str | None, lower: str | None) -> list[Script] | None:
    """Revisions from ``upper`` down to but without ``lower``; None when ``upper`` is the older one."""
    if upper == lower:
        return []
    if upper is None:
        return None
    chain = list(directory.iterate_revisions(upper, "base"))
    ids = [script.revision for script in chain]
    if lower is None:
        return chain
    return chain[: ids.index(lower)] if lower in ids else None


def _relative(directory: ScriptDirectory, distance: int, at: str | None) -> str | None:
    order: list[str | None] = [None, *_in_order(directory)]
    place = order.index(at) + distance
    if not 0 <= place < len(order):
        raise CannotRun(f"There is no revision {distance:+d} from {at or 'base'}.")
    return order[place]


def _in_order(directory: ScriptDirectory) -> list[str]:
    return [script.revision for script in directory.walk_revisions()][::-1]


def _unknown(target: str) -> CannotRun:
    releases = sorted({release_of(script) for script in scripts().walk_revisions()})
    return CannotRun(
        f"{target!r} is no release or revision that this version knows.",
        hint=f"Releases: {', '.join(releases)}. Also: a revision id, +1, -1, base, head.",
    )


def _escaped(path: str) -> str:
    return path.replace("%", "%%")
