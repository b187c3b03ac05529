"""Release 2.5.0 as this project makes it: the golden vectors of the official 2.5.0, but where a hazard is settled.

Every difference has to be one of ``tests/support/expected_cases.py``, and every case has to turn up.
"""

from collections import Counter

import pytest

from tests.db.conftest import MakeInstalled
from tests.support import expected_cases
from tests.support.expected_cases import Case, held_against
from tests.support.vectors import Difference, read_vectors, replay

pytestmark = pytest.mark.slow

RELEASE = "2.5.0"


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci"])
@pytest.mark.parametrize(
    ("name", "cases"),
    [
        (f"server-{RELEASE}", expected_cases.main(RELEASE)),
        (f"server-{RELEASE}-failures", expected_cases.failures(RELEASE)),
    ],
)
def test_vectors_of_250_differ_where_a_hazard_is_settled(
    installed: MakeInstalled, name: str, cases: tuple[Case, ...], collation: str
):
    db = installed(RELEASE, collation=collation)
    assert held_against(replay(db.target, read_vectors(name)), cases) == ([], [])


@pytest.mark.parametrize("collation", ["utf8mb4_general_ci", "utf8mb4_unicode_ci"])
def test_ambiguous_vectors_of_250_differ_in_the_named_cells_alone(installed: MakeInstalled, collation: str):
    """Figures are firm; spelling and description of a group whose jobs differ were the engine's choice (H19)."""
    db = installed(RELEASE, collation=collation)
    found = replay(db.target, read_vectors(f"server-{RELEASE}-ambiguous"))
    named = [each for each in found if _is_named(each)]
    figures = {side: Counter(_firm(each) for each in named if each.side == side) for side in ("got", "expected")}
    assert figures["got"] == figures["expected"]
    others = [each for each in found if each not in named]
    assert held_against(others, expected_cases.AMBIGUOUS) == ([], [])
    described = {(each.thing, each["InfrastructureDescription"]) for each in named if each.side == "got"}
    assert described == {
        ("HybridSuperSummaries", "second"),
        ("VSuperSummaries", "second"),
        ("VNormalisedSuperSummaries", "third"),
    }


def _is_named(difference: Difference) -> bool:
    """Rows of the jobs A01 and A02, and in the normalised view with A03."""
    if difference.thing not in ("HybridSuperSummaries", "VSuperSummaries", "VNormalisedSuperSummaries"):
        return False
    return difference["NumberOfJobs"] == "3" or (difference["NumberOfJobs"] == 2 and "alice" in str(difference.row))


def _firm(difference: Difference) -> tuple[object, ...]:
    """The row without its two ambiguous cells."""
    ambiguous = ("ServiceLevelType", "InfrastructureDescription")
    cells = zip(difference.columns, difference.row, strict=True)
    return (difference.moment, difference.thing, *(value for name, value in cells if name not in ambiguous))
