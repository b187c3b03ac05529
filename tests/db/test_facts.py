"""Facts: what a stop leaves counts for nothing, and what an older release noted in one piece is left as it is."""

import pytest

from apelschema import facts
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.install import install

RUN = 7


@pytest.fixture
def db(make_database: MakeDatabase, session: OpenSession) -> Session:
    """A summary with a level whose figures no rule gives, and a copy."""
    db = session(make_database())
    install(db, "2.2.1")
    load_summary(db, month=2)
    load_normalised(db, month=3)
    assert summarise(db) == {}
    db.execute(f"UPDATE {facts.HYBRID} SET NormalisedWallDuration = 7 WHERE ServiceLevel <> 0")
    facts.ensure(db)
    return db


def noted(db: Session) -> list[tuple[object, ...]]:
    return db.rows(f"SELECT * FROM {facts.FACTS} ORDER BY Run, Fact, SiteID, Year, Month")


def test_facts_are_those_of_the_rows(db: Session):
    facts.take(db, RUN, Policy())
    assert facts.noted(db, RUN, facts.ODD) == {(1, 2024, 2): 1}
    wall, cpu = (facts.noted(db, RUN, facts.COPIES[f"Normalised{name}Duration"]) for name in ("Wall", "Cpu"))
    assert wall == cpu == {(1, 2024, 3): 10000}
    written = db.value(f"SELECT UNIX_TIMESTAMP(MAX(UpdateTime)) FROM {facts.HYBRID}")
    assert facts.noted(db, RUN, facts.SUMMARISED) == {facts.NOWHERE: int(written)}
    assert facts.noted(db, RUN, facts.last_id("Sites")) == {facts.NOWHERE: 1}
    assert facts.noted(db, RUN, facts.ODD) == facts.now(db, facts.odd_rows(Policy()))


def test_facts_of_an_empty_table_are_noted_too(db: Session):
    db.execute(f"DELETE FROM {facts.HYBRID}")
    facts.take(db, RUN, Policy())
    assert facts.noted(db, RUN, facts.ODD) == {}
    assert facts.noted(db, RUN, facts.SUMMARISED) == {facts.NOWHERE: 0}


def test_what_a_stop_leaves_is_noted_anew(db: Session):
    facts.take(db, RUN, Policy())
    whole = noted(db)
    db.execute(f"DELETE FROM {facts.FACTS} WHERE Fact NOT IN %s", ((facts.ODD, *facts.COPIES.values()),))
    db.execute(f"UPDATE {facts.FACTS} SET Value = 99")
    assert not facts.has(db, RUN)
    facts.take(db, RUN, Policy())
    assert facts.has(db, RUN)
    assert noted(db) == whole


def test_what_is_noted_stays(db: Session):
    facts.take(db, RUN, Policy())
    whole = noted(db)
    db.execute(f"UPDATE {facts.HYBRID} SET NormalisedCpuDuration = 5")
    facts.take(db, RUN, Policy())
    assert noted(db) == whole
