"""The first step of the baseline: only an empty database, or one all of whose objects are of some release, goes on."""

from dataclasses import dataclass
from typing import ClassVar, Final

from apelschema.catalogue.difference import Difference
from apelschema.catalogue.fingerprint import Fingerprint, fingerprint
from apelschema.catalogue.load import load, releases
from apelschema.catalogue.shapes import facets
from apelschema.db.introspect import read_schema
from apelschema.db.schema import Schema
from apelschema.db.visible import lists_routines
from apelschema.journal_notes import StepLog
from apelschema.procedures import Ours
from apelschema.steps import accepted
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step
from apelschema.steps.stored import Put, PutRoutine, PutView

_WITHOUT_HYBRID: Final = ("1.2.0",)
_DOCUMENTED_WAY: Final = (
    "Dump all data but SuperSummaries, create a database of 1.3.0 or later, load, run the summariser: that is APEL's"
    " own documented way from 1.2, which has neither HybridSuperSummaries nor NormalisedSummaries."
)


@dataclass(frozen=True)
class ExpectRelease(Step):
    """Looks whether the database is empty, of any known release or half-way between, or known to the journal already.

    What is older is brought home by the steps that follow, what is later stands *beyond* them.
    """

    kind: ClassVar[str] = "expect"
    release: str

    @property
    def object(self) -> str:
        """The whole database."""
        return "database"

    @property
    def stays(self) -> bool:
        """It does."""
        return True

    def look(self, context: Context) -> Standing:
        """Done where the run may go on, else foreign with all differences."""
        if context.journal.has_steps():
            return Standing(State.DONE, "the journal knows this database; each step looks for itself")
        live = read_schema(context.session)
        print_ = fingerprint(live, Ours())
        if print_.empty:
            return Standing(State.DONE, "the database is empty")
        found = _unknown(context, live, print_)
        by_hand = {name for name in accepted.texts(context) for each in found if accepted.is_about(each, [name])}
        named = {name for name in by_hand if accepted.is_named(context, name)}
        nearest = f"as in {print_.release}" if print_.exact else f"between releases, nearest to {print_.release}"
        if all(accepted.is_about(each, named) for each in found):
            aside = f" but for {', '.join(sorted(named))}, changed by hand and accepted" if named else ""
            return Standing(State.DONE, f"{nearest}{aside}")
        listed = tuple(f"{each.object}: {each.difference}" for each in found)
        hint = accepted.hint(by_hand) if all(accepted.is_about(each, by_hand) for each in found) else ""
        if print_.release in _WITHOUT_HYBRID:
            hint = _DOCUMENTED_WAY
        return Standing(State.FOREIGN, f"something in it is of no release ({nearest}):", listed, hint)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """Reads only."""
        return Description(sql=())

    def do(self, context: Context, log: StepLog) -> None:
        """Nothing to do."""

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing to take back."""


def _unknown(context: Context, live: Schema, print_: Fingerprint) -> list[Difference]:
    """What is wrong with tables that are missing or of no known shape, and with texts that nobody knows."""
    newest = load(releases()[-1])
    tables = {name for name in newest.tables if name not in live.tables or facets(live.tables[name]) is None}
    puts = (
        *(PutRoutine(name, newest.release, create=True) for name in newest.routines),
        *(PutView(name, newest.release, create=True) for name in newest.views),
    )
    texts = {each.name for each in puts if _is_unknown(context, each)}
    found = [each for each in print_.drift if accepted.is_about(each, tables | texts)]
    untold = tables - {each.object.partition(".")[0] for each in found}  # as the nearest release has it, or has it not
    return [*found, *(Difference(name, _wrong(live, name)) for name in sorted(untold))]


def _wrong(live: Schema, table: str) -> str:
    return "is of no known shape" if table in live.tables else "the table is missing"


def _is_unknown(context: Context, put: Put) -> bool:
    """Whether a text of nobody's stands there, or one may that this account does not see; a missing one is made."""
    found = put.origins(context)
    if found is None:
        return put.stored_kind != "view" and not lists_routines(context.session)
    return not found and not accepted.is_named(context, put.name)
