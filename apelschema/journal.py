"""The journal: what was run, by whom, with which policy, how far, and what was found there before."""

import getpass
import json
import socket
from dataclasses import replace
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Final

from apelschema import journal_tables, names
from apelschema.db.introspect import has_table
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.db.stored import Stored, StoredKind
from apelschema.journal_notes import Run, StepLog, Watermark, step_log, written

_STEPS: Final = (
    "SELECT Run, Revision, Step, Direction, State, Found, Watermark, RowsDone, RowsTotal, RowsChanged"
    f" FROM {names.STEPS}"
)


class Journal:
    """The journal's tables in one database. Reading works, and finds nothing, where they do not exist."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._exists: bool | None = None
        self._seen: tuple[Schema | None, dict[tuple[str, str, str | None], StepLog]] | None = None

    def exists(self) -> bool:
        """Whether the tables are there."""
        if not self._exists:
            self._exists = has_table(self._session, names.RUNS, names.FOUND)
        return self._exists

    def ensure(self) -> None:
        """Create the tables that are not there."""
        for statement in journal_tables.ALL:
            self._session.execute(statement)
        self._exists = True

    # Runs

    def unfinished(self) -> Run | None:
        """The newest run, if it did not reach its end proved."""
        found = self.last_run()
        return found if found and found.state in ("running", "stopped", "failed") else None

    def last_run(self) -> Run | None:
        """The newest run."""
        if not self.exists():
            return None
        row = self._session.one(
            "SELECT Id, Command, Target, FromRevision, State, Policy, Central"
            f" FROM {names.RUNS} ORDER BY Id DESC LIMIT 1"
        )
        if not row:
            return None
        *facts, central = row
        return Run(*(*facts, bool(central)))

    def begin(self, command: str, target: str, from_revision: str | None, policy: str, central: bool) -> Run:
        """Note the start of a run, or that an unfinished one of the same command and target goes on."""
        old = self.unfinished()
        if old and (old.command, old.target) == (command, target):
            self._session.execute(f"UPDATE {names.RUNS} SET State = 'running', Message = NULL WHERE Id = %s", (old.id,))
            return old
        if old:
            self.end(old, "abandoned", f"followed by {command} {target}")
        self._session.execute(
            f"INSERT INTO {names.RUNS} (Command, Target, FromRevision, State, Operator, ToolVersion, Policy, Central,"
            " StartedAt) VALUES (%s, %s, %s, 'running', %s, %s, %s, %s, UTC_TIMESTAMP(6))",
            (command, target, from_revision, operator(), version("apelschema"), policy, int(central)),
        )
        run_id = int(self._session.value("SELECT LAST_INSERT_ID()"))
        return Run(run_id, command, target, from_revision, "running", policy, central)

    def end(self, run: Run, state: str, message: str | None = None) -> None:
        """Note how a run ended: done, stopped, failed or abandoned."""
        self._session.execute(
            f"UPDATE {names.RUNS} SET State = %s, Message = %s, EndedAt = UTC_TIMESTAMP(6) WHERE Id = %s",
            (state, message, run.id),
        )

    def begin_revision(self, run: Run, revision: str, direction: str, positions: dict[str, str]) -> None:
        """Note that a revision begins, with the server's binary log, GTID or Galera positions."""
        self._session.execute(
            f"INSERT IGNORE INTO {names.REVISIONS} (Run, Revision, Direction, Positions, StartedAt)"
            " VALUES (%s, %s, %s, %s, UTC_TIMESTAMP(6))",
            (run.id, revision, direction, json.dumps(positions)),
        )

    def end_revision(self, run: Run, revision: str) -> None:
        """Note that all steps of a revision are proved."""
        self._session.execute(
            f"UPDATE {names.REVISIONS} SET EndedAt = UTC_TIMESTAMP(6) WHERE Run = %s AND Revision = %s",
            (run.id, revision),
        )

    # Steps

    def has_steps(self) -> bool:
        """Whether any step of a revision was done in this database, undone since or not."""
        query = f"SELECT 1 FROM {names.STEPS} WHERE State = 'done' AND Revision <> '{names.REPAIR}' LIMIT 1"
        return self.exists() and bool(self._session.rows(query))

    def was_done_by(self, run: Run, step: str) -> bool:
        """Whether a run has done a step of this name, of whichever revision."""
        found = self._session.rows(
            f"SELECT 1 FROM {names.STEPS} WHERE Run = %s AND Step = %s AND Direction = 'do' AND State = 'done'",
            (run.id, step),
        )
        return bool(found)

    def step(self, revision: str, step: str, direction: str | None = None) -> StepLog | None:
        """The newest note about a step, of whichever run; of one direction if it is given."""
        if not self.exists():
            return None
        if self._session.seen is not None:
            return self._seen_steps().get((revision, step, direction))
        row = self._session.one(
            f"{_STEPS} WHERE Revision = %s AND Step = %s AND Direction = COALESCE(%s, Direction)"
            " ORDER BY Run DESC LIMIT 1",
            (revision, step, direction),
        )
        return step_log(row) if row else None

    def _seen_steps(self) -> dict[tuple[str, str, str | None], StepLog]:
        """All notes, read once in a block that changes nothing."""
        if self._seen is None or self._seen[0] is not self._session.seen:
            found: dict[tuple[str, str, str | None], StepLog] = {}
            for log in map(step_log, self._session.rows(f"{_STEPS} ORDER BY Run")):
                found[log.revision, log.step, log.direction] = found[log.revision, log.step, None] = log
            self._seen = self._session.seen, found
        return self._seen[1]

    def steps(self) -> dict[tuple[str, str], StepLog]:
        """The newest note about every step, by revision and step."""
        rows = self._session.rows(f"{_STEPS} ORDER BY Run") if self.exists() else []
        return {(log.revision, log.step): log for log in map(step_log, rows)}

    def begun_at(self, revision: str, step: str) -> datetime | None:
        """The first second in which doing a step was at work last, by the server's clock (UTC).

        Never the one in which its run began: what was written just before that run is not of its time.
        """
        row = self._session.one(
            f"SELECT s.StartedAt, r.StartedAt FROM {names.STEPS} s JOIN {names.RUNS} r ON r.Id = s.Run"
            " WHERE s.Revision = %s AND s.Step = %s AND s.Direction = 'do' ORDER BY s.Run DESC LIMIT 1",
            (revision, step),
        )
        if not row:
            return None
        began: datetime = row[0].replace(microsecond=0)
        run_began: datetime = row[1].replace(microsecond=0)
        return max(began, run_began + timedelta(seconds=1))

    def at_hand(self, run: Run) -> StepLog | None:
        """The step that a run began last."""
        row = self._session.one(
            f"SELECT Revision, Step, Direction FROM {names.STEPS} WHERE Run = %s ORDER BY StartedAt DESC LIMIT 1",
            (run.id,),
        )
        return self.step(*row) if row else None

    def begin_step(self, run: Run, revision: str, step: str, direction: str, found: str) -> StepLog:
        """Note that a step begins, or goes on from where this run or one before left it."""
        old = self.step(revision, step)
        goes_on = old is not None and old.direction == direction and not old.finished
        if old is not None and goes_on and old.run == run.id:
            return old
        fresh = StepLog(run.id, revision, step, direction, "running", found, None, 0, None, 0)
        log = replace(old, run=run.id) if old is not None and goes_on else fresh
        self._seen = None
        mark = written(log.watermark)
        self._session.execute(
            f"REPLACE INTO {names.STEPS}"
            " (Run, Revision, Step, Direction, State, Found, Watermark, RowsDone, RowsChanged, StartedAt)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))",
            (run.id, revision, step, direction, log.state, log.found, mark, log.rows_done, log.rows_changed),
        )
        return log

    def begin_again(self, log: StepLog) -> StepLog:
        """Note that a step begins from the start, whatever was done before."""
        self._seen = None
        self._session.execute(
            f"UPDATE {names.STEPS} SET State = 'running', Watermark = NULL, RowsDone = 0, RowsChanged = 0"
            " WHERE Run = %s AND Revision = %s AND Step = %s",
            (log.run, log.revision, log.step),
        )
        return replace(log, state="running", watermark=None, rows_done=0, rows_changed=0)

    def advance(self, log: StepLog, watermark: Watermark | None, done: int, changed: int) -> None:
        """Note progress up to a watermark, None for the last piece, in the transaction that changes the rows."""
        self._seen = None
        mark = written(watermark)
        state = "running" if watermark else "walked"
        self._session.execute(
            f"UPDATE {names.STEPS} SET State = %s, Watermark = COALESCE(%s, Watermark), RowsDone = RowsDone + %s,"
            " RowsChanged = RowsChanged + %s WHERE Run = %s AND Revision = %s AND Step = %s",
            (state, mark, done, changed, log.run, log.revision, log.step),
        )

    def note_changed(self, log: StepLog, changed: int) -> None:
        """Note rows that a step has changed, in the transaction that changes them, which may be one of several."""
        self._session.execute(
            f"UPDATE {names.STEPS} SET RowsChanged = RowsChanged + %s WHERE Run = %s AND Revision = %s AND Step = %s",
            (changed, log.run, log.revision, log.step),
        )

    def expect(self, log: StepLog, total: int) -> None:
        """Note how many rows a step will look at."""
        self._session.execute(
            f"UPDATE {names.STEPS} SET RowsTotal = %s WHERE Run = %s AND Revision = %s AND Step = %s",
            (total, log.run, log.revision, log.step),
        )

    def end_step(self, log: StepLog) -> None:
        """Note that a step is done and proved."""
        self._seen = None
        self._session.execute(
            f"UPDATE {names.STEPS} SET State = 'done', EndedAt = UTC_TIMESTAMP(6)"
            " WHERE Run = %s AND Revision = %s AND Step = %s",
            (log.run, log.revision, log.step),
        )

    # What was found

    def keep_found(self, run: Run, revision: str, found: Stored) -> None:
        """Keep what stands there before its first replacement; what is kept already stays."""
        self._session.execute(
            f"INSERT INTO {names.FOUND} (Revision, Kind, Name, Run, Statement, Definer, SqlMode, CharacterSetClient,"
            " CollationConnection, DatabaseCollation, Grants, FoundAt)"
            " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, UTC_TIMESTAMP(6))"
            " ON DUPLICATE KEY UPDATE Name = Name",
            (
                revision,
                found.kind,
                found.name,
                run.id,
                found.statement,
                found.definer,
                found.sql_mode,
                found.character_set_client,
                found.collation_connection,
                found.database_collation,
                json.dumps(found.grants),
            ),
        )

    def found(self, revision: str, kind: StoredKind, name: str) -> Stored | None:
        """What a revision's step found; None when it never ran."""
        if not self.exists():
            return None
        row = self._session.one(
            "SELECT Kind, Name, Statement, Definer, SqlMode, CharacterSetClient, CollationConnection,"
            f" DatabaseCollation, Grants FROM {names.FOUND} WHERE Revision = %s AND Kind = %s AND Name = %s",
            (revision, kind, name),
        )
        if not row:
            return None
        *facts, grants = row
        listed = json.loads(grants)
        return Stored(*(*facts, None if listed is None else tuple(listed)))

    def forget_found(self, revision: str, kind: StoredKind, name: str) -> None:
        """Forget what was kept, after it was put back."""
        self._session.execute(
            f"DELETE FROM {names.FOUND} WHERE Revision = %s AND Kind = %s AND Name = %s",
            (revision, kind, name),
        )


def operator() -> str:
    """Who runs the tool: account and host of the machine, not of the data."""
    try:
        account = getpass.getuser()
    except (KeyError, OSError):
        account = "unknown"
    return f"{account}@{socket.gethostname()}"
