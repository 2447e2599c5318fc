"""The client itself: where it reads its configuration, and as whom it asks."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from functools import cached_property
from os import PathLike
from types import TracebackType
from typing import Self

from volsched import conf
from volsched.client.groups import Groups
from volsched.client.quotas import Quotas
from volsched.client.session import Session, Shared
from volsched.client.snapshots import Snapshots
from volsched.client.volumes import Volumes
from volsched.library_warnings import hush

File = str | PathLike[str]


class Client:
    """What a user or an operator asks of volsched: `volumes`, `snapshots`, `groups` and `quotas`.

    With a message bus configured, a request is written down and schedulers are woken; without one, whoever waits for it
    does the work in this process. Several threads may use one client; it is made after forking.
    """

    def __init__(
        self,
        config_file: File | Sequence[File] = (),
        *,
        connection: str | None = None,
        transport_url: str | None = None,
        project_id: str = "default",
        user_id: str | None = None,
    ) -> None:
        """`config_file`: one or more; without any, the usual places are read, as the command does.

        `connection` and `transport_url` are the database and the bus instead of those that are configured. Asks as an
        administrator, in this project: who can read the configuration may do everything. `acting_as` asks as others.

        Raises ConfigurationError and DatabaseUnavailable.
        """
        hush()
        _do_not_print_the_log()
        files = [config_file] if isinstance(config_file, str | PathLike) else config_file
        configuration = conf.load([os.fspath(file) for file in files])
        for group, name, value in (
            ("database", "connection", connection),
            ("messaging", "transport_url", transport_url),
        ):
            if value is not None:
                configuration.set_override(name, value.replace("$", "$$"), group)
        context = {
            "project_id": project_id,
            "user_id": user_id or str(os.geteuid()),
            "is_admin": True,
            "roles": ["admin"],
        }
        self._use(Session(Shared(configuration), context))

    def _use(self, session: Session) -> None:
        self._session = session
        self._is_whole = True

    def acting_as(self, project_id: str, *, user_id: str | None = None, roles: Sequence[str] = ("member",)) -> Client:
        """A client that asks as somebody of a project, with these roles. It shares everything with this one.

        It is closed with this one.
        """
        other = object.__new__(Client)
        context = {
            "project_id": project_id,
            "user_id": user_id or self._session.context["user_id"],
            "is_admin": False,
            "roles": list(roles),
        }
        other._use(Session(self._session.shared, context))
        other._is_whole = False
        return other

    @cached_property
    def volumes(self) -> Volumes:
        return Volumes(self._session)

    @cached_property
    def snapshots(self) -> Snapshots:
        return Snapshots(self._session)

    @cached_property
    def groups(self) -> Groups:
        return Groups(self._session)

    @cached_property
    def quotas(self) -> Quotas:
        return Quotas(self._session)

    def close(self) -> None:
        """Send what wakes others, close the database. Idempotent; what was asked for goes on."""
        if self._is_whole:
            self._session.application.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _do_not_print_the_log() -> None:
    """A library's log is the program's: where that does nothing with it, Python would print it."""
    log = logging.getLogger("volsched")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
