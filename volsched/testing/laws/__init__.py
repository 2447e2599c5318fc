"""The conformance kit: the laws of each kind of plugin, as mixins for an author's own test cases."""

from volsched.testing.laws.backends import BackendConformance
from volsched.testing.laws.commands import CommandConformance
from volsched.testing.laws.notifiers import NotifierConformance
from volsched.testing.laws.placing import FilterConformance, WeigherConformance, WeightHandlerConformance
from volsched.testing.laws.plugin import PluginConformance
from volsched.testing.laws.schedulers import SchedulerConformance

__all__ = [
    "BackendConformance",
    "CommandConformance",
    "FilterConformance",
    "NotifierConformance",
    "PluginConformance",
    "SchedulerConformance",
    "WeigherConformance",
    "WeightHandlerConformance",
]
