"""The parts of a parsed expression, and how each gets its value for one pool."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from volsched.languages.expressions.semantics import Meaning, Unevaluable


@dataclass(frozen=True, slots=True)
class Frame:
    """What one evaluation knows: the dialect's rules, and a mapping of values for each namespace."""

    meaning: Meaning
    namespaces: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Node(abc.ABC):
    """A part of an expression. `names` are the variables (`namespace.key`) that it reads."""

    names: frozenset[str]

    @abc.abstractmethod
    def value(self, frame: Frame) -> Any:
        """Its value. Raises Unevaluable, or what Python raises for the operation."""


NO_NAMES: frozenset[str] = frozenset()


def names_of(*nodes: Node) -> frozenset[str]:
    """What any of them reads."""
    first, *rest = {node.names for node in nodes if node.names} or {NO_NAMES}
    return first.union(*rest) if rest else first


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A value that stands in the text."""

    constant: Any

    def value(self, frame: Frame) -> Any:
        return self.constant


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Node):
    """A name with a namespace, such as volume.size."""

    namespace: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.namespace}.{self.key}"

    def value(self, frame: Frame) -> Any:
        return frame.meaning.read(frame.namespaces, self.namespace, self.key)


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Node):
    """Values with commas between them. A list in the last place is spread."""

    items: tuple[Node, ...]

    def value(self, frame: Frame) -> Any:
        values = [item.value(frame) for item in self.items]
        last = values.pop()
        return [*values, *last] if isinstance(last, list) else [*values, last]


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """One or more functions, the innermost first, on one argument (a Listing where there are several)."""

    functions: tuple[str, ...]
    argument: Node

    def value(self, frame: Frame) -> Any:
        value = self.argument.value(frame)
        for function in self.functions:
            value = frame.meaning.call(function, value)
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Power(Node):
    """Powers, right to left. `signs` has the signs that stand before each operand, the innermost first."""

    operands: tuple[Node, ...]
    signs: tuple[tuple[int, ...], ...]

    def value(self, frame: Frame) -> Any:
        values = [operand.value(frame) for operand in self.operands]
        result = values.pop()
        for sign in self.signs[-1]:
            result = frame.meaning.signed(sign, result)
        for place in range(len(values) - 1, -1, -1):
            result = frame.meaning.calculate("^", values[place], result)
            for sign in self.signs[place]:
                result = frame.meaning.signed(sign, result)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Signed(Node):
    """Signs, the innermost first, before an operand."""

    signs: tuple[int, ...]
    operand: Node

    def value(self, frame: Frame) -> Any:
        value = self.operand.value(frame)
        for sign in self.signs:
            value = frame.meaning.signed(sign, value)
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Node):
    """+ and -, left to right."""

    first: Node
    steps: tuple[tuple[str, Node], ...]

    def value(self, frame: Frame) -> Any:
        value = self.first.value(frame)
        for sign, node in self.steps:
            value = frame.meaning.calculate(sign, value, node.value(frame))
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Product(Node):
    """* and /, left to right."""

    first: Node
    steps: tuple[tuple[str, Node], ...]

    def value(self, frame: Frame) -> Any:
        value = self.first.value(frame)
        for sign, node in self.steps:
            try:
                value = frame.meaning.calculate(sign, value, node.value(frame))
            except ZeroDivisionError as error:
                raise Unevaluable(f"ZeroDivisionError: {error}") from None
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Not(Node):
    """`not`, `count` times."""

    count: int
    operand: Node

    def value(self, frame: Frame) -> Any:
        return frame.meaning.truth(self.operand.value(frame)) is (self.count % 2 == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Node):
    """Each value compared with the next; the first pair that does not hold ends it."""

    first: Node
    steps: tuple[tuple[str, Node], ...]

    def value(self, frame: Frame) -> Any:
        left = self.first.value(frame)
        for sign, node in self.steps:
            right = node.value(frame)
            if not frame.meaning.compare(sign, left, right):
                return False
            left = right
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Node):
    """Conditions with a value each, and the value where none holds. Only the value taken is evaluated."""

    arms: tuple[tuple[Node, Node], ...]
    otherwise: Node

    def value(self, frame: Frame) -> Any:
        for condition, node in self.arms:
            if frame.meaning.truth(condition.value(frame)):
                return node.value(frame)
        return self.otherwise.value(frame)


@dataclass(frozen=True, slots=True, eq=False)
class Chain(Node):
    """Operands of `and`, or of `or`: the first that decides is the value, else the last."""

    decides: bool  # the truth value that ends the chain: False for `and`, True for `or`
    operands: tuple[Node, ...]

    def value(self, frame: Frame) -> Any:
        meaning = frame.meaning
        *early, last = self.operands
        if meaning.eager:
            values = [operand.value(frame) for operand in self.operands]
            return next((value for value in values[:-1] if meaning.truth(value) is self.decides), values[-1])
        for operand in early:
            value = operand.value(frame)
            if meaning.truth(value) is self.decides:
                return value
        return last.value(frame)
