"""The scheduler driver as the worker calls it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from volsched.exceptions import PluginError, VolschedError
from volsched.model.decision import Decision
from volsched.model.event import Event
from volsched.plugins import SchedulerDriver

LOG = logging.getLogger(__name__)


class CheckedDriver:
    """Calls a driver as published. Whatever else than an answer it returns or raises becomes a PluginError."""

    def __init__(self, driver: SchedulerDriver, *, name: str, package: str = "") -> None:
        self._driver = driver
        self._name = name
        self._package = package

    def schedule_create_volume(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        return self._decision(self._driver.schedule_create_volume, context, request_spec, filter_properties)

    def backend_passes_filters(
        self, context: Any, backend: str, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision:
        return self._decision(self._driver.backend_passes_filters, context, backend, request_spec, filter_properties)

    def find_retype_backend(
        self,
        context: Any,
        request_spec: Mapping[str, Any],
        filter_properties: Mapping[str, Any],
        migration_policy: str,
    ) -> Decision:
        return self._decision(
            self._driver.find_retype_backend, context, request_spec, filter_properties, migration_policy
        )

    def schedule_create_group(
        self,
        context: Any,
        group: Mapping[str, Any],
        group_spec: Mapping[str, Any],
        request_spec_list: Sequence[Mapping[str, Any]],
        group_filter_properties: Mapping[str, Any],
        filter_properties_list: Sequence[Mapping[str, Any]],
    ) -> Decision:
        return self._decision(
            self._driver.schedule_create_group,
            context,
            group,
            group_spec,
            request_spec_list,
            group_filter_properties,
            filter_properties_list,
        )

    def further_events(self, decision: Decision, event: Event) -> Sequence[Event]:
        """Return the driver's own events about a decision; none where it fails, for the decision stands."""
        try:
            return tuple(self._driver.further_events(decision, event))
        except Exception as problem:  # noqa: BLE001 - a plugin may raise anything
            LOG.error("%s", self.broken(f"further_events raised {type(problem).__name__}: {problem}"))
            return ()

    def broken(self, problem: str) -> PluginError:
        """Return the error that names the driver and its package."""
        return PluginError(self._name, problem, self._package)

    def _decision(self, method: Callable[..., Any], *args: Any) -> Decision:
        try:
            answer = method(*args)
        except VolschedError:
            raise
        except (Exception, SystemExit) as problem:  # a plugin may raise anything
            raise self.broken(f"{method.__name__} raised {type(problem).__name__}: {problem}") from problem
        if not isinstance(answer, Decision) or answer.chosen is None:
            got = "one without" if isinstance(answer, Decision) else f"{type(answer).__name__} object"
            raise self.broken(f"{method.__name__}: expected a Decision with a chosen pool, got {got}")
        return answer
