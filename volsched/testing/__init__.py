"""For tests of plugins: the conformance kit, builders of values, and a scheduler's resources in memory."""

from volsched.testing.builders import (
    a_pool,
    a_pool_table,
    a_report,
    a_request,
    a_volume,
    a_volume_type,
    an_attempt,
    an_event,
)
from volsched.testing.laws import (
    BackendConformance,
    CommandConformance,
    FilterConformance,
    NotifierConformance,
    PluginConformance,
    SchedulerConformance,
    WeigherConformance,
    WeightHandlerConformance,
)
from volsched.testing.memory import scheduler_resources

__all__ = [
    "BackendConformance",
    "CommandConformance",
    "FilterConformance",
    "NotifierConformance",
    "PluginConformance",
    "SchedulerConformance",
    "WeigherConformance",
    "WeightHandlerConformance",
    "a_pool",
    "a_pool_table",
    "a_report",
    "a_request",
    "a_volume",
    "a_volume_type",
    "an_attempt",
    "an_event",
    "scheduler_resources",
]
