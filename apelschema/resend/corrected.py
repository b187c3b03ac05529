"""Which site-months runs of this tool have corrected in HybridSuperSummaries, from the journal alone.

Corrected is a site's month in which a run changed what is published:

* *figures*: normalised wall or cpu time of a benchmark type (backfill, change of policy);
* *rows*: the rows of a type, or their jobs, wall or cpu (rows that fell together, folded or parted types);
* *labels*: the spelling of "no infrastructure" (relabel), also where no row fell together.

The first two are told by the ledgers that each run took before its first and after its last change, the third by the
rows that the relabelling kept. Only runs count that came after the last way back that took the figures back; a run
that was given up half-way ends with the ledger from before the next. What the summariser changed by itself, in months
that the policy left out, is not among them.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

from apelschema import ledger, names, revisions
from apelschema.db.introspect import has_table, read_view
from apelschema.db.session import Session
from apelschema.errors import CannotRun
from apelschema.journal import Journal
from apelschema.resend.months import Month, Months, shown
from apelschema.steps.backfill import TABLE

Change = Literal["figures", "rows", "labels"]

TYPED_VIEW: Final = "VNormalisedSuperSummaries"

_PLACE: Final = ("SiteID", "Year", "Month")
_Place = tuple[int, int, int]
_Moment = tuple[int, str]


@dataclass(frozen=True)
class SiteMonth:
    """A corrected month of a site, what changed in it, and every id under which the site is stored (H26)."""

    site: str
    year: int
    month: int
    changed: tuple[Change, ...]
    site_ids: tuple[int, ...]

    @property
    def when(self) -> Month:
        """Year and month."""
        return self.year, self.month


@dataclass(frozen=True)
class Corrected:
    """All corrected site-months, by site and month; a site without a name is in no view and not among them.

    ``release`` is that of the database, None where it stands under no revision; ``typed`` whether its view shows
    benchmark types, without which nothing was corrected. ``unknown`` are runs whose ledgers are gone although they
    changed rows; ``labels_unknown`` says that rows were relabelled and which is not kept any more (both: cleanup).
    """

    release: str | None
    typed: bool
    months: tuple[SiteMonth, ...] = ()
    unknown: tuple[int, ...] = ()
    labels_unknown: bool = False

    def demand_known(self) -> None:
        """Raise CannotRun where nothing was corrected, or it cannot be told any more what was."""
        if not self.typed:
            raise CannotRun(
                f"{TYPED_VIEW} shows no benchmark types, as in releases before 2.3.0: nothing was corrected.",
                why="Under the old rule the receiver has what this database has.",
                hint="apelschema status says where the database stands.",
            )
        if self.unknown:
            raise CannotRun(
                f"What run {', '.join(map(str, self.unknown))} corrected is not known: its sums are gone.",
                why="apelschema cleanup removed them, so site-months with old figures might be left out.",
                hint="Let the unloader send all of the repository's own database once: interval = all.",
            )
        if not self.months:
            raise CannotRun("No run of apelschema has corrected anything here.", hint="There is nothing to send again.")

    def only(self, months: Months, sites: Sequence[str] = ()) -> "Corrected":
        """Those of these months, and of these sites if any are given.

        Raises CannotRun for a site, or a month named by itself, in which nothing was corrected, and for none in all.
        """
        found = tuple(each for each in self.months if months.includes(each.when) and (not sites or each.site in sites))
        _demand_each("site", sites, {each.site for each in self.months})
        _demand_each("month", [shown(each) for each in months.named], {shown(each.when) for each in found})
        if self.months and not found:
            raise _nothing_in("these months")
        return replace(self, months=found)


def find(session: Session) -> Corrected:
    """Read them; nothing is written. Raises CannotRun while a run is unfinished."""
    at, journal = revisions.current(session), Journal(session)
    if unfinished := journal.unfinished():
        raise CannotRun(
            f"Run {unfinished.id} ({unfinished.command} to {unfinished.target}) is unfinished.",
            why="What it corrects in the end is not known yet.",
            hint="apelschema status says how it goes on.",
        )
    release = revisions.release_of(revisions.scripts().get_revision(at)) if at else None
    view = read_view(session, TYPED_VIEW)
    typed = view is not None and any(each.name == "ServiceLevelType" for each in view.columns)
    if release is None or not typed or not journal.exists():
        return Corrected(release, typed)
    spans, unknown = _spans(session)
    changes: dict[_Place, set[Change]] = defaultdict(set)
    for first, last in spans:
        for place, change in _between(session, first, last):
            changes[place].add(change)
    for place in _relabelled(session):
        changes[place].add("labels")
    return Corrected(release, typed, tuple(_by_name(session, changes)), unknown, _forgot_labels(session))


def _demand_each(what: str, wanted: Sequence[str], found: set[str]) -> None:
    missing = [each for each in wanted if each not in found]
    if missing:
        raise _nothing_in(f"the {what} {missing[0]}")


def _nothing_in(what: str) -> CannotRun:
    return CannotRun(
        f"Nothing was corrected in {what}.",
        hint="apelschema resend, without --scratch, lists the sites and months that were.",
    )


def _spans(session: Session) -> tuple[list[tuple[_Moment, _Moment]], tuple[int, ...]]:
    """Moments of ledgers between which each run did its work; and runs that changed rows without having both."""
    runs = _runs(session)
    taken = _taken(session)
    spans, unknown = [], []
    for place, run in enumerate(runs):
        before = (run, ledger.BEFORE)
        ends = [(run, ledger.AFTER), *((later, ledger.BEFORE) for later in runs[place + 1 :])]
        after = next((each for each in ends if each in taken), None)
        if before in taken and after is not None:
            spans.append((before, after))
        elif _changed_rows(session, run):
            unknown.append(run)
    return spans, tuple(unknown)


def _runs(session: Session) -> list[int]:
    """The runs after the last that took the figures back to the rule of 2.2.1."""
    back = session.value(
        f"SELECT MAX(Run) FROM {names.STEPS} WHERE Step = %s AND Direction = 'undo' AND State = 'done'",
        (f"backfill {TABLE}",),
    )
    return [int(run) for (run,) in session.rows(f"SELECT Id FROM {names.RUNS} WHERE Id > %s ORDER BY Id", (back or 0,))]


def _taken(session: Session) -> set[_Moment]:
    if not has_table(session, ledger.TAKEN, names.LEDGER):
        return set()
    return {(int(run), str(moment)) for run, moment in session.rows(f"SELECT Run, Moment FROM {ledger.TAKEN}")}


def _changed_rows(session: Session, run: int) -> bool:
    """Whether a run changed rows that are published: settling the sources changes nothing of these."""
    found = session.rows(
        f"SELECT 1 FROM {names.STEPS} WHERE Run = %s AND RowsChanged > 0 AND Step NOT LIKE 'settle %%' LIMIT 1", (run,)
    )
    return bool(found)


def _between(session: Session, first: _Moment, last: _Moment) -> Iterator[tuple[_Place, Change]]:
    """Places that two moments of ledgers tell apart, by benchmark type, with what differs."""
    side = "IF(l.Run = %s AND l.Moment = %s, -1, 1)"
    rows = ("NumberOfRows", "NumberOfJobs", "WallDuration", "CpuDuration")
    figures = ("NormalisedWallDuration", "NormalisedCpuDuration")
    differs = [
        " OR ".join(f"SUM({side} * CAST(IFNULL(l.{name}, 0) AS DECIMAL(65,0))) <> 0" for name in listed)
        for listed in (figures, rows)
    ]
    found = session.rows(
        f"SELECT d.SiteID, d.Year, d.Month, MAX(d.Figures), MAX(d.OfRows) FROM (SELECT l.SiteID, l.Year, l.Month,"
        f" {differs[0]} AS Figures, {differs[1]} AS OfRows FROM {names.LEDGER} l WHERE l.SourceTable = %s"
        " AND ((l.Run = %s AND l.Moment = %s) OR (l.Run = %s AND l.Moment = %s))"
        " GROUP BY l.SiteID, l.Year, l.Month, l.Type) d GROUP BY d.SiteID, d.Year, d.Month",
        (*first * (len(figures) + len(rows)), TABLE, *first, *last),
    )
    for site, year, month, of_figures, of_rows in found:
        place = int(site), int(year), int(month)
        if of_figures:
            yield place, "figures"
        if of_rows:
            yield place, "rows"


def _relabelled(session: Session) -> Iterator[_Place]:
    """Places of rows that were relabelled and stand so."""
    for table in _kept(session):
        for row in session.rows(f"SELECT DISTINCT {', '.join(_PLACE)} FROM {table}"):
            site, year, month = map(int, row)
            yield site, year, month


def _kept(session: Session) -> list[str]:
    like = f"{names.KEPT}%_{TABLE}".replace("_", r"\_")
    return [
        str(name)
        for (name,) in session.rows(
            "SELECT TABLE_NAME FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME LIKE %s",
            (like,),
        )
    ]


def _forgot_labels(session: Session) -> bool:
    """Whether rows were relabelled and stand so, and are kept no more."""
    logs = Journal(session).steps().values()
    done = any(each.step.startswith("relabel ") and each.direction == "do" and each.rows_changed for each in logs)
    return done and not _kept(session)


def _by_name(session: Session, changes: dict[_Place, set[Change]]) -> Iterator[SiteMonth]:
    """The places by name of the site, as the views show them: ids of one name are one site."""
    sites = _sites(session)
    by_name: dict[tuple[str, int, int], set[Change]] = defaultdict(set)
    for (site, year, month), changed in changes.items():
        if site in sites:
            by_name[sites[site], year, month] |= changed
    ids: dict[str, list[int]] = defaultdict(list)
    for site, name in sorted(sites.items()):
        ids[name].append(site)
    for (name, year, month), changed in sorted(by_name.items()):
        listed = tuple(each for each in ("figures", "rows", "labels") if each in changed)
        yield SiteMonth(name, year, month, listed, tuple(ids[name]))


def _sites(session: Session) -> dict[int, str]:
    """The name of each site, of those that the collation holds to be equal the first one's."""
    first = dict(
        session.rows("SELECT s.id, MIN(t.id) FROM Sites s INNER JOIN Sites t ON t.name = s.name GROUP BY s.id")
    )
    found = ledger.site_names(session)
    return {int(site): found[int(other)] for site, other in first.items()}
