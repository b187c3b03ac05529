"""P2-P8, P13-P15: what the routines make of records that are sent again, in empty copies of the tables."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Final

from apelschema.verify.probes.calls import Caller, Figures
from apelschema.verify.probes.shadow import HYBRID, SOURCES, tried

_SPELLINGS: Final = (None, "", "none", "None", " NULL ")
_DESCRIPTIONS: Final = ("ABZ", "ZMA", "MAZ")
_OTHER: Final[dict[str, Any]] = {
    "wallduration": 77,
    "cpuduration": 66,
    "numberofjobs": 4,
    "latestendtime": "2024-01-21 01:00:00",
}
"""Figures that differ from those of the first record."""


class Wrong(Exception):
    """A probe found something wrong; says what."""


@dataclass(frozen=True)
class Stage:
    """Empty copies of the tables, who is sending, and what the release knows."""

    caller: Caller
    people: list[dict[str, Any]]
    has_infrastructure_in_key: bool
    has_descriptions: bool

    @property
    def can_send_jobs(self) -> bool:
        """Whether there is a machine and a queue that a job may name."""
        return all(self.people[0][name] is not None for name in ("machinename", "queue"))

    def send(self, person: Mapping[str, Any], kind: str = "NormalisedSummary", **instead: Any) -> None:
        """Send a record of a person with other values."""
        self.caller.call(f"Replace{kind}", {**person, **instead})

    def empty(self) -> None:
        """No row in any of the copies."""
        for table in (*SOURCES, HYBRID):
            self.caller.own.execute(f"DELETE FROM {table}")

    def hybrid(self, expression: str) -> Any:
        """A value of HybridSuperSummaries."""
        return self.caller.own.value(f"SELECT {expression} FROM {HYBRID} h")

    def expect(self, what: str, found: Any, should: Any) -> None:
        """Raises Wrong when two values differ."""
        if found != should:
            raise Wrong(f"{what}: {found}, should be {should}")


def _sent_again(*kinds: str | None) -> Callable[[Stage], None]:
    """A probe that sends months again under these types, after they were there without and with one."""

    def probe(stage: Stage) -> None:
        for before in ("", "hepscore23"):
            for kind in kinds:
                with tried(stage.caller.own):
                    _send_twice(stage, before, kind)

    return probe


def _send_twice(stage: Stage, before: str, kind: str | None) -> None:
    for person in stage.people:
        stage.send(person, serviceleveltype=before)
    stage.caller.summarise()
    first = stage.caller.figures()
    stage.expect(f"sent once as {before!r}", first, _once(stage))
    for person in stage.people:
        stage.send(person, serviceleveltype=kind)
    sent = stage.caller.figures()
    what = f"rows and jobs of NormalisedSummaries sent as {before!r} and again as {kind!r}"
    stage.expect(what, (sent.source_rows, sent.source_jobs), (first.source_rows, first.source_jobs))
    stage.caller.summarise()
    stage.expect(f"sent as {before!r} and again as {kind!r}", stage.caller.figures(), first)


def _once(stage: Stage) -> Figures:
    number, jobs = len(stage.people), sum(person["numberofjobs"] for person in stage.people)
    return Figures(number, jobs, *((number, jobs) if stage.caller.copies else (0, 0)))


def _two_types(stage: Stage) -> None:
    person = stage.people[0]
    for _ in range(2):
        stage.send(person, serviceleveltype="hepscore23")
        stage.send(person, serviceleveltype="hepspec", **_OTHER)
        stage.caller.summarise()
        both = (2, 14)
        stage.expect(
            "sent as 'hepscore23' and as 'hepspec'",
            stage.caller.figures(),
            Figures(*both, *(both if stage.caller.copies else (0, 0))),
        )


def _level_zero(stage: Stage) -> None:
    person = stage.people[0]
    stage.send(person, serviceleveltype="hepscore23")
    stage.send(person, "Summary", serviceleveltype="hepscore23", servicelevel=0, **_OTHER)
    orders = list(permutations(("NormaliseSummaries", "CopyNormalisedSummaries")))
    for routine in (routine for order in orders for routine in order):
        if stage.caller.copies or routine != "CopyNormalisedSummaries":
            stage.caller.call(routine)
            found = stage.caller.own.rows(f"SELECT NumberOfJobs, WallDuration, NormalisedWallDuration FROM {HYBRID}")
            stage.expect(f"a summary of level 0 beside a copy, after {routine}", found, [(14, 1077, 10000)])


def _grid_and_local(stage: Stage) -> None:
    for kind, column, kept in (
        ("NormalisedSummary", "infrastructure", stage.caller.copies),
        ("Summary", "infrastructuretype", True),
    ):
        with tried(stage.caller.own):
            for _ in range(2):
                stage.send(stage.people[0], kind, **{column: "grid"})
                stage.caller.summarise()
                stage.send(stage.people[0], kind, **{**_OTHER, column: "local"})
                stage.caller.summarise()
            source = "NormalisedSummaries" if kind == "NormalisedSummary" else "Summaries"
            rows = stage.caller.own.value(f"SELECT SUM(NumberOfJobs) FROM {source}")
            stage.expect(f"jobs of grid and local in {source}", int(rows or 0), 14)
            if kept:
                found = int(stage.hybrid("IFNULL(SUM(h.NumberOfJobs), 0)"))
                stage.expect(f"jobs of grid and local in {HYBRID} from {source}", found, 14)


def _descriptions(stage: Stage) -> None:
    found = set()
    for order in permutations(_DESCRIPTIONS):
        with tried(stage.caller.own):
            for number, description in enumerate(order):
                stage.send(stage.people[0], "JobRecord", localjobid=str(number), infrastructuredescription=description)
            stage.caller.call("SummariseJobs")
            found.add(stage.hybrid("MAX(h.InfrastructureDescription)"))
    stage.expect("descriptions of a group of jobs in different orders", sorted(found, key=str), [max(_DESCRIPTIONS)])


def _no_infrastructure(stage: Stage) -> None:
    person = stage.people[0]
    for kind, column in (
        ("NormalisedSummary", "infrastructure"),
        ("Summary", "infrastructuretype"),
        ("JobRecord", "infrastructuretype"),
    ):
        if not (stage.can_send_jobs if kind == "JobRecord" else stage.caller.copies or kind == "Summary"):
            continue
        with tried(stage.caller.own):
            for number, spelling in enumerate(_SPELLINGS):
                stage.send(person, kind, localjobid=str(number), **{column: spelling})
                stage.caller.summarise()
            jobs = len(_SPELLINGS) if kind == "JobRecord" else person["numberofjobs"]
            found = stage.caller.own.rows(f"SELECT Infrastructure, NumberOfJobs FROM {HYBRID}")
            stage.expect(f"no infrastructure in {len(_SPELLINGS)} spellings, {kind}", found, [("None", jobs)])


PROBES: Final[dict[str, tuple[str, Callable[[Stage], None]]]] = {
    "P2": ("sent again as 'None' counts once", _sent_again("None")),
    "P3": ("sent again as '' counts once", _sent_again("")),
    "P4": ("sent again as NULL counts once", _sent_again(None)),
    "P5": ("sent again as 'hepscore23' counts once", _sent_again("hepscore23")),
    "P6": ("sent again in another case counts once", _sent_again("NONE", "HEPscore23")),
    "P7": ("two benchmark types of one key both stay", _two_types),
    "P8": ("a summary of level 0 and a copy of one key add up", _level_zero),
    "P13": ("grid and local of one key both stay", _grid_and_local),
    "P14": ("a description does not depend on the order of jobs", _descriptions),
    "P15": ("no infrastructure is one row, however it is spelt", _no_infrastructure),
}
"""What each shows, and how."""


def known(stage: Stage) -> Iterable[str]:
    """The probes that the release has something to show for."""
    without = {"P13"} - ({"P13"} if stage.has_infrastructure_in_key else set())
    without |= set() if stage.has_descriptions and stage.can_send_jobs else {"P14"}
    return [name for name in PROBES if name not in without]
