"""A clock for budgets of time, which goes on with each statement about some sites instead of by itself."""

from typing import Any

import pytest

from apelschema.checks import Budget
from apelschema.db.session import Session


class Clock:
    """Each statement that is asked for some sites takes ``seconds``, as this clock has it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, seconds: float = 1.0) -> None:
        self.now = 0.0
        rows = Session.rows

        def slow(session: Session, sql: str, args: Any = None) -> list[tuple[Any, ...]]:
            if ".SiteID IN (" in sql:
                self.now += seconds
            return rows(session, sql, args)

        monkeypatch.setattr(Session, "rows", slow)

    def budget(self, seconds: float | None) -> Budget:
        """So many seconds of this clock."""
        return Budget(seconds, clock=lambda: self.now)
