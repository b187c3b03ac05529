"""The routines and views that this project writes: their texts by release, and whether a text is one of them.

A file ``procedures/server/{routines,views}/<Name>/<release>.sql`` holds one CREATE statement and exists only
where the object changed: the text of a release is that of the newest file not after it. The one placeholder,
``{{ keeps_old_factor }}``, is filled in by the policy.
"""

import re
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Final, Literal

from apelschema.catalogue.load import load, releases
from apelschema.db.folding import folded, sha256
from apelschema.errors import CannotRun
from apelschema.names import quoted
from apelschema.policy import Policy
from apelschema.resources import folder

Kind = Literal["routine", "view"]

DEFAULT_POLICY: Final = Policy()

_PLACEHOLDER: Final = "{{ keeps_old_factor }}"
_STRING: Final = r"'(?:[^'\\]|\\.|'')*'"
_ANY_POLICY: Final = rf"(?:NOT )?IN \({_STRING}(?:, {_STRING})*\)"
_FILLED_IN: Final = re.compile(rf"(LOWER\(\w+\.ServiceLevelType\) ){_ANY_POLICY}", re.DOTALL)
"""A placeholder that was filled in, behind the words that stand before it in every text."""

_COMMENTS: Final = r"(?:\s|--(?=\s)[^\n]*\n|\#[^\n]*\n|/\*.*?\*/)*"
_HEAD: Final = re.compile(rf"{_COMMENTS}CREATE\s+(?P<type>PROCEDURE|FUNCTION|VIEW)\s+", re.DOTALL | re.IGNORECASE)
_CHARACTERISTIC: Final = re.compile(
    rf"""\s+(?:RETURNS\s+\w+(?:\s*\([\d,\s]*\))?(?:\s+UNSIGNED)?|(?:NOT\s+)?DETERMINISTIC
    |CONTAINS\s+SQL|NO\s+SQL|READS\s+SQL\s+DATA|MODIFIES\s+SQL\s+DATA|LANGUAGE\s+SQL|SQL\s+SECURITY\s+(?:DEFINER|INVOKER)
    |COMMENT\s+{_STRING})(?=\s)""",
    re.IGNORECASE | re.VERBOSE,
)


@dataclass(frozen=True)
class Source:
    """One file: the text of an object from ``release`` on, until a newer file takes over."""

    kind: Kind
    name: str
    release: str
    template: str

    @property
    def depends_on_policy(self) -> bool:
        """Whether there is a placeholder in it."""
        return _PLACEHOLDER in self.template

    def text(self, policy: Policy = DEFAULT_POLICY) -> str:
        """The CREATE statement under a policy."""
        return self.template.replace(_PLACEHOLDER, keeps_old_factor(policy))

    def body(self, policy: Policy = DEFAULT_POLICY) -> str:
        """A routine's body as the server stores it: what follows parameters and characteristics."""
        return _body(self.text(policy))

    def sha256(self, policy: Policy = DEFAULT_POLICY) -> str:
        """Folded hash of the body under a policy, comparable with ``Routine.body_sha256``."""
        return sha256(self.body(policy))

    def is_body(self, body: str) -> bool:
        """Whether a routine's body is this one under any policy."""
        text = folded(body)
        if len(self._parts) == 1:
            return text == self._parts[0]
        return text.startswith(self._parts[0]) and self._pattern.fullmatch(text) is not None

    @cached_property
    def _parts(self) -> list[str]:
        """The folded body around its placeholders."""
        return folded(_body(self.template)).split(_PLACEHOLDER)

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(_ANY_POLICY.join(re.escape(part) for part in self._parts))


def keeps_old_factor(policy: Policy) -> str:
    """What follows ``LOWER(type)`` to pick the types whose level is divided by 250 (semantics.md 4.4)."""
    these, names = policy.old_factor()
    listed = ", ".join("'" + name.replace("\\", "\\\\").replace("'", "''") + "'" for name in names)
    return f"{'IN' if these else 'NOT IN'} ({listed})"


@cache
def changed_in(name: str, kind: Kind = "routine") -> tuple[str, ...]:
    """Releases, in order, for which there is a file of this object; empty for one that is not ours."""
    found = {path.stem for path in _place(kind, name).glob("*.sql")}
    return tuple(release for release in releases() if release in found)


@cache
def source(kind: Kind, name: str, release: str) -> Source:
    """The file that holds for a release; raises CannotRun when there is none that old."""
    order = releases(pre_releases=True)
    newest = order.index(load(release).release)
    for candidate in reversed(changed_in(name, kind)):
        if order.index(candidate) <= newest:
            path = _place(kind, name) / f"{candidate}.sql"
            return Source(kind, name, candidate, path.read_text(encoding="utf-8").strip())
    raise CannotRun(
        f"There is no text of the {kind} {name} for release {release}.",
        hint="apelschema writes routines and views for server releases from 2.2.1 on.",
    )


def text(kind: Kind, name: str, release: str, policy: Policy = DEFAULT_POLICY) -> str:
    """The CREATE statement of an object for a release, as in the file: no definer, no OR REPLACE."""
    return source(kind, name, release).text(policy)


def create_statement(statement: str, *, definer: str | None = None, replace: bool = False) -> str:
    """A file's CREATE statement with OR REPLACE and DEFINER in its head; a view gets SQL SECURITY DEFINER.

    ``definer`` is ``user@host`` as information_schema shows it; None leaves it to the server (the session's
    own account). Raises ValueError for text that is no CREATE PROCEDURE, FUNCTION or VIEW.
    """
    found = _HEAD.match(statement)
    if found is None:
        raise ValueError("no CREATE PROCEDURE, FUNCTION or VIEW")
    words = ["CREATE"]
    if replace:
        words.append("OR REPLACE")
    if definer is not None:
        words.append(f"DEFINER={quoted_account(definer)}")
    if found["type"].upper() == "VIEW":
        words.append("SQL SECURITY DEFINER")
    return " ".join([*words, found["type"].upper(), statement[found.end() :]])


def quoted_account(account: str) -> str:
    """``user@host`` with both parts in backticks; a MariaDB role has no host."""
    user, at, host = account.rpartition("@")
    if not at:
        return quoted(account)
    return f"{quoted(user)}@{quoted(host)}" if host else quoted(user)


def names(kind: Kind, release: str, *, central: bool = True) -> tuple[str, ...]:
    """Names of all routines or views of a release, by name, with the central ones or without."""
    entry = load(release)
    objects = entry.routines if kind == "routine" else entry.views
    return tuple(sorted(name for name, each in objects.items() if central or not each.central))


class Ours:
    """Tells ``catalogue.compare`` which bodies of routines are this project's own (OwnBodies there)."""

    def is_own_body(self, name: str, release: str, body: str) -> bool:
        """Whether a body is our text of the release, under any policy."""
        found = _source_or_none(name, release)
        return found is not None and found.is_body(body)


def matches_policy(name: str, release: str, body: str, policy: Policy) -> bool:
    """Whether a routine's body is our text of the release under exactly this policy."""
    found = _source_or_none(name, release)
    if found is None or found.sha256(policy) != sha256(body):
        return False
    return not found.depends_on_policy or keeps_old_factor(policy) in body  # white space in a name is not folded


def rendered(statement: str, policy: Policy) -> str:
    """A routine's statement, as a server shows it, with what an earlier policy filled in put under this one."""
    return _FILLED_IN.sub(lambda found: found[1] + keeps_old_factor(policy), statement)


def _source_or_none(name: str, release: str) -> Source | None:
    try:
        return source("routine", name, release)
    except CannotRun:
        return None


def _place(kind: Kind, name: str) -> Path:
    return folder("procedures") / "server" / f"{kind}s" / name


def _body(statement: str) -> str:
    """What follows the head of a CREATE PROCEDURE or FUNCTION; a view's text is what follows AS."""
    head = _HEAD.match(statement)
    if head is None:
        raise ValueError("no CREATE PROCEDURE, FUNCTION or VIEW")
    if head["type"].upper() == "VIEW":
        return re.split(r"\bAS\b", statement[head.end() :], maxsplit=1, flags=re.IGNORECASE)[1].strip()
    rest = _after_brackets(statement, statement.index("(", head.end()))
    while found := _CHARACTERISTIC.match(rest):
        rest = rest[found.end() :]
    return rest.strip()


def _after_brackets(statement: str, start: int) -> str:
    """What follows the bracket that closes the one at ``start``."""
    depth = 0
    for place in range(start, len(statement)):
        depth += {"(": 1, ")": -1}.get(statement[place], 0)
        if depth == 0:
            return statement[place + 1 :]
    raise ValueError("a bracket is not closed")
