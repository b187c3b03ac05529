"""Routines and views of older releases brought home before the baseline looks at them; the way back restores them."""

from dataclasses import dataclass, replace

from apelschema.catalogue.load import load, releases
from apelschema.db.introspect import has_table, read_view
from apelschema.journal_notes import StepLog
from apelschema.steps import accepted
from apelschema.steps.base import Context, Standing, State
from apelschema.steps.stored import Origin, Put, PutRoutine, PutView


@dataclass(frozen=True)
class Mend(Put):
    """Puts ours in place of an older release's text, or where an older release had none; all else is left alone.

    The baseline's own step creates what an empty database lacks, and leaves what it made in place for ever.
    """

    create: bool = True

    @property
    def key(self) -> str:
        """Beside that of the step that creates it, of the same kind."""
        return f"mend {super().key}"

    @property
    def stays(self) -> bool:
        """What was found is put back."""
        return False

    def was_found(self, context: Context) -> bool:
        """Unless the journal says that it was mended here: databases of earlier versions of this tool have no note."""
        return context.journal.step(context.revision, self.key, "do") is None or super().was_found(context)

    def look(self, context: Context) -> Standing:
        """Before for an older text, absent where the database is there without it, else nothing to do."""
        if not self.is_wanted(context):
            return Standing(State.DONE, "is central, and this database has no central objects")
        found = self.origins(context)
        if found is None:
            return self._absent(context)
        if not found or accepted.is_named(context, self.name) or self._is_accepted(context):
            return Standing(State.DONE, "of no older release")
        return self._judge(context, found)

    def do(self, context: Context, log: StepLog) -> None:
        """Keep what stands there, then replace it, as where no official text may stand."""
        super(Mend, replace(self, create=False)).do(context, log)

    def _absent(self, context: Context) -> Standing:
        if context.has_done(self) or not has_table(context.session, "HybridSuperSummaries"):
            return Standing(State.DONE, "is not there yet")
        return Standing(State.ABSENT, "is not there")

    def _is_accepted(self, context: Context) -> bool:
        """Whether what stands there was accepted by name, rather than kept by this step before a stop."""
        log = context.journal.step(context.revision, self.key, "do")
        is_begun = log is not None and log.found in (State.BEFORE, State.ABSENT)
        return not is_begun and accepted.is_kept(context, self._read(context))


@dataclass(frozen=True)
class MendRoutine(Mend, PutRoutine):
    """A routine, such as ReplaceNormalisedSummary of 1.3.0 with its INT parameters."""


@dataclass(frozen=True)
class MendView(Mend, PutView):
    """A view, such as VNormalisedSuperSummaries of 1.4.0, which took end times and jobs from any one row."""

    def _judge(self, context: Context, found: set[Origin]) -> Standing:
        older = None if context.has_done(self) else self._older_by_types(context)
        if older is not None and not context.session.server.shares_view_text:
            return Standing(State.BEFORE, f"its columns are those of {older}")
        return super()._judge(context, found)

    def _older_by_types(self, context: Context) -> str | None:
        """The older release that a column's type tells, where servers write the text differently."""
        live, order = read_view(context.session, self.name), releases()
        ours = load(self.release).views[self.name]
        types = {each.name.lower(): each.type for each in live.columns} if live else {}
        for release in reversed(order[: order.index(self.release)]):
            entry = load(release).views.get(self.name)
            pairs = zip(entry.columns, ours.columns, strict=False) if entry else ()
            if any(old.type != new.type and types.get(old.name.lower()) == old.type for old, new in pairs):
                return release
        return None
