"""The notifier that delivers each event to several others."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from volsched.exceptions import EventRefused
from volsched.model.ports import MessageLog
from volsched.plugins import MESSAGES, Event, WritesMessages
from volsched.plugins.references import Named, PluginsOpt

if TYPE_CHECKING:
    from oslo_config import cfg

ALL, FIRST = "all", "first"
#: How many events are remembered with the targets that received them, for the next try.
REMEMBERED = 1000


class FanoutNotifier(WritesMessages):
    """Delivers each event to its targets, by the event types and priorities of their sections.

    `all`: to every target; where some fail, only those receive it again at the next try. `first`: to the first target
    that accepts it; the others are fallbacks.
    """

    contract = (1, 0)
    capabilities = frozenset({MESSAGES})

    def __init__(self, *, targets: Sequence[Named], mode: str = ALL) -> None:
        self.targets = tuple(targets)
        self.mode = mode
        self._guard = threading.Lock()
        self._taken: OrderedDict[str, frozenset[str]] = (
            OrderedDict()
        )  # event id -> targets that have it, while others have not

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            PluginsOpt(
                "targets",
                kind="volsched.notifiers",
                required=True,
                help="The targets, by names of your choice. Each NAME has a section [notifier_NAME], as notifiers in "
                "[notifications] notifiers have; it need not be listed there.",
            ),
            cfg.StrOpt(
                "mode",
                default=ALL,
                choices=[
                    (ALL, "every target that is interested in the event receives it"),
                    (FIRST, "the first interested target that accepts the event receives it; the others are fallbacks"),
                ],
                help="The targets of an event. All of them together have the time of [notifications] timeout.",
            ),
        )

    def validate(self) -> list[str]:
        problems = [] if self.targets else ["targets: expected at least one notifier, got none"]
        for target in self.targets:
            problems.extend(f"{target.name}: {problem}" for problem in target.plugin.validate())
        return problems

    def messages(self, log: MessageLog) -> None:
        for target in self.targets:
            if MESSAGES in target.plugin.capabilities:
                target.plugin.messages(log)

    def start(self) -> None:
        for target in self.targets:
            target.plugin.start()

    def stop(self) -> None:
        for target in reversed(self.targets):
            target.plugin.stop()

    def health(self) -> str | None:
        found = [(target.name, target.plugin.health()) for target in self.targets]
        return "; ".join(f"{name}: {problem}" for name, problem in found if problem) or None

    def notify(self, event: Event) -> None:
        with self._guard:
            taken = self._taken.get(event.id, frozenset())
        failures: dict[str, Exception] = {}
        for target in self.targets:
            if target.name in taken or not target.interest.in_event(event):
                continue
            try:
                target.plugin.notify(event)
            except Exception as problem:  # noqa: BLE001 - a plugin's; raised below, after the other targets
                failures[target.name] = problem
                continue
            taken |= {target.name}
            if self.mode == FIRST:
                break
        missed = bool(failures) and not (self.mode == FIRST and taken)
        self._remember(event.id, taken if missed else frozenset())
        if missed:
            _raise_all(failures)

    def _remember(self, event_id: str, taken: frozenset[str]) -> None:
        with self._guard:
            self._taken.pop(event_id, None)
            if taken:
                self._taken[event_id] = taken
            while len(self._taken) > REMEMBERED:
                self._taken.popitem(last=False)


def _raise_all(failures: dict[str, Exception]) -> None:
    """Raises EventRefused where none of them will ever accept it, else ConnectionError."""
    text = "; ".join(f"{name}: {type(problem).__name__}: {problem}" for name, problem in failures.items())
    if all(isinstance(problem, EventRefused) for problem in failures.values()):
        raise EventRefused(text)
    raise ConnectionError(text)
