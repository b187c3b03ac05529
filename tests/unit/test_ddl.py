import itertools
import re
from dataclasses import replace

import pytest

from apelschema.catalogue.load import load
from apelschema.db.ddl import alter_table, column_definition, create_table
from apelschema.db.schema import Column, Index, Table

FORTH_AND_BACK = [("2.2.1", "2.3.0"), ("2.3.0", "2.4.1"), ("2.4.1", "2.5.0")]


def one_line(text: str | None) -> str:
    return re.sub(r"\s+", " ", text or "")


def test_nothing_is_left_to_implicit_timestamp_defaults():
    for release in ("2.2.1", "2.5.0"):
        for table in load(release).tables.values():
            for line in create_table(table).splitlines():
                if "TIMESTAMP" in line and line.startswith("  `"):
                    assert "DEFAULT" in line
                    assert "NULL" in line
    text = create_table(load("2.2.1").tables["SuperSummaries"])
    assert "`UpdateTime` TIMESTAMP NULL DEFAULT NULL," in text


def test_create_names_engine_and_no_character_set():
    text = create_table(load("2.2.1").tables["Sites"])
    assert text.endswith(") ENGINE=InnoDB")
    assert "CHARACTER" not in text
    assert "`id` INT NOT NULL AUTO_INCREMENT" in text


def test_partitions_only_when_asked_for():
    table = load("2.2.1").tables["JobRecords"]
    assert "PARTITION BY RANGE (to_days(`EndTime`))" in create_table(table, partitioned=True)
    assert "LESS THAN MAXVALUE" in create_table(table, partitioned=True)
    assert "PARTITION BY" not in create_table(table, partitioned=False)


def test_a_live_collation_is_kept():
    table = Table("t", (Column("a", "varchar(5)", True, True, collation="latin1_bin"),), (), collation="utf8mb4_bin")
    text = create_table(table)
    assert "VARCHAR(5) CHARACTER SET latin1 COLLATE latin1_bin NULL DEFAULT NULL" in text
    assert text.endswith("ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin")


@pytest.mark.parametrize(
    ("column", "text"),
    [
        (Column("a", "varchar(50)", False, True, ""), "`a` VARCHAR(50) NOT NULL DEFAULT ''"),
        (Column("a", "varchar(50)", False, True, "it's \\"), "`a` VARCHAR(50) NOT NULL DEFAULT 'it''s \\\\'"),
        (Column("a", "decimal(10,3)", False, True, "0.000"), "`a` DECIMAL(10,3) NOT NULL DEFAULT 0.000"),
        (Column("a", "int", True, True), "`a` INT NULL DEFAULT NULL"),
        (Column("a", "int", False), "`a` INT NOT NULL"),
    ],
)
def test_defaults_are_written_as_sql(column, text):
    assert column_definition(column) == text


@pytest.mark.parametrize(("old", "new"), FORTH_AND_BACK)
def test_equal_tables_need_no_alter(old, new):
    for release in (old, new):
        for table in load(release).tables.values():
            assert alter_table(table, table) is None


def test_type_and_key_of_normalised_summaries_are_one_alter():
    old, new = (load(release).tables["NormalisedSummaries"] for release in ("2.2.1", "2.3.0"))
    text = one_line(alter_table(old, new))
    assert text.startswith(
        "ALTER TABLE `NormalisedSummaries` ADD COLUMN `ServiceLevelType` VARCHAR(50) NOT NULL DEFAULT ''"
        " AFTER `Infrastructure`, DROP PRIMARY KEY, ADD PRIMARY KEY (`SiteID`,"
    )
    assert text.endswith("`Processors`, `ServiceLevelType`), LOCK=NONE")
    back = one_line(alter_table(new, old))
    assert "DROP COLUMN `ServiceLevelType`, DROP PRIMARY KEY, ADD PRIMARY KEY (" in back


def test_a_default_alone_is_not_a_modify():
    old, new = (load(release).tables["HybridSuperSummaries"] for release in ("2.2.1", "2.3.0"))
    assert one_line(alter_table(old, new)) == (
        "ALTER TABLE `HybridSuperSummaries` ALTER COLUMN `ServiceLevelType` DROP DEFAULT, LOCK=NONE"
    )
    assert "SET DEFAULT ''," in one_line(alter_table(new, old))


def test_a_new_key_member_becomes_not_null_in_the_same_alter():
    old, new = (load(release).tables["Summaries"] for release in ("2.3.0", "2.4.1"))
    assert "MODIFY COLUMN `InfrastructureType` VARCHAR(20) NOT NULL, DROP PRIMARY" in one_line(alter_table(old, new))
    assert "`InfrastructureType` VARCHAR(20) NULL DEFAULT NULL" in one_line(alter_table(new, old))


def test_the_lock_is_the_callers():
    old, new = (load(release).tables["Summaries"] for release in ("2.3.0", "2.4.1"))
    assert one_line(alter_table(old, new, lock="SHARED")).endswith(", LOCK=SHARED")


def test_a_modified_column_keeps_its_own_collation():
    old = Table("t", (Column("a", "varchar(5)", True, True, collation="latin1_bin"),), ("a",))
    new = replace(old, columns=(Column("a", "varchar(9)", True, True),))
    assert "VARCHAR(9) CHARACTER SET latin1 COLLATE latin1_bin" in one_line(alter_table(old, new))


def test_indexes_change_in_the_same_alter():
    old = Table("t", (Column("a", "int", False),), ("a",), (Index("x", ("a",)),))
    new = replace(old, indexes=(Index("x", ("a",), unique=True),))
    assert one_line(alter_table(old, new)) == "ALTER TABLE `t` DROP INDEX `x`, ADD UNIQUE INDEX `x` (`a`), LOCK=NONE"


def test_only_tables_that_changed_are_altered():
    changed = {
        (old, new): {
            name for name, table in load(old).tables.items() if alter_table(table, load(new).tables[name]) is not None
        }
        for old, new in itertools.chain(FORTH_AND_BACK)
    }
    assert changed["2.2.1", "2.3.0"] == {"NormalisedSummaries", "HybridSuperSummaries"}
    assert changed["2.3.0", "2.4.1"] == {"NormalisedSummaries", "Summaries"}
    assert changed["2.4.1", "2.5.0"] == {
        "NormalisedSummaries",
        "HybridSuperSummaries",
        "Summaries",
        "SuperSummaries",
    }
