"""The dialect `cinder` gives what Cinder's own evaluator gave, for every recorded expression."""

from __future__ import annotations

import json
import lzma
import math
from pathlib import Path
from typing import Any

from tests import TestCase
from volsched.exceptions import ExpressionError
from volsched.languages.expressions import compile_expression

RECORDED = Path(__file__).parents[3] / "data" / "golden" / "expressions.jsonl.xz"


def decoded(value: Any) -> Any:
    if isinstance(value, dict):
        return float(value["$float"]) if "$float" in value else {key: decoded(item) for key, item in value.items()}
    return [decoded(item) for item in value] if isinstance(value, list) else value


def alike(one: Any, other: Any) -> bool:
    if type(one) is not type(other):
        return False
    return one == other or (isinstance(one, float) and math.isnan(one) and math.isnan(other))


class TestRecorded(TestCase):
    def test_every_one(self) -> None:
        with lzma.open(RECORDED, "rt") as lines:
            cases = [json.loads(line) for line in lines]
        self.assertGreater(len(cases), 200)
        for case in cases:
            with self.subTest(case["id"], expression=case["expr"]):
                expected = case["expected"]
                result, kind = None, None
                try:
                    result = compile_expression(case["expr"], "cinder").evaluate(decoded(case["vars"]))
                except ExpressionError as error:
                    kind = error.kind
                self.assertEqual(expected["error"] and expected["error"]["class"], kind)
                self.assertTrue(alike(decoded(expected["result"]), result), f"{expected['result']!r}, not {result!r}")
