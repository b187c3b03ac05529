"""Reads a live schema from information_schema in a few statements, normalised over engines."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from typing import Any, Literal, cast

from apelschema.db import spelling
from apelschema.db.family import Server
from apelschema.db.folding import sha256
from apelschema.db.routine_text import as_written
from apelschema.db.schema import (
    Column,
    Index,
    Parameter,
    Partition,
    Partitioning,
    Routine,
    RoutineKind,
    Schema,
    Table,
    View,
)
from apelschema.db.session import Session
from apelschema.names import quoted

Row = tuple[Any, ...]

_TABLES = "SELECT TABLE_SCHEMA, TABLE_NAME, ENGINE, TABLE_COLLATION, TABLE_TYPE FROM information_schema.TABLES"
_COLUMNS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, COLUMN_NAME, COLUMN_TYPE, IS_NULLABLE, COLUMN_DEFAULT, EXTRA,"
    " COLLATION_NAME FROM information_schema.COLUMNS"
)
_GENERATED = ("VIRTUAL GENERATED", "STORED GENERATED", "PERSISTENT GENERATED")
"""In EXTRA of a column that the server computes; DEFAULT_GENERATED is a default like others."""

_INDEXES = "SELECT TABLE_SCHEMA, TABLE_NAME, INDEX_NAME, COLUMN_NAME, NON_UNIQUE FROM information_schema.STATISTICS"
_PARTITIONS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, PARTITION_METHOD, PARTITION_EXPRESSION, PARTITION_NAME,"
    " PARTITION_DESCRIPTION FROM information_schema.PARTITIONS"
)
_ROUTINES = (
    "SELECT ROUTINE_SCHEMA, ROUTINE_NAME, ROUTINE_TYPE, DTD_IDENTIFIER, ROUTINE_DEFINITION, IS_DETERMINISTIC,"
    " SQL_DATA_ACCESS, SECURITY_TYPE, SQL_MODE, ROUTINE_COMMENT, DEFINER, CHARACTER_SET_CLIENT,"
    " COLLATION_CONNECTION, DATABASE_COLLATION FROM information_schema.ROUTINES"
)
_PARAMETERS = (
    "SELECT SPECIFIC_SCHEMA, SPECIFIC_NAME, ROUTINE_TYPE, PARAMETER_NAME, DTD_IDENTIFIER, PARAMETER_MODE"
    " FROM information_schema.PARAMETERS"
)
_VIEWS = (
    "SELECT TABLE_SCHEMA, TABLE_NAME, VIEW_DEFINITION, DEFINER, SECURITY_TYPE, CHARACTER_SET_CLIENT,"
    " COLLATION_CONNECTION FROM information_schema.VIEWS"
)
_TRIGGERS = "SELECT TRIGGER_SCHEMA, TRIGGER_NAME FROM information_schema.TRIGGERS"
_EVENTS = "SELECT EVENT_SCHEMA, EVENT_NAME FROM information_schema.EVENTS"


@contextmanager
def seen_once(session: Session) -> Iterator[None]:
    """Answer every look in the block from one reading of the whole database: for blocks that change nothing."""
    if session.seen is not None:  # in such a block already
        yield
        return
    session.seen = read_schema(session)
    try:
        yield
    finally:
        session.seen = None


@contextmanager
def seen_as(session: Session, schema: Schema) -> Iterator[None]:
    """Answer every look in the block from a reading that was made before: for blocks that change nothing."""
    before, session.seen = session.seen, schema
    try:
        yield
    finally:
        session.seen = before


def read_schema(session: Session) -> Schema:
    """The whole database at hand, this tool's own tables included."""
    if session.seen is not None:
        return session.seen
    reader = _Reader(session)
    columns = reader.columns()
    facts = session.one("SELECT @@character_set_database, @@collation_database")
    assert facts is not None
    return Schema(
        tables=reader.tables(columns),
        routines=reader.routines(),
        views=reader.views(columns),
        triggers=tuple(str(row[1]) for row in reader.rows(_TRIGGERS, "TRIGGER_SCHEMA", "TRIGGER_NAME")),
        events=tuple(str(row[1]) for row in reader.rows(_EVENTS, "EVENT_SCHEMA", "EVENT_NAME")),
        charset=facts[0],
        collation=facts[1],
    )


def read_table(session: Session, name: str) -> Table | None:
    """One table as it is now; None when there is no base table of this name."""
    if session.seen is not None:
        return session.seen.tables.get(name)
    reader = _Reader(session, name)
    columns = reader.columns()
    return reader.tables(columns).get(name) if columns else None


def has_table(session: Session, *names: str) -> bool:
    """Whether there are tables, or views, of all these names."""
    if session.seen is not None:
        return all(name in session.seen.tables or name in session.seen.views for name in names)
    found = session.rows(
        "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME IN %s",
        (names,),
    )
    return {(name,) for name in names} <= set(found)


def table_collation(session: Session, name: str) -> str | None:
    """The default collation of a table as it is now; None when there is no table of this name."""
    for row in _Reader(session, name).rows(_TABLES, "TABLE_SCHEMA", "TABLE_NAME"):
        if row[1] == name:
            return cast(str | None, row[3])
    return None


def read_view(session: Session, name: str) -> View | None:
    """One view as it is now; None when there is none of this name."""
    if session.seen is not None:
        return session.seen.views.get(name)
    reader = _Reader(session, name)
    return reader.views(reader.columns()).get(name)


def read_routine(session: Session, name: str, kind: RoutineKind | None = None) -> Routine | None:
    """One procedure or function as it is now; None when there is none, or none that this account may see."""
    routines = _Reader(session, name).routines() if session.seen is None else session.seen.routines
    for routine in routines.values():
        if routine.name.lower() == name.lower() and kind in (None, routine.kind):
            return routine
    return None


class _Reader:
    """Queries on one database, for all objects or for those of one name."""

    def __init__(self, session: Session, name: str | None = None) -> None:
        self._session = session
        self._name = name
        self._server = session.server
        self._database = session.own_name

    def rows(self, query: str, schema: str, name: str, order: str = "") -> list[Row]:
        """Rows of this database and name; the server compares names without case, so this looks once more."""
        where, args = f" WHERE {schema} = %s", [self._database]
        if self._name is not None:
            where, args = f"{where} AND {name} = %s", [self._database, self._name]
        found = self._session.rows(f"{query}{where}{f' ORDER BY {order}' if order else ''}", args)
        return [row for row in found if row[0] == self._database]

    def columns(self) -> dict[str, list[Row]]:
        """Rows on columns by table or view."""
        return _by_name(self.rows(_COLUMNS, "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME, ORDINAL_POSITION"))

    def tables(self, columns: dict[str, list[Row]]) -> dict[str, Table]:
        """Base tables, those with system versioning too."""
        indexes = _by_name(self.rows(_INDEXES, "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME, INDEX_NAME, SEQ_IN_INDEX"))
        partitions = _by_name(
            self.rows(_PARTITIONS, "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME, PARTITION_ORDINAL_POSITION")
        )
        tables = {}
        for _, name, engine, collation, kind in self.rows(_TABLES, "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME"):
            if kind in ("BASE TABLE", "SYSTEM VERSIONED"):
                keys = _keys(indexes[name])
                tables[name] = Table(
                    name=name,
                    columns=tuple(_column(row[2:], collation, self._server) for row in columns[name]),
                    primary_key=keys.pop("PRIMARY", Index("", ())).columns,
                    indexes=tuple(keys.values()),
                    partitioning=_partitioning(partitions[name]),
                    engine=engine or "",
                    charset=collation.split("_")[0] if collation else None,
                    collation=collation,
                )
        return tables

    def routines(self) -> dict[str, Routine]:
        """Routines by name; a function that shares its name with a procedure comes as ``function <name>``."""
        parameters: dict[tuple[str, str], list[Row]] = defaultdict(list)
        order = "SPECIFIC_NAME, ROUTINE_TYPE, ORDINAL_POSITION"
        for row in self.rows(_PARAMETERS, "SPECIFIC_SCHEMA", "SPECIFIC_NAME", order):
            parameters[row[1], row[2]].append(row)
        routines: dict[str, Routine] = {}
        for row in self.rows(_ROUTINES, "ROUTINE_SCHEMA", "ROUTINE_NAME", "ROUTINE_NAME, ROUTINE_TYPE DESC"):
            body = None if row[4] is None else as_written(self._session, row[2], row[1], row[4])
            routine = _routine((*row[:4], body, *row[5:]), parameters[row[1], row[2]])
            routines[f"function {routine.name}" if routine.name in routines else routine.name] = routine
        return routines

    def views(self, columns: dict[str, list[Row]]) -> dict[str, View]:
        """Views; one that refers to something gone has no columns on MariaDB."""
        rows = self.rows(_VIEWS, "TABLE_SCHEMA", "TABLE_NAME", "TABLE_NAME")
        return {row[1]: self._view(row, columns[row[1]]) for row in rows}

    def _view(self, row: Row, columns: list[Row]) -> View:
        _, name, text, definer, security, client, collation = row
        own = text.replace(f"{quoted(self._database)}.", "") if text else None
        return View(
            name=name,
            columns=tuple(Column(each[2], spelling.type_of(each[3]), each[4] == "YES") for each in columns),
            definition_sha256=sha256(own) if own and self._server.shares_view_text else None,
            definition=text or None,
            definer=definer,
            security=security,
            character_set_client=client,
            collation_connection=collation,
        )


@lru_cache(maxsize=4096)  # a schema is read often, and its columns hardly ever change
def _column(facts: Row, table_collation: str | None, server: Server) -> Column:
    name, kind, nullable, default, extra, collation = facts
    column = Column(
        name=name,
        type=spelling.type_of(kind),
        nullable=nullable == "YES",
        on_update=spelling.on_update(extra),
        auto_increment="auto_increment" in extra.lower(),
        collation=collation if collation != table_collation else None,
        generated=any(word in extra.upper() for word in _GENERATED),
    )
    if server.quotes_column_defaults:
        has_default, value = spelling.mariadb_default(default)
    else:
        has_default, value = spelling.mysql_default(default, column)
    return replace(column, has_default=has_default, default=value)


def _by_name(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row[1]].append(row)
    return found


def _keys(rows: list[Row]) -> dict[str, Index]:
    columns: dict[str, list[str]] = defaultdict(list)
    unique = {}
    for _, _, name, column, non_unique in rows:
        columns[name].append(column)
        unique[name] = not int(non_unique)
    return {name: Index(name, tuple(columns[name]), unique[name]) for name in columns}


def _partitioning(rows: list[Row]) -> Partitioning | None:
    partitioned = [row for row in rows if row[4] is not None]
    if not partitioned:
        return None
    _, _, method, expression, _, _ = partitioned[0]
    less_than = {str(row[4]): str(row[5]) for row in partitioned}  # subpartitions repeat it
    parts = tuple(Partition(name, limit) for name, limit in less_than.items())
    return Partitioning(str(method), spelling.expression(str(expression)), parts)


def _routine(row: Row, parameters: list[Row]) -> Routine:
    _, name, kind, returns, body, deterministic, access, security, mode, comment, *session = row
    definer, client, collation, database_collation = session
    return Routine(
        name=name,
        kind=cast(Literal["procedure", "function"], kind.lower()),
        parameters=tuple(
            Parameter(each[3], spelling.type_of(each[4]), each[5]) for each in parameters if each[5] is not None
        ),
        returns=spelling.type_of(returns) if kind == "FUNCTION" and returns else None,
        deterministic=deterministic == "YES",
        data_access=access,
        security=security,
        body_sha256=None if body is None else sha256(body),
        body=body,
        definer=definer,
        sql_mode=mode,
        character_set_client=client,
        collation_connection=collation,
        database_collation=database_collation,
        comment=comment or "",
    )
