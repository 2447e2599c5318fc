"""What the owner of a volume is told of a refusal: which limit was hit, in words that hold nothing of the operator's.

Names of hosts, backends and pools, figures of their capacity, paths, and whatever an exception says are the operator's:
they are in the decision, in the event and in the log. Only what is known to be the asker's own is said again.
"""

from __future__ import annotations

import re

from volsched.exceptions import InstanceNotLocated, InvalidRequest, NoValidBackend, PluginError, QuotaExceeded
from volsched.model.decision import Decision

ASK_THE_OPERATOR = "ask your operator, who has been told"
#: Fields of a request that the asker wrote, and whose problems are told word for word.
OWN = re.compile(r"(request_spec\.|filter_properties\.|volume_properties\.)*(scheduler_hints($|\..*)|size|new_size)")


def told(refusal: BaseException) -> str:
    """One sentence for the owner."""
    decision: Decision | None = getattr(refusal, "decision", None)
    if decision is not None and (decision.failed or not decision):
        return decision.told()
    if isinstance(refusal, QuotaExceeded):
        return str(refusal)
    if isinstance(refusal, NoValidBackend):
        if decision is None:
            return f"no storage took it; {ASK_THE_OPERATOR}"
        return "the storage that it had to be in will not do, or there is no other"
    if isinstance(refusal, PluginError):
        return "the scheduler's own configuration failed; the operator has been told"
    if isinstance(refusal, InstanceNotLocated):
        return _told_of_instance(refusal)
    if type(refusal) is InvalidRequest and OWN.fullmatch(refusal.field):
        return str(refusal)
    if isinstance(refusal, InvalidRequest):
        return f"the request cannot be carried out as it is; {ASK_THE_OPERATOR}"
    return f"the request could not be scheduled ({type(refusal).__name__}); {ASK_THE_OPERATOR}"


def _told_of_instance(refusal: InstanceNotLocated) -> str:
    if refusal.kind == "not_found":
        return str(refusal)
    return f"{refusal.field}: where instance {refusal.instance_id} runs cannot be told now; {ASK_THE_OPERATOR}"


def tenant_message_of_step(name: str) -> str:
    """The pool that a volume had to be in was turned away by this filter."""
    return f"the storage that it had to be in will not do: turned away by {name}"
