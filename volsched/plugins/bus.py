"""oslo.messaging as this process uses it: on threads, and with a configuration that nobody else can change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oslo_config import cfg


def oslo_messaging_on_threads() -> Any:
    """oslo.messaging, on threads.

    The kind of concurrency is chosen for the whole process when oslo.service is first imported, and eventlet is what
    one gets without asking.
    """
    from oslo_service import backend

    if backend.get_backend_type() is None:
        backend.init_backend(backend.BackendType.THREADING)
    import oslo_messaging

    return oslo_messaging


def private_configuration(project: str = "volsched-bus") -> cfg.ConfigOpts:
    """A configuration of the bus's own, with the two groups that oslo.messaging registers on the global one only."""
    from oslo_config import cfg
    from oslo_messaging import _metrics, _tracing

    conf = cfg.ConfigOpts()
    conf.register_opts(_tracing.client.oslo_messaging_tracing, group="oslo_messaging_tracing")
    conf.register_opts(_metrics.client.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf([], project=project, default_config_files=[], default_config_dirs=[])
    return conf
