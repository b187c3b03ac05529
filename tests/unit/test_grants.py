"""SHOW GRANTS, read as the server itself takes it; the texts are those of real servers."""

import pytest

from apelschema.db.grants import Grants

ROOT = "GRANT ALL PRIVILEGES ON *.* TO `root`@`localhost` WITH GRANT OPTION"
MYSQL_ROOT = "GRANT SELECT, INSERT, CREATE ROUTINE, SUPER ON *.* TO `root`@`localhost` WITH GRANT OPTION"
MYSQL_DYNAMIC = "GRANT SET_ANY_DEFINER,SHOW_ROUTINE ON *.* TO `root`@`localhost` WITH GRANT OPTION"


def grants(*lines: str) -> Grants:
    return Grants.parse(lines)


def test_all_privileges_are_all():
    assert grants(ROOT).has_global("PROCESS")
    assert grants(ROOT).has("CREATE ROUTINE", "apel")
    assert grants("GRANT ALL PRIVILEGES ON `apel`.* TO `a`@`%`").has("SHOW VIEW", "apel")
    assert not grants("GRANT ALL PRIVILEGES ON `apel`.* TO `a`@`%`").has_global("PROCESS")


def test_static_and_dynamic_privileges_of_mysql():
    found = grants(MYSQL_ROOT, MYSQL_DYNAMIC)
    assert found.has_global("SET_ANY_DEFINER")
    assert found.has("CREATE ROUTINE", "apel")
    assert not found.has("EXECUTE", "apel")


def test_usage_with_a_password_hash_is_nothing():
    found = grants("GRANT USAGE ON *.* TO `a`@`%` IDENTIFIED BY PASSWORD '*AB'")
    assert not found.has("SELECT", "apel")
    assert "*AB" not in repr(found)


@pytest.mark.parametrize(
    ("pattern", "database", "expected"),
    [
        (r"apel\_%", "apel_server", True),
        (r"apel\_%", "apelXserver", False),
        ("apel_%", "apelXserver", True),
        ("%", "apel", True),
        ("apel", "Apel", False),
        ("a.el", "apel", False),
    ],
)
def test_wildcards_in_names_of_databases(pattern, database, expected):
    assert grants(f"GRANT SELECT ON `{pattern}`.* TO `a`@`%`").has("SELECT", database) is expected


def test_only_the_most_specific_row_of_an_account_counts():
    found = grants("GRANT SELECT ON `ap%`.* TO `a`@`%`", "GRANT INSERT ON `apel`.* TO `a`@`%`")
    assert found.has("INSERT", "apel")
    assert not found.has("SELECT", "apel")


def test_roles_add_to_the_account():
    found = grants("GRANT `r` TO `a`@`%`", "GRANT INSERT ON `apel`.* TO `a`@`%`", "GRANT SELECT ON `apel`.* TO `r`")
    assert found.has("INSERT", "apel")
    assert found.has("SELECT", "apel")


def test_tables_columns_and_routines_are_not_the_database():
    found = grants(
        "GRANT SELECT ON `mysql`.`proc` TO `a`@`%`",
        "GRANT SELECT (`id`, `name`), UPDATE ON `apel`.`Sites` TO `a`@`%`",
        "GRANT EXECUTE ON PROCEDURE `apel`.`SummariseJobs` TO `a`@`%`",
        "GRANT PROXY ON ''@'%' TO 'a'@'%'",
    )
    assert found.has("SELECT", "mysql", "proc")
    assert found.has("UPDATE", "apel", "Sites")
    assert not found.has("SELECT", "apel", "Sites")
    assert not found.has("UPDATE", "apel")
    assert not found.has("EXECUTE", "apel")


def test_partial_revokes_of_mysql():
    found = grants("GRANT SELECT, INSERT ON *.* TO `a`@`%`", "REVOKE INSERT ON `apel`.* FROM `a`@`%`")
    assert found.has("SELECT", "apel")
    assert not found.has("INSERT", "apel")
    assert found.has("INSERT", "other")
