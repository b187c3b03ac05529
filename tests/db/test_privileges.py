"""The smallest privileges: with exactly the statements that ``check`` prints each command runs, without any it refuses.

The account is an ordinary one, and routines and views belong to another.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final
from unittest import mock

import pytest

from apelschema import checks, procedures, verify
from apelschema.db.connect import Target
from apelschema.db.errors import DatabaseError, is_denied
from apelschema.db.family import Server
from apelschema.db.introspect import read_schema, seen_once
from apelschema.db.private import PrivateServer
from apelschema.db.privileges import ACCOUNT, Command, Need, always, needs, statements
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.names import quoted
from apelschema.procedures import create_statement
from apelschema.runner import explained
from apelschema.verify.probes.shadow import CannotProbe, shadows
from tests.support.calls import load_job, load_normalised, load_summary, summarise
from tests.support.cli import inside
from tests.support.content import install_with, stamp
from tests.support.dump import tables_of, whole
from tests.support.install import install
from tests.support.looking import look, situation_of
from tests.support.runs import upgrade
from tests.support.servers import TestServer

DBA: Final = "'apel_ordinary'@'%'"
OWNER: Final = "'apel_owner'@'localhost'"
PASSWORD: Final = "Secret-word-1"


class Accounts:
    """The account at work, which has what was granted last and nothing else."""

    def __init__(self, server: TestServer) -> None:
        self._server = server

    def grant(self, *listed: str) -> None:
        self._server.execute(f"DROP USER IF EXISTS {DBA}")
        self._server.execute(f"CREATE USER {DBA} IDENTIFIED BY '{PASSWORD}'")
        for statement in listed:
            self._server.execute(statement.replace(ACCOUNT, DBA))

    def grant_all_but(self, listed: list[Need], missing: Need, database: str) -> None:
        self.grant(*statements([each for each in listed if each != missing], database))


@pytest.fixture(scope="module")
def accounts(server: TestServer) -> Iterator[Accounts]:
    server.execute(f"CREATE USER {OWNER}")
    yield Accounts(server)
    server.execute(f"DROP USER {OWNER}")
    server.execute(f"DROP USER IF EXISTS {DBA}")


@pytest.fixture(scope="module")
def target(server: TestServer, accounts: Accounts) -> Iterator[Target]:
    """A 2.2.1 database whose routines and views are another account's, with rows for every step in it."""
    made = server.create_database(prefix="privileges")
    server.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE, EXECUTE ON {quoted(str(made.database))}.* TO {OWNER}")
    with Session(made) as db:
        install_with(db, definer="apel_owner@localhost")
        for job, infrastructure in enumerate(("grid", "", "none")):
            load_job(db, localJobId=str(job), infrastructureType=infrastructure, serviceLevelType="HEPscore23")
        load_summary(db, month=2, serviceLevelType="HEPscore23", infrastructureType="")
        load_normalised(db, month=3)
        assert summarise(db) == {}
        stamp(db)
    yield made
    server.drop_database(made)


def ordinary(target: Target) -> Target:
    return replace(target, user="apel_ordinary", password=PASSWORD)


def printed(target: Target, command: Command) -> list[str]:
    """The statements that ``check`` prints for a command, as an administrator sees them."""
    with Session(target) as db:
        found = look("privileges", db)
    (hint,) = (each.hint for each in found if (each.severity, each.object) == ("info", command))
    return hint.split("; ")


def server_of(target: Target) -> Server:
    with Session(target) as db:
        return db.server


def test_check_with_its_set_sees_all_that_a_privilege_can_show(target: Target, accounts: Accounts):
    accounts.grant(*printed(target, "check"))
    ended = inside(ordinary(target), "check", "--json")
    findings = ended.json["findings"]
    unseen = [each for each in findings if each["severity"] == "not_checked" and each["hint"].startswith("GRANT")]
    assert unseen == []
    assert {each["id"] for each in findings if each["severity"] == "blocker"} == {"privileges"}
    assert PASSWORD not in ended.out + ended.err
    assert "apel_o" not in ended.out + ended.err


def test_check_says_what_it_cannot_see_without_each(target: Target, accounts: Accounts):
    listed, database = always(needs("check", server_of(target))), str(target.database)
    for need in listed:
        accounts.grant_all_but(listed, need, database)
        if need.is_required:
            ended = inside(ordinary(target), "check")
            assert (ended.code, f"GRANT {need.privilege} ON" in ended.err) == (2, True), need
            continue
        kind, _, ids = need.without.partition(": ")
        with Session(ordinary(target)) as db:
            for id_ in ids.partition(";")[0].split(", "):
                found = look("definers" if id_.startswith("all ") else id_, db)
                assert any(each.severity == kind and each.hint.startswith("GRANT") for each in found), (need, id_)


def test_an_upgrade_and_the_way_back_with_the_printed_set(target: Target, accounts: Accounts):
    """And ``verify`` in between with its own, and what is unproved without each of that."""
    upgrades, verifies, before = printed(target, "upgrade"), printed(target, "verify"), whole(target)
    accounts.grant(*upgrades)
    done = inside(ordinary(target), "upgrade", "--yes")
    assert done.code == 0, done.out + done.err
    accounts.grant(*verifies)
    assert inside(ordinary(target), "verify").code == 0
    unproved_without_each(target, accounts)
    accounts.grant(*upgrades)
    back = inside(ordinary(target), "downgrade", "2.2.1", "--yes")
    assert back.code == 0, back.out + back.err
    assert whole(target) == before


def unproved_without_each(target: Target, accounts: Accounts) -> None:
    listed = always(needs("verify", server_of(target)))
    few = {name: check for name, check in verify.CHECKS.items() if name in ("structure", "definers", "P1")}
    for need in listed:
        accounts.grant_all_but(listed, need, str(target.database))
        try:
            with Session(ordinary(target)) as db, mock.patch.object(verify, "CHECKS", few):
                report = verify.run(db)
        except (CannotRun, DatabaseError) as error:
            assert isinstance(error, CannotRun) or is_denied(error), need
            assert need.is_required, need
        else:
            assert not need.is_required, need
            assert report.verdict == "partial", need


def test_an_upgrade_is_refused_without_each_before_anything_is_changed(target: Target, accounts: Accounts):
    server, database = server_of(target), str(target.database)
    listed = [each for each in needs("upgrade", server) if each.is_required and each in in_force(target)]
    tables, before = tables_of(target), whole(target)
    assert len(listed) >= 17
    for need in listed:
        accounts.grant_all_but(listed, need, database)
        with pytest.raises(CannotRun) as refused, explained(), Session(ordinary(target)) as db:
            situation = situation_of(db, is_ahead=False)
            with seen_once(db):
                checks.demand(situation, situation.planned)
        assert f"GRANT {need.privilege} ON" in str(refused.value), need
        assert str(refused.value).count("GRANT ") == 1, need
    accounts.grant(*statements(listed[:1], database))
    refused_too = [each.grant(database) for each in always(listed[1:])]
    ended = inside(ordinary(target), "upgrade", "--yes")
    assert (ended.code, [each for each in refused_too if each not in ended.err]) == (2, [])
    assert (tables_of(target), whole(target)) == (tables, before)


def in_force(target: Target) -> list[Need]:
    """What is needed in this database, where objects are another's: as printed, statement by statement."""
    shown = "; ".join(printed(target, "upgrade"))
    return [
        each
        for each in needs("upgrade", server_of(target))
        if all(word in shown for word in (each.privilege, each.place(str(target.database))))
    ]


def test_what_definers_ask_for_is_known_before(server: TestServer, accounts: Accounts):
    """Of an administrator, and of one that is gone: MySQL asks for a privilege of its own each."""
    made = server.create_database(prefix="definers")
    try:
        with Session(made) as db:
            install(db, "2.2.1")
            stamp(db)
            text = create_statement(procedures.text("routine", "SummariseJobs", "2.2.1"), definer="gone_dba@localhost")
            db.execute("DROP PROCEDURE SummariseJobs")
            db.execute(text)
        shown = printed(made, "upgrade")
        mysql = {"SYSTEM_USER", "ALLOW_NONEXISTENT_DEFINER"}
        assert {each for each in mysql if each in "".join(shown)} == (set() if server_of(made).is_mariadb else mysql)
        accounts.grant(*shown)
        upgrade(ordinary(made), "2.3.0")
    finally:
        server.drop_database(made)


@pytest.mark.own_server
def test_the_proofs_stay_out_of_a_binary_log_of_statements_only_with_a_privilege():
    """Else they are not run: a replica would get their copies."""
    with PrivateServer(["--log-bin=binlog", "--binlog-format=MIXED"]) as private:
        made = private.create_database("apel")
        with Session(made) as db:
            install(db, "2.5.0")
            server, live = db.server, read_schema(db)
            db.execute("CREATE USER apel_ordinary@localhost")
            for statement in statements(always(needs("verify", server)), "apel"):
                db.execute(statement.replace(ACCOUNT, "apel_ordinary@localhost"))
            probing = replace(made, user="apel_ordinary")
            with Session(probing) as own, pytest.raises(CannotProbe, match="BINLOG ADMIN"), shadows(own, live, ()):
                pass
            (need,) = (each for each in needs("verify", server) if "ROW" in each.when)
            db.execute(need.grant("apel").replace(ACCOUNT, "apel_ordinary@localhost"))
            with Session(probing) as own, shadows(own, live, ()) as copies:
                assert copies.value("SELECT @@sql_log_bin") == 0
