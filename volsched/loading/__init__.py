"""The plugin door: what is published, what the configuration selects of it, and everything that is wrong with that."""

from volsched.loading.catalogue import Catalogue, Entry
from volsched.loading.kinds import BACKEND, FILTER, KINDS, NOTIFIER, SCHEDULER, WEIGHER, WEIGHT_HANDLER, Kind
from volsched.loading.loader import examine, load
from volsched.loading.plugins import Plugins
from volsched.loading.problems import LoadProblems, Problem

__all__ = [
    "BACKEND",
    "FILTER",
    "KINDS",
    "NOTIFIER",
    "SCHEDULER",
    "WEIGHER",
    "WEIGHT_HANDLER",
    "Catalogue",
    "Entry",
    "Kind",
    "LoadProblems",
    "Plugins",
    "Problem",
    "examine",
    "load",
]
