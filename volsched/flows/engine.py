"""Engines for flows that live and die within one process: what must outlast it is in the database already.

TaskFlow's own loader searches the installed packages for its engine for every flow, and copies every detail into a
store that nobody reads. This one takes half the time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from taskflow.engines.action_engine.engine import SerialActionEngine
from taskflow.flow import Flow
from taskflow.persistence import base
from taskflow.task import Task
from taskflow.utils.persistence_utils import create_flow_detail


class Unkept(base.Backend, base.Connection):  # type: ignore[misc]  # taskflow has no type hints
    """A persistence backend that keeps nothing: the engine's own details are the only ones. Its own connection."""

    def __init__(self) -> None:
        super().__init__({})

    @property
    def backend(self) -> Unkept:
        return self

    def get_connection(self) -> Unkept:
        return self

    def update_flow_details(self, flow_detail: Any) -> Any:
        return flow_detail

    def update_atom_details(self, atom_detail: Any) -> Any:
        return atom_detail

    def save_logbook(self, book: Any) -> Any:
        return book

    def validate(self) -> None:
        """There is nothing that could be wrong."""

    def upgrade(self) -> None:
        """There is nothing to upgrade."""

    def clear_all(self) -> None:
        """There is nothing to clear."""

    def close(self) -> None:
        """There is nothing to close."""

    def _forgotten(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise LookupError("this flow was not kept; load it with a persistence backend to find it again")

    destroy_logbook = get_logbook = get_logbooks = get_flows_for_book = _forgotten
    get_flow_details = get_atom_details = get_atoms_for_flow = _forgotten


class InlineRunner:
    """Runs a linear flow in the calling thread, without an engine's states and storage. Safe for threads.

    The flow's definition is all that it follows: the tasks in their order, with the inputs (`rebind`) and results
    (`save_as`) that they declare. Only for flows whose tasks have nothing to revert.
    """

    def __init__(self, flow: Flow) -> None:
        """Raise ValueError if a task of the flow has something to revert."""
        self._tasks = [task for task, _ in flow.iter_nodes()]
        for task in self._tasks:
            if type(task).revert is not Task.revert:
                raise ValueError(f"{task.name}: expected a task without revert; run its flow in an engine")

    def run(self, store: Mapping[str, Any]) -> None:
        """Run the tasks with these inputs. What a task raises is raised, and the tasks behind it do not run."""
        values = dict(store)
        for task in self._tasks:
            result = task.execute(**{argument: values[name] for argument, name in task.rebind.items()})
            values |= {name: result if key is None else result[key] for name, key in task.save_as.items()}


def load(flow: Flow, store: Mapping[str, Any]) -> SerialActionEngine:
    """Return a serial engine for the flow, with its inputs; the flow itself is not stored anywhere."""
    engine = SerialActionEngine(flow, create_flow_detail(flow), Unkept(), {})
    engine.storage.inject(dict(store))
    return engine
