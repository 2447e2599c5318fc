"""The kinds of plugin that a package can be written for, and what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType


@dataclass(frozen=True, slots=True, kw_only=True)
class Sort:
    """One kind: where it is published, how its classes end, and how an operator selects a plugin called $name."""

    name: str
    plural: str  # the end of its entry-point group
    suffix: str
    selected: str  # a template of configuration, or of a command line
    requires: tuple[str, ...] = ()  # beyond volsched itself

    @property
    def group(self) -> str:
        return f"volsched.{self.plural}"

    @property
    def spelt(self) -> str:
        """The kind, for people to read."""
        return self.name.replace("_", " ")


_EVERY = (
    Sort(
        name="scheduler",
        plural="schedulers",
        suffix="Scheduler",
        selected="[scheduler]\ndriver = $name\n\n[scheduler_$name]\namong = 3",
        requires=("numpy",),
    ),
    Sort(
        name="filter",
        plural="filters",
        suffix="Filter",
        selected="[scheduler]\nfilters = availability_zone, capacity, capabilities, $name\n\n"
        "[filter_$name]\ncapability = $name\nrejected = broken, on loan",
    ),
    Sort(
        name="weigher",
        plural="weighers",
        suffix="Weigher",
        selected="[scheduler]\nweighers = capacity, $name\n\n[weigher_$name]\ncapability = $name\nmultiplier = 2",
    ),
    Sort(
        name="weight_handler",
        plural="weight_handlers",
        suffix="WeightHandler",
        selected="[scheduler]\nweight_handler = $name\n\n[weight_handler_$name]\nstep = 0.1",
        requires=("numpy",),
    ),
    Sort(
        name="notifier",
        plural="notifiers",
        suffix="Notifier",
        selected="[notifications]\nnotifiers = ops\n\n"
        "[notifier_ops]\ndriver = $name\nurl = https://events.example.org/volsched",
    ),
    Sort(
        name="backend",
        plural="backends",
        suffix="Backend",
        selected="[agent]\nbackends = disk1\n\n[backend_disk1]\ndriver = $name\npath = /srv/volumes\nsize_gb = 100",
    ),
    Sort(name="command", plural="commands", suffix="Command", selected="volsched $words", requires=("cliff",)),
)

#: By name.
SORTS: Mapping[str, Sort] = MappingProxyType({sort.name: sort for sort in _EVERY})
