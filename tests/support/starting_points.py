"""From which states of a database the upgrade was tried on which server, and with what result: a table for the docs.

Tests say it of themselves: ``@pytest.mark.starting_point("official 2.4.1", result="repaired")``.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import pytest

MARKER: Final = "starting_point"
RESULTS: Final = Path(__file__).parents[1] / "cases" / "starting_points"
"""One file for each server, ``mariadb:10.5.json``: result by starting point."""

ENGINES: Final = {
    "mariadb:10.5": "MariaDB 10.5",
    "mariadb:10.11": "MariaDB 10.11",
    "mariadb:11.8": "MariaDB 11.8",
    "mysql:9.7": "MySQL 9.7",
}
GOES: Final = "goes to 2.5.0"
"""What a test shows that says nothing else of its result."""

FAILED: Final = "**failed**"
_HEAD: Final = """\
# Starting points

From which state of a database apelschema was tried on which server, and with what result. Each cell is a test that ran:
`scripts/starting-points` runs them all and writes this page.

"""


class Recorder:
    """A plugin that notes the result of every marked test, and writes them to a file at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._results: dict[str, str] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Say in the report, which comes from a process of xdist perhaps, what the test is about."""
        marker = item.get_closest_marker(MARKER)
        if marker is not None:
            item.user_properties.append((MARKER, [marker.args[0], marker.kwargs.get("result", GOES)]))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """A test that several share a starting point with fails for all of them."""
        for name, value in report.user_properties:
            if name == MARKER and (report.when == "call" or report.failed):
                shown, result = cast(list[str], value)
                failed = report.failed or self._results.get(shown) == FAILED
                self._results[shown] = FAILED if failed else result

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Write the file; processes of xdist leave that to the one that has started them."""
        if not hasattr(session.config, "workerinput"):
            text = json.dumps(dict(sorted(self._results.items())), indent=1, ensure_ascii=False)
            self._path.write_text(text + "\n", encoding="utf-8")


def recorded() -> dict[str, dict[str, str]]:
    """The results noted last, by server and starting point."""
    found = {each: RESULTS / f"{each}.json" for each in ENGINES}
    return {each: json.loads(path.read_text(encoding="utf-8")) for each, path in found.items() if path.is_file()}


def page(results: Mapping[str, Mapping[str, str]]) -> str:
    """The page of the docs."""
    names = sorted({name for of_engine in results.values() for name in of_engine}, key=_order)
    rows = [["starting point", *(ENGINES[each] for each in results)], ["---"] * (len(results) + 1)]
    rows += [[name, *(results[each].get(name, "not tried") for each in results)] for name in names]
    return _HEAD + "\n".join(map(_line, rows)) + "\n"


def _order(name: str) -> tuple[bool, list[str]]:
    """Whole releases first, then states between them; numbers by their value."""
    return not name[:1].isdigit(), [part.zfill(4) if part.isdigit() else part for part in re.split(r"(\d+)", name)]


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
