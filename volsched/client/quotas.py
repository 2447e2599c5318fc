"""Quotas, as a Python program asks for them."""

from __future__ import annotations

from collections.abc import Sequence

from volsched.client.session import Session
from volsched.db.quotas import Usage


class Quotas:
    """`client.quotas`: how much a project may have, has, and has asked for."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def usage(self, *, project_id: str | None = None, volume_type: str | None = None) -> Sequence[Usage]:
        """Of the own project where none is named; of one volume type, or of all together."""
        context = self._session.context
        return self._session.application.quotas.usage(context, project_id or context["project_id"], volume_type)

    def set(self, project_id: str, resource: str, limit: int | None, *, volume_type: str | None = None) -> None:
        """How many `volumes` or `gigabytes` a project may have; -1: as much as there is, None: as configured."""
        self._session.application.quotas.set(self._session.context, project_id, resource, limit, volume_type)
