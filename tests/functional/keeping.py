"""Processes that run the flows with TaskFlow's persistence; some die between two tasks, another one continues."""

from __future__ import annotations

import functools
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from volsched.db.leases import this_owner
from volsched.flows import create_volume, manage_existing, stored
from volsched.service import stored_flows

WHO = {"project_id": "p", "user_id": "u", "is_admin": True}
LEASE_SECONDS = 60.0
CREATION = (create_volume.ExtractSchedulerSpecTask, create_volume.ScheduleCreateVolumeTask)
TAKING_OVER = (
    manage_existing.ExtractManageSpecTask,
    manage_existing.ReserveQuotaTask,
    manage_existing.EntryCreateTask,
    manage_existing.CommitQuotaTask,
    manage_existing.ManageCastTask,
)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A flow whose process dies right after a task: before TaskFlow has written down its result, or when it has."""

    task: type
    kept: bool

    @property
    def name(self) -> str:
        """Of the volume that it is about."""
        return f"{self.task.__name__}-{'kept' if self.kept else 'not-kept'}"


CASES = tuple(Case(task=task, kept=kept) for task in (*CREATION, *TAKING_OVER) for kept in (False, True))


def run_and_die(file: str, url: str) -> None:
    """Each case in a process of its own, one after the other, that is killed."""
    made = stored_flows.configured(file)
    for case in CASES:
        if case.task in CREATION:
            made.api(WHO).volumes.create(size_gb=2, name=case.name)
        child = os.fork()
        if not child:
            try:
                _create(file, url, case) if case.task in CREATION else _manage(file, url, case)
            finally:
                os._exit(1)  # it should have been dead by now
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        assert status == -signal.SIGKILL, f"{case.name}: {status}"


def end_them(file: str, url: str, end: str) -> None:
    """`end`, which is resume or revert, every flow that was left; then what is asked of the scheduler and the agent."""
    made = stored_flows.configured(file)
    backend = stored.opened(url)
    for kept in stored.unfinished(backend):
        getattr(stored, end)(backend, kept)
    assert not [*stored.unfinished(backend)]
    made.recover()
    made.report()
    while made.scheduler.work_once() or made.agent.work_once():
        pass


def _create(file: str, url: str, case: Case) -> None:
    made = stored_flows.configured(file)
    work = made.work.take(["scheduler"], this_owner(), LEASE_SECONDS)
    assert work is not None
    volume = made.stores.volumes.get(str(work.volume_id))
    inputs = create_volume.inputs_of(
        work.payload["context"],
        work.payload["request_spec"],
        {**work.payload["filter_properties"], "lease": work.lease.plain()},
        volume,
    )
    _run(stored.opened(url), stored_flows.CREATE_VOLUME, file, inputs, case)


def _manage(file: str, url: str, case: Case) -> None:
    asked = {
        "context": WHO,
        "host": "node@disk#thick",
        "ref": {"source-name": f"{case.name}.img"},
        "name": case.name,
    }
    _run(stored.opened(url), stored_flows.MANAGE_EXISTING, file, manage_existing.inputs_of(asked), case)


def _run(backend: Any, factory: str, file: str, inputs: dict[str, Any], case: Case) -> None:
    engine = stored.begun(backend, factory, [file], inputs)
    if case.kept:
        engine.atom_notifier.register("SUCCESS", functools.partial(_die_after, case.task))
    else:
        setattr(case.task, "execute", _deadly(getattr(case.task, "execute")))  # noqa: B009, B010 - a task class of any kind
    engine.run()


def _die_after(task: type, state: str, details: dict[str, Any]) -> None:
    if f".{task.__name__}" in details["task_name"]:
        os.kill(os.getpid(), signal.SIGKILL)


def _deadly(real: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(real)
    def execute(*arguments: Any, **named: Any) -> Any:
        real(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    return execute


def images(folder: Path, unit: int) -> None:
    """Write the files that are managed into a pool, which its backend has marked while it was empty."""
    for case in CASES:
        (folder / f"{case.name}.img").write_bytes(b"x" * unit * 3)
