"""Reload: which plugins continue, which start and which stop when the configuration changes."""

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


class ReloadDifference:
    """The difference between the running plugins and those of a new configuration.

    A plugin whose class and options are equal continues. Backends always continue: the agent uses them.
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
        continuing = {id(each) for each in self.plugins.everything}
        known = {id(each) for each in running.everything}
        self._new = tuple(each for each in self.plugins.everything if id(each) not in known)
        self._gone = tuple(each for each in running.everything if id(each) not in continuing)

    def _kept_or_new(self, built: Built) -> Built:
        known = self._running.get(built.choice.section)
        return known if known is not None and _same(known, built) else built

    def start_placing(self) -> Callable[[], None]:
        """Start the new plugins except notifiers, and return a function that stops them. Raise LoadProblems."""
        new = [each for each in self._new if each.choice.kind is not NOTIFIER]
        start(new)
        return lambda: stop(new)

    def exchange_notifiers(self) -> None:
        """Stop the removed notifiers, start the new ones. Raise LoadProblems, after restarting the removed ones.

        The removed ones stop first, because the new ones may need the same port or file.
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
        """Stop the removed plugins except notifiers, once no request uses them."""
        stop(each for each in self._gone if each.choice.kind is not NOTIFIER)


def _same(one: Built, other: Built) -> bool:
    return _identity(one.prepared) == _identity(other.prepared)


def _identity(prepared: Prepared) -> tuple[object, ...]:
    """Return the identity of a plugin: class, options, and the plugins inside it."""
    inner = [
        [(each.choice.name, each.interest, _identity(each)) for each in named] for named in prepared.inner.values()
    ]
    return prepared.choice.entry, prepared.plugin_class, dict(prepared.values), inner


def _start_again(built: Built) -> None:
    try:
        start([built])
    except LoadProblems as problems:
        LOG.error("[%s] ran before the reload and cannot be started again: %s", built.choice.section, problems)


def generation_of(conf: Configuration, plugins: Plugins, *, after: int | None = None) -> int:
    """Return the generation of a configuration with its plugins; greater than `after` for a reload."""
    numbers, mark = Generations(Path(conf.paths.state_path)), fingerprint(conf, providers(plugins))
    if after is None:
        return numbers.of(mark, conf.settings.files)
    return numbers.after(after, mark, conf.settings.files)


def providers(plugins: Plugins) -> Iterable[str]:
    """Return the packages and versions of the plugins that decide. Notifiers do not; they differ by process."""
    every = [each.prepared for each in plugins.everything if each.choice.kind is not NOTIFIER]
    if plugins.driver is not None:
        every.append(plugins.driver)
    return {f"{prepared.choice.section}={prepared.choice.entry.provider}" for prepared in every}
