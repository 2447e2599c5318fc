"""The kinds of plugin: how each is published, selected and recognized."""

from __future__ import annotations

from dataclasses import dataclass

from volsched.conf.opts import INSTANCE_OPTIONS, OPTION_GROUPS
from volsched.plugins.backends import BACKEND_CONTRACT, StorageBackend
from volsched.plugins.filters import ColumnFilter, PoolFilter
from volsched.plugins.notifiers import Notifier
from volsched.plugins.options import HOST_CONTRACT, Plugin
from volsched.plugins.schedulers import SchedulerDriver
from volsched.plugins.weighers import ColumnWeigher, PoolWeigher, WeightHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """One kind of plugin. `option` of `[section]` selects it; `bases` are what its classes derive from.

    A class may also derive from `Plugin` alone and have `verbs`, the methods that the pipeline calls.
    """

    name: str
    plural: str
    section: str
    option: str
    bases: tuple[type, ...]
    verbs: tuple[str, ...] = ()
    contract: tuple[int, int] = HOST_CONTRACT  # that this volsched offers

    @property
    def entry_points(self) -> str:
        return "volsched." + self.plural.replace(" ", "_")

    @property
    def prefix(self) -> str:
        """The prefix of the option groups of its plugins."""
        return OPTION_GROUPS[self.entry_points]

    @property
    def instances(self) -> bool:
        """Whether `option` lists instances, whose sections name their drivers."""
        return self.entry_points in INSTANCE_OPTIONS

    def includes(self, plugin_class: type) -> bool:
        """Return whether a class is of this kind."""
        if issubclass(plugin_class, self.bases):
            return True
        verbs = bool(self.verbs) and all(hasattr(plugin_class, verb) for verb in self.verbs)
        return verbs and issubclass(plugin_class, Plugin)


SCHEDULER = Kind(
    name="scheduler driver", plural="schedulers", section="scheduler", option="driver", bases=(SchedulerDriver,)
)
FILTER = Kind(
    name="filter",
    plural="filters",
    section="scheduler",
    option="filters",
    bases=(ColumnFilter, PoolFilter),
    verbs=("screen",),
)
WEIGHER = Kind(
    name="weigher",
    plural="weighers",
    section="scheduler",
    option="weighers",
    bases=(ColumnWeigher, PoolWeigher),
    verbs=("weigh",),
)
WEIGHT_HANDLER = Kind(
    name="weight handler",
    plural="weight handlers",
    section="scheduler",
    option="weight_handler",
    bases=(WeightHandler,),
)
NOTIFIER = Kind(name="notifier", plural="notifiers", section="notifications", option="notifiers", bases=(Notifier,))
BACKEND = Kind(
    name="backend",
    plural="backends",
    section="agent",
    option="backends",
    bases=(StorageBackend,),
    contract=BACKEND_CONTRACT,
)

KINDS = (SCHEDULER, FILTER, WEIGHER, WEIGHT_HANDLER, NOTIFIER, BACKEND)
