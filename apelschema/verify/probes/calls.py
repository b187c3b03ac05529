"""Calls of the real routines in the tables that stand in front of the real ones, and the figures that they leave."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from apelschema.db.errors import DatabaseError, is_denied, message, number
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.verify.probes.shadow import HYBRID, CannotProbe

SUMMARISER: Final = ("SummariseJobs", "NormaliseSummaries", "CopyNormalisedSummaries")
"""What the summariser calls, in its order."""

Values = Mapping[str, Any]
"""Arguments by the names of parameters, in lower case."""


class Refused(Exception):
    """A routine ended with an error; says which."""


@dataclass(frozen=True)
class Figures:
    """Rows and jobs of NormalisedSummaries and HybridSuperSummaries."""

    source_rows: int
    source_jobs: int
    hybrid_rows: int
    hybrid_jobs: int

    def __str__(self) -> str:
        return (
            f"{self.source_rows} rows of {self.source_jobs} jobs in NormalisedSummaries,"
            f" {self.hybrid_rows} of {self.hybrid_jobs} in {HYBRID}"
        )


@dataclass(frozen=True)
class Caller:
    """Calls routines as a loader and a summariser do.

    ``copies``: whether CopyNormalisedSummaries can be called, which names a table twice in one statement.
    """

    own: Session
    live: Schema
    copies: bool

    def call(self, routine: str, values: Values | None = None) -> None:
        """Call a routine with arguments by name; raises Refused, or CannotProbe when this account may not."""
        found = self.live.routines.get(routine)
        names = [each.name.lower() for each in found.parameters] if found else []
        arguments = [(values or {})[name] for name in names]
        try:
            self.own.execute(f"CALL {routine}({', '.join(['%s'] * len(names))})", tuple(arguments))
        except DatabaseError as error:
            if is_denied(error):
                hint = f"GRANT EXECUTE ON `{self.own.database}`.* TO this account"
                raise CannotProbe(f"{routine} may not be called: {message(error)}; {hint}") from error
            raise Refused(f"{routine} ends with error {number(error)}: {message(error)}") from error

    def summarise(self) -> None:
        """One run of the summariser, less what the server cannot do on temporary tables."""
        for routine in SUMMARISER:
            if self.copies or routine != "CopyNormalisedSummaries":
                self.call(routine)

    def figures(self) -> Figures:
        """The figures as they stand; those of hybrid are 0 where normalised summaries cannot be copied."""
        found: list[int] = []
        for table in ("NormalisedSummaries", HYBRID):
            row = self.own.one(f"SELECT COUNT(*), IFNULL(SUM(NumberOfJobs), 0) FROM {table}") or (0, 0)
            found += map(int, row) if self.copies or table != HYBRID else (0, 0)
        return Figures(*found)
