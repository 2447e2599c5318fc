"""The syntax tree of an expression, and its evaluation for one pool."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from volsched.languages.expressions.semantics import DialectRules, EvaluationError


@dataclass(frozen=True, slots=True)
class Frame:
    """The input of an evaluation: the dialect's rules, and a mapping of values for each namespace."""

    rules: DialectRules
    namespaces: Mapping[str, Any]


@dataclass(frozen=True, slots=True, eq=False)
class Node(abc.ABC):
    """A node of the syntax tree. `names` are the variables (`namespace.key`) that it reads."""

    names: frozenset[str]

    @abc.abstractmethod
    def value(self, frame: Frame) -> Any:
        """Return its value. Raise EvaluationError, or the error of Python for the operation."""


NO_NAMES: frozenset[str] = frozenset()


def names_of(*nodes: Node) -> frozenset[str]:
    """Return the variables that any of the nodes reads."""
    first, *rest = {node.names for node in nodes if node.names} or {NO_NAMES}
    return first.union(*rest) if rest else first


@dataclass(frozen=True, slots=True, eq=False)
class Literal(Node):
    """A constant."""

    constant: Any

    def value(self, frame: Frame) -> Any:
        return self.constant


@dataclass(frozen=True, slots=True, eq=False)
class Variable(Node):
    """A variable: a name with a namespace, such as volume.size."""

    namespace: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.namespace}.{self.key}"

    def value(self, frame: Frame) -> Any:
        return frame.rules.read(frame.namespaces, self.namespace, self.key)


@dataclass(frozen=True, slots=True, eq=False)
class Listing(Node):
    """Values separated by commas. If the last one is a list, its items are appended."""

    items: tuple[Node, ...]

    def value(self, frame: Frame) -> Any:
        values = [item.value(frame) for item in self.items]
        last = values.pop()
        return [*values, *last] if isinstance(last, list) else [*values, last]


@dataclass(frozen=True, slots=True, eq=False)
class Call(Node):
    """One or more functions, the innermost first, applied to an argument (a Listing for several)."""

    functions: tuple[str, ...]
    argument: Node

    def value(self, frame: Frame) -> Any:
        value = self.argument.value(frame)
        for function in self.functions:
            value = frame.rules.call(function, value)
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Power(Node):
    """Powers, evaluated from right to left. `signs` are the signs of each operand, the innermost first."""

    operands: tuple[Node, ...]
    signs: tuple[tuple[int, ...], ...]

    def value(self, frame: Frame) -> Any:
        values = [operand.value(frame) for operand in self.operands]
        result = values.pop()
        for sign in self.signs[-1]:
            result = frame.rules.signed(sign, result)
        for place in range(len(values) - 1, -1, -1):
            result = frame.rules.calculate("^", values[place], result)
            for sign in self.signs[place]:
                result = frame.rules.signed(sign, result)
        return result


@dataclass(frozen=True, slots=True, eq=False)
class Signed(Node):
    """Signs of an operand, the innermost first."""

    signs: tuple[int, ...]
    operand: Node

    def value(self, frame: Frame) -> Any:
        value = self.operand.value(frame)
        for sign in self.signs:
            value = frame.rules.signed(sign, value)
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Sum(Node):
    """+ and -, left to right."""

    first: Node
    steps: tuple[tuple[str, Node], ...]

    def value(self, frame: Frame) -> Any:
        value = self.first.value(frame)
        for sign, node in self.steps:
            value = frame.rules.calculate(sign, value, node.value(frame))
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
                value = frame.rules.calculate(sign, value, node.value(frame))
            except ZeroDivisionError as error:
                raise EvaluationError(f"ZeroDivisionError: {error}") from None
        return value


@dataclass(frozen=True, slots=True, eq=False)
class Not(Node):
    """`not`, `count` times."""

    count: int
    operand: Node

    def value(self, frame: Frame) -> Any:
        return frame.rules.truth(self.operand.value(frame)) is (self.count % 2 == 0)


@dataclass(frozen=True, slots=True, eq=False)
class Comparison(Node):
    """A chain of comparisons, evaluated until one is false."""

    first: Node
    steps: tuple[tuple[str, Node], ...]

    def value(self, frame: Frame) -> Any:
        left = self.first.value(frame)
        for sign, node in self.steps:
            right = node.value(frame)
            if not frame.rules.compare(sign, left, right):
                return False
            left = right
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Choice(Node):
    """Conditions with a value each, and the value if none is true. Only the chosen value is evaluated."""

    arms: tuple[tuple[Node, Node], ...]
    otherwise: Node

    def value(self, frame: Frame) -> Any:
        for condition, node in self.arms:
            if frame.rules.truth(condition.value(frame)):
                return node.value(frame)
        return self.otherwise.value(frame)


@dataclass(frozen=True, slots=True, eq=False)
class Chain(Node):
    """The operands of `and` or `or`. The value is the first operand that decides, else the last."""

    decides: bool  # the truth value that decides: False for `and`, True for `or`
    operands: tuple[Node, ...]

    def value(self, frame: Frame) -> Any:
        rules = frame.rules
        *early, last = self.operands
        if rules.eager:
            values = [operand.value(frame) for operand in self.operands]
            return next((value for value in values[:-1] if rules.truth(value) is self.decides), values[-1])
        for operand in early:
            value = operand.value(frame)
            if rules.truth(value) is self.decides:
                return value
        return last.value(frame)
