"""What one process counts and traces, as configured."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from volsched.model.observer import NO_OBSERVER, Observer, Observers

if TYPE_CHECKING:
    from volsched.conf import Configuration
    from volsched.service.metrics import Metrics
    from volsched.service.tracing import Tracing


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """The observers of one process; None for those that are off."""

    metrics: Metrics | None = None
    tracing: Tracing | None = None

    @property
    def observer(self) -> Observer:
        """The observer that every store and the pipeline report to."""
        on = [observer for observer in (self.metrics, self.tracing) if observer is not None]
        return NO_OBSERVER if not on else on[0] if len(on) == 1 else Observers(*on)

    def stop(self) -> None:
        """Send the spans that are not sent yet, within the collector's timeout."""
        if self.tracing is not None:
            self.tracing.stop()


def telemetry_of(conf: Configuration, process: str) -> Telemetry:
    """Return the telemetry of a process. Only services have metrics, for a command ends before anybody reads them.

    Raises ConfigurationError.
    """
    metrics = tracing = None
    if conf.monitoring.enabled and process != "command":
        from volsched.service.metrics import Metrics

        metrics = Metrics()
    if conf.tracing.exporter != "none":
        from volsched.service.tracing import tracing_of

        tracing = tracing_of(conf.tracing, process)
    return Telemetry(metrics=metrics, tracing=tracing)
