"""Servers of one's own, for faults that a server does not survive or that concern all of it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from apelschema.db.private import PrivateServer
from tests.faults.commands import Ground, Grow
from tests.support.servers import TestServer, in_memory


@contextmanager
def private_ground(options: Sequence[str] = (), grow: Grow | None = None) -> Iterator[Ground]:
    """A private server in memory, where there is room for it."""
    with PrivateServer(options, base=in_memory()) as server:
        yield Ground(TestServer(server.target(), server), grow)
