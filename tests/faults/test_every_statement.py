"""SIGKILL of the tool after, and so before, every statement that changes something, in turn."""

import pytest

from tests.faults.chain import Chain
from tests.faults.commands import NAMES, Name, Truth
from tests.faults.conftest import Ready
from tests.faults.standing import differences, standing

pytestmark = pytest.mark.faults

PARTS = 3
"""Chains of each command, so that they can run side by side."""


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("part", range(PARTS))
@pytest.mark.parametrize("command", NAMES)
def test_killed_at_every_statement(ready: Ready, truth: Truth, command: Name, part: int):
    chain = Chain(ready(command), command, part, PARTS)
    chain.run()
    assert differences(standing(chain.target), truth.ends[command]) == []
    assert chain.missing(truth.sent[command].changes) == []
