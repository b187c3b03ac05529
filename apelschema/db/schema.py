"""What a schema consists of, in words that are the same on every engine and in the catalogue.

Types are written in one normalised form (``int``, ``bigint unsigned``, ``varchar(50)``, ``decimal(10,3)``);
a default is its bare text, the function being spelt ``current_timestamp()``. Attributes said to be *live
only* are known of a database but not of a catalogue entry; equality that matters is decided in
``catalogue.compare``, not by ``==``.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal, Self

NOW = "current_timestamp()"
"""The one spelling of CURRENT_TIMESTAMP used in ``Column.default`` and ``Column.on_update``."""

RoutineKind = Literal["procedure", "function"]


@dataclass(frozen=True)
class Column:
    """A column of a table or of a view; ``has_default`` with ``default`` None is DEFAULT NULL."""

    name: str
    type: str
    nullable: bool
    has_default: bool = False
    default: str | None = None
    on_update: str | None = None
    auto_increment: bool = False
    collation: str | None = None  # live only, and only where it is not the table's
    generated: bool = False  # live only: the server computes it, and takes no value for it


@dataclass(frozen=True)
class Index:
    """A secondary index; the primary key is ``Table.primary_key``."""

    name: str
    columns: tuple[str, ...]
    unique: bool = False


@dataclass(frozen=True)
class Partition:
    """A range partition; ``less_than`` is the server's number as text, or ``MAXVALUE``."""

    name: str
    less_than: str


@dataclass(frozen=True)
class Partitioning:
    """How a table is partitioned; ``expression`` as in the catalogue, e.g. ``to_days(`EndTime`)``."""

    method: str
    expression: str
    partitions: tuple[Partition, ...]
    central: bool = False


@dataclass(frozen=True)
class Table:
    """A base table; ``charset`` and ``collation`` (its default) are live only."""

    name: str
    columns: tuple[Column, ...]
    primary_key: tuple[str, ...]
    indexes: tuple[Index, ...] = ()
    partitioning: Partitioning | None = None
    engine: str = "InnoDB"
    central: bool = False
    charset: str | None = None
    collation: str | None = None

    @property
    def written_names(self) -> tuple[str, ...]:
        """Names of the columns that an INSERT may name."""
        return tuple(column.name for column in self.columns if not column.generated)

    @property
    def column_names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    def column(self, name: str) -> Column:
        """The column of this name (letter case does not count); raises KeyError when there is none."""
        try:
            return self._by_name[name.lower()]
        except KeyError:
            raise KeyError(f"{self.name}.{name}") from None

    def has_column(self, name: str) -> bool:
        """Whether there is a column of this name."""
        return name.lower() in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Column]:
        return {column.name.lower(): column for column in self.columns}


@dataclass(frozen=True)
class Parameter:
    """A parameter of a routine."""

    name: str
    type: str
    mode: str = "IN"


@dataclass(frozen=True)
class Routine:
    """A procedure or function.

    ``body_sha256`` is the folded hash of the body (``db.folding``). From ``body`` on the attributes are live
    only; ``body`` and ``body_sha256`` are None when the user may not see the text, which is not the same as
    an absent routine.
    """

    name: str
    kind: RoutineKind
    parameters: tuple[Parameter, ...]
    returns: str | None = None
    deterministic: bool = False
    data_access: str = "CONTAINS SQL"
    security: str = "DEFINER"
    body_sha256: str | None = None
    central: bool = False
    body: str | None = None
    definer: str = ""
    sql_mode: str = ""
    character_set_client: str = ""
    collation_connection: str = ""
    database_collation: str = ""
    comment: str = ""

    @property
    def is_visible(self) -> bool:
        """Whether the user may see the body."""
        return self.body is not None


@dataclass(frozen=True)
class View:
    """A view; its columns bear name, type and nullability only.

    ``definition_sha256`` is the folded hash of MariaDB's text without the database's own name. From
    ``definition`` on the attributes are live only; ``definition`` is verbatim, None when the user may not
    see it.
    """

    name: str
    columns: tuple[Column, ...]
    definition_sha256: str | None = None
    central: bool = False
    definition: str | None = None
    definer: str = ""
    security: str = "DEFINER"
    character_set_client: str = ""
    collation_connection: str = ""

    @property
    def is_visible(self) -> bool:
        """Whether the user may see the definition."""
        return self.definition is not None


@dataclass(frozen=True)
class Schema:
    """All objects of one database, by name; from ``triggers`` on the attributes are live only."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    routines: Mapping[str, Routine] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    triggers: tuple[str, ...] = ()
    events: tuple[str, ...] = ()
    charset: str | None = None
    collation: str | None = None

    def without_central(self) -> Self:
        """A copy without the central objects of server-extra (views, partitioning)."""
        return replace(
            self,
            tables={name: _plain(each) for name, each in self.tables.items() if not each.central},
            routines={name: each for name, each in self.routines.items() if not each.central},
            views={name: each for name, each in self.views.items() if not each.central},
        )


def _plain(table: Table) -> Table:
    central = table.partitioning is not None and table.partitioning.central
    return replace(table, partitioning=None) if central else table
