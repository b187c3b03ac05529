"""What a check of ``verify`` gets, what it gives, and the report that they make up."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property, partial
from typing import Any, Final, Literal, TypeVar

from apelschema import facts, ledger, names
from apelschema.catalogue.load import Release
from apelschema.db.schema import Schema
from apelschema.db.session import Session
from apelschema.db.side_by_side import side_by_side
from apelschema.facts import HYBRID
from apelschema.journal import Journal
from apelschema.key_ranges import ranges
from apelschema.ledger_sums import JOBS
from apelschema.policy import Policy
from apelschema.revisions import Planned, steps_between
from apelschema.steps.base import Context

Status = Literal["pass", "fail", "skipped", "unproved"]
Verdict = Literal["pass", "partial", "fail"]
T = TypeVar("T")

SHOWN: Final = 10
"""How many single cases a detail names; the rest is counted."""


@dataclass(frozen=True)
class CheckResult:
    """What one check found. ``skipped``: nothing to hold it against; ``unproved``: cannot be told as things stand."""

    id: str
    status: Status
    detail: str


@dataclass(frozen=True)
class Baseline:
    """The run whose state from before its first change the database is held against; times are the server's, UTC."""

    id: int
    began: datetime
    ended: datetime | None


@dataclass(frozen=True)
class Subject:
    """The database to verify: its live schema, the release that it should be, and its revision, if it has one.

    ``policy`` is the journal's, if it has noted one (``is_noted``), else the one given or the defaults.
    ``between`` says that the revision is not the last of its release; ``ahead`` are tables that an upgrade to a later
    one has rebuilt for it already. ``proved`` is the run, if any, that held rows and ledger against those before it
    just now: they are not read once more.
    """

    session: Session
    policy: Policy
    live: Schema
    entry: Release
    central: bool
    revision: str | None
    between: bool
    ahead: tuple[str, ...] = ()
    given: Policy | None = None
    is_noted: bool = False
    proved: int | None = None
    _shared: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @cached_property
    def baseline(self) -> Baseline | None:
        """The newest run that took a ledger before it began; None on a database that no run has touched."""
        run = ledger.last_run(self.session)
        if run is None:
            return None
        row = self.session.one(f"SELECT Id, StartedAt, EndedAt FROM {names.RUNS} WHERE Id = %s", (run,))
        return Baseline(*row) if row else None

    @cached_property
    def before(self) -> Baseline | None:
        """The same run if it noted the facts that are held against it beside the ledger."""
        found = self.baseline
        return found if found and facts.has(self.session, found.id) else None

    @cached_property
    def _sites(self) -> dict[int, str]:
        return {int(site): str(name) for site, name in self.session.rows("SELECT id, name FROM Sites")}

    def place(self, site: int, year: int, month: int) -> str:
        """A site and month for people; an id without a name is shown as such."""
        return f"{self._sites.get(site, f'site {site}')}, {year}-{month:02d}"

    def site(self, site: int) -> str | None:
        """The name of a site."""
        return self._sites.get(site)

    def shared(self, name: str, work: Callable[[], T]) -> T:
        """The result of work that several checks need, done once."""
        if name not in self._shared:
            self._shared[name] = work()
        found: T = self._shared[name]
        return found

    def answers(self, queries: Sequence[str]) -> Iterator[list[tuple[Any, ...]]]:
        """What queries give that are sent with arguments, in their order; those of a large database side by side."""
        works = [partial(_rows, query) for query in queries]
        return side_by_side(self.session, works, large=len(self.parts("h")) > 1)

    def in_parts(self, query: Callable[[str], str], alias: str, table: str = HYBRID) -> Iterator[tuple[Any, ...]]:
        """The rows of the answers to one query about each of the parts of a table, which gets the part's condition."""
        for rows in self.answers([query(part) for part in self.parts(alias, table)]):
            yield from rows

    def in_pairs(
        self, before: Callable[[str], str], now: Callable[[str], str], alias: str
    ) -> Iterator[tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]]:
        """The answers to two queries about each of the parts of hybrid: no more of either is in memory at once."""
        answers = self.answers([query(part) for part in self.parts(alias) for query in (before, now)])
        return zip(answers, answers, strict=True)

    def parts(self, alias: str, table: str = HYBRID) -> list[str]:
        """Conditions that part the rows of a table; all but jobs by those sites and months that part hybrid."""
        of = JOBS if table == JOBS else HYBRID
        found = self.shared(f"parts of {of}", lambda: ranges(self.session, of, by_month=of == HYBRID, alias="{}"))
        return [condition.replace("{}", alias) for condition in found]

    @property
    def is_new(self) -> bool:
        """Whether the release knows benchmark types of normalised summaries, and so the rule of 2.3.0."""
        return self.entry.tables["NormalisedSummaries"].has_column("ServiceLevelType")

    @cached_property
    def done(self) -> list[Planned]:
        """The steps of the revisions up to this one that the journal says were done, and not undone since."""
        if self.revision is None:
            return []
        return [each for each in steps_between(None, self.revision) if self.context(each).has_done(each.step)]

    @property
    def surroundings(self) -> Context:
        """Where steps look; routines count as ours whichever policy they are under, since one check is about that."""
        return Context(self.session, Journal(self.session), self.policy, self.central, any_policy=True)

    def context(self, planned: Planned) -> Context:
        """Where a step looks."""
        return self.surroundings.at(planned.revision)


def _rows(query: str, session: Session) -> list[tuple[Any, ...]]:
    return session.rows(query, ())


@dataclass(frozen=True)
class Report:
    """All results. A check that failed fails the whole; one that is unproved makes it partial."""

    checks: tuple[CheckResult, ...]

    @property
    def verdict(self) -> Verdict:
        """The sum of it."""
        found = {check.status for check in self.checks}
        if "fail" in found:
            return "fail"
        return "partial" if "unproved" in found else "pass"

    def to_json(self) -> dict[str, Any]:
        """The document of ``verify --json``."""
        return {
            "schema": "apelschema.verify/1",
            "verdict": self.verdict,
            "checks": [{"id": each.id, "status": each.status, "detail": each.detail} for each in self.checks],
        }


@dataclass(frozen=True)
class Off:
    """Something in a site and month of a table that is not as it should be, in words."""

    table: str
    place: tuple[int, int, int]
    text: str

    def __str__(self) -> str:
        return self.text


def judged(name: str, good: str, wrong: Sequence[str], unproved: Sequence[str] = ()) -> CheckResult:
    """A result by what was found: anything wrong fails, else anything that cannot be told leaves it unproved."""
    if wrong:
        more = f"; besides {len(unproved)} that cannot be told" if unproved else ""
        return CheckResult(name, "fail", f"in {len(wrong)} places: {listed(wrong)}{more}")
    if unproved:
        return CheckResult(name, "unproved", f"cannot be told in {len(unproved)} places: {listed(unproved)}")
    return CheckResult(name, "pass", good)


def listed(cases: Sequence[object], total: int | None = None) -> str:
    """The first few cases, and how many more there are."""
    more = (len(cases) if total is None else total) - len(cases[:SHOWN])
    return "; ".join(str(case) for case in cases[:SHOWN]) + (f"; and {more} more" if more > 0 else "")


def rows(count: int) -> str:
    """A number of rows in words."""
    return f"{count} row" if count == 1 else f"{count} rows"
