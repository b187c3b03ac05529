"""docs/privileges.md says of each server what the code says: the statements to type, and what each privilege is for."""

from pathlib import Path

import pytest

from apelschema.db.family import Server
from apelschema.db.privileges import DATABASE, Command, Need, always, grant_for, needs, on_database, statements

PAGE = Path(__file__).parents[2] / "docs" / "privileges.md"

SERVERS = {
    "MariaDB 10.5 to 10.11": Server("mariadb", (10, 5), ""),
    "MariaDB 11.3 and later": Server("mariadb", (11, 3), ""),
    "MySQL 8.4 and later": Server("mysql", (8, 4), ""),
}
COMMANDS: tuple[Command, ...] = ("check", "upgrade", "verify")


def section(heading: str, command: Command, server: Server) -> str:
    """What the page says of a command on a server; `apel` is the database."""
    listed = needs(command, server)
    typed = [f"{each};" for each in statements(set_of(command, server), "apel")]
    rows = [
        f"| {each.privilege} | {each.on} | {each.why} | {each.when or 'always'} | {ends(each)} |" for each in listed
    ]
    table = ["| privilege | on | for | when | without it |", "|---|---|---|---|---|", *rows]
    return "\n".join([f"### {command}, {heading}", "", "```sql", *typed, "```", "", *table])


def set_of(command: Command, server: Server) -> list[Need]:
    """What to grant: what is always needed, and for an upgrade where another account is the definer."""
    return [each for each in needs(command, server) if not each.when or "another account" in each.when]


def ends(need: Need) -> str:
    return need.without or "it refuses, and says so"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("heading", SERVERS)
def test_the_page_has_what_the_code_asks_for(heading: str, command: Command):
    assert section(heading, command, SERVERS[heading]) in PAGE.read_text(encoding="utf-8")


def test_an_upgrade_asks_for_the_same_on_the_database_itself_on_every_server():
    assert {on_database(each) for each in SERVERS.values()} == {on_database(SERVERS["MariaDB 10.5 to 10.11"])}


def test_what_only_reads_writes_nothing():
    for server in SERVERS.values():
        granted = {each.privilege for each in always(needs("check", server)) if each.on == DATABASE}
        assert granted <= {"SELECT", "SHOW VIEW", "TRIGGER", "SHOW CREATE ROUTINE"}


@pytest.mark.parametrize(
    ("message", "grant"),
    [
        ("SELECT command denied to this account for table 'x'", "GRANT SELECT ON <database>.* TO <account>"),
        ("alter routine command denied to this account", "GRANT ALTER ROUTINE ON <database>.* TO <account>"),
        ("Access denied; you need (at least one of) the PROCESS privilege(s)", ""),
    ],
)
def test_a_refusal_of_the_server_says_what_to_type(message: str, grant: str):
    assert grant_for(message) == grant
