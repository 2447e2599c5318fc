"""The monitoring of one running service: /live, /ready and /metrics."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from volsched.service.dependency_checks import DependencyChecks
from volsched.service.generation import Current
from volsched.service.health import Check, Health, Status
from volsched.service.http_server import Answer, PagesServer
from volsched.service.metrics import CheckedMetrics

LIVE, READY, METRICS = "/live", "/ready", "/metrics"
JSON = "application/json"
#: The loop whose steps may last as long as a storage backend has to copy.
WORK = "work"


class Monitor:
    """Answers from `start` to `stop`. Off, where [monitoring] enabled is: then it does nothing."""

    def __init__(self, program: str, current: Current, stop: threading.Event, *, worker: int = 0) -> None:
        """Listens already. `stop`: set when the service is to end. `worker`: which one of several worker processes.

        Raises ConfigurationError where the port cannot be had.
        """
        self._program = program
        self._current = current
        self._stop = stop
        self._live, self._ready = Health(), Health()
        self._server: PagesServer | None = None
        conf = current.application.conf
        options = conf.monitoring
        if not options.enabled:
            return
        kind = program.removeprefix("volsched-")
        option = f"{kind}_port"
        port = options[option]
        self._limit = options.stall_seconds
        self._limits = {WORK: options.storage_stall_seconds} if kind == "agent" else {}
        self._looks = DependencyChecks(
            lambda: current.application, kind, interval=options.look_interval, seen=self.ready
        )
        metrics = current.application.telemetry.metrics
        self._registry = CollectorRegistry() if metrics is None else metrics.registry
        self._registry.register(CheckedMetrics(current, self._looks, of_installation=kind == "scheduler"))
        self._server = PagesServer(
            {LIVE: self.live, READY: self.ready, METRICS: self.metrics},
            host=options.host,
            port=port + worker if port else 0,
            option=conf.label("monitoring", option),
        )

    @property
    def address(self) -> str | None:
        """host:port; None where it is off."""
        return None if self._server is None else self._server.address

    def start(self) -> None:
        if self._server is not None:
            self._looks.start()
            self._server.start()

    def stop(self) -> None:
        """Idempotent."""
        if self._server is not None:
            self._server.stop()
            self._looks.stop()

    # -- pages ---------------------------------------------------------------------------------------------------

    def live(self) -> Answer:
        """Whether every loop gets on."""
        return self._page(self._live, self._loops())

    def ready(self) -> Answer:
        """Whether the service can do its work now."""
        return self._page(self._ready, self._needs())

    def metrics(self) -> Answer:
        """The figures of this process, as Prometheus reads them."""
        return Answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))

    def _loops(self) -> Iterator[Check]:
        slowest: dict[str, float] = {}
        for step, seconds in self._current.steps():
            slowest[step] = max(seconds, slowest.get(step, 0.0))
        for step, seconds in slowest.items():
            limit = self._limits.get(step, self._limit)
            if seconds <= limit:
                yield Check(step)
            else:
                yield Check(step, Status.FAILED, f"at one step for {seconds:.0f} s; {limit:g} s are allowed")

    def _needs(self) -> Iterator[Check]:
        if self._stop.is_set():
            yield Check("service", Status.FAILED, "it is stopping")
        else:
            yield Check("service")
        if self._current.refused:
            yield Check("configuration", Status.WARNING, "the last reload was refused; see the log")
        else:
            yield Check("configuration")
        late = self._looks.late
        if late is not None:
            yield Check("looks", Status.FAILED, f"what this service needs was last looked at {late:.0f} s ago")
        yield from self._looks.found.checks

    def _page(self, health: Health, checks: Iterator[Check]) -> Answer:
        well, told = health.told(checks)
        body: dict[str, Any] = {"service": self._program, "pid": os.getpid(), **told}
        status = HTTPStatus.OK if well else HTTPStatus.SERVICE_UNAVAILABLE
        return Answer(status, JSON, (json.dumps(body, ensure_ascii=False) + "\n").encode())
