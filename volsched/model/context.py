"""The plain form of a request context."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

#: The keys that are kept. Credentials are not, because a flow can be stored and resumed by another process.
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
    """Return a request context (a RequestContext or a mapping) as JSON values, without credentials."""
    given = context if isinstance(context, Mapping) else context.to_dict()
    return {key: given[key] for key in CONTEXT_KEYS if given.get(key) is not None}
