"""The report of ``status``: where a database stands, what is to come, what was left, what to type next."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from rich.console import RenderableType
from rich.table import Table

from apelschema import ledger_sums
from apelschema.db.family import Server
from apelschema.db.sizes import TableSize
from apelschema.floor import Floor
from apelschema.history import PastRun
from apelschema.journal_notes import StepLog
from apelschema.policy import Policy
from apelschema.report.base import Document, grid, heading, lasting, line, number, paragraph, plural, size
from apelschema.report.outlook import Coming, Outlook, Unnoted
from apelschema.runner import Status
from apelschema.steps.accepted import is_about

MIGRATED: Final = "server"
_LABEL: Final = 10


@dataclass(frozen=True)
class StatusDocument(Document):
    """A database's standing, with where it is, how large, and what was done and left unfinished.

    ``step`` is the last one of an unfinished run; ``holder`` names who is at work in this moment; ``accepted`` are
    the routines and views changed by hand that somebody accepted; ``floor`` is the last cleanup. ``unnoted`` is what
    the database is if no version row says so.
    """

    server_shown: str
    database: str
    server: Server
    status: Status
    head: str
    step: StepLog | None = None
    sizes: Sequence[TableSize] = ()
    last: PastRun | None = None
    policy: Policy | None = None
    holder: str | None = None
    accepted: frozenset[str] = frozenset()
    floor: Floor | None = None
    unnoted: Unnoted = field(default_factory=Unnoted)

    @property
    def outlook(self) -> Outlook:
        """What an upgrade would meet."""
        return Outlook(self.status, self.holder, self.unnoted)

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
            "state": self._state(),
            "central": found.central,
            "empty": found.empty,
            "revision": self.status.revision,
            "head": self.head,
            "pending": [each.revision for each in self.outlook.coming],
            "refusal": self.outlook.refusal or None,
            "drift": [{"object": each.object, "difference": each.difference} for each in found.drift],
            "accepted": sorted(self.accepted),
            "unfinished": self._unfinished(),
            "at_work": self.holder,
            "last_run": self._last_run(),
            "way_back_ends_at": self.floor.revision if self.floor else None,
            "policy": json.loads(self.policy.to_json()) if self.policy else None,
            "tables": [{"name": each.name, "rows": each.rows, "bytes": each.bytes} for each in self.sizes],
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """Facts, tables, what is to come, differences, what to do."""
        galera = " (Galera cluster)" if self.server.galera else ""
        yield _fact("database", f"{self.database} on {self.server_shown}")
        yield _fact("server", f"{self.server.name}{galera}")
        yield _fact("schema", *self._schema())
        if state := self.unnoted.state:
            yield _fact("till then", "; ".join(state.works))
        yield _fact("revision", self.status.revision or "none: this tool has not upgraded it so far")
        if self.policy:
            yield _fact("policy", _policy_shown(self.policy))
        if self.last:
            yield _fact("last run", _run_shown(self.last, at_work=self.holder is not None))
        if run := self._stopped():
            yield _fact("unfinished", run, "yellow")
        if self.floor and self.floor.revision:
            when = f"{self.floor.begun:%Y-%m-%d %H:%M} UTC"
            yield _fact("way back", f"not below {self.floor.revision}: cleaned up {when} by {self.floor.operator}")
        if self.sizes:
            yield heading("Tables, as the server estimates")
            yield _tables(self.sizes)
        if coming := self.outlook.coming:
            yield heading(f"To come: {plural(len(coming), 'revision')}, up to release {coming[-1].release}")
            yield _coming(coming)
        yield from self._drift()
        yield line("\n", ("Next: ", "bold"), self.outlook.next_step)

    def _drift(self) -> Iterator[RenderableType]:
        if drift := self.status.fingerprint.drift:
            yield heading(f"Differences from release {self.status.fingerprint.release} ({len(drift)})")
            for each in drift:
                aside = " (accepted)" if is_about(each, self.accepted) else ""
                yield paragraph((each.object, "yellow"), f": {each.difference}{aside}")

    def _schema(self) -> tuple[str, str]:
        found = self.status.fingerprint
        if found.empty:
            return "empty: an upgrade creates everything", ""
        if found.kind is None:
            return "not one of APEL's databases", "red"
        if found.kind != MIGRATED:
            return f"APEL {found.kind} database: recognised, but there are no upgrades for it here", "yellow"
        words, style, aside = self._release()
        return f"APEL server, {words}{', with central objects' if found.central else ''}{aside}", style

    def _release(self) -> tuple[str, str, str]:
        found, unnoted = self.status.fingerprint, self.unnoted
        if unnoted.state:
            also = "".join(f", or {each}" for each in unnoted.state.also)
            return f"half-way between releases: {unnoted.state.name}{also}", "yellow", ""
        if unnoted.later and not unnoted.is_foreign:
            return f"release {unnoted.later}, brought there without this tool", "yellow", ""
        if found.exact:
            return f"exactly release {found.release}", "green", ""
        if self.accepted and all(is_about(each, self.accepted) for each in found.drift):
            aside = f", but for {', '.join(sorted(self.accepted))}, changed by hand and accepted"
            return f"release {found.release}", "green", aside
        return f"nearest to release {found.release} but not equal", "yellow", ""

    def _state(self) -> dict[str, Any] | None:
        state = self.unnoted.state
        return {**asdict(state), "next_step": state.next_step} if state else None

    def _stopped(self) -> str:
        run = self.status.unfinished
        if run is None:
            return ""
        at = f", at {self.step.revision}: {self.step.step}{_rows(self.step)}" if self.step else ""
        if self.holder:
            return f"run {run.id} ({run.command} to {run.target}) is at work now{at}; held by {self.holder}"
        why = f": {self.last.message}" if self.last and self.last.message else ""
        return f"run {run.id} ({run.command} to {run.target}) ended{at}{why}"

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

    def _last_run(self) -> dict[str, Any] | None:
        if self.last is None:
            return None
        return {
            "run": self.last.id,
            "command": self.last.command,
            "target": self.last.target,
            "state": self.last.state,
            "operator": self.last.operator,
            "started": f"{self.last.started.isoformat()}Z",
            "ended": f"{self.last.ended.isoformat()}Z" if self.last.ended else None,
        }


def _run_shown(run: PastRun, *, at_work: bool) -> str:
    when = f"{run.started:%Y-%m-%d %H:%M} UTC"
    took = f", in {lasting((run.ended - run.started).total_seconds())}" if run.ended and run.state == "done" else ""
    proved = "; every step proved, and no job, wall or cpu second lost" if run.state == "done" else ""
    state = "broken off" if run.state == "running" and not at_work else run.state
    return f"{run.command} to {run.target}, {state}{took}, begun {when} by {run.operator}{proved}"


def _rows(step: StepLog) -> str:
    if not step.rows_done:
        return ""
    return f", after {number(step.rows_done)} of about {number(step.rows_total)} rows"


def _policy_shown(policy: Policy) -> str:
    return "the defaults" if policy == Policy() else policy.to_json()


def _tables(sizes: Sequence[TableSize]) -> Table:
    """Those that hold figures one by one, the rest as one."""
    large = [each for each in sizes if each.name in ledger_sums.TABLES]
    rest = [each for each in sizes if each.name not in ledger_sums.TABLES]
    table = Table(box=None, pad_edge=False, padding=(0, 2), show_header=False)
    for justify in ("left", "right", "right"):
        table.add_column(justify=justify, no_wrap=True)
    for each in large:
        table.add_row(line(each.name, indent=2), f"{number(each.rows)} rows", size(each.bytes))
    rows, length = sum(each.rows for each in rest), sum(each.bytes for each in rest)
    table.add_row(line(f"{len(rest)} others", indent=2), f"{number(rows)} rows", size(length))
    return table


def _coming(coming: Sequence[Coming]) -> Table:
    table = grid(None, None)
    shown = ""
    for each in coming:
        release = each.release if each.release != shown else ""
        shown = each.release
        table.add_row(line((release, "bold"), indent=2), line(each.revision), line(each.brings))
    return table


def _fact(label: str, text: str, style: str = "") -> RenderableType:
    table = grid(_LABEL)
    table.add_row(line((label, "bold")), line((text, style)))
    return table
