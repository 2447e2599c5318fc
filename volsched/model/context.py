"""The plain form of a request context: apart from the tasks, for it is wanted where no flow runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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


def plain_context(context: Any) -> dict[str, Any]:
    """A request context as JSON values, without credentials. Takes a RequestContext or a mapping."""
    given = context if isinstance(context, Mapping) else context.to_dict()
    return {key: given[key] for key in CONTEXT_KEYS if given.get(key) is not None}
