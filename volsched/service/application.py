"""The assembly of one process from one configuration.

Each part is constructed at its first use, so that a command that only reads starts fast.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

from volsched.service.stores import Stores

if TYPE_CHECKING:
    from volsched.agent.agent import Agent
    from volsched.api.api import Api
    from volsched.conf import Configuration
    from volsched.flows.scheduler_queue import QueuedScheduler
    from volsched.loader.loaded import Plugins
    from volsched.messaging.caster import LocalCaster, RpcCaster
    from volsched.model.observer import Observer
    from volsched.notifications.delivery import Delivery
    from volsched.plugins import Chooser, SchedulerDriver, SchedulerResources, WritesMessages
    from volsched.scheduler.shared_pools import SharedPools
    from volsched.scheduler.worker import SchedulerWorker
    from volsched.service.request_worker import RequestWorker

LOG = logging.getLogger(__name__)


def utcnow() -> datetime:
    """Return the time in UTC, naive: the default clock."""
    return datetime.now(UTC).replace(tzinfo=None)


class Application(Stores):
    """The running objects of one configuration, see `open_application`. `process`: scheduler, agent or command."""

    def __init__(self, conf: Configuration, process: str = "command") -> None:
        super().__init__(conf, process)
        self._started = False
        self.woken = threading.Event()

    # -- parts ---------------------------------------------------------------------------------------------------

    @cached_property
    def plugins(self) -> Plugins:
        """The plugins that the configuration selects. Raises LoadProblems with all errors."""
        from volsched.loader.catalog import Catalog
        from volsched.loader.loader import load

        return load(self.conf, Catalog.discover()).in_process(self.process)

    @cached_property
    def generation(self) -> int:
        """The number of this configuration, which every decision records."""
        from volsched.loader.reload_difference import generation_of

        return generation_of(self.conf, self.plugins)

    @property
    def embedded(self) -> bool:
        """Whether commands do the work of scheduler and agent themselves, because no message bus is configured."""
        return not self.conf.messaging.transport_url

    @cached_property
    def bus(self) -> Any:
        """The message bus. Raises ConfigurationError where the URL is not usable."""
        from volsched.messaging import transport

        return transport.connect(self.conf.messaging.transport_url)

    @cached_property
    def caster(self) -> LocalCaster | RpcCaster:
        from volsched.messaging.caster import LocalCaster, RpcCaster
        from volsched.messaging.transport import sender

        return LocalCaster(self.woken) if self.embedded else RpcCaster(sender(self.bus))

    def scheduler_servers(self) -> Sequence[Any]:
        """Return the bus server of a scheduler, not started: it receives wake-ups."""
        from volsched.messaging import transport

        if self.embedded:
            return ()
        return (transport.server(self.bus, transport.SCHEDULER_TOPIC, self.owner, self.woken.set),)

    def agent_servers(self) -> Sequence[Any]:
        """Return the bus servers of an agent, not started: they receive wake-ups for each of its backends."""
        from volsched.messaging import transport

        if self.embedded:
            return ()
        served = self.conf.agent.cluster or self.conf.agent.host
        return tuple(
            transport.server(self.bus, transport.AGENT_TOPIC, f"{served}@{name}", self.woken.set)
            for name in self.plugins.backends
        )

    @cached_property
    def owner(self) -> str:
        from volsched.db.leases import this_owner

        return this_owner()

    @cached_property
    def pools(self) -> SharedPools:
        from volsched.placement.registry import Registry
        from volsched.scheduler.shared_pools import SharedPools

        options = self.conf.scheduler
        ratio = options.max_over_subscription_ratio
        registry = Registry(ratio, clock=utcnow, backup_use_same_host=options.backup_use_same_host)
        pools = SharedPools(registry, self.backends, self.claims, default_ratio=ratio)
        pools.sync()
        return pools

    @cached_property
    def chooser(self) -> Chooser:
        """The selected filters and weighers, and those of the profiles, under the watchdog."""
        slow_seconds = self.conf.scheduler.slow_plugin_seconds
        return self.plugins.chooser(slow_seconds=slow_seconds, observer=self.telemetry.observer)

    @cached_property
    def scheduler_resources(self) -> SchedulerResources:
        """What the scheduler driver works with."""
        from volsched.db.records import Failures
        from volsched.plugins import SchedulerResources

        plugins, options = self.plugins, self.conf.scheduler
        return SchedulerResources(
            pools=self.pools,
            claims=self.claims,
            volumes=self.stores.volumes,
            types=self.types,
            facts=self.facts,
            events=self.outbox,
            decisions=self.stores.decisions,
            failures=Failures(self.database, self.telemetry.observer),
            chooser=self.chooser,
            clock=utcnow,
            publisher=f"scheduler.{socket.gethostname()}",
            max_attempts=options.max_attempts,
            claim_attempts=options.claim_attempts,
            decision_detail=options.decision_detail_pools,
            config_generation=self.generation,
            driver=plugins.driver.choice.name if plugins.driver else "",
            driver_package=plugins.driver.choice.entry.provider if plugins.driver else "",
        )

    @cached_property
    def driver(self) -> SchedulerDriver:
        """The selected scheduler driver."""
        return self.plugins.scheduler(self.scheduler_resources)

    @cached_property
    def scheduler(self) -> SchedulerWorker:
        from volsched.scheduler.worker import SchedulerWorker

        return SchedulerWorker(
            driver=self.driver,
            resources=self.scheduler_resources,
            work=self.work,
            caster=self.caster,
            owner=self.owner,
            lease_seconds=self.conf.scheduler.lease_seconds,
        )

    @cached_property
    def agent(self) -> Agent:
        """The agent of the configured backends, which are started with it. Raises LoadProblems where one cannot start.

        Agents use the database's clock: what one agent did is compared with what another reports, and clocks of hosts
        may be corrected in between.
        """
        from volsched.agent.agent import Agent

        self.start()
        return Agent(
            host=self.conf.agent.host,
            backends=self.plugins.backends,
            work=self.work,
            volumes=self.stores.volumes,
            reports=self.backends,
            storage=self.storage,
            inventory_seconds=self.conf.agent.inventory_interval,
            zones=self.plugins.zones,
            default_ratio=self.conf.scheduler.max_over_subscription_ratio,
            events=self.outbox,
            caster=self.caster,
            clock=self.database.clock,
            owner=self.owner,
            lease_seconds=self.conf.scheduler.lease_seconds,
            cluster=self.conf.agent.cluster or None,
        )

    @cached_property
    def delivery(self) -> Delivery:
        from volsched.notifications.delivery import Delivery, RetryPolicy

        self.start()
        options, plugins = self.conf.notifications, self.plugins
        return Delivery(
            self.outbox,
            plugins.notifiers,
            owner=self.owner,
            clock=self.database.clock,
            retry_policy=RetryPolicy(
                timeout=options.timeout,
                tries=options.tries,
                first_pause=options.first_pause,
                longest_pause=options.longest_pause,
            ),
            poll_interval=self.conf.scheduler.poll_interval,
            interests=plugins.interests,
            elsewhere=[name for name in plugins.interests if name not in plugins.notifiers],
            keep=timedelta(days=options.keep_days),
        )

    @cached_property
    def queued_scheduler(self) -> QueuedScheduler:
        """The scheduler for the flows of the API side: requests are queued as work."""
        from volsched.flows.scheduler_queue import QueuedScheduler

        seconds = self.conf.scheduler.lease_seconds
        return QueuedScheduler(self.work, self.caster, owner=self.owner, held_seconds=seconds)

    # -- requests ------------------------------------------------------------------------------------------------

    def api(self, context: Mapping[str, Any]) -> Api:
        """Return the API on behalf of a request context."""
        from volsched.api.api import Api

        return Api(self, context)

    @cached_property
    def request_worker(self) -> RequestWorker:
        from volsched.service.request_worker import RequestWorker

        return RequestWorker(self)

    @property
    def observer(self) -> Observer:
        """The observer that the API reports requests to."""
        return self.telemetry.observer

    # -- life ----------------------------------------------------------------------------------------------------

    def start(self) -> None:
        """Start the plugins, once. Raises LoadProblems with all that cannot start."""
        if not self._started:
            self._connect_notifiers()
            self.plugins.start()
            self._started = True

    def take_over(self, other: Application, plugins: Plugins) -> None:
        """Replace another application: use its database and bus, and these plugins, which are started."""
        self.process, self.database, self.owner, self.woken = other.process, other.database, other.owner, other.woken
        self.telemetry = other.telemetry
        if "bus" in vars(other):
            self.bus = other.bus
        self.plugins, self._started = plugins, True
        self._connect_notifiers()

    def _connect_notifiers(self) -> None:
        """Give the message store to notifiers that write messages for users."""
        from volsched.plugins import MESSAGES

        for notifier in self.plugins.notifiers.values():
            if MESSAGES in notifier.capabilities:
                cast("WritesMessages", notifier).messages(self.stores.messages)

    def stop_driver(self) -> None:
        """Stop the scheduler driver, if there is one."""
        if "driver" in self.__dict__:
            self.plugins.stop_scheduler(self.driver)

    def close(self) -> None:
        """Stop the plugins, close the database."""
        self.stop_driver()
        if self._started:
            self.plugins.stop()
        if "caster" in self.__dict__:
            self.caster.stop()
        if "telemetry" in self.__dict__:
            self.telemetry.stop()
        if "database" in self.__dict__:
            self.database.close()

    def report(self) -> None:
        """Store what the configured backends have now, and that their services are alive."""
        self.agent.report_all()
        if "pools" in self.__dict__:  # in a process that schedules as well
            self.pools.sync()

    def recover(self) -> None:
        """Release the leases and events that dead processes of this host hold."""
        from volsched.scheduler.recovery import release_events, release_the_dead

        release_the_dead(self.work)
        release_events(self.outbox)


@contextmanager
def open_application(conf: Configuration) -> Iterator[Application]:
    """Yield an application, and close it after the block."""
    made = Application(conf)
    try:
        yield made
    finally:
        made.close()
