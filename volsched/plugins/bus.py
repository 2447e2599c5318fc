"""oslo.messaging and oslo.service as this process uses them: on threads, with configurations of their own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

if TYPE_CHECKING:
    from oslo_config import cfg

#: oslo.messaging's transports that speak to RabbitMQ.
RABBIT = ("rabbit", "kombu")
NOTHING: Mapping[str, str] = MappingProxyType({})


def oslo_messaging_on_threads() -> Any:
    """oslo.messaging, on threads."""
    _choose_threads()
    import oslo_messaging

    return oslo_messaging


def oslo_service_on_threads() -> Any:
    """oslo.service's module `service`, on threads."""
    _choose_threads()
    from oslo_service import service

    return service


def _choose_threads() -> None:
    """The kind of concurrency is chosen for the whole process when it is first needed; unasked, one gets eventlet."""
    from oslo_service import backend

    if backend.get_backend_type() is None:
        backend.init_backend(backend.BackendType.THREADING)


def private_configuration(project: str = "volsched-bus") -> cfg.ConfigOpts:
    """Return a configuration of the bus's own.

    oslo.messaging registers two groups on the global configuration only, and there is no public way to their options:
    setup.cfg sets an upper bound for its version.
    """
    from oslo_config import cfg
    from oslo_messaging import _metrics, _tracing

    conf = cfg.ConfigOpts()
    conf.register_opts(_tracing.client.oslo_messaging_tracing, group="oslo_messaging_tracing")
    conf.register_opts(_metrics.client.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf([], project=project, default_config_files=[], default_config_dirs=[])
    return conf


def completed(url: str, wanted: Mapping[str, str] = NOTHING) -> str:
    """The URL of a RabbitMQ with what is wanted of it in its query, where that says nothing else.

    With TLS, a broker must be vouched for: where nobody is named, by who the system believes.
    """
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in RABBIT:
        return url
    given = parse_qs(parts.query)
    everything = {**wanted, **(_authorities() if is_true(given.get("ssl", [""])[-1]) else {})}
    added = "&".join(f"{key}={value}" for key, value in everything.items() if key not in given)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def is_true(text: str) -> bool:
    """Whether an option of a URL's query is on, as oslo.config has it."""
    return text.strip().lower() in ("true", "1", "on", "yes")


def _authorities() -> dict[str, str]:
    """oslo.messaging would believe every certificate."""
    file = ssl.get_default_verify_paths().cafile
    return {"ssl_ca_file": file} if file else {}
