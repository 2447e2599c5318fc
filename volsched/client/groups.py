"""Groups of volumes, as a Python program asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.client.session import Session
from volsched.model.group import Group


class Groups:
    """`client.groups`. A group is named by its id, its name, or the `Group` that an earlier call returned."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def create(self, types: Sequence[str], *, name: str | None = None, zone: str | None = None) -> Group:
        """Ask for a group whose volumes may have these types."""
        return self._session.writing.groups.create(self._session.context, types=types, name=name, zone=zone)

    def get(self, group: Group | str) -> Group:
        """The group as it is now."""
        return self._session.application.groups.get(self._session.context, _named(group))

    def list(self, *, all_projects: bool = False) -> Sequence[Group]:
        """The project's groups, oldest first."""
        return self._session.application.groups.list(self._session.context, all_projects=all_projects)

    def delete(self, group: Group | str) -> None:
        """Remove a group that has no volumes."""
        self._session.writing.groups.delete(self._session.context, _named(group))

    def wait(self, group: Group | str, *, timeout: float | None = None) -> Group | None:
        """The group when nobody works on it any more; None where it is gone. Raises TimeoutError."""
        application, context = self._session.application, self._session.context
        known = group.id if isinstance(group, Group) else self.get(group).id
        found = self._session.shared.settled(lambda left: application.settle_group(known, timeout=left), timeout)
        return None if found is None else application.groups.shown(context, found)


def _named(group: Group | str) -> str:
    return group.id if isinstance(group, Group) else group
