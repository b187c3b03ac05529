"""What an upgrade of the database at hand needs: what every one does, and what the definers in it ask for."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from apelschema.checks.base import Situation
from apelschema.db.definers import read_accounts, read_system_users
from apelschema.db.privileges import (
    Need,
    always,
    needs,
    to_keep_gone_definers,
    to_read_system_users,
    to_read_texts,
    to_set_definers,
    to_touch_system_users,
)
from apelschema.steps.stored import Put

_PUT = """
SELECT ROUTINE_NAME, ROUTINE_TYPE, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
UNION ALL SELECT TABLE_NAME, 'VIEW', DEFINER FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()
"""


def needed(situation: Situation, account: str = "") -> list[Need]:
    """Everything without which a run would stop half-way, whether it is granted or not.

    ``account`` is the one at work, as CURRENT_USER() says it: its own objects ask for less. Empty for any other.
    """
    listed = [each for each in always(needs("upgrade", situation.session.server)) if each.is_required]
    return [*listed, *_for_definers(situation, account)]


def puts(situation: Situation) -> list[Put]:
    """The planned steps that put routines and views."""
    return [each.step for each in situation.planned if isinstance(each.step, Put)]


def there(situation: Situation) -> dict[str, tuple[str, str]]:
    """Kind and definer of all routines and views that the account sees, by name."""
    return {str(name): (str(kind), str(definer)) for name, kind, definer in situation.session.rows(_PUT)}


def _for_definers(situation: Situation, account: str) -> Iterator[Need]:
    """A replaced object keeps its definer; for another account's that takes privileges of their own."""
    names = {each.name for each in puts(situation) if not each.create}
    found = {name: each for name, each in there(situation).items() if name in names and each[1] != account}
    if not found:
        return
    server = situation.session.server
    why = f"the definer of {_some(found)} is another account, and is kept"
    yield replace(to_set_definers(server), why=why)
    if routines := [name for name, (kind, _) in found.items() if kind != "VIEW"]:
        yield replace(
            to_read_texts(server), why=f"the text of {_some(routines)} cannot be seen, nor kept for the way back"
        )
    definers = {name: definer for name, (_, definer) in found.items()}
    yield from _for_system_users(situation, definers)
    yield from _for_gone_definers(situation, definers)


def _for_system_users(situation: Situation, definers: Mapping[str, str]) -> Iterator[Need]:
    """Either they are known to have it, or it must be seen that they have not."""
    need = to_touch_system_users(situation.session.server)
    if need is None:
        return
    known = read_system_users(situation.session) or frozenset()
    if theirs := [name for name, definer in definers.items() if definer in known]:
        yield replace(need, why=f"the definer of {_some(theirs)} has it, and no account without it may replace them")
    else:
        why = f"whether the definer of {_some(definers)} has SYSTEM_USER; no account without it may replace them then"
        yield replace(to_read_system_users(), why=why)


def _for_gone_definers(situation: Situation, definers: Mapping[str, str]) -> Iterator[Need]:
    """Where accounts cannot be seen, the privilege to see them is missing already."""
    need = to_keep_gone_definers(situation.session.server)
    known = read_accounts(situation.session)
    if need is None or known is None:
        return
    if gone := [name for name, definer in definers.items() if definer not in known]:
        yield replace(need, why=f"the definer of {_some(gone)} does not exist, and is kept")


def _some(found: Iterable[str]) -> str:
    names = sorted(found)
    rest = len(names) - 3
    return ", ".join(names[:3]) + (f" and {rest} others" if rest > 0 else "")
