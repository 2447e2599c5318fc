"""Reload of the configuration: the candidate is read and checked as a whole; a bad one changes nothing."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass

from volsched.conf import Configuration
from volsched.conf.configuration import BadValue
from volsched.conf.infrastructure import monitoring_options, tracing_options
from volsched.exceptions import VolschedError
from volsched.loader import Catalog, LoadProblems, examine
from volsched.loader.loader import log_warnings
from volsched.loader.reload_difference import ReloadDifference, generation_of
from volsched.service.application import Application
from volsched.service.generation import CurrentApplication, DeliveryLoop

LOG = logging.getLogger(__name__)

#: Options that a running service keeps until it is restarted.
FIXED = (
    ("database", "connection"),
    ("agent", "host"),
    ("agent", "cluster"),
    ("agent", "backends"),
    *((program, name) for program in ("scheduler", "agent") for name in ("workers", "graceful_shutdown_timeout")),
    ("paths", "state_path"),
    ("messaging", "transport_url"),
    *(("monitoring", option.dest) for option in monitoring_options()),
    *(("tracing", option.dest) for option in tracing_options()),
)
BACKENDS = "backend_"
#: The options of [scheduler] that the pool table depends on.
POOL_OPTIONS = ("max_over_subscription_ratio", "service_down_time")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reloaded:
    """The result of a reload. `problem` None: the new configuration is in force, except for `until_restart`."""

    generation: int
    changed: tuple[str, ...] = ()  # options by name: values may be secret
    until_restart: tuple[str, ...] = ()  # those of `changed` that need a restart
    problem: str | None = None


class Reloader:
    """Replaces the configuration of a running service between two pieces of work."""

    def __init__(self, current: CurrentApplication, delivery: DeliveryLoop, read: Callable[[], Configuration]) -> None:
        self._current = current
        self._delivery = delivery
        self._read = read

    def reload(self) -> Reloaded:
        """Reload once. Errors of the configuration and of plugins are logged and returned, never raised."""
        done = self._reloaded()
        self._current.reloaded(refused=done.problem is not None)
        return done

    def _reloaded(self) -> Reloaded:
        try:
            done = self._exchange()
        except LoadProblems as problems:
            return self._refused("\n".join(map(str, problems.problems)))
        except VolschedError as problem:
            return self._refused(str(problem))
        except Exception as problem:  # a defect, e.g. of a plugin: the service keeps its configuration
            LOG.debug("configuration not reloaded", exc_info=True)
            return self._refused(f"unexpected error: {type(problem).__name__}: {problem}")
        LOG.info(
            "configuration reloaded, now generation %d; %s",
            done.generation,
            f"changed: {', '.join(done.changed)}" if done.changed else "no option changed",
        )
        for name in done.until_restart:
            LOG.warning("%s cannot be reloaded: the old value stays in force until this service is restarted", name)
        return done

    def _refused(self, problem: str) -> Reloaded:
        LOG.error("configuration not reloaded, nothing has changed:\n%s", problem)
        return Reloaded(generation=self._current.application.generation, problem=problem)

    def _exchange(self) -> Reloaded:
        old = self._current.application
        conf = self._read()
        selected, problems = examine(conf, Catalog.discover())
        if selected is None:
            raise LoadProblems(problem for problem in problems if problem.fatal)
        changed = tuple(_changed(old.conf, conf))
        until_restart = tuple(name for name in changed if _is_fixed(name))
        _keep_fixed(old.conf, conf)
        exchange = ReloadDifference(old.plugins, selected.in_process(old.process))
        with ExitStack() as undo:
            undo.callback(exchange.start_placing())
            fresh = Application(conf, old.process)
            fresh.take_over(old, exchange.plugins)
            fresh.generation = generation_of(conf, exchange.plugins, after=old.generation)
            undo.callback(fresh.stop_driver)
            _prepare(fresh, old)
            with self._delivery.paused():
                exchange.exchange_notifiers()
                undo.pop_all()
                self._current.replace(fresh, lambda: _retire(old, exchange))
        log_warnings(selected.warnings)
        return Reloaded(generation=fresh.generation, changed=changed, until_restart=until_restart)


def _prepare(fresh: Application, old: Application) -> None:
    """Construct the parts that the old application has constructed, so that errors are raised now."""
    if "pools" in vars(old) and all(old.conf.scheduler[name] == fresh.conf.scheduler[name] for name in POOL_OPTIONS):
        fresh.pools = old.pools  # it has every report already
    for name in ("driver", "scheduler", "agent", "pools", "delivery"):
        if name in vars(old):
            getattr(fresh, name)


def _retire(old: Application, exchange: ReloadDifference) -> None:
    old.stop_driver()
    exchange.stop_placing()


def _values(conf: Configuration) -> dict[str, object]:
    found: dict[str, object] = {}
    for group, option in conf.options():
        if group != "DEFAULT":
            found[f"[{group}] {option.dest}"] = _value(conf, group, option.dest)
    return found


def _value(conf: Configuration, group: str, name: str) -> object:
    try:
        return conf[group][name]
    except BadValue:
        return None  # a section that is no longer used


def _changed(old: Configuration, new: Configuration) -> Iterator[str]:
    """Yield the names of options whose values differ, or that only one of the two has."""
    before, after = _values(old), _values(new)
    for name in sorted({*before, *after}):
        if before.get(name) != after.get(name):
            yield name


def _is_fixed(name: str) -> bool:
    return name.startswith(f"[{BACKENDS}") or name in {f"[{group}] {option}" for group, option in FIXED}


def _keep_fixed(old: Configuration, new: Configuration) -> None:
    """Set the fixed options of `new` to their old values."""
    for group, option in FIXED:
        value = old[group][option]
        if new[group][option] != value:
            # oslo.config substitutes $ in overrides as well.
            new.set_override(option, value.replace("$", "$$") if isinstance(value, str) else value, group)
