"""The notifier that hands each event on to others."""

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
#: So many events are remembered with who has taken them, for the next try.
REMEMBERED = 1000


class FanoutNotifier(WritesMessages):
    """Hands each event to the notifiers that it is made of, by what their sections say of event types and priorities.

    `all`: to every one of them; where some fail, only those get it again at the next try. `first`: to the first that
    takes it, so that the others stand in where it is down.
    """

    contract = (1, 0)
    capabilities = frozenset({MESSAGES})

    def __init__(self, *, targets: Sequence[Named], mode: str = ALL) -> None:
        self.targets = tuple(targets)
        self.mode = mode
        self._guard = threading.Lock()
        self._taken: OrderedDict[str, frozenset[str]] = OrderedDict()  # event id -> who has it, where others have not

    @classmethod
    def config_opts(cls) -> Sequence[cfg.Opt]:
        from oslo_config import cfg

        return (
            PluginsOpt(
                "targets",
                kind="volsched.notifiers",
                required=True,
                help="The notifiers that it is made of, by names of your own. Each NAME has a section [notifier_NAME] "
                "as those in [notifications] notifiers have, where it need not be named.",
            ),
            cfg.StrOpt(
                "mode",
                default=ALL,
                choices=[
                    (ALL, "every target that is to be told the event gets it"),
                    (FIRST, "the first target that is to be told the event and takes it; the others stand in for it"),
                ],
                help="Who gets an event. All tries together have the time that [notifications] timeout gives one "
                "notifier.",
            ),
        )

    def validate(self) -> list[str]:
        problems = [] if self.targets else ["targets is empty: name the notifiers that it is made of"]
        for target in self.targets:
            problems.extend(f"{target.name} says: {problem}" for problem in target.plugin.validate())
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
            except Exception as problem:  # noqa: BLE001 - a stranger's; the others are told, and it is raised below
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
    """Raises EventRefused where none of them will ever take it."""
    text = "; ".join(f"{name}: {type(problem).__name__}: {problem}" for name, problem in failures.items())
    if all(isinstance(problem, EventRefused) for problem in failures.values()):
        raise EventRefused(text)
    raise ConnectionError(text)
