"""The parts of a process that the API works with, and the base class of its services."""

from __future__ import annotations

from collections.abc import Callable, Container, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from volsched.db.groups import Groups
from volsched.db.quotas import Quotas
from volsched.db.records import Decisions, Messages
from volsched.db.snapshots import Snapshots
from volsched.db.volume_types import VolumeTypes
from volsched.db.volumes import Volumes
from volsched.exceptions import VolumeTypeNotFound
from volsched.model.context import plain_context
from volsched.model.group import Group
from volsched.model.snapshot import Snapshot
from volsched.model.volume import Volume

if TYPE_CHECKING:
    from volsched.api.authorization import Authorizer, Owned
    from volsched.db.backends import Backends
    from volsched.db.database import Database
    from volsched.db.storage import Storage
    from volsched.db.work import WorkQueue
    from volsched.flows.scheduler_queue import QueuedScheduler
    from volsched.model.decision import Decision
    from volsched.model.observer import Observer
    from volsched.model.ports import PoolSource, VolumeCaster
    from volsched.model.request import VolumeType

Item = TypeVar("Item", Volume, Snapshot, Group)
Progress = Callable[[Volume | Snapshot | Group], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class VolumeDatabase:
    """The stores of volumes and of what belongs to them; `db_api` of the flows."""

    volumes: Volumes
    types: VolumeTypes
    quotas: Quotas
    messages: Messages
    decisions: Decisions
    snapshots: Snapshots
    groups: Groups


class DryRunDriver(Protocol):
    """The methods of a scheduler driver that the API calls."""

    def dry_run(
        self, context: Any, request_spec: Mapping[str, Any], filter_properties: Mapping[str, Any]
    ) -> Decision: ...

    def get_backup_host(
        self, volume: Mapping[str, Any] | None, availability_zone: str | None = None, driver: str | None = None
    ) -> str: ...


class Deliverer(Protocol):
    """Delivery of events to their notifiers."""

    def deliver_once(self) -> int:
        """Deliver what is due and return the number of events; 0 if nothing was due."""
        ...


class RequestWorker(Protocol):
    """The scheduler and the agent that carry out requests: in this process, or in others."""

    def prepare(self) -> None:
        """Bring backends and pools up to date if this process carries out its requests itself."""
        ...

    def report(self) -> None:
        """Report the own backends now if this process carries out its requests itself."""
        ...

    def store_inventories(self) -> None:
        """Store what the backends hold if this process carries out its requests itself; else their agents do."""
        ...

    def exclusive(self, timeout: float | None = None) -> AbstractContextManager[None]:
        """Let one thread at a time decide or carry out requests. Raises TimeoutError."""
        ...

    def wait(
        self, read: Callable[[], Item], *, timeout: float | None = None, progress: Progress | None = None
    ) -> Item | None:
        """Return the item once no work on it is left, or None if it is gone. Raises TimeoutError."""
        ...


class Resources(Protocol):
    """A process as the API sees it. Each part is made when it is first read."""

    @property
    def authorizer(self) -> Authorizer: ...

    @property
    def backends(self) -> Backends: ...

    @property
    def caster(self) -> VolumeCaster: ...

    @property
    def database(self) -> Database: ...

    @property
    def delivery(self) -> Deliverer: ...

    @property
    def driver(self) -> DryRunDriver: ...

    @property
    def pools(self) -> PoolSource: ...

    @property
    def queued_scheduler(self) -> QueuedScheduler: ...

    @property
    def request_worker(self) -> RequestWorker: ...

    @property
    def storage(self) -> Storage: ...

    @property
    def stores(self) -> VolumeDatabase: ...

    @property
    def work(self) -> WorkQueue: ...

    @property
    def observer(self) -> Observer: ...


class _EveryType(Container[str | None]):
    def __contains__(self, type_id: object) -> bool:
        return True


class ApiService:
    """A part of the API on behalf of one context.

    Every method raises NotAuthorized if the policy does not allow it, and DatabaseUnavailable. Items of other projects
    do not exist for a context that may not list all projects.
    """

    def __init__(self, resources: Resources, context: Mapping[str, Any]) -> None:
        self._resources = resources
        self._context = plain_context(context)
        self.observer = resources.observer

    @property
    def _authorizer(self) -> Authorizer:
        return self._resources.authorizer

    @property
    def _db(self) -> VolumeDatabase:
        return self._resources.stores

    @property
    def _project_id(self) -> str:
        return self._context.get("project_id") or ""

    @property
    def _user_id(self) -> str:
        return self._context.get("user_id") or ""

    def _check(self, rule: str, owned: Owned | None = None) -> None:
        """Raise NotAuthorized unless the context may do this (to `owned`, or in its own project)."""
        self._authorizer.check(self._context, rule, owned)

    def _find_type(self, name_or_id: str) -> VolumeType:
        """Return a volume type that the context may use. Raises VolumeTypeNotFound."""
        found = self._db.types.find(name_or_id)
        if not found.is_public and found.id not in self._private_types():
            raise VolumeTypeNotFound(name_or_id)
        return found

    def _private_types(self) -> Container[str | None]:
        """Return the ids of the private types that the context may use."""
        if self._authorizer.allows(self._context, "type:private"):
            return _EveryType()
        return self._db.types.types_of(self._project_id)

    def _visible_project(self, kind: str) -> str | None:
        """Return the project whose items of this kind exist for the context; None: those of every project."""
        return self._authorizer.visible_project(self._context, kind)

    def _listed_project(self, kind: str, *, all_projects: bool) -> str | None:
        """Return the project to list; None: every project. Raises NotAuthorized."""
        return self._authorizer.listed_project(self._context, kind, all_projects=all_projects)


def identifier(item: Volume | Snapshot | Group | str) -> str:
    """Return the id of an item; a text is an id or a name already."""
    return item if isinstance(item, str) else item.id
