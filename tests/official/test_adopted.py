"""Databases that the official scripts have upgraded, without a version row: they go on to the head, and come back."""

import pytest

from apelschema import verify
from apelschema.catalogue.fingerprint import fingerprint
from apelschema.db.introspect import read_schema
from apelschema.db.session import Session
from apelschema.errors import CannotRun, FoundWrong
from tests.official.conftest import MakeOfficial
from tests.official.update import official_update_230, official_update_241, official_update_250
from tests.support.content import POLICY, fill
from tests.support.dump import whole
from tests.support.runs import current, downgrade, upgrade

UPDATES = {"2.3.0": official_update_230, "2.4.1": official_update_241, "2.5.0": official_update_250}


def updated(official: MakeOfficial, release: str) -> Session:
    """A database of 2.2.1 with rows of all kinds, upgraded by the official scripts up to a release."""
    db = official("2.2.1")
    fill(db, lax=False)
    for each, update in UPDATES.items():
        if each <= release:
            for table, column in (("Summaries", "InfrastructureType"), ("NormalisedSummaries", "Infrastructure")):
                db.execute(f"UPDATE {table} SET {column} = '', UpdateTime = UpdateTime WHERE {column} IS NULL")
            update(db)
    return db


@pytest.mark.parametrize(
    "release",
    [pytest.param(each, marks=pytest.mark.starting_point(f"{each}, by the official scripts")) for each in UPDATES],
)
def test_officially_upgraded_goes_to_the_head_and_comes_back(known: None, official: MakeOfficial, release: str):
    db = updated(official, release)
    target, before = db.target, whole(db.target)
    if release != "2.3.0":
        with pytest.raises(CannotRun, match=r"beyond 2\.3\.0 already"):
            upgrade(target, "2.3.0", policy=POLICY)
        assert whole(target) == before
    upgrade(target, "head", policy=POLICY)
    found = fingerprint(read_schema(db))
    assert (found.release, found.exact) == ("2.5.0", True)
    report = verify.run(db)
    assert [each for each in report.checks if each.status == "fail"] == []
    if release == "2.3.0":
        downgrade(target, "2.3.0")
    with pytest.raises(FoundWrong, match="when this tool met it"):
        downgrade(target, "2.2.1")
    downgrade(target, "base")
    assert whole(target) == before
    assert current(target) is None
