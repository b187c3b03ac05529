"""What ``adopt`` finds in an existing database: its release, and what becomes of each difference from it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from apelschema import revisions, runner
from apelschema.catalogue import states
from apelschema.catalogue.compare import NOT_OF_RELEASE
from apelschema.catalogue.difference import Difference
from apelschema.catalogue.fingerprint import Fingerprint, fingerprint
from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema, seen_once
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.journal import Journal
from apelschema.procedures import Ours
from apelschema.revisions import PlannedStep
from apelschema.runner import Settings
from apelschema.steps.base import State, Step
from apelschema.steps.mend import MendTable
from apelschema.steps.mend_stored import Mend
from apelschema.steps.stored import Put

RELEASE: Final = "2.2.1"
"""The release that an adopted database is brought home to."""

MIGRATED: Final = "server"

What = Literal["empty", "adoptable", "adopted", "unfinished", "later", "refused"]
"""``later`` is of a release after 2.2.1, or half-way to one: it is adopted by the upgrade that brings it farther."""


@dataclass(frozen=True)
class Refused:
    """A difference that nobody but a person can settle, and what to do about it."""

    object: str
    difference: str
    hint: str


@dataclass(frozen=True)
class Adoption:
    """All that was found; it is only looked at.

    ``releases`` are the package versions that share the schema, ``mended`` the steps that have something to do,
    ``own`` objects of nobody's release, which are left alone; ``half_way`` names a state between two releases.
    """

    what: What
    fingerprint: Fingerprint
    releases: tuple[str, ...] = ()
    revision: str | None = None
    tolerated: tuple[Difference, ...] = ()
    own: tuple[Difference, ...] = ()
    mended: tuple[PlannedStep, ...] = ()
    refused: tuple[Refused, ...] = ()
    half_way: str = ""
    next_step: str = ""


def find(session: Session, settings: Settings) -> Adoption:
    """Look at a database; changes nothing. Raises CannotRun where a routine or view may not be seen."""
    session.only_read()
    with seen_once(session):
        return _find(session, settings)


def _find(session: Session, settings: Settings) -> Adoption:
    live, at, unfinished = read_schema(session), revisions.current(session), Journal(session).unfinished()
    found = fingerprint(live, Ours())
    if found.empty:
        return Adoption("empty", found, next_step="apelschema upgrade creates everything")
    if found.kind != MIGRATED or found.release is None:
        return Adoption("refused", found, refused=(_of_another_kind(found),))
    known = Adoption("adoptable", found, load(found.release).releases, at)
    if at is not None:
        return replace(known, what="adopted", next_step="apelschema status says what is pending")
    if unfinished is not None and unfinished.target != revisions.first():
        goes_on = f"apelschema {unfinished.command} {unfinished.target} goes on where a run ended"
        return replace(known, what="unfinished", next_step=goes_on)
    tolerated, own = _parted(found.differences)
    return _judged(replace(known, tolerated=tolerated, own=own), live, _looked_at(session, settings))


def _judged(known: Adoption, live: Schema, looked_at: Sequence[PlannedStep]) -> Adoption:
    """By what the steps of the baseline say of a database that this tool meets for the first time."""
    if refused := tuple(_refused(looked_at)):
        return replace(known, what="refused", refused=refused)
    known = replace(known, mended=tuple(each for each in looked_at if _has_to_do(each)))
    state = states.recognise(live, Ours())
    if state is not None:
        return replace(known, what="later", half_way=state.name, next_step=state.next_step)
    if any(each.standing.state is State.BEYOND for each in looked_at):
        next_step = "apelschema repair says what the official scripts left wrong, and apelschema upgrade takes it over"
        return replace(known, what="later", next_step=next_step)
    return replace(known, next_step="apelschema check says what the upgrade to later releases will meet")


def _looked_at(session: Session, settings: Settings) -> list[PlannedStep]:
    """The steps of the baseline as things stand."""
    planned = revisions.steps_of(revisions.first(), "do")
    context = runner.surroundings(session, settings, planned).at(revisions.first())
    return [PlannedStep(each, each.step.look(context), each.step.describe(context)) for each in planned]


def _parted(differences: Sequence[Difference]) -> tuple[tuple[Difference, ...], tuple[Difference, ...]]:
    """Those that are tolerated, and those that are an object of the database's own."""
    tolerated = [each for each in differences if each.tolerated]
    own = tuple(each for each in tolerated if each.reason == NOT_OF_RELEASE)
    return tuple(each for each in tolerated if each not in own), own


def _has_to_do(step: PlannedStep) -> bool:
    """Whether a step brings something home: what it mends itself, a later step need not create."""
    return step.standing.state in (State.BEFORE, State.ABSENT) and _mends(step.planned.step)


def _mends(step: Step) -> bool:
    return isinstance(step, MendTable | Mend) or (isinstance(step, Put) and not _is_mended(step))


def _is_mended(step: Put) -> bool:
    """Whether a step of its own mends the object of this one."""
    steps = (each.step for each in revisions.steps_of(revisions.first(), "do"))
    return any(isinstance(each, Mend) and each.name == step.name for each in steps)


def _refused(looked_at: Sequence[PlannedStep]) -> Iterator[Refused]:
    """Each object once: the first step looks at all, later ones may know more of their own."""
    told: set[str] = set()
    for each in looked_at:
        if each.standing.state is State.FOREIGN:
            for text in each.standing.differences or (f"{each.planned.step.object}: {each.standing.detail}",):
                name, _, difference = text.partition(": ")
                if name not in told:
                    told.add(name)
                    yield Refused(name, difference, each.standing.hint or _hint(name))


def _hint(name: str) -> str:
    of_release = load(RELEASE)
    if {name, name.partition(".")[0]} & {*of_release.routines, *of_release.views}:
        return f"Look at it (SHOW CREATE ...); add --accept-changed {name.partition('.')[0]} to go on with it as it is."
    return "Bring it to the shape of its release, then run the same command again."


def _of_another_kind(found: Fingerprint) -> Refused:
    if found.kind is None:
        return Refused("database", "it is not one of APEL's", "Name the right one with --url or --database.")
    return Refused("database", f"it is APEL's {found.kind} database", "There are no upgrades for it here.")
