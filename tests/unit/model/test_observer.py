"""Stages of requests, and that several observers receive each of them."""

from __future__ import annotations

from typing import Any
from unittest import mock

from tests import TestCase
from volsched.model.observer import Observer, Observers, observed, reporting


class Recorder(Observer):
    """Records the requests that it observes."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def request_started(self, operation: str) -> None:
        self.calls.append((operation,))

    def request_ended(self, result: object, problem: BaseException | None) -> None:
        self.calls.append((result, problem))


class Service:
    """A service with one observed request."""

    def __init__(self, observer: Observer) -> None:
        self.observer = observer

    @observed("volume create")
    def create(self, answer: object) -> object:
        if isinstance(answer, Exception):
            raise answer
        return answer


class TestObserver(TestCase):
    def test_each_stage_is_reported_to_every_observer_in_order(self) -> None:
        stages = [name for name in vars(Observer) if not name.startswith("_")]
        self.assertIn("work_taken", stages)
        for stage in stages:
            with self.subTest(stage):
                first, second = mock.create_autospec(Observer), mock.create_autospec(Observer)
                both = mock.Mock()
                both.attach_mock(getattr(first, stage), "first")
                both.attach_mock(getattr(second, stage), "second")
                method = getattr(Observers(first, second), stage)
                code = getattr(Observer, stage).__code__
                positional = code.co_varnames[1 : code.co_argcount]
                keywords = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
                method(*positional, **{name: name for name in keywords})
                expected = mock.call(*positional, **{name: name for name in keywords})
                self.assertEqual([expected], [mock.call(*args, **named) for _, args, named in both.mock_calls[:1]])
                self.assertEqual(["first", "second"], [name for name, _, _ in both.mock_calls])

    def test_request_is_reported_with_its_result(self) -> None:
        recorder = Recorder()
        self.assertEqual("v1", Service(recorder).create("v1"))
        self.assertEqual([("volume create",), ("v1", None)], recorder.calls)

    def test_request_is_reported_with_its_error(self) -> None:
        recorder, problem = Recorder(), ValueError("no")
        with self.assertRaises(ValueError):
            Service(recorder).create(problem)
        self.assertEqual([("volume create",), (None, problem)], recorder.calls)

    def test_end_of_a_block_is_reported_once(self) -> None:
        ended: list[BaseException | None] = []
        with reporting(ended.append):
            self.assertEqual([], ended)
        self.assertEqual([None], ended)
