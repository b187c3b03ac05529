"""Which release a database was brought to, or towards, whoever did it."""

from apelschema import revisions
from apelschema.catalogue.load import releases
from apelschema.checks.base import Situation
from apelschema.checks.structure.objects import by_release, standings
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.journal import Journal


def release_of(session: Session, situation: Situation) -> str:
    """The newest release of which any object is, be it by the version row or as it stands.

    An upgrade that stopped goes on to where it was going. Raises CannotRun where the database is not an APEL server's,
    or older than the first revision.
    """
    left, at = Journal(session).unfinished(), revisions.current(session)
    if left is not None and left.command == "upgrade" and (release := revisions.name_of(left.target)) in releases():
        return str(release)
    found = set(by_release(each for each in standings(situation) if each.releases))
    if at is not None:
        found.add(_release(at))
    known = [name for name in releases() if name in found]
    first = _release(revisions.first())
    if not known or releases().index(known[-1]) < releases().index(first):
        raise CannotRun(
            f"It is of {known[-1]}." if known else f"The database is not that of an APEL server of {first} or later.",
            why=f"Repair is for databases that were upgraded to a release after {first} by other means.",
            hint="apelschema status says what it is; apelschema upgrade is for older ones.",
        )
    return known[-1]


def _release(revision: str) -> str:
    return revisions.release_of(revisions.scripts().get_revision(revision))
