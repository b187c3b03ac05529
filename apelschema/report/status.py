"""The report of ``status``: where a database stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from rich.console import RenderableType

from apelschema.db.family import Server
from apelschema.journal import Run, StepLog
from apelschema.report.base import Document, grid, heading, line, number, plural
from apelschema.runner import Status

MIGRATED: Final = "server"
_LABEL: Final = 10


@dataclass(frozen=True)
class StatusDocument(Document):
    """A database's standing, with where it is and what was left unfinished."""

    server_shown: str
    database: str
    server: Server
    status: Status
    head: str
    step: StepLog | None = None

    @property
    def pending(self) -> tuple[str, ...]:
        """Revisions to come; none for a database that there are no revisions for."""
        found = self.status.fingerprint
        return self.status.pending if found.empty or found.kind == MIGRATED else ()

    def as_json(self) -> dict[str, Any]:
        """Contract ``apelschema.status/1``."""
        found = self.status.fingerprint
        return {
            "schema": "apelschema.status/1",
            "database": self.database,
            "server": {
                "family": self.server.family,
                "version": ".".join(str(part) for part in self.server.version),
                "galera": self.server.galera,
            },
            "kind": found.kind,
            "release": found.release,
            "exact": found.exact,
            "central": found.central,
            "empty": found.empty,
            "revision": self.status.revision,
            "head": self.head,
            "pending": list(self.pending),
            "drift": [{"object": each.object, "difference": each.difference} for each in found.drift],
            "unfinished": self._unfinished(),
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """A few lines of facts, then drift and the unfinished run."""
        galera = " (Galera cluster)" if self.server.galera else ""
        yield _fact("database", f"{self.database} on {self.server_shown}")
        yield _fact("server", f"{self.server.name}{galera}")
        yield _fact("schema", *self._schema())
        yield _fact("revision", self.status.revision or "none yet: not upgraded by this tool so far")
        yield _fact("pending", self._pending())
        if run := self.status.unfinished:
            yield _fact("unfinished", self._run_shown(run), "yellow")
        if drift := self.status.fingerprint.drift:
            yield heading(f"Differences from release {self.status.fingerprint.release} ({len(drift)})")
            for each in drift:
                yield line((each.object, "yellow"), f": {each.difference}", indent=2)

    def _schema(self) -> tuple[str, str]:
        found = self.status.fingerprint
        if found.empty:
            return "empty: an upgrade creates everything", ""
        if found.kind is None:
            return "not one of APEL's databases", "red"
        if found.kind != MIGRATED:
            return f"APEL {found.kind} database: recognised, but there are no upgrades for it here", "yellow"
        central = ", with central objects" if found.central else ""
        if found.exact:
            return f"APEL server, exactly release {found.release}{central}", "green"
        return f"APEL server, nearest to release {found.release} but not equal{central}", "yellow"

    def _pending(self) -> str:
        if not self.pending:
            return "nothing"
        return f"{plural(len(self.pending), 'revision')}: {', '.join(self.pending)}"

    def _run_shown(self, run: Run) -> str:
        step = f" at {self.step.revision}: {self.step.step}{_rows(self.step)}" if self.step else ""
        return f"run {run.id} ({run.command} {run.target}) ended{step}; the same command goes on there"

    def _unfinished(self) -> dict[str, Any] | None:
        run = self.status.unfinished
        if run is None:
            return None
        step = self.step
        return {
            "run": run.id,
            "command": run.command,
            "target": run.target,
            "step": f"{step.revision}: {step.step}" if step else None,
            "done": step.rows_done if step else 0,
            "total": step.rows_total if step else None,
        }


def _rows(step: StepLog) -> str:
    if not step.rows_done:
        return ""
    return f", after {number(step.rows_done)} of about {number(step.rows_total)} rows"


def _fact(label: str, text: str, style: str = "") -> RenderableType:
    table = grid(_LABEL)
    table.add_row(line((label, "bold")), line((text, style)))
    return table
