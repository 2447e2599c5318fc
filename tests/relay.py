"""A relay to a server, whose connections a test can cut and restore."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

ADDRESS = "127.0.0.1"


class Relay:
    """Passes connections on to a port of this machine while it is whole. Cut, it refuses them, as a dead server's."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._guard = threading.Lock()
        self._ends: set[socket.socket] = set()
        self._listener: socket.socket | None = None
        self.port = 0

    def __enter__(self) -> Self:
        self.fix()
        return self

    def __exit__(self, *problem: object) -> None:
        self.cut()

    def fix(self) -> None:
        """Listen, at the same port as before."""
        listener = socket.create_server((ADDRESS, self.port))
        self.port = listener.getsockname()[1]
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), name="relay", daemon=True).start()

    def cut(self) -> None:
        """Refuse new connections, and end all that there are."""
        listener, self._listener = self._listener, None
        with self._guard:
            ends, self._ends = self._ends, set()
        for end in (*ends, *([listener] if listener is not None else [])):
            _end(end)

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:  # cut
                return
            server = socket.create_connection((ADDRESS, self._target))
            with self._guard:
                if self._listener is listener:
                    self._ends |= {client, server}
                else:
                    _end(client)
                    _end(server)
                    return
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._pass_on, args=(source, sink), name="relay", daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):  # cut, or one of the two has ended
            while some := source.recv(65536):
                sink.sendall(some)
        with self._guard:
            self._ends -= {source, sink}
        _end(source)
        _end(sink)


def _end(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()
