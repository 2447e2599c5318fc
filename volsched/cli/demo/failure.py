"""The manage_existing flow with a last task that fails, and a record of each task and its reversion."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from volsched.exceptions import VolschedError
from volsched.flows import manage_existing

if TYPE_CHECKING:
    from volsched.service.application import Application

#: TaskFlow's states of a task, as text.
OUTCOMES = {"REVERTED": "done, then reverted", "SUCCESS": "done", "FAILURE": "failed", "PENDING": "not started"}
MEANINGS = {
    "ExtractManageSpecTask": "validated the request; there is nothing to revert",
    "ReserveQuotaTask": "reserved quota for one volume; canceled",
    "EntryCreateTask": "created the volume's row; removed",
    "CommitQuotaTask": "committed the quota; the removed row no longer counts",
    "ManageCastTask": "could not reach the scheduler; set the row to error_managing",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The result of one task."""

    task: str
    outcome: str
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """The result of the flow."""

    problem: str
    entries: tuple[Entry, ...]


class UnreachableScheduler:
    """A scheduler that cannot be reached."""

    def manage_existing(self, context: Any, volume: Mapping[str, Any], request_spec: Mapping[str, Any]) -> None:
        raise VolschedError("the scheduler cannot be reached (a failure of the demonstration)")


def run_failing_flow(application: Application, context: Mapping[str, Any], host: str) -> Record:
    """Run the flow and return how it was reverted."""
    engine = manage_existing.get_flow(
        UnreachableScheduler(),
        application.stores,
        {
            "context": context,
            "host": host,
            "ref": {"source-name": "no-such-file.img"},
            "name": "never",
            "description": None,
            "metadata": {},
            "availability_zone": None,
            "volume_type": None,
            "bootable": False,
        },
    )
    seen: dict[str, list[str]] = {}

    def note(state: str, details: Mapping[str, Any]) -> None:
        name = details["task_name"].partition(";")[0].rpartition(".")[2]
        seen.setdefault(name, []).append(state)

    engine.atom_notifier.register("*", note)
    try:
        engine.run()
    except VolschedError as problem:
        return Record(problem=str(problem), entries=tuple(_entry(name, states) for name, states in seen.items()))
    return Record(problem="none: the flow succeeded", entries=())


def _entry(name: str, states: list[str]) -> Entry:
    outcome = (
        "failed, then reverted" if {"FAILURE", "REVERTED"} <= set(states) else OUTCOMES.get(states[-1], states[-1])
    )
    return Entry(task=name, outcome=outcome, meaning=MEANINGS.get(name, ""))
