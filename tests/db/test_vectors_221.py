"""Release 2.2.1 as the repository's own SQL makes it: the vectors of the official one come out in full."""

import pytest

from tests.conftest import MakeDatabase, OpenSession
from tests.support.install import install
from tests.support.vectors import Difference, read_vectors, replay

MAIN = "server-2.2.1"
FAILURES = "server-2.2.1-failures"


def _replayed(make_database: MakeDatabase, session: OpenSession, name: str, collation: str) -> list[Difference]:
    vectors = read_vectors(name)
    target = make_database(collation.split("_")[0], collation)
    install(session(target), "2.2.1", sql_mode=vectors.sql_mode)
    return replay(target, vectors)


@pytest.mark.parametrize(
    ("name", "collation"),
    [
        (MAIN, "utf8mb4_general_ci"),  # the one they were recorded in
        (MAIN, "utf8mb4_unicode_ci"),
        (FAILURES, "utf8mb4_general_ci"),
        (FAILURES, "latin1_swedish_ci"),
        (FAILURES, "utf8mb4_bin"),
    ],
)
def test_vectors_of_221_come_out_in_full(make_database: MakeDatabase, session: OpenSession, name: str, collation: str):
    assert _replayed(make_database, session, name, collation) == []


def test_vectors_of_221_differ_in_a_binary_collation_by_one_spelling(make_database: MakeDatabase, session: OpenSession):
    """J24 sends a known VO and group in capitals: names of their own there."""
    found = _replayed(make_database, session, MAIN, "utf8mb4_bin")
    names = {(each.thing, each.row) for each in found if each.columns == ("name",)}
    assert names == {("VOs", ("ATLAS",)), ("VOGroups", ("/ATLAS",))}
    others = [each for each in found if each.columns != ("name",)]
    assert {each.row[each.columns.index("Month")] for each in others if "Month" in each.columns} == {1}
    assert {each.thing for each in others if not each.thing.startswith("V")} == {
        "HybridSuperSummaries",
        "JobRecords",
    }
