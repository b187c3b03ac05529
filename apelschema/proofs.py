"""What a run takes down before its first change, and holds against the tables after its last."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Final

from apelschema import checksums, facts, ledger, resolved
from apelschema.catalogue.load import load
from apelschema.checksums import Merging, Scope
from apelschema.db.nodes import demand_same, other_nodes
from apelschema.db.session import Session
from apelschema.errors import FoundWrong
from apelschema.journal_notes import Run
from apelschema.ledger import LedgerDifference
from apelschema.listener import Listener
from apelschema.revisions import Planned
from apelschema.row_differences import Comparison, Differing
from apelschema.steps.alter import Alter
from apelschema.steps.backfill import Backfill
from apelschema.steps.base import Context
from apelschema.steps.settle import SettleJobs
from apelschema.written import Written

_SHOWN: Final = 10


def ensure(session: Session) -> None:
    """Create the tables of ledger, checksums and facts where they are not there."""
    for each in (ledger, checksums, facts):
        each.ensure(session)


class Proof:
    """Ledger and row checksums of a run; one that goes on holds the tables against what it took first."""

    def __init__(self, context: Context, listener: Listener, run: Run) -> None:
        self._context, self._session = context, context.session
        self._listener = listener
        self._run = run

    def before(self, plan: Sequence[Planned]) -> None:
        """Take all, unless they are there already."""
        self._weigh(ledger.BEFORE)
        if checksums.taken(self._session, self._run.id) is None:
            self._listener.phase_began("checksums before", "adding up whole rows per table, site and month")
            checksums.take(
                self._session,
                self._run.id,
                scope_of(plan),
                list(_merging(self._context, plan)),
                beside_writers=self._context.beside_writers,
                tell=self._listener.progress,
            )
        elif self._context.beside_writers:
            checksums.note_writers(self._session, self._run.id)
        facts.take(self._session, self._run.id, self._context.policy)

    def after(self) -> None:
        """Hold them against the tables; raises FoundWrong that names table, site, month, figures and ids.

        In a Galera cluster also when a node has other definitions than the one at hand.
        """
        with other_nodes(self._session) as others:
            demand_same(self._session, others)
        rows, same = self._rows()
        self._weigh(ledger.AFTER, same)
        differences = self._to_answer_for(ledger.differences(self._session, self._run.id))
        sums = [str(each) for each in resolved.unexplained(self._session, self._run.id, differences)]
        if sums or rows:
            listed = "".join(f"\n  - {difference}" for difference in [*sums[:_SHOWN], *rows[:_SHOWN]])
            raise FoundWrong(
                f"The ledger of this run differs in {len(sums)} places, its row checksums in {len(rows)}:{listed}",
                why="Jobs, wall or cpu of a site and month, or rows that no step may change, are not what they were.",
                hint="Was a loader or summariser at work? If not, go back: apelschema downgrade.",
            )

    def _weigh(self, moment: str, same: Collection[str] = ()) -> None:
        if not ledger.has(self._session, self._run.id, moment):
            self._listener.phase_began(f"ledger {moment}", "adding up jobs, wall and cpu per table, site and month")
            ledger.take(self._session, self._run.id, moment, self._listener.progress, same)

    def _to_answer_for(self, found: Iterator[LedgerDifference]) -> Iterable[LedgerDifference]:
        """Without the sites and months that writers wrote beside the run: there the sums tell nothing of it."""
        return Written(self._session, self._run.id).parted(found).ours if self._context.beside_writers else found

    def _rows(self) -> tuple[list[str], set[str]]:
        """Where rows differ, the first few with their ids, and tables that are row by row what they were.

        What writers wrote beside the run is only told.
        """
        self._listener.phase_began("checksums after", "holding whole rows against those before")
        taken = checksums.taken(self._session, self._run.id)
        if taken is None:
            return [], set()
        comparison = Comparison(self._session, taken)
        if not taken.scope.is_comparable:
            self._listener.said(f"Rows cannot be held against those before this run{comparison.obstacle}.")
            return [], set()
        found, others = self._parted(taken, comparison.differences())
        # A repair takes jobs away that stand twice under two names; no other command removes any.
        reads_all = taken.beside_writers or self._run.command not in ("upgrade", "downgrade")
        same = set() if reads_all else checksums.unchanged(self._session, taken, found)
        if others:
            self._listener.said(f"Rows of {others} tables, sites and months were written beside this run.")
        named = [comparison.described(each) for each in found[:_SHOWN]]
        return [*named, *(str(each) for each in found[_SHOWN:])], same

    def _parted(self, taken: checksums.Taken, found: Iterator[Differing]) -> tuple[list[Differing], int]:
        """Those that the run has to answer for, and how many others there are: only writers beside it make any."""
        if not taken.beside_writers:
            return list(found), 0
        parted = Written(self._session, self._run.id).parted(found)
        return parted.ours, parted.others


def scope_of(plan: Sequence[Planned]) -> Scope:
    """What a plan does that the checksums have to mind."""
    going: dict[str, list[str]] = {}
    for each in plan:
        if each.direction == "undo" and isinstance(each.step, Alter):
            before, after = (load(name).tables[each.step.table] for name in (each.step.before, each.step.release))
            gone = [name for name in after.column_names if not before.has_column(name)]
            going.setdefault(each.step.table, []).extend(gone)
    return Scope(
        jobs=any(isinstance(each.step, SettleJobs) for each in plan),
        figures=any(isinstance(each.step, Backfill) for each in plan),
        going=going,
    )


def _merging(context: Context, plan: Sequence[Planned]) -> Iterator[Merging]:
    for each in plan:
        yield from each.step.merges(context.at(each.revision), each.direction)
