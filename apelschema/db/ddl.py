"""CREATE TABLE and ALTER TABLE text from table definitions, every attribute written out in full.

Nothing is left to defaults of the server (explicit_defaults_for_timestamp) but the character set of a
catalogue table, which is the database's.
"""

from collections.abc import Sequence
from dataclasses import replace

from apelschema.db.schema import NOW, Column, Index, Partitioning, Table
from apelschema.names import quoted

_TEXTUAL = (
    "char",
    "varchar",
    "binary",
    "varbinary",
    "tinytext",
    "text",
    "mediumtext",
    "longtext",
    "enum",
    "set",
)
_TEMPORAL = ("timestamp", "datetime", "date", "time")


def create_table(table: Table, *, partitioned: bool = True) -> str:
    """CREATE TABLE of the whole definition, with the partitions or without."""
    lines = [column_definition(column) for column in table.columns]
    lines.append(f"PRIMARY KEY ({_names(table.primary_key)})")
    lines += [_index(index) for index in table.indexes]
    text = f"CREATE TABLE {quoted(table.name)} (\n  " + ",\n  ".join(lines) + f"\n) ENGINE={table.engine}"
    if table.collation is not None:
        text += f" CHARACTER SET {character_set(table.collation)} COLLATE {table.collation}"
    if partitioned and table.partitioning is not None:
        text += "\n" + _partitions(table.partitioning)
    return text


def alter_table(before: Table, after: Table, *, lock: str = "NONE") -> str | None:
    """The ONE ALTER TABLE that makes ``after`` of ``before``, LOCK written out; None when they are equal.

    Knows columns (added, dropped, modified; not renamed or moved), the primary key and secondary indexes.
    A column that is kept keeps its own collation.
    """
    clauses = [
        *_dropped_columns(before, after),
        *_added_columns(before, after),
        *_modified_columns(before, after),
        *_changed_key(before, after),
        *_changed_indexes(before, after),
    ]
    if not clauses:
        return None
    return f"ALTER TABLE {quoted(after.name)}\n  " + ",\n  ".join([*clauses, f"LOCK={lock}"])


def replace_index(table: str, index: Index, behind: Sequence[Index], algorithm: str) -> str:
    """The ONE ALTER TABLE that makes an index anew under its own name, others going on; LOCK and ALGORITHM written out.

    It keeps its place before those ``behind`` it: dropped and added as they are they are not built anew (tried on all
    supported servers), only put behind it again.
    """
    clauses = [
        *(f"DROP INDEX {quoted(each.name)}" for each in (index, *behind)),
        *(f"ADD {_index(each)}" for each in (index, *behind)),
    ]
    return f"ALTER TABLE {quoted(table)}\n  " + ",\n  ".join([*clauses, f"ALGORITHM={algorithm}", "LOCK=NONE"])


def column_definition(column: Column) -> str:
    """A column as it stands in CREATE or ALTER TABLE."""
    parts = [quoted(column.name), column.type.upper()]
    if column.collation:
        parts.append(f"CHARACTER SET {character_set(column.collation)} COLLATE {column.collation}")
    parts.append("NULL" if column.nullable else "NOT NULL")
    if column.has_default:
        parts.append(f"DEFAULT {default_text(column)}")
    if column.on_update:
        parts.append(f"ON UPDATE {_function(column.on_update)}")
    if column.auto_increment:
        parts.append("AUTO_INCREMENT")
    return " ".join(parts)


def default_text(column: Column) -> str:
    """A column's default as SQL."""
    if column.default is None:
        return "NULL"
    if column.default.startswith(NOW[:-2]) and _base(column) in _TEMPORAL:
        return _function(column.default)
    if _base(column) in _TEXTUAL + _TEMPORAL:
        return "'" + column.default.replace("\\", "\\\\").replace("'", "''") + "'"
    return column.default


def character_set(collation: str) -> str:
    """The character set to which a collation belongs."""
    return "utf8mb4" if collation.startswith("uca1400") else collation.split("_")[0]


def _function(text: str) -> str:
    """CURRENT_TIMESTAMP as all servers take it, with its precision if there is any."""
    return "CURRENT_TIMESTAMP" if text == NOW else text.upper()


def _base(column: Column) -> str:
    return column.type.split("(")[0].split(" ")[0]


def _names(names: tuple[str, ...]) -> str:
    return ", ".join(quoted(name) for name in names)


def _index(index: Index) -> str:
    return f"{'UNIQUE ' if index.unique else ''}INDEX {quoted(index.name)} ({_names(index.columns)})"


def _partitions(partitioning: Partitioning) -> str:
    lines = [
        f"PARTITION {quoted(each.name)} VALUES LESS THAN "
        + ("MAXVALUE" if each.less_than == "MAXVALUE" else f"({each.less_than})")
        for each in partitioning.partitions
    ]
    head = f"PARTITION BY {partitioning.method} ({partitioning.expression}) (\n  "
    return head + ",\n  ".join(lines) + "\n)"


def _dropped_columns(before: Table, after: Table) -> list[str]:
    return [f"DROP COLUMN {quoted(each.name)}" for each in before.columns if not after.has_column(each.name)]


def _added_columns(before: Table, after: Table) -> list[str]:
    clauses = []
    place = "FIRST"
    for column in after.columns:
        if not before.has_column(column.name):
            clauses.append(f"ADD COLUMN {column_definition(column)} {place}")
        place = f"AFTER {quoted(column.name)}"
    return clauses


def _modified_columns(before: Table, after: Table) -> list[str]:
    clauses = []
    for column in after.columns:
        if before.has_column(column.name):
            old = before.column(column.name)
            clauses += _modified(old, replace(column, collation=column.collation or old.collation))
    return clauses


def _modified(old: Column, new: Column) -> list[str]:
    if _without_default(old) != _without_default(new):
        return [f"MODIFY COLUMN {column_definition(new)}"]
    if (old.has_default, old.default) == (new.has_default, new.default):
        return []
    if _base(new) in _TEMPORAL:  # a function as default: not every server takes it in ALTER COLUMN
        return [f"MODIFY COLUMN {column_definition(new)}"]
    change = f"SET DEFAULT {default_text(new)}" if new.has_default else "DROP DEFAULT"
    return [f"ALTER COLUMN {quoted(new.name)} {change}"]


def _without_default(column: Column) -> tuple[str, bool, str | None, bool]:
    return column.type, column.nullable, column.on_update, column.auto_increment


def _changed_key(before: Table, after: Table) -> list[str]:
    if before.primary_key == after.primary_key:
        return []
    return ["DROP PRIMARY KEY", f"ADD PRIMARY KEY ({_names(after.primary_key)})"]


def _changed_indexes(before: Table, after: Table) -> list[str]:
    old, new = ({each.name: each for each in table.indexes} for table in (before, after))
    dropped = [f"DROP INDEX {quoted(name)}" for name, each in old.items() if new.get(name) != each]
    added = [f"ADD {_index(each)}" for name, each in new.items() if old.get(name) != each]
    return dropped + added
