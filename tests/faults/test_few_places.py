"""Tool, statement and connection struck at a few places of one run: what every engine must come through."""

from typing import Final

import pytest

from tests.faults.again import again, wait_as_told
from tests.faults.commands import NAMES, Ground, Truth
from tests.faults.kinds import Blow, Kind, answer_lost, connection_killed, tool_killed
from tests.faults.standing import differences, standing
from tests.faults.statements import PUT_PROCEDURE, Moment, Stage

pytestmark = [pytest.mark.faults, pytest.mark.smoke, pytest.mark.timeout(300)]

PLACES: Final[tuple[tuple[Kind, Stage, str], ...]] = (
    (tool_killed, "answered", "^ALTER TABLE"),
    (tool_killed, "answered", PUT_PROCEDURE),  # dropped, and not made anew, where there is no CREATE OR REPLACE
    (connection_killed, "sent", "^UPDATE HybridSuperSummaries"),
    (answer_lost, "before", "^UPDATE alembic_version"),
)


def test_the_same_command_comes_through_and_the_way_back_too(ground: Ground, truth: Truth):
    target = ground.old()
    for command in NAMES:
        for kind, stage, place in PLACES:
            blow = Blow(target, command, Moment(stage, 1, place))
            kind(blow)
            assert blow.moment.has_come, (command, place)
            wait_as_told(target)
        again(target, command)
        assert differences(standing(target), truth.ends[command]) == [], command
    ground.drop(target)
