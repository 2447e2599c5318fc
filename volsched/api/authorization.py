"""Whether who asks may do what is asked: one question an operation, put to the policy."""

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

#: So often at most a policy file is looked at whether it has changed.
LOOK_SECONDS = 1.0


class Owned(Protocol):
    """Something of a project."""

    @property
    def project_id(self) -> str: ...

    @property
    def user_id(self) -> str: ...


OwnedThing = TypeVar("OwnedThing", bound=Owned)


class Authorizer:
    """The policy of the moment. A file that changed is read anew; one that cannot be used changes nothing."""

    def __init__(self, find: Callable[[], Path | None] = lambda: None) -> None:
        """`find` names the policy file, if there is one. Raises ConfigurationError where it cannot be used."""
        self._find = find
        self._stamp = self._seen()
        self._policy = policy.of(find())
        self._look_again = time.monotonic() + LOOK_SECONDS
        self._looking = threading.Lock()

    @property
    def policy(self) -> policy.Policy:
        """The rules that are in force now."""
        if time.monotonic() >= self._look_again and self._looking.acquire(blocking=False):
            try:
                self.look()
            finally:
                self._looking.release()
        return self._policy

    def look(self) -> None:
        """Read the policy file if it has changed."""
        self._look_again = time.monotonic() + LOOK_SECONDS
        seen = self._seen()
        if seen == self._stamp:
            return
        self._stamp = seen
        try:
            self._policy = policy.of(self._find())
        except ConfigurationError as problem:
            LOG.error("%s; the policy stays as it was", problem)
        else:
            LOG.info("the policy has changed: %s", self._policy.file or "the defaults are in force")

    def allows(self, context: Any, rule: str, of: Owned | None = None, *, project_id: str | None = None) -> bool:
        """Whether it may be done to what is there, or in a project; in the own one where neither is given."""
        who = plain_context(context)
        if of is not None:
            target: Mapping[str, Any] = {"project_id": of.project_id, "user_id": of.user_id}
        else:
            target = {"project_id": who.get("project_id") if project_id is None else project_id}
        return self.policy.allows(rule, who, target)

    def check(self, context: Any, rule: str, of: Owned | None = None, *, project_id: str | None = None) -> None:
        """The same. Raises NotAuthorized."""
        if not self.allows(context, rule, of, project_id=project_id):
            raise NotAuthorized(f"the policy does not allow you {rule}; volsched policy show {rule} tells who may")

    def checked(self, context: Any, rule: str, of: OwnedThing) -> OwnedThing:
        """The thing itself, of somebody who may. Raises NotAuthorized."""
        self.check(context, rule, of)
        return of

    def sees(self, context: Any, kind: str) -> str | None:
        """The project whose volumes (snapshots, groups) are there for who asks; None: every project's.

        Raises NotAuthorized where who asks is of no project.
        """
        if self.allows(context, f"{kind}:list_all_projects"):
            return None
        project_id = plain_context(context).get("project_id")
        if not project_id:
            raise NotAuthorized("the request names no project, and only an administrator sees every project")
        return str(project_id)

    def lists(self, context: Any, kind: str, *, all_projects: bool) -> str | None:
        """The project to list; None: every project's. Raises NotAuthorized."""
        self.check(context, f"{kind}:list")
        if not all_projects:
            return plain_context(context).get("project_id") or ""
        self.check(context, f"{kind}:list_all_projects")
        return None

    # -- what is shown -------------------------------------------------------------------------------------------

    def detailed(self, context: Any, kind: str = "volume") -> bool:
        """Whether who asks may see what is the operator's."""
        return self.allows(context, f"{kind}:operator_detail")

    def volume(self, context: Any, volume: Volume) -> Volume:
        """A volume, without what is the operator's where who asks may not see it."""
        if self.detailed(context):
            return volume
        return replace(volume, host=None, cluster_name=None, provider_location=None, migration_status=None)

    def group(self, context: Any, group: Group) -> Group:
        """The same for a group."""
        return group if self.detailed(context, "group") else replace(group, host=None)

    def _seen(self) -> object:
        file = self._find()
        try:
            found = file.stat() if file is not None else None
        except OSError:
            return file
        return (file, found.st_mtime_ns, found.st_ino, found.st_size) if found is not None else None
