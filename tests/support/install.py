"""Schemas of a release in an empty database: tables from the catalogue, routines and views from SQL files."""

from collections.abc import Callable
from dataclasses import replace
from typing import Final

from apelschema import procedures
from apelschema.catalogue.load import load
from apelschema.db.ddl import create_table
from apelschema.db.schema import Table
from apelschema.db.session import Session
from apelschema.policy import Policy
from apelschema.routine_tables import MARKS_TABLE, REPLACED_TABLE

_OF_MARIADB: Final = "NO_AUTO_CREATE_USER"

Text = Callable[[procedures.Kind, str], str]
"""Gives the CREATE statement of an object from its kind and name."""


def install(
    db: Session,
    release: str,
    *,
    policy: Policy = procedures.DEFAULT_POLICY,
    sql_mode: str | None = None,
    all_partitions: bool = False,
) -> None:
    """Fill an empty database with a release as this project makes it, central objects included.

    ``sql_mode`` is what the routines and views are created under; the session's own when None.
    """
    create_tables(db, release, all_partitions=all_partitions)
    create_objects(db, release, lambda kind, name: procedures.text(kind, name, release, policy), sql_mode=sql_mode)


def create_tables(db: Session, release: str, *, all_partitions: bool = False) -> None:
    """All tables of a server release; but for a partition a year: each takes its time."""
    for table in load(release).tables.values():
        db.execute(create_table(table if all_partitions else _with_few_partitions(table)))


def _with_few_partitions(table: Table) -> Table:
    if table.partitioning is None:
        return table
    first_and_last = (*table.partitioning.partitions[:-1:12], *table.partitioning.partitions[-2:])
    return replace(table, partitioning=replace(table.partitioning, partitions=first_and_last))


def create_objects(db: Session, release: str, text: Text, *, sql_mode: str | None = None) -> None:
    """All routines and views of a server release, central ones included."""
    entry = load(release)
    with db.using(sql_mode=sql_mode and known_to(db, sql_mode)):
        for name in entry.routines:
            db.execute(text("routine", name))
        for name in entry.views:
            db.execute(text("view", name))


def known_to(db: Session, sql_mode: str) -> str:
    """An sql_mode without what only MariaDB has."""
    return ",".join(mode for mode in sql_mode.split(",") if db.server.is_mariadb or mode != _OF_MARIADB)


def create_routine_tables(db: Session) -> None:
    """The two tables that this project's routines write and do not need."""
    for definition in (REPLACED_TABLE, MARKS_TABLE):
        db.execute(definition)
