"""The table of faults: kinds, rounds, failures, as text for a terminal and as a page of the documentation."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.faults.kinds import KINDS
from tests.faults.rounds import Round


@dataclass(frozen=True)
class Line:
    """What came of all rounds of one kind."""

    kind: str
    what: str
    rounds: int
    stopped: int
    """Rounds in which the tool stopped with a message; in the others it was killed, or came through by itself."""

    refused: int
    """Rounds in which the same command said first that one has to wait."""

    failures: int


def lines(rounds: Sequence[Round]) -> list[Line]:
    """A line for each kind that struck at all."""
    return [_line(kind, [each for each in rounds if each.kind == kind and each.struck]) for kind in KINDS]


def _line(kind: str, rounds: Sequence[Round]) -> Line:
    return Line(
        kind,
        what(kind),
        len(rounds),
        sum(bool(each.said) for each in rounds),
        sum(each.refusals > 0 for each in rounds),
        sum(bool(each.failure) for each in rounds),
    )


def what(kind: str) -> str:
    """A kind in words: the first line of its function."""
    return str(KINDS[kind].__doc__).partition("\n")[0]


def markdown(rounds: Sequence[Round]) -> str:
    """The table."""
    found = [each for each in lines(rounds) if each.rounds]
    rows = [
        f"| {each.kind} | {each.what} | {each.rounds} | {each.stopped} | {each.refused} | {each.failures} |"
        for each in found
    ]
    total = f"| | **all** | **{sum(each.rounds for each in found)}** | {sum(each.stopped for each in found)} |"
    total += f" {sum(each.refused for each in found)} | **{sum(each.failures for each in found)}** |"
    head = [
        "| kind | fault | rounds | stopped with a message | told to wait first | failures |",
        "|---|---|---|---|---|---|",
    ]
    return "\n".join([*head, *rows, total])
