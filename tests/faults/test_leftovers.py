"""What is changed for a moment only must not stay changed when the tool is killed in that moment."""

import pytest

from apelschema.db.session import Session
from tests.faults.again import again
from tests.faults.commands import NAMES, Ground, Name, elsewhere, undisturbed
from tests.faults.kinds import Blow, tool_killed
from tests.faults.standing import differences, standing
from tests.faults.statements import Moment

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

OTHER_COLLATION = "utf8mb4_unicode_ci"


def change_default(db: Session) -> None:
    """Another default than the tables have, as after a restore into a database that was made anew."""
    db.execute(f"ALTER DATABASE COLLATE {OTHER_COLLATION}")


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMES)
def test_default_collation_changed_for_a_routine_does_not_stay(ground: Ground, command: Name):
    """Routines take the collation of their parameters from the database, so the run changes it while it puts them."""
    mixed = elsewhere(ground, grow=change_default, collation="utf8mb4_general_ci")
    truth = undisturbed(mixed)
    assert truth.ends[command].collation == OTHER_COLLATION
    target = mixed.ready(command)
    for number in (1, 2):  # changed, and put back
        blow = Blow(target, command, Moment("answered", number, "^ALTER DATABASE"))
        tool_killed(blow)
        assert blow.moment.has_come
    again(target, command)
    assert differences(standing(target), truth.ends[command]) == []
    mixed.drop(target)
