"""Scenarios of H26 (semantics.md section 2): several sessions at once."""

import threading
from collections.abc import Callable
from functools import partial

from apelschema.db.connect import Target
from apelschema.db.session import Session
from tests.support.calls import call, error_of, load_job, load_normalised
from tests.support.figures import total
from tests.support.processes import wait_until

Act = Callable[[], object]


def h26_summariser_that_outlives_the_swap(db: Session, swap_and_backfill: Act, *, held: float = 2.0) -> int:
    """A SummariseJobs with the old body runs while routines are swapped and the hybrid rows put right.

    One HEPscore23 10 job of 1000 s; call it while the old routines stand. A third session holds the job's row
    for ``held`` seconds, or until ``swap_and_backfill`` ends, so that the old summariser writes at the very
    end: whoever does not wait for it (the barrier) finds its work undone. Gives the normalised wall; right:
    10000.
    """
    load_job(db, serviceLevelType="HEPscore23")
    call(db, "SummariseJobs")
    summariser = _Thread(partial(_summarise, db.target))
    with Session(db.target) as holder:
        holder.execute("START TRANSACTION")
        holder.rows("SELECT j.SiteID FROM JobRecords AS j FORCE INDEX (SummaryIdx) FOR UPDATE")  # what it reads by
        summariser.start()
        wait_until(lambda: _is_running(db, "REPLACE INTO HybridSuperSummaries"), "the old summariser waits")
        swap = _Thread(swap_and_backfill)
        swap.start()
        swap.join(held)
        holder.execute("ROLLBACK")
    for thread in (summariser, swap):
        thread.finish()
    return total(db, "HybridSuperSummaries", "NormalisedWallDuration")


class _Thread(threading.Thread):
    """A thread that keeps its exception for whoever waits for it."""

    def __init__(self, act: Act) -> None:
        super().__init__()
        self._act = act
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            self._act()
        except BaseException as error:
            self.error = error

    def finish(self) -> None:
        """Wait for the end; raises what went wrong."""
        self.join()
        if self.error is not None:
            raise self.error


def _summarise(target: Target) -> None:
    """As the summariser does: the server's default isolation, under which the jobs read are locked."""
    with Session(target) as db:
        db.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        db.execute("SET SESSION innodb_lock_wait_timeout = 60")
        with db.transaction():
            call(db, "SummariseJobs")


def _is_running(db: Session, text: str) -> bool:
    found = "SELECT COUNT(*) FROM information_schema.PROCESSLIST AS p WHERE p.DB = DATABASE() AND p.INFO LIKE %s"
    return bool(db.value(found, (f"{text}%",)))


def h26_two_loaders_with_one_new_name(db: Session) -> int | None:
    """Two loaders meet the same new site in messages not yet committed: the error of the next one with it.

    Nothing but merging the two names helps afterwards (check C10): this is the same with every release.
    """
    with Session(db.target) as first, Session(db.target) as second:
        for each in (first, second):
            each.execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            each.execute("START TRANSACTION")
        for vo, each in (("atlas", first), ("cms", second)):
            load_normalised(each, vo=vo)
        for each in (first, second):
            each.execute("COMMIT")
    return error_of(lambda: load_normalised(db))
