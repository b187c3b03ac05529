"""The reader of dumps: where statements begin and end, what they are, and what a dump may not hold."""

import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apelschema.db.dump import Dump, Splitter, Statement, Unfinished, split
from apelschema.db.dump_words import Nature, NotOfADump, nature_of, words
from apelschema.db.family import Server
from apelschema.errors import CannotRun

MARIADB = Server.from_version("10.11.6-MariaDB")
MYSQL = Server.from_version("9.7.0")


def texts(text: str) -> list[str]:
    return [each.text for each in split(text.splitlines(keepends=True))]


def test_delimiters_end_statements_outside_of_texts_names_and_comments_only():
    body = "CREATE PROCEDURE p()\nBEGIN -- it's ; here\n  SELECT ';', \"a;\\\"b\", `c;d`; /* ; ' */ # ;\nEND"
    text = f"SELECT 'it''s;', 'a\\';';SELECT 2 ;\nDELIMITER ;;\n{body} ;;\ndelimiter ;\nSELECT 3;\n"
    assert texts(text) == ["SELECT 'it''s;', 'a\\';'", "SELECT 2", body, "SELECT 3"]


def test_texts_names_and_comments_may_go_over_lines():
    text = "INSERT INTO t VALUES ('a\n;b\\\n',`c\n;`) /* d\n; */ ;\n/* before\n; */ SELECT 1;\n/* alone\n*/\n"
    assert texts(text) == ["INSERT INTO t VALUES ('a\n;b\\\n',`c\n;`) /* d\n; */", "SELECT 1"]


def test_a_delimiter_line_is_one_only_where_a_statement_begins():
    assert texts("DELIMITER //\nSELECT 'x\nDELIMITER ;\n'//\nDELIMITER ;\n") == ["SELECT 'x\nDELIMITER ;\n'"]


def test_comments_between_statements_go_and_those_that_servers_execute_stay():
    text = "/*M!999999\\- enable the sandbox mode */ \n-- Dump;\n# x;\n/*!40101 SET NAMES utf8 */;\n--\nSELECT 1--1;\n"
    assert texts(text) == ["/*!40101 SET NAMES utf8 */", "SELECT 1--1"]


def test_an_executed_comment_holds_texts_like_any_other():
    assert texts("/*!50001 CREATE VIEW v AS SELECT '*/;' */;\n") == ["/*!50001 CREATE VIEW v AS SELECT '*/;' */"]


def test_statements_know_the_line_that_they_begin_in():
    found = list(split(["-- x\n", "\n", "SELECT\n", "1; SELECT 2;\n", "SELECT 3\n", ";\n"]))
    assert [each.line for each in found] == [3, 4, 5]


@pytest.mark.parametrize("text", ["SELECT 1", "SELECT 'a;\n", "SELECT 1;\nSELECT `b;\n", "/* never\nclosed"])
def test_a_text_that_breaks_off_is_told(text):
    with pytest.raises(Unfinished):
        texts(text)


QUOTED = st.text(st.sampled_from("a;'\"`\\\n-# /*é\udc80"), max_size=8)
PIECES = st.one_of(
    QUOTED.map(lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"),
    QUOTED.map(lambda text: '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'),
    QUOTED.map(lambda text: "`" + text.replace("`", "``") + "`"),
    QUOTED.map(lambda text: "/*" + text.replace("*", "") + "*/"),
    QUOTED.map(lambda text: "-- " + text.replace("\n", "") + "\n"),
    st.sampled_from(["x", "1", "(", ",", "\n", " ", "-1", "/2"]),
)
STATEMENTS = st.lists(PIECES, max_size=8).map(lambda pieces: "INSERT " + " ".join([*pieces, "END"]))


@given(st.lists(STATEMENTS, max_size=5), st.sampled_from([";", ";;", "$$", "//"]))
def test_what_is_joined_with_delimiters_is_split_again_byte_for_byte(statements: list[str], delimiter: str):
    joined = f"DELIMITER {delimiter}\n" + "".join(f"-- between\n{each}{delimiter}\n" for each in statements)
    if delimiter == "//":
        joined = joined.replace("/2", "%2")
        statements = [each.replace("/2", "%2") for each in statements]
    assert texts(joined) == statements


@given(st.text(st.sampled_from(";'\"`\\\n-#/*!a D"), max_size=60))
def test_any_text_is_split_or_found_unfinished_and_nothing_is_made_up(text: str):
    splitter, found = Splitter(), list[Statement]()
    for line in text.splitlines(keepends=True):
        found += splitter.feed(line)
    assert all(each.text in text for each in found)
    assert sum(len(each.text) for each in found) <= len(text)


def test_words_are_those_that_the_server_at_hand_executes():
    text = (
        "/*!50003 CREATE*/ /*!50020 DEFINER=`a`@`%`*/ /*!99999 HIDDEN */ /*M!100000 OWN */ -- no\n `x y` /* no */ 'z'"
    )
    assert list(words(text, MARIADB)) == ["CREATE", "DEFINER", "=", "`a`", "@", "`%`", "OWN", "`x y`", "'z'"]
    assert "OWN" not in list(words(text, MYSQL))
    assert list(words("/*!80016 A */ /*! B */", MARIADB)) == ["B"]
    assert list(words("/*!80016 A */ /*! B */", MYSQL)) == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "nature"),
    [
        ("/*!40101 SET NAMES utf8mb4 */", Nature("run")),
        ("SET @@GLOBAL.GTID_PURGED=/*!80000 '+'*/ ''", Nature("skip")),
        ("SET @@SESSION.SQL_LOG_BIN= 0", Nature("skip")),
        ("CHANGE MASTER TO MASTER_LOG_FILE='x'", Nature("skip")),
        ("/*!80000 SET x=1 */", Nature("skip")),
        ("USE `apel`", Nature("use", "apel")),
        ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `apel`", Nature("use", "apel")),
        (
            "CREATE DATABASE `apel` /*!40100 DEFAULT CHARACTER SET latin1 COLLATE latin1_swedish_ci */",
            Nature("use", "apel", None, "latin1", "latin1_swedish_ci"),
        ),
        (
            "ALTER DATABASE `apel` CHARACTER SET utf8mb4 COLLATE utf8mb4_bin",
            Nature("collate", "apel", None, "utf8mb4", "utf8mb4_bin"),
        ),
        ("DROP TABLE IF EXISTS `DNs`", Nature("run", "DNs")),
        ("INSERT INTO `DNs` VALUES (1,'mysql.user')", Nature("run", "DNs")),
        ("INSERT  IGNORE INTO apel.`DNs` VALUES (1)", Nature("run", "DNs")),
        ("LOCK TABLES `DNs` WRITE", Nature("run", "DNs")),
        ("/*!40000 ALTER TABLE `DNs` DISABLE KEYS */", Nature("run", "DNs")),
        ("UNLOCK TABLES", Nature("run")),
        ("commit", Nature("run")),
        (
            "/*!50003 CREATE*/ /*!50020 DEFINER='a''b'@`%`*/ /*!50003 PROCEDURE `p`() BEGIN END */",
            Nature("create", "p", ("a'b", "%")),
        ),
        (
            "/*!50001 CREATE ALGORITHM=MERGE */ /*!50013 DEFINER=`r`@`h` SQL SECURITY INVOKER */ /*!50001 VIEW `V` */",
            Nature("create", "V", ("r", "h")),
        ),
        ("CREATE DEFINER=CURRENT_USER TRIGGER t AFTER INSERT ON x", Nature("create", "t")),
        ("CREATE DEFINER=`r`@`h` EVENT e ON SCHEDULE EVERY 1 DAY DO DELETE FROM x", Nature("skip")),
    ],
)
def test_what_dumps_hold_is_known(text: str, nature: Nature):
    assert nature_of(text, MARIADB, "apel") == nature


@pytest.mark.parametrize(
    "text",
    [
        "\\! touch /tmp/x",
        "system touch /tmp/x",
        "source /etc/passwd",
        "\\. /etc/passwd",
        "SELECT 1 INTO OUTFILE '/tmp/x'",
        "LOAD DATA INFILE '/etc/passwd' INTO TABLE x",
        "GRANT ALL ON *.* TO x",
        "CREATE USER x",
        "DROP DATABASE other",
        "DROP USER x",
        "DROP TABLE `x`, other.`y`",
        "INSERT INTO `mysql`.`user` VALUES (1)",
        "/*!50003 INSERT INTO*/ mysql.user VALUES (1)",
        "CREATE TABLE other.x (a INT)",
        "ALTER TABLE x RENAME other.x",
        "SET GLOBAL general_log_file = '/tmp/x'",
        "SET @a = 1, @@global.read_only = 1",
        "SET PASSWORD = 'x'",
        "/*!99999 SET @a = */ DROP USER x",
        "CALL p()",
        "INSTALL PLUGIN x SONAME 'y'",
        "KILL 1",
    ],
)
def test_what_reaches_beyond_the_database_or_is_no_sql_is_refused(text: str):
    with pytest.raises(NotOfADump):
        nature_of(text, MARIADB, "apel")


def test_the_database_of_a_dump_is_told_by_its_head(tmp_path: Path):
    path = tmp_path / "dump.sql"
    for head, name in (
        ("-- Host: localhost    Database: apel-1\n", "apel-1"),
        ("/*!40101 SET x */;\nUSE `apel`;\n", "apel"),
        ("CREATE DATABASE /*!32312 IF NOT EXISTS*/ `apel` /*!40100 x */;\n", "apel"),
        ("CREATE TABLE `x` (a INT);\nUSE `apel`;\n", None),
        ("", None),
    ):
        path.write_text(head)
        assert Dump(path).database() == name


def test_a_packed_dump_is_read_as_it_is_and_a_cut_one_is_told(tmp_path: Path):
    content = b"".join(b"INSERT INTO x VALUES ('\xe9%d');\n" % number for number in range(3000))
    packed, cut = tmp_path / "dump.sql.gz", tmp_path / "cut.sql.gz"
    packed.write_bytes(gzip.compress(content))
    cut.write_bytes(packed.read_bytes()[:-100])
    found = "".join(f"{each.text};\n" for each in Dump(packed).statements())
    assert found.encode("utf-8", "surrogateescape") == content
    with pytest.raises(CannotRun, match="damaged or cut off"):
        list(Dump(cut).statements())
    with pytest.raises(CannotRun, match="cannot be read"):
        list(Dump(tmp_path / "none").statements())
