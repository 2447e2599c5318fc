"""The documentation's table of differences holds, line by line."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import Dialect, compile_expression

PAGE = Path(__file__).parents[4] / "doc" / "reference" / "expressions.rst"


def rows() -> list[tuple[str, str, str, str]]:
    """The cells of the table under `Differences between the dialects`."""
    section = PAGE.read_text().split("Differences between the dialects\n")[1].split("\nLimits\n")[0]
    found = []
    for row in re.split(r"\n {3}\* - ", section)[2:]:
        cells = [cell.strip().strip("`") for cell in re.split(r"\n {5}-", row)]
        found.append((cells[0], cells[1], cells[2], cells[3]))
    return found


def namespaces(held: str) -> dict[str, dict[str, Any]]:
    made: dict[str, dict[str, Any]] = {name: {} for name in ("volume", "extra", "qos", "capabilities", "stats")}
    for pair in filter(None, held.split(", ")):
        name, _, value = pair.partition("=")
        namespace, _, key = name.partition(".")
        made[namespace][key] = ast.literal_eval(value)
    return made


def outcome(text: str, dialect: Dialect, held: str) -> str:
    try:
        return repr(compile_expression(text, dialect).evaluate(namespaces(held)))
    except ExpressionError:
        return "error"


class TestDifferences(TestCase):
    def test_there_are_lines(self) -> None:
        self.assertGreater(len(rows()), 25)

    def test_each_line_of_the_table(self) -> None:
        for text, held, cinder, strict in rows():
            with self.subTest(text):
                found = (outcome(text, Dialect.CINDER, held), outcome(text, Dialect.STRICT, held))
                self.assertEqual((cinder, strict), found)
