"""Check: the accounts under which routines, views, triggers and events run exist, and stay what they are (1449)."""

from collections.abc import Iterator
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.checks.structure.looks import context_of
from apelschema.db.definers import read_accounts
from apelschema.db.grants import read_grants
from apelschema.db.privileges import to_read_accounts
from apelschema.db.visible import grant_to_see_routines, lists_routines
from apelschema.steps.stored import Put
from apelschema.verify.base import listed

ID = "definers"

_OBJECTS = (
    "SELECT DEFINER, ROUTINE_NAME, 'routines' FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()"
    " UNION ALL SELECT DEFINER, TABLE_NAME, 'views' FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()"
    " UNION ALL SELECT DEFINER, TRIGGER_NAME, 'triggers' FROM information_schema.TRIGGERS"
    " WHERE TRIGGER_SCHEMA = DATABASE()"
    " UNION ALL SELECT DEFINER, EVENT_NAME, 'events' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE()"
)

_FAILS: Final = {
    "routines": "each call fails with error 1449, and the loader puts each message into reject",
    "views": "each SELECT fails with error 1449, and the unloader sends nothing",
    "triggers": "each change of their tables fails with error 1449",
    "events": "they do nothing any more",
}
"""What it means that the definer of such an object is gone."""


def look(situation: Situation) -> list[Finding]:
    """Warns of objects whose definer is gone: they keep it, so an upgrade neither mends nor worsens them.

    Days ahead it also says which objects a run would make under its own account, since they are not there.
    """
    return [*_gone(situation), *_unseen(situation), *(_new(situation) if situation.is_ahead else ())]


def _gone(situation: Situation) -> Iterator[Finding]:
    objects = situation.session.rows(_OBJECTS)
    if not objects:
        return
    accounts = read_accounts(situation.session)
    if accounts is None:
        message = "Whether the definers of routines and views exist could not be seen."
        hint = to_read_accounts().grant(situation.session.database)
        yield Finding(ID, "not_checked", "routines and views", message, hint)
        return
    for kind, consequence in _FAILS.items():
        names = sorted({str(name) for definer, name, of in objects if of == kind and str(definer) not in accounts})
        if names:
            counted = f"{len(names)} {kind if len(names) > 1 else kind[:-1]}"
            message = f"The definer of {counted} does not exist: {', '.join(names)}; {consequence}."
            hint = "Create the account, or create these objects anew under one that exists."
            yield Finding(ID, "warning", kind, message, hint, len(names))


def _unseen(situation: Situation) -> Iterator[Finding]:
    if not lists_routines(situation.session):
        message = "Routines, and so their definers, could not be seen by this account."
        yield Finding(ID, "not_checked", "routines", message, grant_to_see_routines(situation.session))


def _new(situation: Situation) -> Iterator[Finding]:
    """Objects that are replaced keep their definer; those that are made get the account that makes them."""
    if not lists_routines(situation.session):
        return
    there = {name.lower() for name in (*situation.live.views, *situation.live.routines)}
    context = context_of(situation)
    puts = [each for each in situation.steps() if isinstance(each, Put) and each.is_wanted(context)]
    names = sorted({each.name for each in puts if each.name.lower() not in there})
    if not names:
        return
    is_mighty = read_grants(situation.session).has_global("SUPER")
    rights = ", which has SUPER" if is_mighty else ""
    message = f"{len(names)} routines and views are not there, and will run as the account of the upgrade{rights}"
    hint = "Upgrade as an account that stays, and has no more rights than these need: when it goes, each call fails."
    is_new = not there
    yield Finding(ID, "info" if is_new else "warning", "new objects", f"{message}: {listed(names)}.", hint, len(names))


CHECK = Check(
    ID,
    "Definers",
    "A routine whose definer is gone fails with error 1449 each time it is called.",
    look,
    before_upgrade=True,
)
