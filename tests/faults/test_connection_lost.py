"""The connection is cut, by people and by networks; the server may finish the statement, and may notice late."""

from itertools import cycle
from typing import Final

import pytest

from apelschema.db.session import Session
from apelschema.errors import ApelschemaError
from tests.faults.again import again, wait_as_told
from tests.faults.commands import NAMES, Name, Truth, run
from tests.faults.conftest import Ready
from tests.faults.kinds import (
    Blow,
    Kind,
    answer_lost,
    connection_killed,
    line_silent,
    question_lost,
    statement_killed,
    tool_killed,
)
from tests.faults.others import other
from tests.faults.standing import differences, standing
from tests.faults.statements import Moment
from tests.support.processes import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.timeout(300)]

KINDS: Final[tuple[Kind, ...]] = (connection_killed, question_lost, answer_lost, line_silent)

WEIGHTY: Final = (
    r"^(ALTER|CREATE (OR|DEFINER)|DROP (PROC|FUNC)|UPDATE [`H]|UPDATE alembic"
    r"|DELETE FROM `?(Hybrid|apelschema_(kept|found)))"
)
STRIDE: Final = 5
"""Every so manieth of them is lost, in the next way: more than a piece has, so that each run comes further."""

AT_WORK: Final = ("Another run is at work on this database", "Another connection works in this database")


@pytest.mark.slow
@pytest.mark.parametrize("command", NAMES)
def test_connection_lost_again_and_again(ready: Ready, truth: Truth, command: Name):
    """One run that meets all ways in turn, each some statements after the last."""
    target = ready(command)
    lost = []
    for kind in cycle(KINDS):
        blow = Blow(target, command, Moment("sent", STRIDE, WEIGHTY))
        said = kind(blow)
        if not blow.moment.has_come:
            break
        assert said.startswith("The connection to the server was lost."), blow.moment
        lost.append((kind.__name__, blow.moment.statement.split()[0]))
        wait_as_told(target)
    assert len(lost) > 2 * len(KINDS)
    assert {"CREATE", "UPDATE"} <= {word for _, word in lost}
    assert differences(standing(target), truth.ends[command]) == []


def test_killed_while_the_server_waits_to_alter_a_table(ready: Ready, truth: Truth):
    """The server goes on without us; until it has ended the statement, the same command says that it is at work."""
    target = ready("upgrade")
    with other(target) as reader:
        reader.read("NormalisedSummaries")
        blow = Blow(target, "upgrade", Moment("sent", 1, "^ALTER TABLE `NormalisedSummaries`"))
        tool_killed(blow)
        assert blow.moment.has_come
        wait_until(lambda: is_waiting(reader.session), "the server waits for the reader")
        with pytest.raises(ApelschemaError) as refused:
            run(target, "upgrade")
        assert str(refused.value).startswith(AT_WORK)
        assert "Wait until it ends" in str(refused.value)
    again(target, "upgrade")
    assert differences(standing(target), truth.ends["upgrade"]) == []


def is_waiting(db: Session) -> bool:
    found = "SELECT COUNT(*) FROM information_schema.PROCESSLIST WHERE STATE = 'Waiting for table metadata lock'"
    return bool(db.value(found))


def test_statement_killed_by_somebody_who_does_not_know_it(ready: Ready, truth: Truth):
    """KILL QUERY to an ALTER that waits: the run says that a statement was refused, and goes on next time."""
    target = ready("upgrade")
    with other(target) as reader:
        reader.read("NormalisedSummaries")
        blow = Blow(target, "upgrade", Moment("sent", 1, "^ALTER TABLE `NormalisedSummaries`"), delay=0.1)
        assert statement_killed(blow).startswith("The server refused a statement: Query execution was interrupted")
    again(target, "upgrade")
    assert differences(standing(target), truth.ends["upgrade"]) == []
