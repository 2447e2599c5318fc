"""All errors of volsched. They carry data, and their classes distinguish who can fix them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from volsched.model.decision import Decision


class VolschedError(Exception):
    """The base class of all errors of volsched."""


class InvalidRequest(VolschedError):
    """The request is wrong and is never retried. `field` is wrong; `problem` is what is expected, and a fix."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotFound(InvalidRequest):
    """An object that the request names does not exist, or is not visible to the caller."""

    def __init__(self, kind: str, name: str, fix: str = "") -> None:
        super().__init__(kind, f"no {kind} {name!r}" + (f"; {fix}" if fix else ""))
        self.kind = kind
        self.name = name


class VolumeNotFound(NotFound):
    def __init__(self, name: str, fix: str = "volsched volume list shows the known ones") -> None:
        super().__init__("volume", name, fix)


class SnapshotNotFound(NotFound):
    def __init__(self, name: str, fix: str = "volsched snapshot list shows the known ones") -> None:
        super().__init__("snapshot", name, fix)


class GroupNotFound(NotFound):
    def __init__(self, name: str, fix: str = "volsched group list shows the known ones") -> None:
        super().__init__("group", name, fix)


class VolumeTypeNotFound(NotFound):
    def __init__(self, name: str, fix: str = "volsched type list shows the known ones") -> None:
        super().__init__("volume type", name, fix)


class BackendNotFound(NotFound):
    def __init__(self, name: str, fix: str = "volsched backend list shows the known ones") -> None:
        super().__init__("backend", name, fix)


class PoolNotFound(NotFound):
    def __init__(self, name: str, fix: str = "volsched pool list shows the known ones") -> None:
        super().__init__("pool", name, fix)


class ServiceNotFound(NotFound):
    """No service of the kind is up, for the placement of a backup."""

    def __init__(self, name: str, fix: str = "") -> None:
        super().__init__("service", name, fix)


class InstanceNotLocated(InvalidRequest):
    """The host of an instance cannot be found. `kind`: not_found, hidden, timeout, unreachable or refused."""

    def __init__(self, instance_id: str, kind: str, problem: str) -> None:
        super().__init__("scheduler_hints.local_to_instance", f"instance {instance_id}: {problem}")
        self.instance_id = instance_id
        self.kind = kind


class NotAuthorized(VolschedError):
    """The caller is not authorized for the operation."""


class QuotaExceeded(VolschedError):
    """A limit of the project would be exceeded. Numbers are in the unit of the resource."""

    def __init__(self, resource: str, *, limit: int, used: int, reserved: int, asked: int) -> None:
        super().__init__(
            f"quota {resource}: {asked} asked, {limit - used - reserved} left "
            f"of {limit} ({used} used, {reserved} reserved)"
        )
        self.resource = resource
        self.limit = limit
        self.used = used
        self.reserved = reserved
        self.asked = asked


class NoValidBackend(VolschedError):
    """No pool fits; `decision`, if there is one, has the reason for each pool."""

    def __init__(self, reason: str, decision: Decision | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.decision = decision


class ClaimConflict(VolschedError):
    """Another claim took the room of a pool first. This is expected; the next ranked pool is tried."""

    def __init__(self, pool_id: str, problem: str = "the pool changed since it was looked at") -> None:
        super().__init__(f"{pool_id}: {problem}")
        self.pool_id = pool_id


class LeaseLost(VolschedError):
    """Another process took over the work; this one must stop without changing anything."""

    def __init__(self, work_id: str, problem: str = "the lease is held by another process") -> None:
        super().__init__(f"work {work_id}: {problem}")
        self.work_id = work_id


class StorageError(VolschedError):
    """A storage backend failed, for example because of a full disk."""

    def __init__(self, backend_id: str, problem: str) -> None:
        super().__init__(f"{backend_id}: {problem}")
        self.backend_id = backend_id
        self.problem = problem


class StorageMismatch(StorageError):
    """The storage holds less of a volume than its row says; nothing was changed. Sizes are bytes."""

    def __init__(self, backend_id: str, where: str, *, expected_bytes: int, found_bytes: int) -> None:
        problem = (
            f"{where}: expected at least {expected_bytes} bytes, got {found_bytes}; "
            "restore the file from a backup, or delete the volume"
        )
        super().__init__(backend_id, problem)
        self.expected_bytes = expected_bytes
        self.found_bytes = found_bytes


class DatabaseUnavailable(VolschedError):
    """The database is locked, unreachable or of another version; nothing was changed."""


class PluginError(VolschedError):
    """A plugin failed or broke its contract. `package` is its distribution and version, if known.

    `decision`, where there is one, says the same to whoever asks why a volume was not placed.
    """

    decision: Decision | None = None

    def __init__(self, plugin: str, problem: str, package: str = "") -> None:
        whose = f" of {package}" if package else ""
        super().__init__(f"plugin {plugin}{whose}: {problem}")
        self.plugin = plugin
        self.problem = problem
        self.package = package


class PluginNotFound(PluginError):
    def __init__(self, group: str, name: str, available: Sequence[str]) -> None:
        super().__init__(name, f"not published in {group}; installed: {', '.join(available) or 'none'}")
        self.group = group
        self.name = name
        self.available = tuple(available)


class EventRefused(VolschedError):
    """A notifier can never deliver an event, so the event is parked at once. Raised by notifiers."""


class ConfigurationError(VolschedError):
    """The configuration is wrong; found at start. `option` is `[group] name`, with its place, if known."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option = option
        self.problem = problem


class ExpressionError(VolschedError):
    """An expression cannot be parsed or evaluated; `position` is a 0-based offset, if known.

    `kind` is the class of error that Cinder's evaluator raises for the same mistake, or `limit` for a bound of ours.
    """

    def __init__(
        self, text: str, problem: str, position: int | None = None, *, kind: str = "EvaluatorParseException"
    ) -> None:
        where = "" if position is None else f" at character {position + 1}"
        super().__init__(f"expression {text[:120]!r}{where}: {problem}")
        self.text = text
        self.problem = problem
        self.position = position
        self.kind = kind
