"""Check: the accounts that summarising procedures run as may UPDATE what these write (1142)."""

import re
from typing import Final

from apelschema.checks.base import Check, Finding, Situation
from apelschema.db.definers import read_accounts, read_definer_grants
from apelschema.db.grants import Grants
from apelschema.errors import ExitCode
from apelschema.names import quoted
from apelschema.procedures import source
from apelschema.steps.stored import PutRoutine
from apelschema.verify.base import listed

ID = "definer_rights"

TABLE: Final = "HybridSuperSummaries"
PRIVILEGE: Final = "UPDATE"

_UPDATES: Final = re.compile(rf"\bINSERT\s+INTO\s+{TABLE}\b[^;]*\bON\s+DUPLICATE\s+KEY\s+UPDATE\b", re.IGNORECASE)
_STANDING: Final = (
    "SELECT ROUTINE_NAME, DEFINER, ROUTINE_DEFINITION FROM information_schema.ROUTINES"
    " WHERE ROUTINE_SCHEMA = DATABASE()"
)


def look(situation: Situation) -> list[Finding]:
    """Blocks where a definer that is kept lacks it: the official procedures did with INSERT and DELETE.

    Of accounts that are gone another check tells; what is made anew belongs to the account of the upgrade, which has
    it.
    """
    definers = _definers(situation)
    known = read_accounts(situation.session)
    there = {name: each for name, each in definers.items() if known is None or each in known}
    grants = {each: read_definer_grants(situation.session, each) for each in sorted({*there.values()})}
    lacking = sorted(name for name, each in there.items() if _lacks(situation, grants[each]))
    unseen = sorted(name for name, each in there.items() if grants[each] is None)
    return [
        *([_blocker(situation, lacking)] if lacking else ()),
        *([_not_checked(situation, unseen)] if unseen else ()),
    ]


def _definers(situation: Situation) -> dict[str, str]:
    """The definers of routines that do so, or will when they are replaced."""
    puts = [each for each in situation.steps() if isinstance(each, PutRoutine) and not each.create]
    coming = {each.name.lower() for each in puts if _UPDATES.search(source("routine", each.name, each.release).text())}
    return {
        str(name): str(definer)
        for name, definer, text in situation.session.rows(_STANDING)
        if str(name).lower() in coming or _UPDATES.search(str(text or ""))
    }


def _lacks(situation: Situation, grants: Grants | None) -> bool:
    return grants is not None and not grants.has(PRIVILEGE, situation.session.database, TABLE)


def _blocker(situation: Situation, names: list[str]) -> Finding:
    message = (
        f"The definer of {listed(names)} may not {PRIVILEGE} {TABLE}: from 2.3.0 on each summariser run would end with"
        " error 1142."
    )
    return Finding(ID, "blocker", TABLE, message, _to_type(situation, names), len(names), ExitCode.CANNOT_RUN)


def _not_checked(situation: Situation, names: list[str]) -> Finding:
    message = f"Whether the definer of {listed(names)} may {PRIVILEGE} {TABLE} could not be seen by this account."
    hint = f"An administrator sees it with SHOW GRANTS; where it is missing: {_to_type(situation, names)}"
    return Finding(ID, "not_checked", TABLE, message, hint, len(names))


def _to_type(situation: Situation, names: list[str]) -> str:
    place = f"{quoted(situation.session.own_name)}.{TABLE}"
    return f"GRANT {PRIVILEGE} ON {place} TO <definer>; SHOW CREATE PROCEDURE {names[0]} names it"


CHECK = Check(
    ID,
    "Rights of definers",
    "Procedures that write only what changed need UPDATE; lacking it, no night's summariser run would come through.",
    look,
    before_upgrade=True,
)
