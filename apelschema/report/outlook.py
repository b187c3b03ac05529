"""What an upgrade would meet in a database as it stands: the revisions to come, a refusal, what to type."""

from dataclasses import dataclass
from typing import Final

from apelschema import revisions
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
class Outlook:
    """The near future of a database; ``holder`` names a run that is at work on it now."""

    status: Status
    holder: str | None = None

    @property
    def coming(self) -> tuple[Coming, ...]:
        """None where there is no way from here: another kind, or a later release that no version row vouches for."""
        found = self.status.fingerprint
        if self._is_unknown_later or not (found.empty or found.kind == _MIGRATED):
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
        if self._is_unknown_later:
            nearly = "" if found.exact else "nearly "
            return (
                f"it is {nearly}release {found.release} already, but not by this tool, so nothing vouches for its"
                " figures; adopting such a database is still to come"
            )
        return "" if found.exact else f"it is not exactly release {found.release}, see the differences"

    @property
    def next_step(self) -> str:
        """What to type, or to do, next."""
        if self.holder:
            return "wait for the run at work; apelschema status shows how far it is."
        run = self.status.unfinished
        if run and run.state == "failed":
            return f"run {run.id} found something wrong, and a person has to look; apelschema verify says what."
        if run:
            return f"apelschema {run.command} {run.target} goes on where the run ended."
        if self.refusal:
            return f"apelschema upgrade would refuse: {self.refusal}."
        if self.coming:
            return "apelschema upgrade --dry-run says what would be done, and changes nothing."
        return "nothing is pending; apelschema verify proves structure, sums and figures."

    @property
    def _is_unknown_later(self) -> bool:
        """Whether the schema is of a later release than the baseline's, and no revision is noted."""
        found = self.status.fingerprint
        if self.status.revision is not None or found.empty or found.kind != _MIGRATED:
            return False
        return found.release != coming(revisions.first()).release
