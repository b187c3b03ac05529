"""A replica follows an upgrade, the programs after it and the way back, and is identical all along."""

from collections.abc import Iterator

import pytest

from apelschema import verify
from apelschema.checks.base import Situation
from apelschema.checks.server import binary_log
from apelschema.db.connect import Target
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.support.calls import SUMMARISER, call, load_job, load_normalised, load_summary, summarise
from tests.support.content import POLICY, make_lax
from tests.support.replicas import Pair, differences, following
from tests.support.runs import downgrade, upgrade


@pytest.fixture(scope="module")
def pair(request: pytest.FixtureRequest) -> Iterator[Pair]:
    with following(request.config.getoption("--engine")) as pair:
        yield pair


def demand_identical(pair: Pair, here: Target) -> None:
    pair.catch_up()
    assert differences(here, pair.over_there(here)) == {}


def send(db: Session, when: str) -> None:
    """New names, doubles, sources of level 0, nothing for the infrastructure: all that routines treat specially."""
    db.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")  # a server's default, which programs have
    for type_ in ("None", "hepscore23", "hepspec"):
        who = {"vo": f"new-{when}", "serviceLevelType": type_}
        load_normalised(db, infrastructure="null", **who)
        load_job(db, site=f"SITE-{when}", infrastructureType=None, **who)
        load_summary(db, numberOfJobs=7, serviceLevel="0", **who)
        assert set(summarise(db)) <= set(SUMMARISER)
    call(db, "UpdateTimestamp", ["sent"])


def send_in_vain(db: Session, when: str) -> None:
    """A message that is rolled back leaves gaps in the ids of names, and the next brings names too."""
    db.execute("START TRANSACTION")
    load_job(db, localJobId="in vain", site="in vain", vo="in vain", queue="in vain")
    db.execute("ROLLBACK")
    with db.transaction():
        load_job(db, localJobId=f"gap-{when}", site=f"gap-{when}", vo=f"gap-{when}", queue=f"gap-{when}")
        load_normalised(db, site=f"other-{when}", globalUserName=f"other-{when}")
    assert summarise(db) == {}


def programs(target: Target, when: str, form: str) -> None:
    """A loader and a summariser. Statements do not carry the ids that functions give out, so no gaps in these then."""
    with Session(target) as db:
        send(db, when)
        if form != "STATEMENT":
            send_in_vain(db, when)


@pytest.mark.slow
@pytest.mark.parametrize("form", ["STATEMENT", "MIXED", "ROW"])
def test_replica_is_identical_after_upgrade_programs_and_way_back(pair: Pair, form: str):
    pair.log_as(form)
    old = make_lax(pair.primary.create_database())
    with Session(old) as db:  # lost by the old summariser (H28), they would come to light on the way and stay
        db.execute("DELETE FROM JobRecords WHERE InfrastructureType IS NULL")
    upgrade(old, "2.3.0", policy=POLICY)
    demand_identical(pair, old)
    with Session(pair.over_there(old)) as there:
        assert verify.run(there).verdict == "pass"
    programs(old, "230", form)
    upgrade(old, "head")
    programs(old, "head", form)
    demand_identical(pair, old)
    downgrade(old, accept_folding=True)
    programs(old, "221", form)
    demand_identical(pair, old)
    pair.primary.drop_database(old)


def test_statements_may_give_new_names_other_ids_on_a_replica_and_the_check_says_so(pair: Pair):
    """APEL's own functions give out ids, before an upgrade as after it: a property of this form of the log."""
    pair.log_as("STATEMENT")
    old = make_lax(pair.primary.create_database())
    with Session(old) as db:
        send_in_vain(db, "221")
        (said,) = [each for each in binary_log.look(Situation(db, Policy())) if each.object == "binlog_format"]
    assert "other ids" in said.message
    pair.catch_up()
    assert "rows of Queues" in differences(old, pair.over_there(old))
    pair.primary.drop_database(old)
