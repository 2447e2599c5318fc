"""What the tasks of every flow share: their names, and the plain form of what they are given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from taskflow import task

#: What a flow keeps of a request context. Credentials are left out: a flow may be stored and resumed elsewhere.
CONTEXT_KEYS = (
    "user_id",
    "project_id",
    "domain_id",
    "user_domain_id",
    "project_domain_id",
    "is_admin",
    "roles",
    "request_id",
    "global_request_id",
    "read_only",
)


class VolschedTask(task.Task):  # type: ignore[misc]  # taskflow has no type hints
    """A task named by its module and class, so that a stored flow finds it again in another process."""

    def __init__(self, addons: Iterable[str] = (), **kwargs: Any) -> None:
        name = ";".join([f"{type(self).__module__}.{type(self).__qualname__}", *addons])
        super().__init__(name=kwargs.pop("name", name), **kwargs)


def plain_context(context: Any) -> dict[str, Any]:
    """A request context as JSON values, without credentials. Takes a RequestContext or a mapping."""
    given = context if isinstance(context, Mapping) else context.to_dict()
    return {key: given[key] for key in CONTEXT_KEYS if given.get(key) is not None}
