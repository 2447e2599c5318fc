"""oslo.messaging and oslo.service as this process uses them: on threads, with configurations of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from oslo_config import cfg


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
    """A configuration of the bus's own, with the two groups that oslo.messaging registers on the global one only."""
    from oslo_config import cfg
    from oslo_messaging import _metrics, _tracing

    conf = cfg.ConfigOpts()
    conf.register_opts(_tracing.client.oslo_messaging_tracing, group="oslo_messaging_tracing")
    conf.register_opts(_metrics.client.oslo_messaging_metrics, group="oslo_messaging_metrics")
    conf([], project=project, default_config_files=[], default_config_dirs=[])
    return conf
