"""Which tests a run on another engine leaves out, and that it says so."""

from collections import Counter
from typing import Any, Final

import pytest

WHY: Final = {
    "own_server": "start a server of their own, whatever the engine",
    "slow": "are the slowest part",
}
"""Markers of tests that ``--engine`` leaves out, and what they have in common."""

_KEY: Final = pytest.StashKey[Counter[str]]()


def leave_out(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect tests that another engine gains nothing from or would take too long for; called without ``-m`` only."""
    kept: list[pytest.Item] = []
    gone: list[pytest.Item] = []
    counted: Counter[str] = Counter()
    for item in items:
        reason = next((each for each in WHY if item.get_closest_marker(each)), None)
        (gone if reason else kept).append(item)
        counted.update([reason] if reason else [])
    items[:] = kept
    config.hook.pytest_deselected(items=gone)
    config.stash[_KEY] = counted


class LeftOut:
    """A plugin that says at the end of the output what was left out; with processes of xdist, what they left out."""

    def __init__(self, engine: str) -> None:
        self._engine = engine
        self._counted: Counter[str] = Counter()

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand the counts to the process that prints; each of xdist's processes collects all tests."""
        counted = session.config.stash.get(_KEY, None)
        if counted is not None:
            self._counted = counted
            if hasattr(session.config, "workeroutput"):
                session.config.workeroutput["left_out"] = dict(counted)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take them from one of xdist's processes."""
        self._counted |= Counter(getattr(node, "workeroutput", {}).get("left_out", {}))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """A line for each marker."""
        for marker, number in sorted(self._counted.items()):
            terminalreporter.write_line(
                f"left out with --engine {self._engine}: {number} tests marked {marker}: they {WHY[marker]}"
                f" (-m {marker} runs them)"
            )
