"""Every error that volsched raises, on one screen. Errors carry data and say whose fault it is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from volsched.model.decision import Decision


class VolschedError(Exception):
    """Anything that volsched itself raises."""


class InvalidRequest(VolschedError):
    """The caller is wrong; never retried. `field` names what, `problem` says why and how to fix it."""

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}")
        self.field = field
        self.problem = problem


class NotFound(InvalidRequest):
    """The caller named something that does not exist (or that the caller may not see)."""

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
    """No service of the kind asked for is up (backup placement)."""

    def __init__(self, name: str, fix: str = "") -> None:
        super().__init__("service", name, fix)


class InstanceNotLocated(InvalidRequest):
    """Nobody can tell where a compute instance runs. `kind`: not_found, hidden, timeout, unreachable or refused."""

    def __init__(self, instance_id: str, kind: str, problem: str) -> None:
        super().__init__("scheduler_hints.local_to_instance", f"instance {instance_id}: {problem}")
        self.instance_id = instance_id
        self.kind = kind


class NotAuthorized(VolschedError):
    """The caller may not do this, whatever the arguments."""


class QuotaExceeded(VolschedError):
    """A project's limit would be passed. Numbers in the unit of the resource (`volumes`, `gigabytes`)."""

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
    """The answer is no; `decision` (when one was made) says why, pool by pool."""

    def __init__(self, reason: str, decision: Decision | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.decision = decision


class ClaimConflict(VolschedError):
    """A race for a pool was lost; ordinary: the next ranked pool is tried."""

    def __init__(self, pool_id: str, problem: str = "the pool changed since it was looked at") -> None:
        super().__init__(f"{pool_id}: {problem}")
        self.pool_id = pool_id


class LeaseLost(VolschedError):
    """The work was taken over by another process; this one must stop and touch nothing."""

    def __init__(self, work_id: str, problem: str = "the lease is held by another process") -> None:
        super().__init__(f"work {work_id}: {problem}")
        self.work_id = work_id


class StorageError(VolschedError):
    """A storage backend could not do its work (disk full, file vanished…); `backend_id` names it."""

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
    """The database is locked, gone, or of another version; nothing was changed."""


class PluginError(VolschedError):
    """A plugin broke, or broke its word. `package` is who publishes it, and the version, where that is known.

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
    """A notifier will never take this event, however often it is tried: it is parked at once. Raised by notifiers."""


class ConfigurationError(VolschedError):
    """Found at start, never later. `option` is `[group] name`, with where it was set when known."""

    def __init__(self, option: str, problem: str) -> None:
        super().__init__(f"{option}: {problem}")
        self.option = option
        self.problem = problem


class ExpressionError(VolschedError):
    """A filter or goodness function that cannot be parsed or evaluated; `position` is a 0-based offset, if known.

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
