"""Work that only reads, or writes rows of its own, on several connections at once: a server's processors are many."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from queue import SimpleQueue
from typing import Final, TypeVar

from apelschema.db.session import Session

T = TypeVar("T")

MOST: Final = 4
"""Connections at once. More than a server has processors gain nothing, and cost little."""


def side_by_side(session: Session, works: Sequence[Callable[[Session], T]], *, large: bool = True) -> Iterator[T]:
    """What each of the works gives, in their order.

    ``large`` works are done on sessions of their own, others on the one at hand, one by one. The first error comes
    through when the works at hand have ended; what has not been begun by then is left.
    """
    if not large:
        yield from (work(session) for work in works)
        return
    with ExitStack() as stack:
        free: SimpleQueue[Session] = SimpleQueue()
        for _ in range(min(MOST, len(works))):
            free.put(stack.enter_context(Session(session.target)))
        pool = stack.enter_context(ThreadPoolExecutor(free.qsize()))
        futures = [pool.submit(_on_free_session, free, work) for work in works]
        yield from _results(futures)


def _on_free_session(free: "SimpleQueue[Session]", work: Callable[[Session], T]) -> T:
    session = free.get()
    try:
        return work(session)
    finally:
        free.put(session)


def _results(futures: Sequence[Future[T]]) -> Iterator[T]:
    try:
        for each in futures:
            yield each.result()
    finally:
        for each in futures:
            each.cancel()
