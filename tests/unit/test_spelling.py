import pytest

from apelschema.db import spelling
from apelschema.db.folding import folded, sha256
from apelschema.db.schema import Column


@pytest.mark.parametrize(
    ("server", "normal"),
    [
        ("int(11)", "int"),
        ("int(10) unsigned", "int unsigned"),
        ("bigint(20) unsigned", "bigint unsigned"),
        ("bigint", "bigint"),
        ("decimal(10,3)", "decimal(10,3)"),
        ("time /* mariadb-5.3 */", "time"),
        ("varbinary(0)", "binary(0)"),
        ("varchar(255) CHARSET latin1 COLLATE latin1_bin", "varchar(255)"),
        ("enum('A(1)','int(3)')", "enum('A(1)','int(3)')"),
        ("datetime(6)", "datetime(6)"),
    ],
)
def test_types_lose_what_only_some_servers_say(server, normal):
    assert spelling.type_of(server) == normal


@pytest.mark.parametrize(
    ("mariadb", "expected"),
    [
        (None, (False, None)),
        ("NULL", (True, None)),
        ("'NULL'", (True, "NULL")),
        ("''", (True, "")),
        ("'it''s'", (True, "it's")),
        ("'a\\\\b'", (True, "a\\b")),
        ("0.000", (True, "0.000")),
        ("current_timestamp()", (True, "current_timestamp()")),
        ("current_timestamp(6)", (True, "current_timestamp(6)")),
    ],
)
def test_defaults_of_mariadb(mariadb, expected):
    assert spelling.mariadb_default(mariadb) == expected


@pytest.mark.parametrize(
    ("mysql", "kind", "nullable", "expected"),
    [
        (None, "int", False, (False, None)),
        (None, "int", True, (True, None)),
        ("", "varchar(50)", False, (True, "")),
        ("CURRENT_TIMESTAMP", "timestamp", False, (True, "current_timestamp()")),
        ("CURRENT_TIMESTAMP", "varchar(50)", False, (True, "CURRENT_TIMESTAMP")),
    ],
)
def test_defaults_of_mysql(mysql, kind, nullable, expected):
    assert spelling.mysql_default(mysql, Column("c", kind, nullable)) == expected


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ("", None),
        ("auto_increment", None),
        ("on update current_timestamp()", "current_timestamp()"),
        ("DEFAULT_GENERATED on update CURRENT_TIMESTAMP", "current_timestamp()"),
    ],
)
def test_on_update(extra, expected):
    assert spelling.on_update(extra) == expected


def test_a_body_folds_alike_with_and_without_comments():
    loaded_by_toolkit = "BEGIN\n  -- it's why\n  SELECT 1; # and\n  /* more;\n here */ SELECT 2;\nEND"
    loaded_by_client = "BEGIN\n  \n  SELECT 1; \n   SELECT 2;\nEND\n"
    assert folded(loaded_by_toolkit) == "BEGIN SELECT 1; SELECT 2; END"
    assert sha256(loaded_by_toolkit) == sha256(loaded_by_client)


def test_a_comment_mark_within_text_is_text():
    assert folded("SELECT '-- no', \"# no\", `/* no */`, 5--1") == "SELECT '-- no', \"# no\", `/* no */`, 5--1"
