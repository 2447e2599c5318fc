"""Extend a volume."""

from __future__ import annotations

from volsched.agent.context import Operation, OperationContext, available, ends_in
from volsched.model.parsing import size_from
from volsched.model.volume import VolumeStatus
from volsched.model.work import Outcome


def _extend(context: OperationContext) -> Outcome:
    new_size = size_from(context.payload.get("new_size_gb"), "new_size_gb")
    context.backend.extend_volume(context.attempt, new_size)
    return available(context, context.clock(), {"size_gb": new_size})


EXTEND = Operation(
    statuses=frozenset({VolumeStatus.EXTENDING}), run=_extend, on_failure=ends_in(VolumeStatus.ERROR_EXTENDING)
)
