"""Tenant messages: what the owner of a volume reads when a request is refused or fails.

A message says which limit was exceeded. Names of hosts, backends and pools, their capacity, paths, and the texts of
exceptions are for the operator only: they are in the decision, in the event and in the log. Only what the user is known
to have written is repeated.
"""

from __future__ import annotations

import re

from volsched.exceptions import InstanceNotLocated, InvalidRequest, NoValidBackend, PluginError, QuotaExceeded
from volsched.model.decision import Decision
from volsched.model.request import Operation

#: Codes of messages, stable for programs.
NO_POOL, BAD_REQUEST, FAILED = "VS-NO-POOL", "VS-BAD-REQUEST", "VS-FAILED"

ASK_THE_OPERATOR = "ask your operator, who has been notified"
PLUGIN_FAILED = "the scheduler's own configuration failed; the operator has been notified"
#: Fields of a request that the user wrote, and whose problems are repeated word for word.
OWN = re.compile(r"(request_spec\.|filter_properties\.|volume_properties\.)*(scheduler_hints($|\..*)|size|new_size)")


def message_code(refusal: BaseException) -> str:
    """Return the code of the message about a refusal or a failure."""
    if isinstance(refusal, NoValidBackend):
        return NO_POOL
    return BAD_REQUEST if isinstance(refusal, InvalidRequest) else FAILED


def tenant_message(refusal: BaseException, wanted: str | None = None) -> str:
    """Return one sentence for the owner. `wanted`: the pool or backend that the volume had to be in, if any."""
    decision: Decision | None = getattr(refusal, "decision", None)
    if decision is not None and not decision.failed and decision.request.operation is Operation.GROUP:
        limits = [step.name for step in decision.filters if step.rejections]
        return "no backend serves every type of the group" + (f": turned away by {', '.join(limits)}" if limits else "")
    if decision is not None and (decision.failed or not decision):
        return decision_message(decision)
    if decision is not None and wanted is not None:
        for step in decision.filters:  # other pools fit, but not the one that was asked for
            if any(pool.is_named(wanted) for pool, _ in step.rejected()):
                return f"the storage that it had to be in will not do: turned away by {step.name}"
    return _message(refusal, decision)


def decision_message(decision: Decision) -> str:
    """Return which limits left no pool. How much room there is, is the operator's."""
    if decision.failed:
        return PLUGIN_FAILED
    considered = len(decision.filters[0].before) if decision.filters else 0
    if not considered:
        return "no storage is available at the moment"
    limits = ", ".join(step.name for step in decision.filters if step.rejections)
    return f"no storage could take {decision.request.wanted_gb:.12g} GiB: turned away by {limits}"


def _message(refusal: BaseException, decision: Decision | None) -> str:
    if isinstance(refusal, QuotaExceeded):
        return str(refusal)
    if isinstance(refusal, NoValidBackend):
        if decision is None:
            return f"no storage took it; {ASK_THE_OPERATOR}"
        return "the storage that it had to be in will not do, or there is no other"
    if isinstance(refusal, PluginError):
        return PLUGIN_FAILED
    if isinstance(refusal, InstanceNotLocated) and refusal.kind != "not_found":
        return f"{refusal.field}: the host of instance {refusal.instance_id} cannot be found now; {ASK_THE_OPERATOR}"
    if isinstance(refusal, InstanceNotLocated) or (type(refusal) is InvalidRequest and OWN.fullmatch(refusal.field)):
        return str(refusal)
    if isinstance(refusal, InvalidRequest):
        return f"the request cannot be carried out as it is; {ASK_THE_OPERATOR}"
    return f"the request could not be scheduled ({type(refusal).__name__}); {ASK_THE_OPERATOR}"
