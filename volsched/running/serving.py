"""A service from its start to its stop: all of its loops, and another configuration when it is asked for."""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from dataclasses import replace

from volsched.conf import Configuration
from volsched.monitoring.monitor import Monitor
from volsched.running import record
from volsched.running.exchange import Current, DeliveryLoop
from volsched.running.loops import Loop, Loops
from volsched.running.reload import Reloader

LOG = logging.getLogger(__name__)


def serve(
    program: str,
    current: Current,
    prepare: Loops,
    read: Callable[[], Configuration],
    stop: threading.Event,
    reload: threading.Event,
) -> int:
    """Run every loop until `stop` is set (0), or one of them dies (1). `reload` asks for another configuration.

    Whoever sets `stop` sets `reload` as well: who waits for that looks at the other then.
    """
    died = threading.Event()
    delivery = DeliveryLoop(current)

    def watched(loop: Loop) -> None:
        try:
            loop(stop)
        except Exception:
            LOG.exception("a part of %s died; stopping", program)
            died.set()
            stop.set()
            reload.set()

    loops = [*prepare(current), delivery.run]
    monitor = Monitor(program, current, stop)
    reloading = _Reloading(program, current, delivery, read, monitor.address)
    threads = [threading.Thread(target=watched, args=(loop,)) for loop in (*loops, reloading.loop(reload))]
    for thread in threads:
        thread.start()
    monitor.start()
    sys.stderr.write(f"{program}: ready\n")
    for thread in threads:
        thread.join()
    monitor.stop()
    return 1 if died.is_set() else 0


class _Reloading:
    """Takes up another configuration when it is asked to, and says on this machine that the service runs, and how."""

    def __init__(
        self,
        program: str,
        current: Current,
        delivery: DeliveryLoop,
        read: Callable[[], Configuration],
        monitoring: str | None,
    ) -> None:
        """`monitoring`: where its health can be asked for."""
        application = current.application
        self._records = record.Records(application.conf.paths.state_path)
        made = record.made(program, application.conf.settings.files, application.generation)
        self._record = replace(made, monitoring=monitoring)
        self._reloader = Reloader(current, delivery, read)
        self._tell()

    def loop(self, asked: threading.Event) -> Loop:
        """Reloads each time that `asked` is set."""

        def run(stop: threading.Event) -> None:
            try:
                while asked.wait() and not stop.is_set():
                    asked.clear()  # before it is read: who asks meanwhile asks for another time
                    done = self._reloader.reload()
                    self._record = replace(
                        self._record,
                        generation=done.generation,
                        reloads=self._record.reloads + 1,
                        problem=done.problem,
                        until_restart=done.until_restart,
                    )
                    self._tell()
            finally:
                self._records.remove(self._record)

        return run

    def _tell(self) -> None:
        try:
            self._records.write(self._record)
        except OSError as problem:
            LOG.warning(
                "volsched config reload will not find this service (SIGHUP reloads it all the same): %s", problem
            )
