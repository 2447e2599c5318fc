"""Entry points to checked plugins: discovery, selection, checks, construction."""

from volsched.loader.catalog import Catalog, Entry
from volsched.loader.kinds import BACKEND, FILTER, KINDS, NOTIFIER, SCHEDULER, WEIGHER, WEIGHT_HANDLER, Kind
from volsched.loader.loaded import Plugins
from volsched.loader.loader import examine, load
from volsched.loader.problems import LoadProblems, Problem

__all__ = [
    "BACKEND",
    "FILTER",
    "KINDS",
    "NOTIFIER",
    "SCHEDULER",
    "WEIGHER",
    "WEIGHT_HANDLER",
    "Catalog",
    "Entry",
    "Kind",
    "LoadProblems",
    "Plugins",
    "Problem",
    "examine",
    "load",
]
