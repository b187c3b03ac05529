import pytest

from apelschema.catalogue.load import is_pre_release, load, own_view_sha256, releases
from apelschema.db.schema import Column
from apelschema.errors import CannotRun


def test_releases_come_in_order():
    assert releases() == (
        "1.2.0",
        "1.3.0",
        "1.4.0",
        "1.5.0",
        "1.6.0",
        "1.6.1",
        "2.2.1",
        "2.3.0",
        "2.4.1",
        "2.5.0",
    )


def test_pre_releases_come_on_demand_and_in_order():
    every = releases(pre_releases=True)
    assert every.index("1.3.0-0.1.rc1") < every.index("1.3.0-0.4.rc3") < every.index("1.3.0")
    assert every.index("1.6.1") < every.index("1.10.0-0.1.rc1") < every.index("2.2.1")
    assert load("1.10.0-0.1.rc1").pre_release_only


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("2.3.0", "2.3.0"),
        ("2.4.0", "2.3.0"),
        ("2.4.0-1", "2.3.0"),
        ("2.3.1", "2.3.0"),
        ("2.2.0", "1.6.1"),
        ("2.2.0-0.1.rc1", "1.10.0-0.1.rc1"),
        ("1.9.3", "1.6.1"),
    ],
)
def test_releases_that_share_a_schema(name, entry):
    assert load(name).release == entry


def test_an_unknown_release_is_told_with_the_known_ones():
    with pytest.raises(CannotRun, match=r"2\.9\.9.*2\.3\.0"):
        load("2.9.9")
    with pytest.raises(CannotRun):
        load("2.2.1", "cloud")


def test_is_pre_release():
    assert is_pre_release("2.3.0-0.2.rc2")
    assert is_pre_release("2.3.0-2.dev")
    assert not is_pre_release("2.3.0-3")


def test_columns_are_normalised():
    table = load("2.3.0").tables["HybridSuperSummaries"]
    assert table.column("ServiceLevelType") == Column("ServiceLevelType", "varchar(50)", False)
    assert table.column("ServiceLevel").type == "decimal(10,3)"
    assert table.column("NumberOfJobs").type == "bigint unsigned"
    assert load("2.2.1").tables["HybridSuperSummaries"].column("ServiceLevelType").default == ""
    stamp = table.column("UpdateTime")
    assert (stamp.default, stamp.on_update) == ("current_timestamp()", "current_timestamp()")


def test_both_shapes_of_the_bare_timestamp_are_known():
    entry = load("2.2.1")
    variant = entry.timestamp_variants["SuperSummaries", "UpdateTime"]
    assert not variant.nullable
    assert variant.on_update == "current_timestamp()"
    assert entry.tables["SuperSummaries"].column("UpdateTime").nullable


def test_what_comes_from_server_extra_can_be_left_out():
    schema = load("2.2.1").schema
    plain = schema.without_central()
    assert set(schema.views) - set(plain.views) == {
        "VSumCPU",
        "VUserCPU",
        "VSpecIntHistory",
        "VHepSpecHistory",
        "VLcgRecordsSync_v2",
    }
    assert schema.tables["JobRecords"].partitioning is not None
    assert plain.tables["JobRecords"].partitioning is None
    assert schema.routines == plain.routines


def test_own_views_are_those_of_the_newest_text_not_after_the_release():
    assert own_view_sha256("VJobRecords", "2.5.0") == own_view_sha256("VJobRecords", "2.2.1") is not None
    assert own_view_sha256("VJobRecords", "1.6.1") is None
    assert own_view_sha256("VNoSuchView", "2.3.0") is None
