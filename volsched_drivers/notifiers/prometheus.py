"""The notifier that counts events and serves the metrics to Prometheus."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from volsched.plugins import Event, Notifier
from volsched.plugins.counting import EventCounts

if TYPE_CHECKING:
    from oslo_config import cfg
    from prometheus_client import CollectorRegistry

LISTENING_SECONDS = 1.0


class PrometheusNotifier(Notifier):
    """Counts decisions, refusals, claim conflicts and events, and serves the metrics at /metrics.

    Each event is counted in the one process that delivers it: let only one kind of process deliver (`processes`), and
    add the metrics of several processes up.
    """

    contract = (1, 0)

    def __init__(self, *, host: str = "127.0.0.1", port: int = 9464) -> None:
        self.host = host
        self.port = port
        self._guard = threading.Lock()
        self._counts: tuple[EventCounts, CollectorRegistry] | None = None
        self._served: tuple[Any, threading.Thread] | None = None

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            cfg.StrOpt(
                "host",
                default="127.0.0.1",
                help="Address to listen on. Everybody who can reach it can read the metrics.",
            ),
            cfg.IntOpt("port", default=9464, min=0, max=65535, help="Port to listen on; 0: any free one."),
        )

    def validate(self) -> list[str]:
        return (
            []
            if self.host.strip()
            else ["host: expected an address to listen on, for example 127.0.0.1, got an empty one"]
        )

    def start(self) -> None:
        """Raises OSError where the port is taken."""
        from prometheus_client import start_http_server

        with self._guard:
            if self._served is not None:
                return
            _, registry = self._counted()
            try:
                self._served = start_http_server(self.port, self.host, registry=registry)
            except OSError as problem:
                raise OSError(
                    f"cannot listen on {self.host}:{self.port}: {problem.strerror or problem}; set another port, or "
                    "let only one kind of process deliver: processes = scheduler"
                ) from problem

    def stop(self) -> None:
        with self._guard:
            served, self._served = self._served, None
        if served is not None:
            server, thread = served
            server.shutdown()
            server.server_close()
            thread.join(LISTENING_SECONDS)

    @property
    def address(self) -> tuple[str, int] | None:
        """The address that it listens on; None while stopped."""
        return self._served[0].server_address[:2] if self._served is not None else None

    def notify(self, event: Event) -> None:
        """Raises EventRefused where the event has unusable values."""
        with self._guard:
            counts, _ = self._counted()
        counts.count(event)

    def _counted(self) -> tuple[EventCounts, CollectorRegistry]:
        if self._counts is None:
            from prometheus_client import CollectorRegistry

            registry = CollectorRegistry()
            self._counts = EventCounts(registry), registry
        return self._counts
