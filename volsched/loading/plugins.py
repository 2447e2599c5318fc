"""The selected plugins, constructed: what the rest of volsched works with."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from volsched.loading.building import Prepared, build
from volsched.loading.problems import Findings, Problem
from volsched.plugins.backends import StorageBackend
from volsched.plugins.filters import Filter
from volsched.plugins.notifiers import Notifier
from volsched.plugins.options import Plugin
from volsched.plugins.schedulers import SchedulerDriver, SchedulerWorld
from volsched.plugins.weighers import Weigher, WeightHandler

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plugins:
    """Everything that the configuration selects. Kinds that were not asked for are empty, or None."""

    driver: Prepared | None
    filters: tuple[tuple[str, Filter], ...]
    weighers: tuple[tuple[str, Weigher], ...]
    handler: WeightHandler | None
    notifiers: Mapping[str, Notifier]
    backends: Mapping[str, StorageBackend]
    zones: Mapping[str, str]  # of the backends
    warnings: tuple[Problem, ...] = ()

    @property
    def weight_handler(self) -> WeightHandler:
        """The selected weight handler."""
        if self.handler is None:
            raise LookupError("weight handlers were not asked for when the plugins were loaded")
        return self.handler

    def scheduler(self, world: SchedulerWorld) -> SchedulerDriver:
        """The selected scheduler driver, in this world. Raises LoadProblems where it cannot be constructed."""
        if self.driver is None:
            raise LookupError("scheduler drivers were not asked for when the plugins were loaded")
        findings = Findings()
        made = build(self.driver, findings, world)
        findings.raise_if_fatal()
        return cast("SchedulerDriver", made)

    def start(self) -> None:
        """Start every plugin, or none: raises LoadProblems that name all which would not."""
        findings = Findings()
        started: list[tuple[str, Plugin]] = []
        for section, plugin in self._all():
            try:
                plugin.start()
            except (Exception, SystemExit) as error:  # noqa: BLE001 - a stranger's code; it is named to the operator
                what = f"cannot start: {type(error).__name__}: {error}"
                findings.add("VS111", f"[{section}]", what, "mend what it names, or take it out of the configuration")
            else:
                started.append((section, plugin))
        if findings.fatal:
            _stop(started)
        findings.raise_if_fatal()

    def stop(self) -> None:
        """Stop every plugin, the last one first; one that fails is logged and keeps no other from stopping."""
        _stop(list(self._all()))

    def _all(self) -> Iterator[tuple[str, Plugin]]:
        kinds: tuple[tuple[str, list[tuple[str, Any]]], ...] = (
            ("filter", list(self.filters)),
            ("weigher", list(self.weighers)),
            ("notifier", list(self.notifiers.items())),
            ("backend", list(self.backends.items())),
        )
        if self.handler is not None:
            yield "scheduler", self.handler
        for prefix, named in kinds:
            for name, plugin in named:
                yield f"{prefix}_{name}", plugin


def _stop(plugins: list[tuple[str, Plugin]]) -> None:
    for section, plugin in reversed(plugins):
        try:
            plugin.stop()
        except Exception:
            LOG.exception("[%s]: the plugin could not be stopped", section)
