"""The Python client: the API of volsched on behalf of one context."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from os import PathLike
from types import TracebackType
from typing import Self

from volsched import conf
from volsched.api.api import Api
from volsched.library_warnings import ignore_library_warnings
from volsched.service.application import Application

File = str | PathLike[str]


class Client(Api):
    """The API over the configured database: `client.volumes`, `.snapshots`, `.groups`, `.types`, `.quotas`,
    `.backends`, `.pools`, `.events` and `.audit`.

    With a message bus configured, a request is stored and schedulers are woken; without one, `wait` carries it out in
    this process. Several threads may share a client. Create it after forking.
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
        """`config_file`: one or more files; without any, the files that the `volsched` command reads.

        `connection` and `transport_url` replace the configured database and message bus. The client has administrator
        rights in `project_id`, because whoever can read the configuration can do everything; `acting_as` returns
        clients with fewer rights. Raises ConfigurationError and DatabaseUnavailable.
        """
        ignore_library_warnings()
        _add_null_log_handler()
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
        self._application = application = Application(configuration)
        super().__init__(application, context)
        try:
            # Made before there are threads: two threads that read a part at once would make it twice.
            for part in ("authorizer", "stores", "backends", "caster", "queued_scheduler", "request_worker"):
                getattr(application, part)
        except BaseException:
            application.close()
            raise

    def acting_as(self, project_id: str, *, user_id: str | None = None, roles: Sequence[str] = ("member",)) -> Api:
        """Return the API on behalf of a user of a project, with these roles. It ends when this client is closed."""
        context = {
            "project_id": project_id,
            "user_id": user_id or self._context["user_id"],
            "is_admin": False,
            "roles": list(roles),
        }
        return Api(self._resources, context)

    def close(self) -> None:
        """Send pending wake-ups and close the database. Idempotent; accepted requests are still carried out."""
        self._application.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def _add_null_log_handler() -> None:
    """Keep Python from printing the log if the program does not handle it."""
    log = logging.getLogger("volsched")
    if not log.handlers:
        log.addHandler(logging.NullHandler())
