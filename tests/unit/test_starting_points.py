"""The page of starting points holds what tests have noted, and there is a test for each of its rows."""

import subprocess
import sys
from pathlib import Path

from tests.support.starting_points import ENGINES, FAILED, page, recorded

ROOT = Path(__file__).parents[2]
LISTS = """
import pytest, sys
FILES = sys.argv[1:]
class Lister:
    def pytest_collection_finish(self, session):
        for item in session.items:
            for marker in item.iter_markers("starting_point"):
                print("STARTING POINT", marker.args[0])
pytest.main(["--collect-only", "-q", "-p", "no:cacheprovider", "-m", "starting_point", *FILES], plugins=[Lister()])
"""


def test_the_page_is_what_was_noted():
    results = recorded()
    assert list(results) == list(ENGINES)
    assert (ROOT / "docs" / "starting-points.md").read_text(encoding="utf-8") == page(results)


def test_every_starting_point_that_has_a_test_was_tried_everywhere_and_held():
    files = [
        str(each) for each in (ROOT / "tests").rglob("test_*.py") if "mark.starting_point" in each.read_text("utf-8")
    ]
    ended = subprocess.run([sys.executable, "-c", LISTS, *files], cwd=ROOT, capture_output=True, text=True, check=True)
    marked = {line.removeprefix("STARTING POINT ") for line in ended.stdout.splitlines() if "STARTING POINT" in line}
    assert len(marked) > 50
    for engine, results in recorded().items():
        assert set(results) == marked, engine
        assert FAILED not in results.values(), engine
