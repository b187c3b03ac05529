"""Checks of the order of systems: what this database sends, and who sends to it without types (C13)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from apelschema.checks.order import sender_keys, two_labels, unsendable_types, untyped_senders
from apelschema.db.session import Session
from apelschema.policy import Policy
from tests.support.calls import call, load_job, load_normalised, load_summary
from tests.support.data_checks import LATER, OLDEST, RELEASES, At, databases, down, found, summarised, told, up
from tests.support.servers import TestServer

VIEW = "VNormalisedSuperSummaries"
NORMALISED = "NormalisedSummaries"
LONG_AGO = {"year": 2022, "month": 5, "earliestEndTime": "2022-05-02 00:00:00", "latestEndTime": "2022-05-30 00:00:00"}

every_release = pytest.mark.parametrize("release", RELEASES)


@pytest.fixture(scope="module")
def at(server: TestServer) -> Iterator[At]:
    with databases(server) as opened:
        yield opened


def previous_month() -> dict[str, Any]:
    """The oldest month that unload_latest sends."""
    last = datetime.now(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
    first = last.replace(day=1)
    return {"year": first.year, "month": first.month, "earliestEndTime": first, "latestEndTime": last}


def load_with(db: Session, *types: str, **values: Any) -> None:
    for type_ in types:
        load_summary(db, serviceLevelType=type_, **values)


def mark_as_sent(db: Session) -> None:
    call(db, "UpdateTimestamp", ["sent"])


@every_release
def test_rows_that_a_sender_without_types_loses(at: At, release: str):
    db = at(release)
    load_with(db, "hepspec", **LONG_AGO)
    load_with(db, "hepscore23", vo="cms", **LONG_AGO)
    summarised(db)
    assert found(sender_keys.CHECK, db, up(release)) == []
    load_with(db, "hepscore23", **LONG_AGO)
    load_with(db, "hepscore23", "hepspec", "si2k", **previous_month())
    summarised(db)
    if release == OLDEST:
        assert found(sender_keys.CHECK, db) == []
    else:
        assert found(sender_keys.CHECK, db, down(release)) == []
    (finding,) = found(sender_keys.CHECK, db, up(release))
    assert (finding.severity, finding.object, finding.count) == ("info", VIEW, 5)
    mark_as_sent(db)
    (finding,) = found(sender_keys.CHECK, db, up(release))
    assert (finding.severity, finding.count) == ("warning", 5)
    assert "3 of them among what unload_latest sends next" in finding.message
    assert "SITE-A, 2022-05 to " in finding.message


def test_no_infrastructure_is_one_to_a_receiver(at: At):
    """As it will be after the upgrade, which settles the label."""
    db = at(OLDEST)
    load_summary(db, serviceLevelType="hepspec", infrastructureType="None")
    load_summary(db, serviceLevelType="hepscore23", infrastructureType="")
    load_summary(db, serviceLevelType="si2k", infrastructureType="grid")
    summarised(db)
    assert told(found(sender_keys.CHECK, db, up(OLDEST))) == [("info", VIEW, 2)]


@every_release
def test_types_that_a_receiver_rejects(at: At, release: str):
    db = at(release)
    load_with(db, "hepspec", "HEPscore23", "Si2k", "None", "", **previous_month())
    load_normalised(db, **previous_month())
    summarised(db)
    assert found(unsendable_types.CHECK, db, up(release)) == []
    load_with(db, "custom", "HS06", **previous_month())
    load_with(db, "HS06", vo="cms", **LONG_AGO)
    summarised(db)
    mark_as_sent(db)
    (finding,) = found(unsendable_types.CHECK, db, up(release), Policy(unlisted_types="released"))
    assert (finding.severity, finding.object, finding.count) == ("warning", VIEW, 3)
    assert '"custom": 1 row of HybridSuperSummaries; "hs06": 2 rows of' in finding.message
    assert "2 of them among" in finding.message


@every_release
@pytest.mark.parametrize("other", ["None", "hepspec"])
def test_rows_that_a_sender_with_types_calls_the_same(at: At, release: str, other: str):
    db = at(release)
    load_normalised(db, **previous_month())
    load_with(db, "hepscore23", "si2k", **previous_month())
    summarised(db)
    assert found(two_labels.CHECK, db, up(release)) == []
    load_job(db, localJobId="1", vo="cms", serviceLevelType=other)
    load_with(db, other, **previous_month())
    summarised(db)
    mark_as_sent(db)
    assert told(found(two_labels.CHECK, db, up(release))) == [("warning", VIEW, 2)]


@every_release
def test_sites_that_still_send_without_types(at: At, release: str):
    db = at(release)
    load_normalised(db, site="SITE-OLD")
    db.execute(f"UPDATE {NORMALISED} SET UpdateTime = UpdateTime - INTERVAL 70 DAY")
    if release in LATER:
        load_normalised(db, site="SITE-TYPED", serviceLevelType="hepscore23")
    assert found(untyped_senders.CHECK, db, up(release)) == []
    load_normalised(db, site="SITE-UNTYPED")
    (finding,) = found(untyped_senders.CHECK, db, up(release))
    assert (finding.severity, finding.object, finding.count) == ("info", NORMALISED, 1)
    assert f"SITE-UNTYPED, last {datetime.now(UTC):%Y-%m}" in finding.message
