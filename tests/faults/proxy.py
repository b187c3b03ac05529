"""A door between the tool and its server that can lose a connection, as networks do: the answer never comes."""

import contextlib
import socket
import tempfile
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Literal, Self

from apelschema.db.connect import Target

Loss = Literal["question", "answer", "silence"]
"""What the network loses: the next statement; its answer, and the server hears that the line is dead; its answer, and
the server hears nothing, as when a host or a firewall goes."""


@dataclass
class _Line:
    """One connection through the door."""

    client: socket.socket
    server: socket.socket
    loss: Loss | None = None

    def close(self) -> None:
        for end in (self.client, self.server):
            _shut(end)


class Proxy:
    """Context manager: ``target`` leads to the same server through a door of its own."""

    def __init__(self, target: Target) -> None:
        self._behind = target
        self._folder = tempfile.TemporaryDirectory(prefix="apelschema-", dir="/tmp")
        self._path = str(Path(self._folder.name) / "socket")
        self._lines: dict[int, _Line] = {}
        self._door = socket.socket(socket.AF_UNIX)

    def __enter__(self) -> Self:
        self._door.bind(self._path)
        self._door.listen()
        threading.Thread(target=self._let_in, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        _shut(self._door)
        self.let_go()
        self._folder.cleanup()

    @property
    def target(self) -> Target:
        """How to come in through the door."""
        return replace(self._behind, unix_socket=self._path)

    def lose(self, connection_id: int, loss: Loss) -> None:
        """Lose a connection (the server's id) at its next statement."""
        self._lines[connection_id].loss = loss

    def let_go(self) -> None:
        """End all lines to the server."""
        for line in list(self._lines.values()):
            line.close()

    def _let_in(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client = self._door.accept()[0]
                threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        line = _Line(client, self._dial())
        with contextlib.suppress(OSError):
            greeting = line.server.recv(65536)
            self._lines[_identity(greeting)] = line
            threading.Thread(target=self._answer, args=(line,), daemon=True).start()
            client.sendall(greeting)
            self._ask(line)
        _shut(client)
        if line.loss != "silence":
            _shut(line.server)

    def _ask(self, line: _Line) -> None:
        """Pass on what the client says, until either side is gone or the line is lost."""
        while data := line.client.recv(65536):
            if line.loss == "question":
                return
            line.server.sendall(data)
            if line.loss is not None:
                return

    def _answer(self, line: _Line) -> None:
        """Pass on what the server says, unless it is lost."""
        with contextlib.suppress(OSError):
            while data := line.server.recv(65536):
                if line.loss is None:
                    line.client.sendall(data)
        if line.loss is None:
            _shut(line.client)

    def _dial(self) -> socket.socket:
        behind = self._behind
        if behind.unix_socket is None:
            return socket.create_connection((behind.host, behind.port))
        server = socket.socket(socket.AF_UNIX)
        server.connect(behind.unix_socket)
        return server


def _identity(greeting: bytes) -> int:
    """The connection's id in the server's first packet: after four bytes of header, the protocol and the version."""
    end = greeting.index(b"\0", 5)
    return int.from_bytes(greeting[end + 1 : end + 5], "little")


def _shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    end.close()
