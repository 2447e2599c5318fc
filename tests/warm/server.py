"""A server that does all imports once, and forks a process for each program.

It listens on an abstract Unix socket. A client sends a line of JSON that describes the program, with its standard
streams, and receives a line with the pid and one with the exit status. The server ends at the end of its stdin.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import pkgutil
import selectors
import signal
import socket
import sys
import tempfile
import traceback
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

LONGEST = 1 << 20
#: Modules that libraries import at their first use.
ALSO = (
    "alembic.command",
    "cliff.formatters.json_format",
    "cliff.formatters.table",
    "cliff.formatters.value",
    "cliff.lister",
    "cliff.show",
    "numpy",
    "sqlalchemy.dialects.sqlite",
    "taskflow.engines",
)


def serve(address: str) -> None:
    """Serve until stdin ends."""
    _import()
    gc.collect()
    gc.freeze()  # children share objects that they only read
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the forked supervisors are not waited for
    with socket.socket(socket.AF_UNIX) as listener, selectors.DefaultSelector() as selector:
        listener.bind(address)
        listener.listen(64)
        selector.register(listener, selectors.EVENT_READ)
        selector.register(sys.stdin, selectors.EVENT_READ)
        print("ready", flush=True)
        while not any(key.fileobj is sys.stdin for key, _ in selector.select()):
            connection, _ = listener.accept()
            if os.fork() == 0:
                listener.close()
                selector.close()
                _supervise(connection)
            connection.close()


def _import() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import volsched
        import volsched_drivers

        for package in (volsched, volsched_drivers):
            for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
                if "migrations" not in module.name and not module.name.endswith("__main__"):
                    importlib.import_module(module.name)
        for name in ALSO:
            importlib.import_module(name)
    from volsched.library_warnings import ignore_library_warnings

    ignore_library_warnings()
    warnings.filterwarnings("ignore", message=r"Using fork\(\)")  # from eventlet, which libraries import


def _supervise(connection: socket.socket) -> None:
    """Run one program, and send its exit status."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    text, streams, _, _ = socket.recv_fds(connection, LONGEST, 3)
    while not text.endswith(b"\n"):
        text += connection.recv(LONGEST)
    child = os.fork()
    if child == 0:
        connection.close()
        _become(json.loads(text), streams)
    for stream in streams:
        os.close(stream)
    try:
        connection.sendall(f"{child}\n".encode())
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        connection.sendall(f"{status}\n".encode())
    except BrokenPipeError:
        pass  # the client has ended
    os._exit(0)


def _become(asked: Mapping[str, Any], streams: Sequence[int]) -> None:
    """Turn into the program: run `call`, a `module:function`, with the arguments."""
    status = 70
    try:
        for number, stream in enumerate(streams):
            os.dup2(stream, number)
            os.close(stream)
        os.chdir(asked["folder"])
        os.environ.clear()
        os.environ.update(asked["environment"])
        path = asked["environment"].get("PYTHONPATH", "").split(os.pathsep)
        sys.path[:0] = [folder for folder in (*asked["path"], *path) if folder]
        tempfile.tempdir = None
        module, _, function = asked["call"].partition(":")
        sys.argv = [function, *asked["arguments"]]
        if asked["kill_at"]:
            _arm(asked["kill_at"])
        status = getattr(importlib.import_module(module), function)(asked["arguments"])
    except SystemExit as ended:
        status = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except Exception:  # noqa: BLE001 - printed as the interpreter does
        traceback.print_exc()
        status = 1
    finally:
        for output in (sys.stdout, sys.stderr):
            try:
                output.flush()
            except BrokenPipeError:
                pass  # the reader has ended
        os._exit(status)


def _arm(step: int) -> None:
    from tests.functional import deadly

    deadly.arm(step)


if __name__ == "__main__":
    del sys.path[0]  # this folder: its modules are imported as tests.warm
    serve(f"\0{sys.argv[1]}")
