"""The stores of one configuration, each constructed at its first use."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from volsched.api.authorization import Authorizer
    from volsched.api.resources import VolumeDatabase
    from volsched.conf import Configuration
    from volsched.db.backends import Backends
    from volsched.db.claims import Claims
    from volsched.db.database import Database
    from volsched.db.outbox import Outbox
    from volsched.db.storage import Storage
    from volsched.db.volume_types import VolumeTypes
    from volsched.db.volumes import Facts
    from volsched.db.work import WorkQueue
    from volsched.scheduler.compute_api import ComputeApi
    from volsched.service.telemetry import Telemetry


class Stores:
    """The stores over the database of the configuration, with the observers of this process."""

    def __init__(self, conf: Configuration, process: str = "command") -> None:
        self.conf = conf
        self.process = process

    @cached_property
    def telemetry(self) -> Telemetry:
        """The metrics and the tracing of this process. Raises ConfigurationError."""
        from volsched.service.telemetry import telemetry_of

        return telemetry_of(self.conf, self.process)

    @cached_property
    def database(self) -> Database:
        """The database. Raises DatabaseUnavailable where it does not answer, or has tables of another version."""
        from volsched.db.database import Database

        database = Database.configured(self.conf)
        database.check()
        return database

    @cached_property
    def types(self) -> VolumeTypes:
        from volsched.db.volume_types import VolumeTypes

        return VolumeTypes(self.database)

    @cached_property
    def backends(self) -> Backends:
        from volsched.db.backends import Backends

        down_after = self.conf.scheduler.service_down_time
        return Backends(self.database, down_after_seconds=down_after, observer=self.telemetry.observer)

    @cached_property
    def storage(self) -> Storage:
        from volsched.db.storage import Storage

        return Storage(self.database)

    @cached_property
    def stores(self) -> VolumeDatabase:
        """The stores of the API side and of the flows (`db_api`)."""
        from volsched.api.resources import VolumeDatabase
        from volsched.db.groups import Groups
        from volsched.db.quotas import Quotas
        from volsched.db.records import Decisions, Messages
        from volsched.db.snapshots import Snapshots
        from volsched.db.volumes import Volumes

        return VolumeDatabase(
            volumes=Volumes(self.database),
            types=self.types,
            quotas=Quotas(self.database, defaults=dict(self.conf.quota)),
            messages=Messages(self.database),
            decisions=Decisions(self.database),
            snapshots=Snapshots(self.database),
            groups=Groups(self.database),
        )

    @cached_property
    def claims(self) -> Claims:
        from volsched.db.claims import Claims

        return Claims(self.database, self.telemetry.observer)

    @cached_property
    def work(self) -> WorkQueue:
        from volsched.db.work import WorkQueue

        return WorkQueue(self.database, self.telemetry.observer)

    @cached_property
    def outbox(self) -> Outbox:
        from volsched.db.outbox import Outbox

        return Outbox(self.database, self.telemetry.observer)

    @cached_property
    def authorizer(self) -> Authorizer:
        """The policy. Raises ConfigurationError where the policy file cannot be used."""
        from volsched.api.authorization import Authorizer

        return Authorizer(self.conf.policy_file)

    @cached_property
    def compute(self) -> ComputeApi:
        from volsched.scheduler.compute_api import api_of

        return api_of(self.conf.compute)

    @cached_property
    def facts(self) -> Facts:
        from volsched.db.volumes import Facts

        if not self.conf.compute.auth_url:
            return Facts(self.database)
        # A function, for few requests name an instance, and the client is slow to import.
        return Facts(self.database, instance_host=lambda instance_id: self.compute.instance_host(instance_id))
