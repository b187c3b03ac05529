"""The report of ``tune``: how the summariser's index stands, what changing it takes, what was done."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import RenderableType

from apelschema.catalogue import tuned
from apelschema.forecast.tuning import TuneCost
from apelschema.report.base import Document, lasting, line, paragraph, plural, size
from apelschema.tune import Findings


@dataclass(frozen=True)
class TuneDocument(Document):
    """What ``tune`` did in ``seconds``, or would do where they are None."""

    shown: str
    found: Findings
    seconds: float | None = None

    def as_json(self) -> dict[str, Any]:
        """``apelschema.tune/1``; ``cost`` and ``sql`` are null where nothing is, or was, to be done."""
        found = self.found
        done = self.seconds is not None
        return {
            "schema": "apelschema.tune/1",
            "release": found.release,
            "direction": found.direction,
            "tuned": found.is_tuned != done,
            "done": done,
            "seconds": self.seconds,
            "sampled": asdict(found.sampled) if found.sampled else None,
            "idle": found.idle or None,
            "sql": found.statement,
            "cost": None if found.cost is None else {**asdict(found.cost), "replicas": found.replicas},
        }

    def as_text(self, width: int) -> Iterator[RenderableType]:
        """How it stands; the statement and its cost, or what came of it."""
        yield line(("Tune", "bold"), f" of {self.shown}, release {self.found.release}: ", self._said())
        if self.found.statement is None:
            return
        yield paragraph(self.found.statement)
        if self.seconds is None:
            yield paragraph(cost_in_words(self.found))
            yield line("\n", ("Nothing was changed.", "bold"))

    def _said(self) -> str:
        found = self.found
        if found.is_settled:
            return f"{tuned.INDEX} stands so already." if found.is_tuned else f"{tuned.INDEX} is as in the release."
        if found.statement is None:
            return f"nothing to gain, since {found.idle}. --force extends {tuned.INDEX} all the same."
        if self.seconds is None:
            return f"{tuned.INDEX} would be {_changed(found)}"
        return f"{tuned.INDEX} was {_changed(found)} in {lasting(self.seconds)}"


def cost_in_words(found: Findings) -> str:
    """What the ALTER takes, for before the question."""
    assert found.cost is not None
    return " ".join(_sentences(found, found.cost))


def _changed(found: Findings) -> str:
    return f"extended by {tuned.COLUMN}" if found.direction == "do" else "put back as in the release"


def _sentences(found: Findings, cost: TuneCost) -> Iterator[str]:
    basis = "by what this server was timed" if cost.basis == "measured" else "by what it took elsewhere"
    yield (
        f"About {plural(cost.rows, 'job')}: {lasting(cost.seconds)}, between {lasting(cost.low)} and"
        f" {lasting(cost.high)}, {basis}."
    )
    each = round(cost.bytes / max(cost.rows, 1))
    yield (
        f"The index takes {size(cost.bytes)} ({each} bytes a job) beside the old one until it is done, and about as"
        f" much of temporary files; afterwards {tuned.TABLE} is {size(abs(cost.more_bytes))}"
        f" {'larger' if cost.more_bytes >= 0 else 'smaller'}."
    )
    if cost.blocked_seconds:
        yield "It stops all writes of the whole cluster for all of that time."
    else:
        yield (
            "Programs go on meanwhile; after about"
            f" {plural(cost.log_jobs, 'job')} sent, the log of an online ALTER ({size(cost.log_bytes)}) would be full."
        )
    if found.replicas:
        yield f"{plural(found.replicas, 'replica')} build it after this server, and fall behind by as long."
