"""From the plugins that run to those that another configuration selects: what stays, what starts, what stops."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from volsched.conf import Configuration
from volsched.conf.generations import Generations, fingerprint
from volsched.loader.construction import Built, Prepared
from volsched.loader.kinds import BACKEND, NOTIFIER
from volsched.loader.loaded import Plugins, start, stop
from volsched.loader.problems import LoadProblems

LOG = logging.getLogger(__name__)


class Exchange:
    """The plugins of a new configuration, in the place of those that run.

    A plugin whose class and options are the same goes on as it is. Backends always do: what they hold is in use.
    """

    def __init__(self, running: Plugins, selected: Plugins) -> None:
        self._running = {each.choice.section: each for each in running.everything}
        backends = tuple(each for each in running.built if each.choice.kind is BACKEND)
        others = (each for each in selected.built if each.choice.kind is not BACKEND)
        self.plugins = replace(
            selected,
            built=(*map(self._kept_or_new, others), *backends),
            of_profiles=tuple(map(self._kept_or_new, selected.of_profiles)),
            zones=running.zones,
        )
        going_on = {id(each) for each in self.plugins.everything}
        known = {id(each) for each in running.everything}
        self._new = tuple(each for each in self.plugins.everything if id(each) not in known)
        self._gone = tuple(each for each in running.everything if id(each) not in going_on)

    def _kept_or_new(self, built: Built) -> Built:
        known = self._running.get(built.choice.section)
        return known if known is not None and _same(known, built) else built

    def start_placing(self) -> Callable[[], None]:
        """Start the new plugins, but for notifiers; returns what takes that back. Raises LoadProblems."""
        new = [each for each in self._new if each.choice.kind is not NOTIFIER]
        start(new)
        return lambda: stop(new)

    def exchange_notifiers(self) -> None:
        """Stop the notifiers that go, start those that come. Raises LoadProblems; all is as it was then.

        Those that go are stopped first: the new ones may need what they hold, a port or a file.
        """
        gone = [each for each in self._gone if each.choice.kind is NOTIFIER]
        stop(gone)
        try:
            start(each for each in self._new if each.choice.kind is NOTIFIER)
        except LoadProblems:
            for each in gone:
                _start_again(each)
            raise

    def stop_placing(self) -> None:
        """Stop what the new configuration does not select any more, when nothing is placed by it now."""
        stop(each for each in self._gone if each.choice.kind is not NOTIFIER)


def _same(one: Built, other: Built) -> bool:
    return _facts(one.prepared) == _facts(other.prepared)


def _facts(prepared: Prepared) -> tuple[object, ...]:
    """What makes a plugin what it is, and those that it is made of."""
    inner = [[(each.choice.name, each.interest, _facts(each)) for each in named] for named in prepared.inner.values()]
    return prepared.choice.entry, prepared.plugin_class, dict(prepared.values), inner


def _start_again(built: Built) -> None:
    try:
        start([built])
    except LoadProblems as problems:
        LOG.error("[%s] ran, and cannot be started again: %s", built.choice.section, problems)


def generation_of(conf: Configuration, plugins: Plugins, *, after: int | None = None) -> int:
    """The number of a configuration with its plugins; one that is loaded instead of another has a greater one."""
    numbers, mark = Generations(Path(conf.paths.state_path)), fingerprint(conf, providers(plugins))
    if after is None:
        return numbers.of(mark, conf.settings.files)
    return numbers.after(after, mark, conf.settings.files)


def providers(plugins: Plugins) -> Iterable[str]:
    """Who brought the plugins that decide, in which version. Notifiers do not, and processes have different ones."""
    every = [each.prepared for each in plugins.everything if each.choice.kind is not NOTIFIER]
    if plugins.driver is not None:
        every.append(plugins.driver)
    return {f"{prepared.choice.section}={prepared.choice.entry.provider}" for prepared in every}
