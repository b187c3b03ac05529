"""What an upgrade would meet in a database as it stands: the revisions to come, a refusal, what to type."""

from dataclasses import dataclass
from typing import Final

from apelschema import revisions
from apelschema.catalogue.states import State
from apelschema.runner import Status

_MIGRATED: Final = "server"


@dataclass(frozen=True)
class Coming:
    """A revision to come and, in words, what it brings."""

    release: str
    revision: str
    brings: str


def coming(revision: str) -> Coming:
    """A revision as its own file tells of it."""
    script = revisions.scripts().get_revision(revision)
    return Coming(revisions.release_of(script), script.revision, " ".join(script.doc.split()))


@dataclass(frozen=True)
class Unnoted:
    """What a database is that no version row vouches for.

    ``state`` is where scripts left it between releases, ``later`` the later release that other hands brought it to;
    ``is_foreign`` says that something in it is of no release.
    """

    state: State | None = None
    later: str | None = None
    is_foreign: bool = False


@dataclass(frozen=True)
class Outlook:
    """The near future of a database; ``holder`` names a run that is at work on it now."""

    status: Status
    holder: str | None = None
    unnoted: Unnoted = Unnoted()

    @property
    def coming(self) -> tuple[Coming, ...]:
        """None where there is no way from here: another kind, or something of no release in it."""
        found = self.status.fingerprint
        if self.refusal or not (found.empty or found.kind == _MIGRATED):
            return ()
        return tuple(coming(each) for each in self.status.pending)

    @property
    def refusal(self) -> str:
        """Why an upgrade would refuse; nothing where none is known without the checks of ``upgrade --dry-run``."""
        found = self.status.fingerprint
        if self.status.revision is not None or found.empty:
            return ""
        if found.kind != _MIGRATED:
            return "there are no upgrades for this database"
        return f"something is of no release (nearest: {found.release}), see the differences" * self.unnoted.is_foreign

    @property
    def next_step(self) -> str:
        """What to type, or to do, next."""
        return self._of_runs() or self._of_schema()

    def _of_runs(self) -> str:
        run = self.status.unfinished
        if self.holder:
            return "wait for the run at work; apelschema status shows how far it is."
        if run and run.state == "failed":
            return f"run {run.id} found something wrong, and a person has to look; apelschema verify says what."
        return f"apelschema {run.command} {run.target} goes on where the run ended." if run else ""

    def _of_schema(self) -> str:
        if self.refusal:
            return f"apelschema upgrade would refuse: {self.refusal}."
        if self.unnoted.state:
            return f"{self.unnoted.state.next_step}; --dry-run says what would be done, and changes nothing."
        if self.unnoted.later:
            return "apelschema repair says what was counted twice or lost since, and changes nothing unless told."
        if self.coming:
            return "apelschema upgrade --dry-run says what would be done, and changes nothing."
        return "nothing is pending; apelschema verify proves structure, sums and figures."
