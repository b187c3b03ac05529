"""The first step of the baseline: only an empty database, or one of exactly this release, goes on."""

from dataclasses import dataclass
from typing import ClassVar

from apelschema.catalogue.compare import compare
from apelschema.catalogue.difference import untolerated
from apelschema.catalogue.fingerprint import fingerprint
from apelschema.catalogue.load import load
from apelschema.db.introspect import read_schema
from apelschema.journal import StepLog
from apelschema.procedures import Ours
from apelschema.steps import accepted
from apelschema.steps.base import Context, Description, Direction, Standing, State, Step


@dataclass(frozen=True)
class ExpectRelease(Step):
    """Looks whether the database is empty, exactly of this release, or one that this tool works on already."""

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
        found = untolerated(compare(live, load(self.release), central=print_.central, own=Ours()))
        by_hand = {name for name in accepted.texts(context) for each in found if accepted.is_about(each, [name])}
        named = {name for name in by_hand if accepted.is_named(context, name)}
        if all(accepted.is_about(each, named) for each in found):
            aside = f" but for {', '.join(sorted(named))}, changed by hand and accepted" if named else ""
            return Standing(State.DONE, f"as in {self.release}{aside}")
        listed = tuple(f"{each.object}: {each.difference}" for each in found)
        nearest = f", nearest to {print_.release}" if print_.release else ""
        hint = accepted.hint(by_hand) if all(accepted.is_about(each, by_hand) for each in found) else ""
        return Standing(State.FOREIGN, f"neither empty nor exactly {self.release}{nearest}:", listed, hint)

    def describe(self, context: Context, direction: Direction = "do") -> Description:
        """Reads only."""
        return Description(sql=())

    def do(self, context: Context, log: StepLog) -> None:
        """Nothing to do."""

    def undo(self, context: Context, log: StepLog) -> None:
        """Nothing to take back."""
