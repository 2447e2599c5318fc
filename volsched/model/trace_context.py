"""The trace that the work of this moment belongs to, carried from process to process beside the work."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from volsched.model.work import WorkRequest

#: Where a piece of work's payload has it: W3C trace context, as plain data. A trace parent is no secret.
TRACE = "trace"


class Trace(Protocol):
    """What is under way."""

    def handed_over(self, request: WorkRequest) -> Mapping[str, str]:
        """What whoever takes this work needs to go on with the trace."""
        ...


#: None: nothing is traced.
CURRENT: ContextVar[Trace | None] = ContextVar("volsched trace", default=None)
