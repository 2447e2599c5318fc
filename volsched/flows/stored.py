"""Flows that TaskFlow keeps in a database: begun in one process, resumed or reverted by another.

Not the way of a request in volsched, which is a lease on a row of work and costs a hundredth of this. It is for
whoever runs the two flows in a service of theirs, and for seeing that every result of their tasks is plain data.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from typing import Any

from taskflow import engines, states
from taskflow.engines.base import Engine
from taskflow.persistence.backends.impl_sqlalchemy import Connection, SQLAlchemyBackend
from taskflow.persistence.models import FlowDetail
from taskflow.types.failure import Failure

from volsched.exceptions import VolschedError

ENDED = (states.SUCCESS, states.REVERTED)


class ProcessGone(VolschedError):
    """Why a task failed whose process died in it."""


class Persistence(SQLAlchemyBackend):  # type: ignore[misc]  # taskflow has no type hints
    """TaskFlow's own, with one description of its tables for all that it does.

    A connection of TaskFlow's describes the tables anew, so that SQLAlchemy compiles every statement every time: four
    fifths of what a flow costs. It keeps nothing else, so one will do.
    """

    _one: Connection | None = None

    def get_connection(self) -> Connection:
        if self._one is None:
            self._one = super().get_connection()
        return self._one


def opened(url: str) -> Persistence:
    """TaskFlow's own tables in the database that the SQLAlchemy URL names, made where they are not there yet."""
    backend = Persistence({"connection": url})
    with closing(backend.get_connection()) as connection:
        connection.upgrade()
    return backend


def begun(backend: Persistence, factory: str, arguments: Sequence[str], inputs: Mapping[str, Any]) -> Engine:
    """An engine that has not run yet, for the flow that the factory, given by its dotted name, makes.

    The name and the arguments are kept with the flow, so that any process can make it again.
    """
    return engines.load_from_factory(
        factory, factory_args=list(arguments), store=dict(inputs), backend=backend, engine="serial"
    )


def unfinished(backend: Persistence) -> Iterator[FlowDetail]:
    """The flows that have not ended, whatever became of their processes: only you know which of these still run."""
    with closing(backend.get_connection()) as connection:
        kept = [flow for book in connection.get_logbooks() for flow in connection.get_flows_for_book(book.uuid)]
    return (flow for flow in kept if flow.state not in ENDED)


def resume(backend: Persistence, kept: FlowDetail) -> Engine:
    """Run the flow to its end, from the first task that has not ended. Raises what the flow raises.

    A task in which the process died is run again, and must stand that.
    """
    engine = _again(backend, kept)
    engine.run()
    return engine


def revert(backend: Persistence, kept: FlowDetail) -> Engine:
    """Undo what its tasks did, the last one first; one in which the process died counts as failed."""
    engine = _again(backend, kept)
    storage = engine.storage
    names = [atom.name for atom in kept]
    interrupted = [name for name in names if storage.get_atom_state(name) == states.RUNNING]
    for name in interrupted:
        storage.save(name, _failure(f"{name} was interrupted"), states.FAILURE)
    for name in names:
        storage.set_atom_intention(name, states.REVERT)
    try:
        engine.run()
    except ProcessGone:
        if storage.get_flow_state() != states.REVERTED:
            raise
    return engine


def _again(backend: Persistence, kept: FlowDetail) -> Engine:
    engine = engines.load_from_detail(kept, backend=backend, engine="serial")
    engine.compile()
    engine.prepare()
    return engine


def _failure(problem: str) -> Failure:
    try:
        raise ProcessGone(problem)
    except ProcessGone:
        return Failure()
