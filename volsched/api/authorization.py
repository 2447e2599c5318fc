"""Authorization: each API operation is one rule of the policy."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from volsched import policy
from volsched.exceptions import ConfigurationError, NotAuthorized
from volsched.model.context import plain_context
from volsched.model.group import Group
from volsched.model.volume import Volume

LOG = logging.getLogger(__name__)

#: The shortest time between two checks of whether the policy file has changed.
RELOAD_SECONDS = 1.0


class Owned(Protocol):
    """An item that belongs to a project."""

    @property
    def project_id(self) -> str: ...

    @property
    def user_id(self) -> str: ...


OwnedItem = TypeVar("OwnedItem", bound=Owned)


class Authorizer:
    """The policy in force. A changed policy file is read again; an invalid one leaves the policy as it was."""

    def __init__(self, find: Callable[[], Path | None] = lambda: None) -> None:
        """`find` returns the policy file, if there is one. Raises ConfigurationError if it cannot be used."""
        self._find = find
        self._stamp = self._file_stamp()
        self._policy = policy.of(find())
        self._next_check = time.monotonic() + RELOAD_SECONDS
        self._checking = threading.Lock()

    @property
    def policy(self) -> policy.Policy:
        """The rules in force."""
        if time.monotonic() >= self._next_check and self._checking.acquire(blocking=False):
            try:
                self.reload()
            finally:
                self._checking.release()
        return self._policy

    def reload(self) -> None:
        """Read the policy file if it has changed."""
        self._next_check = time.monotonic() + RELOAD_SECONDS
        stamp = self._file_stamp()
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self._policy = policy.of(self._find())
        except ConfigurationError as problem:
            LOG.error("%s; the policy stays as it was", problem)
        else:
            LOG.info("the policy has changed: %s", self._policy.file or "the defaults are in force")

    def allows(self, context: Any, rule: str, owned: Owned | None = None, *, project_id: str | None = None) -> bool:
        """Return whether the context may do this to `owned`, or in `project_id`, or else in its own project."""
        credentials = plain_context(context)
        if owned is not None:
            target: Mapping[str, Any] = {"project_id": owned.project_id, "user_id": owned.user_id}
        else:
            target = {"project_id": credentials.get("project_id") if project_id is None else project_id}
        return self.policy.allows(rule, credentials, target)

    def check(self, context: Any, rule: str, owned: Owned | None = None, *, project_id: str | None = None) -> None:
        """Raise NotAuthorized unless `allows`."""
        if not self.allows(context, rule, owned, project_id=project_id):
            raise NotAuthorized(f"the policy does not allow you {rule}; volsched policy show {rule} shows who may")

    def checked(self, context: Any, rule: str, owned: OwnedItem) -> OwnedItem:
        """Return `owned`. Raises NotAuthorized unless `allows`."""
        self.check(context, rule, owned)
        return owned

    def visible_project(self, context: Any, kind: str) -> str | None:
        """Return the project whose items of this kind exist for the context; None: those of every project.

        Raises NotAuthorized if the context has no project and may not list all.
        """
        if self.allows(context, f"{kind}:list_all_projects"):
            return None
        project_id = plain_context(context).get("project_id")
        if not project_id:
            raise NotAuthorized("the request names no project, and only an administrator sees every project")
        return str(project_id)

    def listed_project(self, context: Any, kind: str, *, all_projects: bool) -> str | None:
        """Return the project to list; None: every project. Raises NotAuthorized."""
        self.check(context, f"{kind}:list")
        if not all_projects:
            return plain_context(context).get("project_id") or ""
        self.check(context, f"{kind}:list_all_projects")
        return None

    # -- fields that only operators see ----------------------------------------------------------------------------

    def is_operator(self, context: Any, kind: str = "volume") -> bool:
        """Return whether the context may see pools, backends, locations and the operator's reasons."""
        return self.allows(context, f"{kind}:operator_detail")

    def volume(self, context: Any, volume: Volume) -> Volume:
        """Return the volume without the operator's fields, unless the context may see them."""
        if self.is_operator(context):
            return volume
        return replace(volume, host=None, cluster_name=None, provider_location=None, migration_status=None)

    def group(self, context: Any, group: Group) -> Group:
        """Return the group without the operator's fields, unless the context may see them."""
        return group if self.is_operator(context, "group") else replace(group, host=None)

    def _file_stamp(self) -> object:
        file = self._find()
        try:
            found = file.stat() if file is not None else None
        except OSError:
            return file
        return (file, found.st_mtime_ns, found.st_ino, found.st_size) if found is not None else None
