"""Copies tables, rows, routines, views and triggers into another database; the source is only read."""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Final

from apelschema.db.accounts import make_owner
from apelschema.db.connect import Target
from apelschema.db.errors import NO_SUCH_ROUTINE, NO_SUCH_TABLE, DatabaseError, lost_connection, message, number
from apelschema.db.schema import Column, Table
from apelschema.db.session import Session
from apelschema.db.stored import StoredKind, put_back, read_stored
from apelschema.errors import CannotRun
from apelschema.names import quoted

AS_IT_WAS: Final = "NO_AUTO_VALUE_ON_ZERO"
"""The sql_mode of the copy's rows: what an old database holds goes in as it is, as from a dump."""

_ROWS: Final = 1000
"""Rows of one INSERT: some hundred KiB of jobs, far below any max_allowed_packet."""

_TEXTS: Final = ("char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "set")
_DEFINER: Final = re.compile(r"DEFINER\s*=\s*(?:`(?:[^`]|``)*`(?:@`(?:[^`]|``)*`)?|\S+)", re.IGNORECASE)


class Reader(Session):
    """A session that the server lets only read, and so are those of its streams."""

    def __init__(self, target: Target) -> None:
        super().__init__(target)
        self.only_read()


@dataclass(frozen=True)
class Copier:
    """Copies object by object from ``source`` into ``place``, a database of its own on whichever server.

    Routines, views and triggers keep their owners, who are made where they are missing; with ``adopts`` they belong to
    the account of ``place`` instead, which takes no privilege. Methods raise CannotRun for what ``place`` refuses, and
    for texts that the source's account may not see.
    """

    source: Session
    place: Session
    adopts: bool = False

    def table(self, name: str) -> None:
        """The definition, to the letter."""
        text = str(self.source.rows(f"SHOW CREATE TABLE {quoted(name)}")[0][1])
        with self._explained(f"the table {name}"):
            self.place.execute(text)

    def rows(self, table: Table, where: str, tell: Callable[[int], None]) -> int:
        """The rows under a condition, byte for byte and in bounded memory; ``tell`` takes how many more are there."""
        chosen = ", ".join(map(_read, table.columns))
        count = 0
        query = f"SELECT {chosen} FROM {quoted(table.name)} WHERE {where}"
        with closing(self.source.stream(query)) as rows:
            while several := list(islice(rows, _ROWS)):
                self._insert(table, several)
                count += len(several)
                tell(len(several))
        return count

    def stored(self, kind: StoredKind, name: str) -> None:
        """A routine or view, under the settings of its creation; without the grants on it."""
        try:
            found = read_stored(self.source, kind, name)
        except ValueError as error:
            raise CannotRun(f"This account may not see {error}.") from error
        statement = self._owned(found.definer, str(found.statement), f"the {kind} {name}")
        with self._explained(f"the {kind} {name}"):
            put_back(self.place, replace(found, statement=statement, grants=()))

    def views(self, names: Sequence[str]) -> list[str]:
        """Views, those first that others read; gives those that read something which is not there."""
        left = list(names)
        while left:
            waiting = [name for name in left if not self._has_made_view(name)]
            if waiting == left:
                break
            left = waiting
        return left

    def trigger(self, name: str) -> None:
        """A trigger, under the settings of its creation: after the rows, which it would change."""
        row = self.source.dicts(f"SHOW CREATE TRIGGER {quoted(name)}")[0]
        definer = self.source.value(
            "SELECT DEFINER FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() AND TRIGGER_NAME = %s",
            (name,),
        )
        statement = self._owned(str(definer), str(row["SQL Original Statement"]), f"the trigger {name}")
        settings = {
            "sql_mode": row["sql_mode"],
            "character_set": row["character_set_client"],
            "collation": row["collation_connection"],
            "database_collation": row["Database Collation"],
        }
        with self._explained(f"the trigger {name}"), self.place.using(**settings):
            self.place.execute(statement)

    def _has_made_view(self, name: str) -> bool:
        try:
            self.stored("view", name)
        except CannotRun as error:
            if number(error.__cause__ or error) not in (NO_SUCH_TABLE, NO_SUCH_ROUTINE):
                raise
            return False
        return True

    def _insert(self, table: Table, rows: Sequence[tuple[Any, ...]]) -> None:
        marks = f"({', '.join(['%s'] * len(table.columns))})"
        names = ", ".join(map(quoted, table.column_names))
        into = f"INSERT INTO {quoted(table.name)} ({names}) VALUES ".replace("%", "%%")
        text = into + ", ".join([marks] * len(rows))
        with self._explained(f"rows of {table.name}"):
            self.place.execute(text, [value for row in rows for value in row])

    def _owned(self, definer: str, statement: str, what: str) -> str:
        if self.adopts:
            self._demand_own_names(statement, what)
            return _DEFINER.sub("DEFINER=CURRENT_USER", statement, count=1)
        user, _, host = definer.rpartition("@")
        make_owner(self.place, user, host)
        return statement

    def _demand_own_names(self, statement: str, what: str) -> None:
        """On one server a text that names its database would reach from the copy into the original."""
        if re.search(rf"(?<!\w)`?{re.escape(self.source.own_name)}`?\s*\.", statement, re.IGNORECASE):
            raise CannotRun(
                f"The text of {what} names its database, {self.source.own_name}.",
                why="In a copy on the same server it would work on the original.",
                hint="Rehearse on a private server, without --same-server.",
            )

    @contextmanager
    def _explained(self, what: str) -> Iterator[None]:
        """Turn a refusal into an error that says of what; of rows only the number, since its words may quote them."""
        try:
            yield
        except DatabaseError as error:
            if lost_connection(error):
                raise
            words = "" if what.startswith("rows") else f", {message(error)}"
            raise CannotRun(
                f"The server of the copy ({self.place.server.name}) refuses {what}: error {number(error)}{words}.",
                why=f"It comes from {self.source.server.name}.",
                hint="Rehearse on a server like it: on a restored copy (--on), or in the same server (--same-server).",
            ) from error


def _read(column: Column) -> str:
    """Texts go as bytes, whatever their character set."""
    name = quoted(column.name)
    return f"CAST({name} AS BINARY)" if column.type.split("(")[0].split(" ")[0] in _TEXTS else name
