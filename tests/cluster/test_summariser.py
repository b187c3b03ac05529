"""What a summariser's night costs a cluster: as much as changed."""

import pytest

from apelschema.db.session import Session
from tests.support.calls import load_normalised, summarise
from tests.support.cluster import Cluster
from tests.support.install import create_routine_tables, install

pytestmark = [pytest.mark.cluster, pytest.mark.own_server]

ROWS = 20_000
MARKS = 20_000
"""Bytes that a night may replicate in which nothing changed: its marks; a row written anew is over a hundred."""

_MANY = f"""
INSERT INTO NormalisedSummaries (SiteID, Month, Year, GlobalUserNameID, VOID, VOGroupID, VORoleID, SubmitHostId,
  Infrastructure, NodeCount, Processors, EarliestEndTime, LatestEndTime, WallDuration, CpuDuration,
  NormalisedWallDuration, NormalisedCpuDuration, NumberOfJobs, PublisherDNID)
SELECT 1, 5, 2019, seq, 1, 1, 1, 1, 'grid', 1, 1, '2019-05-01', '2019-05-02', 10, 10, 10, 10, 1, 1
FROM seq_1_to_{ROWS}
"""


def replicated(db: Session) -> int:
    """Bytes that this node has sent to the others."""
    row = db.one("SHOW GLOBAL STATUS LIKE 'wsrep_replicated_bytes'")
    assert row is not None
    return int(row[1])


def test_a_night_in_which_nothing_changed_sends_next_to_nothing(cluster: Cluster):
    target = cluster[0].server.create_database()
    with Session(target) as db:
        install(db, "2.5.0")
        create_routine_tables(db)
        db.execute(_MANY)
        before = replicated(db)
        assert summarise(db) == {}
        first = replicated(db) - before
        assert first > 100 * ROWS
        assert summarise(db) == {}
        assert replicated(db) - before - first < MARKS
        load_normalised(db)
        before = replicated(db)
        assert summarise(db) == {}
        assert replicated(db) - before < MARKS
    cluster[0].server.drop_database(target)
