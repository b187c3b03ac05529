"""Release 2.3.0 as this project makes it: the golden vectors of the official 2.3.0, but where a hazard is settled.

Every difference has to be one of ``tests/support/expected_cases.py``, and every case has to turn up.
"""

import pytest

from tests.db.conftest import MakeInstalled
from tests.support import expected_cases
from tests.support.expected_cases import Case, held_against
from tests.support.vectors import read_vectors, replay

pytestmark = pytest.mark.slow

RELEASE = "2.3.0"


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci"])
@pytest.mark.parametrize(
    ("name", "cases"),
    [
        (f"server-{RELEASE}", expected_cases.main(RELEASE)),
        (f"server-{RELEASE}-failures", expected_cases.failures(RELEASE)),
    ],
)
def test_vectors_of_230_differ_where_a_hazard_is_settled(
    installed: MakeInstalled, name: str, cases: tuple[Case, ...], collation: str
):
    db = installed(RELEASE, collation=collation)
    assert held_against(replay(db.target, read_vectors(name)), cases) == ([], [])
