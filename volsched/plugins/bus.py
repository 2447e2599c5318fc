"""oslo.messaging as this process uses it: on threads, with a configuration of its own."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

if TYPE_CHECKING:
    from oslo_config import cfg

#: oslo.messaging's transports for RabbitMQ.
RABBIT = ("rabbit", "kombu")
NOTHING: Mapping[str, str] = MappingProxyType({})


def oslo_messaging_on_threads() -> Any:
    """Return the module oslo_messaging, set up for threads."""
    _choose_threads()
    import oslo_messaging

    return oslo_messaging


def _choose_threads() -> None:
    """Select threads for oslo's libraries in this process: without a selection, they use eventlet."""
    from oslo_service import backend

    if backend.get_backend_type() is None:
        backend.init_backend(backend.BackendType.THREADING)


def private_configuration(project: str = "volsched-bus") -> cfg.ConfigOpts:
    """Return a configuration for oslo.messaging alone.

    It registers two groups on the global configuration only, and their options are not in its public list (see the cap
    in setup.cfg).
    """
    from oslo_config import cfg
    from oslo_messaging import _metrics, _tracing

    conf = cfg.ConfigOpts()
    conf.register_opts(_tracing.client.oslo_messaging_tracing, group="oslo_messaging_tracing")
    conf.register_opts(_metrics.client.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf([], project=project, default_config_files=[], default_config_dirs=[])
    return conf


def completed(url: str, wanted: Mapping[str, str] = NOTHING) -> str:
    """Return the URL of a RabbitMQ with `wanted` options in its query, unless it sets them already.

    With TLS, the broker's certificate is checked: against the system's authorities unless the URL names others.
    """
    parts = urlsplit(url)
    if parts.scheme.partition("+")[0] not in RABBIT:
        return url
    given = parse_qs(parts.query)
    everything = {**wanted, **(_authorities() if is_true(given.get("ssl", [""])[-1]) else {})}
    added = "&".join(f"{key}={value}" for key, value in everything.items() if key not in given)
    return urlunsplit(parts._replace(query="&".join(filter(None, (parts.query, added)))))


def is_true(text: str) -> bool:
    """Return whether an option of a URL's query is on, by the rules of oslo.config."""
    return text.strip().lower() in ("true", "1", "on", "yes")


def _authorities() -> dict[str, str]:
    """Return the option that names the system's authorities; without it, oslo.messaging accepts every certificate."""
    file = ssl.get_default_verify_paths().cafile
    return {"ssl_ca_file": file} if file else {}
