"""Work that only reads, or writes rows of its own, on several connections at once: a server's processors are many."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from operator import length_hint
from queue import SimpleQueue
from typing import Final, TypeVar

from apelschema.db.session import Session

T = TypeVar("T")

MOST: Final = 4
"""Connections at once. More than a server has processors gain nothing, and cost little."""


def side_by_side(session: Session, works: Iterable[Callable[[Session], T]], *, large: bool = True) -> Iterator[T]:
    """What each of the works gives, in their order.

    ``large`` works are done on sessions of their own, others on the one at hand, one by one. A work is asked for when
    there is a session for it: an iterator may look about before each, or raise. The first error comes through when the
    works at hand have ended; what has not been begun by then is left.
    """
    sessions = min(MOST, length_hint(works, MOST))
    if not large or not sessions:
        yield from (work(session) for work in works)
        return
    with ExitStack() as stack:
        free: SimpleQueue[Session] = SimpleQueue()
        for _ in range(sessions):
            free.put(stack.enter_context(Session(session.target)))
        pool = stack.enter_context(ThreadPoolExecutor(free.qsize()))
        yield from _results(pool, free, works)


def _on_free_session(free: "SimpleQueue[Session]", work: Callable[[Session], T]) -> T:
    session = free.get()
    try:
        return work(session)
    finally:
        free.put(session)


def _results(
    pool: ThreadPoolExecutor, free: "SimpleQueue[Session]", works: Iterable[Callable[[Session], T]]
) -> Iterator[T]:
    most, begun = free.qsize(), deque[Future[T]]()
    at_work: set[Future[T]] = set()
    for work in works:
        begun.append(pool.submit(_on_free_session, free, work))
        at_work.add(begun[-1])
        if len(at_work) == most:
            done, at_work = wait(at_work, return_when=FIRST_COMPLETED)
            if any(each.exception() for each in done):
                break
        while begun and begun[0].done():
            yield begun.popleft().result()
    for each in begun:
        yield each.result()
