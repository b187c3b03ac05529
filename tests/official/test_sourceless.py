"""Rows without a source in a database that APEL's own scripts brought to a release: stored when it is adopted."""

import pytest

from apelschema.names import SOURCELESS
from tests.official.conftest import MakeOfficial
from tests.support.calls import load_normalised, load_summary, summarise
from tests.support.runs import upgrade


@pytest.mark.usefixtures("known")
def test_a_typed_copy_whose_source_is_gone_is_among_them(official: MakeOfficial):
    """Beside one whose source is there, and a summary."""
    db = official("2.5.0")
    load_summary(db)
    for month in (2, 3):
        load_normalised(db, month=month, serviceLevelType="hepscore23")
    assert summarise(db) == {}
    db.execute("DELETE FROM NormalisedSummaries WHERE Month = 2")
    upgrade(db.target, "2.5.0")
    assert db.rows(f"SELECT Month, ServiceLevelType FROM {SOURCELESS}") == [(2, "hepscore23")]
