"""Routines and views changed by hand before this tool came, which somebody has looked at and accepted by name.

What was accepted is kept whole in the journal under the baseline: so later runs, the way back and ``verify`` know it.
"""

from collections.abc import Iterable
from typing import Final

from apelschema.catalogue.difference import Difference
from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema
from apelschema.db.stored import Stored, read_stored, without_definer
from apelschema.errors import CannotRun
from apelschema.names import FOUND
from apelschema.steps.base import Context

BASELINE: Final = "221_baseline"
"""The revision under which accepted texts are kept."""

_RELEASE: Final = "2.2.1"
_KEPT: Final = f"SELECT Kind, Name FROM {FOUND} WHERE Revision = %s AND Statement IS NOT NULL ORDER BY Name"


def is_named(context: Context, name: str) -> bool:
    """Whether this run was told to accept the object."""
    return name.lower() in {each.lower() for each in context.accept_changed}


def is_kept(context: Context, standing: Stored) -> bool:
    """Whether what stands there is what was accepted, be it under another definer."""
    kept = context.journal.found(BASELINE, standing.kind, standing.name)
    return kept is not None and kept.statement is not None and _text(kept) == _text(standing)


def keep(context: Context, standing: Stored) -> None:
    """Keep what stands there as accepted, in place of what was accepted before."""
    context.journal.forget_found(BASELINE, standing.kind, standing.name)
    context.journal.keep_found(context.running(), BASELINE, standing)


def standing_names(context: Context) -> frozenset[str]:
    """Names of the accepted objects whose text stands there now."""
    if not context.journal.exists():
        return frozenset()
    kept = context.session.rows(_KEPT, (BASELINE,))
    return frozenset(name for kind, name in kept if is_kept(context, read_stored(context.session, kind, name)))


def is_about(difference: Difference, names: Iterable[str]) -> bool:
    """Whether a difference is one of these objects', or of a column of one."""
    return difference.object.partition(".")[0].lower() in {name.lower() for name in names}


def demand_known(context: Context) -> None:
    """Raise CannotRun for a name that is given and is no routine or view of the release in this database."""
    if not context.accept_changed:
        return
    there = {name.lower() for name in texts(context)}
    for name in sorted(context.accept_changed):
        if name.lower() not in there:
            raise CannotRun(
                f"--accept-changed {name}: this database has no routine or view of APEL's of that name.",
                hint="Give the names that the error without it lists; tables cannot be accepted.",
            )


def texts(context: Context) -> frozenset[str]:
    """Names of the routines and views of the release that stand in this database."""
    live, entry = read_schema(context.session), load(_RELEASE)
    known = {name.lower(): name for name in (*entry.routines, *entry.views)}
    return frozenset(known[name.lower()] for name in (*live.routines, *live.views) if name.lower() in known)


def hint(names: Iterable[str]) -> str:
    """What to type to go on with these objects as they are."""
    options = " ".join(f"--accept-changed {name}" for name in sorted(names))
    return f"Look at each (SHOW CREATE ...); to go on with what stands there: apelschema upgrade {options}"


def _text(stored: Stored) -> str:
    """The statement without its definer."""
    return without_definer(str(stored.statement))
