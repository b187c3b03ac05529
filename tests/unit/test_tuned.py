"""The summariser's index as ``tune`` makes it: just these two forms are no drift."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apelschema.catalogue import shapes, tuned
from apelschema.catalogue.compare import compare_table
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load, releases
from apelschema.db.ddl import replace_index
from apelschema.db.family import Server
from apelschema.db.schema import Index, Table

SERVERS = [Server("mariadb", (10, 5), ""), Server("mysql", (8, 0), "")]


def with_index(index: Index, release: str = "2.5.0") -> Table:
    """The jobs of a release with another SummaryIdx."""
    table = load(release).tables[tuned.TABLE]
    others = tuple(each for each in table.indexes if each.name != tuned.INDEX)
    return replace(table, indexes=(*others, index))


def drift(table: Table, release: str = "2.5.0") -> list[str]:
    entry = load(release)
    found = compare_table(table, entry.tables[tuned.TABLE], entry.timestamp_variants)
    return [str(each) for each in untolerated(found)]


@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.family)
def test_the_description_is_last_and_no_index_is_wider_than_the_server_takes(server: Server):
    columns = tuned.tuned(server.most_index_columns).columns
    assert columns[-1] == "InfrastructureDescription"
    assert len(columns) <= server.most_index_columns
    key = load("2.5.0").tables[tuned.TABLE].primary_key
    assert {*columns, *key} == {*tuned.of_release().columns, *key, "InfrastructureDescription"}
    assert columns[:13] == tuned.of_release().columns[:13]  # what the summariser groups by, in its order


@pytest.mark.parametrize("release", [each for each in releases() if each >= "2.2.1"])
@pytest.mark.parametrize("server", SERVERS, ids=lambda server: server.family)
def test_it_is_no_drift_of_any_release_and_told_as_tolerated(server: Server, release: str):
    table = with_index(tuned.tuned(server.most_index_columns), release)
    assert drift(table, release) == []
    entry = load(release)
    listed = compare_table(table, entry.tables[tuned.TABLE], entry.timestamp_variants)
    assert [each.object for each in listed] == ["JobRecords.SummaryIdx"]
    assert shapes.facets(table) == shapes.facets(entry.tables[tuned.TABLE])


@given(st.lists(st.sampled_from(tuned.tuned(32).columns), min_size=1, max_size=17, unique=True), st.booleans())
def test_any_other_index_of_that_name_is_drift(columns: list[str], unique: bool):
    index = Index(tuned.INDEX, tuple(columns), unique)
    known = [tuned.of_release(), tuned.tuned(16), tuned.tuned(32)]
    assert tuned.is_tuned(index) == (index in known[1:])
    assert (drift(with_index(index)) == []) == (index in known)


def test_the_same_columns_under_another_name_are_not_taken_for_it():
    assert not tuned.is_tuned(replace(tuned.tuned(32), name="Mine"))
    assert drift(with_index(replace(tuned.tuned(32), name="Mine")))


def test_what_stands_behind_it_is_put_behind_it_again_only_as_the_release_has_it():
    plain = load("2.5.0").tables[tuned.TABLE]
    assert [each.name for each in tuned.behind(plain)] == ["UASIdx"]
    mine = Index("UASIdx", ("VOID", "SiteID"))
    others = replace(plain, indexes=(tuned.of_release(), mine, Index("Mine", ("SiteID",))))
    assert tuned.behind(others) == ()
    text = replace_index(tuned.TABLE, tuned.tuned(32), tuned.behind(plain), "NOCOPY")
    clauses = [line.strip().split(" (")[0].rstrip(",") for line in text.splitlines()]
    assert clauses == [
        "ALTER TABLE `JobRecords`", "DROP INDEX `SummaryIdx`", "DROP INDEX `UASIdx`", "ADD INDEX `SummaryIdx`",
        "ADD INDEX `UASIdx`", "ALGORITHM=NOCOPY", "LOCK=NONE",
    ]  # fmt: skip
