"""The trace that the current thread's work belongs to, carried from process to process in the work's payload."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from volsched.model.work import WorkRequest

#: The key of the trace in a work item's payload: W3C trace context, as plain data. A trace parent is not a secret.
TRACE = "trace"


class Trace(Protocol):
    """A trace in progress."""

    def context_for(self, request: WorkRequest) -> Mapping[str, str]:
        """Return what the process that takes this work needs to continue the trace."""
        ...


#: The trace of this thread or task; None without tracing.
CURRENT: ContextVar[Trace | None] = ContextVar("volsched trace", default=None)
