"""A dump as mysqldump 5.1 wrote it, from a client in latin1: restored, upgraded, and back, byte for byte."""

from pathlib import Path
from typing import Final

import pytest

from apelschema import verify
from apelschema.db.connect import Target
from apelschema.db.dump import Dump
from apelschema.db.introspect import read_schema
from apelschema.db.restore import restore
from apelschema.db.session import Session
from tests.conftest import MakeDatabase, OpenSession
from tests.support.calls import load_normalised, summarise
from tests.support.dump import whole
from tests.support.runs import downgrade, upgrade

DUMP: Final = Path(__file__).parents[1] / "cases/dumps/server-2.2.1-mysqldump-5.1.sql.gz"
ACCOUNT: Final = "'apel_gone'@'%.example.org'"

TWICE: Final = "SITE-Zürich".encode().decode("latin-1")
"""Written in UTF-8 by a client that said latin1, as many were: two characters for one."""

SITES: Final = ["SITE-Zürich", TWICE, "SITE-A"]
USERS: Final = ["/C=CH/O=Example/CN=Jürg Müller", "/C=CH/O=Example/CN=Jürg Müller".encode().decode("latin-1")]
FIGURES: Final = {
    ("SITE-Zürich", 2012, 3, "grid", ""): (6, 6000, 5000),
    ("SITE-Zürich", 2012, 5, "grid", "HEPSPEC"): (1, 10000, 10000),
    (TWICE, 2012, 4, "None", "Si2k"): (5, 3000, 2400),
    (TWICE, 2012, 5, "None", "Si2k"): (1, 10000, 10000),
    ("SITE-A", 0, 0, "None", "HEPSPEC"): (1, 70, 70),
    ("SITE-A", 2023, 5, "grid", "HEPscore23"): (1, 12000, 12000),
}
"""Jobs, normalised wall and cpu by site, month, infrastructure and type; all but the last as before."""


@pytest.fixture
def restored(make_database: MakeDatabase, session: OpenSession) -> Target:
    """In a database of another default, as newer servers make them."""
    target = make_database("utf8mb4", "utf8mb4_unicode_ci")
    db = session(target)
    restore(db, Dump(DUMP), lambda done, size: None, makes_definers=True)
    return target


def test_a_dump_of_an_old_client_goes_up_and_back(restored: Target, session: OpenSession):
    db = session(restored)
    try:
        before = whole(restored)
        sums = checksums(db)
        assert names(db) == (SITES, USERS)
        upgrade(restored, "head")
        assert [each for each in verify.run(db).checks if each.status in ("fail", "unproved")] == []
        assert names(db) == (SITES, USERS)
        assert figures(db) == FIGURES
        sent_again_is_one(db)
        downgrade(restored, "2.2.1")
        assert (names(db), checksums(db)) == ((SITES, USERS), sums)
        assert whole(restored) == before
    finally:
        db.execute(f"DROP USER IF EXISTS {ACCOUNT}")


def names(db: Session) -> tuple[list[str], list[str]]:
    """Of sites and of the first two users: whose bytes are compared by comparing what they stand for."""
    sites, users = (
        [bytes.fromhex(each).decode() for (each,) in db.rows(f"SELECT HEX(t.name) FROM {table} t ORDER BY t.id")]
        for table in ("Sites", "DNs")
    )
    return sites, users[:2]


def checksums(db: Session) -> list[tuple[str, int]]:
    tables = [name for name in read_schema(db).tables if not name.startswith(("apelschema_", "alembic_"))]
    return db.rows(f"CHECKSUM TABLE {', '.join(tables)} EXTENDED")


def figures(db: Session) -> dict[tuple[str, int, int, str, str], tuple[int, int, int]]:
    rows = db.rows(
        "SELECT s.name, h.Year, h.Month, h.Infrastructure, h.ServiceLevelType, h.NumberOfJobs,"
        " h.NormalisedWallDuration, h.NormalisedCpuDuration FROM HybridSuperSummaries h JOIN Sites s ON s.id = h.SiteID"
    )
    return {row[:5]: row[5:] for row in rows}


def sent_again_is_one(db: Session) -> None:
    """Of a site whose name is right, and of one whose name was written twice: neither is taken for the other."""
    db.execute("START TRANSACTION")
    for site, rows in (("SITE-Zürich", 1), (TWICE, 2)):
        for kind in ("", "hepscore23"):
            load_normalised(db, site=site, year=2012, month=3, serviceLevelType=kind)
        assert db.value("SELECT COUNT(*) FROM NormalisedSummaries n WHERE n.NumberOfJobs = 10") == rows
    assert summarise(db) == {}
    assert names(db)[0] == SITES
    db.execute("ROLLBACK")
