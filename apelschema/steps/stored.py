"""Steps that put routines and views, each as one whole text of a release (H20, H21, H23, H26)."""

from abc import abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

from apelschema import procedures
from apelschema.catalogue.compare import compare_routine
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.load import load, own_view_sha256, releases
from apelschema.catalogue.view_columns import has_columns_of
from apelschema.db.errors import DatabaseError
from apelschema.db.introspect import read_routine, read_view, table_collation
from apelschema.db.retry import retrying
from apelschema.db.schema import View
from apelschema.db.stored import Stored, StoredKind, put_back, read_stored, replace_stored, without_definer
from apelschema.errors import FoundWrong
from apelschema.journal_notes import StepLog
from apelschema.names import quoted
from apelschema.procedures import create_statement
from apelschema.steps import accepted
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.stored_errors import invisible, refused

Origin = tuple[Literal["ours", "official"], str]
"""Who wrote a text, and a release that it is of."""


@dataclass(frozen=True)
class Put(Step):
    """Puts a routine or view of a release in place of what stands there, which the journal keeps whole first.

    ``create`` lets the official text of the same release stand (a baseline); otherwise ours replaces it.
    """

    name: str
    release: str
    create: bool = False

    @property
    def object(self) -> str:
        """Its name."""
        return self.name

    @property
    def stays(self) -> bool:
        """A baseline's objects stay with its tables."""
        return self.create

    @property
    @abstractmethod
    def stored_kind(self) -> StoredKind:
        """What it is to the server."""

    @abstractmethod
    def origins(self, context: Context) -> set[Origin] | None:
        """Whose text of which releases stands there; None when nothing does, empty for unknown text."""

    @abstractmethod
    def text(self, context: Context) -> str:
        """Our CREATE statement under the policy."""

    @property
    def depends_on_policy(self) -> bool:
        """Whether the text is another under another policy."""
        return False

    def is_rendered(self, context: Context) -> bool:
        """Whether our text that stands there is the one of this policy."""
        del context
        return True

    def is_wanted(self, context: Context) -> bool:
        """Whether this database has such an object: central ones are not everywhere."""
        return context.central or self.name not in central_objects(self.release)

    def look(self, context: Context) -> Standing:
        """By the text: ours is done, an earlier one before, a later one beyond, any other foreign unless accepted."""
        if not self.is_wanted(context):
            return Standing(State.DONE, "is central, and this database has no central objects")
        found = self.origins(context)
        if found is None:
            return Standing(State.ABSENT, "is not there")
        if not found or (self.create and accepted.is_named(context, self.name)):
            by_hand = self._judge_by_hand(context)
            if by_hand is not None or not found:
                return by_hand or self._foreign(context)
        return self._judge(context, found)

    def _judge_by_hand(self, context: Context) -> Standing | None:
        """How a text of nobody's stands if it is accepted, already or by this run; None if it is not."""
        standing = self._read(context)
        is_kept = accepted.is_kept(context, standing)
        if not is_kept and not (self._may_accept(context) and accepted.is_named(context, self.name)):
            return None
        state = State.DONE if self.create and is_kept else State.BEFORE
        return Standing(state, "changed by hand, accepted")

    def _may_accept(self, context: Context) -> bool:
        """Whether nothing is kept in its place yet: else it was changed since, and what it is now would be lost."""
        return self.create or context.journal.found(context.revision, self.stored_kind, self.name) is None

    def _foreign(self, context: Context) -> Standing:
        hint = accepted.hint([self.name]) if context.plan and self._may_accept(context) else ""
        text = (f"{self.name}: changed by hand",)
        return Standing(State.FOREIGN, "its text is of no known release", text, hint)

    def _judge(self, context: Context, found: set[Origin]) -> Standing:
        if ("ours", self.release) in found:
            if context.any_policy or self.is_rendered(context):
                return Standing(State.DONE, f"ours of {self.release}")
            return Standing(State.BEFORE, "ours, rendered under another policy")
        if self.create and ("official", self.release) in found:
            return Standing(State.DONE, f"official of {self.release}")
        order = releases()
        earlier = [origin for origin in found if order.index(origin[1]) <= order.index(self.release)]
        if earlier:
            owner, release = max(earlier, key=lambda origin: order.index(origin[1]))
            return Standing(State.BEFORE, f"{owner} of {release}")
        return Standing(State.BEYOND, f"of {min(found, key=lambda origin: order.index(origin[1]))[1]}")

    def was_found(self, context: Context) -> bool:
        """By the journal; an object that this database should not have was not found either."""
        return self.is_wanted(context) and context.found_done(self.key)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """The statement; it is sent as one, through the driver."""
        if direction == "undo":
            found = context.journal.found(context.revision, self.stored_kind, self.name)
            dropped = f"DROP {self.stored_kind.upper()} {quoted(self.name)}"
            return Description((without_definer(found.statement) if found.statement else dropped,) if found else ())
        by_hand = ", changed by hand and accepted" if accepted.is_named(context, self.name) else ""
        if self.create and by_hand and self.origins(context) is not None:
            return Description(())
        in_place = context.session.server.replaces_routines_in_place or self.stored_kind == "view"
        how = "CREATE OR REPLACE" if in_place else "DROP, CREATE"
        return Description((self._statement(context, None),), how + by_hand)

    def do(self, context: Context, log: StepLog) -> None:
        """Keep what stands there, then replace it under its definer; at the baseline what is accepted stays."""
        found = self._read(context)
        if accepted.is_named(context, self.name) and (self.create or not self.origins(context)):
            accepted.keep(context, found)
        if self.create and accepted.is_kept(context, found):
            return
        context.journal.keep_found(context.running(), context.revision, found)
        statement = self._statement(context, found.definer or None)
        collation = collation_at_hand(context)
        of_parameters = collation if self.stored_kind != "view" else None
        with context.session.using(collation=collation, database_collation=of_parameters):
            retrying(lambda: self._replace(context, statement, found))

    def undo(self, context: Context, log: StepLog) -> None:
        """Put back exactly what was found."""
        found = context.journal.found(context.revision, self.stored_kind, self.name)
        if found is not None:
            retrying(lambda: put_back(context.session, found))

    def undo_blockers(self, context: Context) -> tuple[str, ...]:
        """Ours stands, and the journal does not say what stood there before: it was dropped, or is another's."""
        if self.stays or not self.is_wanted(context) or self.look(context).state is not State.DONE:
            return ()
        kept = context.journal.found(context.revision, self.stored_kind, self.name)
        return () if kept else (f"the journal does not hold what stood in place of {self.name}",)

    def prove(self, context: Context, direction: Direction) -> None:
        """On the way back: that what stands there is what was found, to the letter."""
        if direction == "do" or not self.is_wanted(context):
            return
        found = context.journal.found(context.revision, self.stored_kind, self.name)
        if found is not None and self._read(context) != found:
            raise FoundWrong(
                f"The {self.stored_kind} {self.name} does not read as it was found.",
                hint="The journal keeps it: see the table apelschema_found.",
            )

    def forget(self, context: Context) -> None:
        """Forget what was kept, so that the next upgrade keeps what it finds then."""
        context.journal.forget_found(context.revision, self.stored_kind, self.name)

    def _statement(self, context: Context, definer: str | None) -> str:
        return create_statement(self.text(context), definer=definer)

    def _read(self, context: Context) -> Stored:
        try:
            return read_stored(context.session, self.stored_kind, self.name)
        except ValueError as error:
            raise invisible(self.name) from error

    def _replace(self, context: Context, statement: str, found: Stored) -> None:
        try:
            replace_stored(context.session, self.stored_kind, self.name, statement, found.grants)
        except DatabaseError as error:
            raise refused(self.name, found, error) from error


@dataclass(frozen=True)
class PutRoutine(Put):
    """A procedure or function."""

    kind: ClassVar[str] = "routine"

    @property
    def stored_kind(self) -> StoredKind:
        """Procedure or function, as in the catalogue."""
        return load(self.release).routines[self.name].kind

    def origins(self, context: Context) -> set[Origin] | None:
        """By the parameters, and by the folded hash of the official body or by our files."""
        live = read_routine(context.session, self.name)
        if live is None:
            return None
        if live.body is None:
            raise invisible(self.name)
        known = {release: entry for release in releases() if (entry := load(release).routines.get(self.name))}
        fitting = [
            release for release, entry in known.items() if not untolerated(compare_routine(live, entry, release))
        ]
        body, own = live.body, procedures.Ours()
        official = (release for release in fitting if known[release].body_sha256 == live.body_sha256)
        return _origins(official, (release for release in fitting if own.is_own_body(self.name, release, body)))

    def text(self, context: Context) -> str:
        """Our text, rendered under the policy."""
        return procedures.text("routine", self.name, self.release, context.policy)

    @property
    def depends_on_policy(self) -> bool:
        """By the placeholder in the text."""
        return procedures.source("routine", self.name, self.release).depends_on_policy

    def is_rendered(self, context: Context) -> bool:
        """Compared under exactly this policy."""
        if not self.depends_on_policy:
            return True
        live = read_routine(context.session, self.name)
        return live is not None and procedures.matches_policy(self.name, self.release, str(live.body), context.policy)


@dataclass(frozen=True)
class PutView(Put):
    """A view."""

    kind: ClassVar[str] = "view"

    @property
    def stored_kind(self) -> StoredKind:
        """A view."""
        return "view"

    def origins(self, context: Context) -> set[Origin] | None:
        """By the hash of the server's text; where servers write it differently, by the journal and the columns."""
        live = read_view(context.session, self.name)
        if live is None:
            return None
        if live.definition is None:
            raise invisible(self.name)
        if not context.session.server.shares_view_text:
            return self._origins_by_columns(context, live)
        known = [(release, load(release).views.get(self.name)) for release in releases()]
        sha256 = live.definition_sha256
        official = (release for release, entry in known if entry and entry.definition_sha256 == sha256)
        ours = (release for release, entry in known if entry and own_view_sha256(self.name, release) == sha256)
        return _origins(official, ours)

    def _origins_by_columns(self, context: Context, live: View) -> set[Origin]:
        if context.has_done(self):
            return {("ours", self.release)}
        same = [
            release
            for release in releases()
            if (entry := load(release).views.get(self.name)) and has_columns_of(live, entry, release)
        ]
        return _origins(same, ())

    def text(self, context: Context) -> str:
        """Our text; no view depends on the policy."""
        return procedures.text("view", self.name, self.release)


def central_objects(release: str) -> frozenset[str]:
    """Names of the views that only central databases have."""
    return frozenset(name for name, view in load(release).views.items() if view.central)


def collation_at_hand(context: Context) -> str | None:
    """The collation of the tables, which may not be the database's any more.

    Literals in routines and views take it from the session that creates them, parameters of routines from the
    database; of another collation they could not be compared with columns (error 1267).
    """
    return table_collation(context.session, "HybridSuperSummaries")


def _origins(official: Iterable[str], ours: Iterable[str]) -> set[Origin]:
    found: set[Origin] = {("official", release) for release in official}
    return found | {("ours", release) for release in ours}
