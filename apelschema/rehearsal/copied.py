"""A database that is a copy, or a part, of another: the source of a rehearsal."""

from collections.abc import Callable
from dataclasses import dataclass, field

from apelschema.checks import Situation
from apelschema.checks.writers.connections import connections
from apelschema.db.connect import Target
from apelschema.db.copy import AS_IT_WAS, Copier, Reader
from apelschema.db.grants import read_grants
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.listener import Listener
from apelschema.names import is_ours, quoted
from apelschema.policy import Policy
from apelschema.rehearsal.extract import Extract
from apelschema.roundtrip import Part

Tell = Callable[[int, int | None], None]


@dataclass
class Copied:
    """The extract of a database; with ``adopts`` its routines and views belong to the account that rehearses.

    ``notes`` are what is to be said of the copy. The source is read table by table: no lock and no snapshot is held
    longer than a statement.
    """

    source: Target
    extract: Extract
    adopts: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def parts(self) -> tuple[Part, ...]:
        """One: it is copied."""
        return (("copy", self._copy),)

    def _copy(self, target: Target, listener: Listener) -> str:
        with Reader(self.source) as source, Session(target) as place, place.using(sql_mode=AS_IT_WAS):
            self._note_others(source)
            copier = Copier(source, place, self.adopts)
            rows = self._copy_tables(copier, listener.filling("copy: rows"))
            self._copy_objects(copier, self.extract.live)
            self._note_others(source)
        return f"{rows:,} rows of {self._sites()}"

    def _sites(self) -> str:
        sites = self.extract.sites
        if sites is None:
            return "all sites"
        return "one whole site" if len(sites) == 1 else f"{len(sites)} whole sites"

    def _copy_tables(self, copier: Copier, tell: Tell) -> int:
        """Give how many rows of APEL's tables these were."""
        for name in self.extract.live.tables:
            copier.table(name)
        done = 0

        def more(rows: int) -> None:
            nonlocal done
            done += rows
            tell(done, max(self.extract.rows, done))

        counts = {table.name: copier.rows(table, condition, more) for table, condition in self.extract.tables()}
        copier.place.rows(f"ANALYZE TABLE {', '.join(map(quoted, self.extract.live.tables))}")
        return sum(count for name, count in counts.items() if not is_ours(name))

    def _copy_objects(self, copier: Copier, live: Schema) -> None:
        for routine in live.routines.values():
            copier.stored(routine.kind, routine.name)
        if broken := copier.views(list(live.views)):
            self.notes.append(f"Left out, because they read what is not there: {', '.join(broken)}.")
        for trigger in live.triggers:
            copier.trigger(trigger)
        if live.events:
            self.notes.append("Events were not copied: they would act in the copy.")
        if not read_grants(copier.source).has("TRIGGER", copier.source.database):
            self.notes.append("This account sees no triggers (GRANT TRIGGER shows them): none were copied.")

    def _note_others(self, source: Session) -> None:
        """Say when somebody may write while it is copied."""
        others = len(connections(Situation(source, Policy())))
        if others:
            self._note(
                f"Other connections were at work in {source.database} while it was copied: what they wrote may be in"
                " one table and not in another, and a verification may find fault with that."
            )
        elif not read_grants(source).has_global("PROCESS"):
            self._note("Whether others wrote while it was copied could not be seen (GRANT PROCESS ON *.*).")

    def _note(self, text: str) -> None:
        if text not in self.notes:
            self.notes.append(text)
