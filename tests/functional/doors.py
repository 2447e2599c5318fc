"""A network path to a server that a test can block or make silent."""

from __future__ import annotations

import contextlib
import socket
import threading
from typing import Self

ADDRESS = "127.0.0.1"


class Door:
    """A port on this machine that leads to another, `target`. Without a target it swallows whatever comes.

    Shut, connections are cut and refused; silent, they are taken and never answered.
    """

    def __init__(self, target: int | None = None) -> None:
        self._target = target
        self._silent = threading.Event()
        self._guard = threading.Lock()
        self._through: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = self._listening(0)
        self.port = int(self._listener.getsockname()[1])
        self.visits = 0

    def __enter__(self) -> Self:
        self._start(self._take, self._listener)
        return self

    def __exit__(self, *problem: object) -> None:
        self.shut()
        for thread in self._threads:
            thread.join()

    def shut(self) -> None:
        """Cut everything, and take nothing more."""
        with self._guard:
            cut, self._through = [self._listener, *self._through], []
        for one in cut:
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()

    def open(self) -> None:
        """Let everything through again."""
        self._silent.clear()
        if self._listener.fileno() < 0:
            self._listener = self._listening(self.port)
            self._start(self._take, self._listener)

    def silence(self) -> None:
        """Take everything, and answer nothing."""
        self._silent.set()

    def _listening(self, port: int) -> socket.socket:
        made = socket.socket()
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((ADDRESS, port))
        made.listen(100)
        return made

    def _start(self, target: object, *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments, name="door", daemon=True)  # type: ignore[arg-type]
        self._threads.append(thread)
        thread.start()

    def _take(self, listener: socket.socket) -> None:
        while True:
            try:
                came, _ = listener.accept()
            except OSError:
                return  # it was shut
            self.visits += 1
            ends = [came]
            if self._target is not None and not self._silent.is_set():
                ends.append(socket.create_connection((ADDRESS, self._target)))
            with self._guard:
                self._through.extend(ends)
            if len(ends) == 2:
                self._start(self._carry, *ends)
                self._start(self._carry, *reversed(ends))

    def _carry(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if not self._silent.is_set():
                    target.sendall(data)
        with contextlib.suppress(OSError):
            target.shutdown(socket.SHUT_RDWR)
