"""A recorded decision agrees, differs on purpose, or is told as unexplained; a rule may not claim too much."""

from __future__ import annotations

import copy
import gzip
import io
import json
import lzma
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest import mock

from tests import TestCase
from tools.parity import differences, hints
from tools.parity.__main__ import main
from tools.parity.cases import BadFile
from tools.parity.running import Finding, Tally, Verdict, findings

VOLUME = "5a1f0c1e-0000-4000-8000-000000000001"


def a_pool_report(**more: Any) -> dict[str, Any]:
    return {
        "pool_name": "p",
        "total_capacity_gb": 1000,
        "free_capacity_gb": 800,
        "allocated_capacity_gb": 100,
        "provisioned_capacity_gb": 200,
        **more,
    }


def a_case(size: Any = 10, **pool: Any) -> dict[str, Any]:
    """One create on one thick pool, as Cinder answers it."""
    filters = ("AvailabilityZoneFilter", "CapacityFilter", "CapabilitiesFilter")
    record = {"num_attempts": 1, "backends": ["h@b#p"], "hosts": ["h@b#p"]}
    result = {
        "operation": "create_volume",
        "per_filter": {name: ["h@b#p"] for name in filters},
        "weighed": [["h@b#p", 0.0]],
        "chosen": "h@b#p",
        "error": None,
        "retry": record,
        "state_after": {
            "h@b#p": {"free_capacity_gb": 790, "allocated_capacity_gb": 110, "provisioned_capacity_gb": 210}
        },
    }
    return {
        "id": "case-1",
        "now": "2026-03-01T12:00:00",
        "config": {},
        "services": [{"host": "h@b"}],
        "capabilities": [
            {"host": "h@b", "timestamp": "2026-03-01T11:59:00", "capabilities": {"pools": [a_pool_report(**pool)]}}
        ],
        "requests": [
            {
                "operation": "create_volume",
                "at": "2026-03-01T12:00:10",
                "request_spec": {"volume_id": VOLUME, "volume_properties": {"size": size}},
                "filter_properties": {},
            }
        ],
        "expected": {"init_error": None, "capability_errors": [], "results": [result]},
    }


def judged(case: dict[str, Any]) -> Finding:
    (finding,) = findings(case)
    return finding


class TestVerdicts(TestCase):
    def test_the_same_answer_agrees(self) -> None:
        self.assertIs(Verdict.AGREES, judged(a_case()).verdict)

    def test_anything_else_is_unexplained_and_named(self) -> None:
        for change, aspect in (
            ({"chosen": "h@b#other"}, "chosen"),
            ({"weighed": [["h@b#p", 0.5]]}, "passes"),
            ({"per_filter": {}}, "passes"),
            ({"error": {"class": "NoValidBackend", "message": "", "cinder": True}, "chosen": None}, "failure"),
            ({"error": {"class": "KeyError", "message": "", "cinder": False}, "chosen": None}, "failure"),
            ({"retry": {"num_attempts": 2, "backends": ["h@b#p"], "hosts": ["h@b#p"]}}, "retry"),
            ({"state_after": {}}, "known pools"),
            (
                {
                    "state_after": {
                        "h@b#p": {"free_capacity_gb": 1, "allocated_capacity_gb": 110, "provisioned_capacity_gb": 210}
                    }
                },
                "figures",
            ),
        ):
            with self.subTest(change=change):
                case = a_case()
                case["expected"]["results"][0].update(change)
                finding = judged(case)
                self.assertIs(Verdict.UNEXPLAINED, finding.verdict, finding)
                self.assertIn(aspect, finding.aspects)
                self.assertIn("case-1 · 0 create_volume · Cinder: ", finding.line())

    def test_what_a_rule_names_is_deliberate(self) -> None:
        case = a_case(10.5)
        case["expected"]["results"][0]["state_after"]["h@b#p"] = {
            "free_capacity_gb": 789.5,
            "allocated_capacity_gb": 110.5,
            "provisioned_capacity_gb": 210.5,
        }
        finding = judged(case)
        self.assertIs(Verdict.DELIBERATE, finding.verdict, finding)
        self.assertEqual(("sizes-are-whole",), finding.rules)
        self.assertTrue(finding.line().endswith("deliberate: sizes-are-whole"))

    def test_a_pool_set_aside_explains_itself_and_nothing_more(self) -> None:
        aside = a_case(free_capacity_gb=-20)
        self.assertIs(Verdict.UNEXPLAINED, judged(a_case(total_capacity_gb=5)).verdict)
        finding = judged(aside)
        self.assertIs(Verdict.DELIBERATE, finding.verdict, finding)
        self.assertEqual(("unusable-reports",), finding.rules)
        other = copy.deepcopy(aside)
        other["capabilities"][0]["capabilities"]["pools"].append(a_pool_report(pool_name="good"))
        self.assertIs(Verdict.UNEXPLAINED, judged(other).verdict, "Cinder would have known the good one")

    def test_a_rule_that_matches_an_agreement_is_wrong(self) -> None:
        greedy = differences.Rule("greedy", lambda comparison: frozenset({"chosen"}))
        with mock.patch.object(differences, "RULES", (greedy,)):
            finding = judged(a_case())
        self.assertIs(Verdict.WRONG_RULE, finding.verdict)
        tally = Tally()
        tally.add(finding)
        self.assertEqual(1, tally.wrong)
        self.assertIn("1 errors of rules", tally.line())

    def test_our_own_accident_is_never_explained(self) -> None:
        greedy = differences.Rule("greedy", lambda comparison: comparison.differing)
        with (
            mock.patch.object(differences, "RULES", (greedy,)),
            mock.patch("volsched.placement.pipeline.Placing.place", side_effect=RuntimeError("ours")),
        ):
            finding = judged(a_case())
        self.assertIs(Verdict.UNEXPLAINED, finding.verdict)
        self.assertIn("RuntimeError: ours", finding.ours)

    def test_a_record_beyond_understanding_is_told(self) -> None:
        case = a_case()
        case["expected"]["results"][0]["weighed"] = [["h@b#p", "heavy"]]
        with self.assertRaisesRegex(BadFile, "case-1: the record is odd: ValueError"):
            judged(case)
        case = a_case()
        case["expected"]["results"][0]["state_after"] = {
            "h@b#p": dict.fromkeys(("free_capacity_gb", "allocated_capacity_gb", "provisioned_capacity_gb"), "much")
        }
        self.assertIs(Verdict.UNEXPLAINED, judged(case).verdict)

    def test_a_configuration_that_does_not_start(self) -> None:
        case = a_case()
        case["config"] = {"scheduler_default_filters": ["Nope"]}
        self.assertIs(Verdict.UNEXPLAINED, judged(case).verdict)
        case["expected"]["init_error"] = {"class": "SchedulerHostFilterNotFound", "message": "Nope", "cinder": True}
        case["expected"]["results"] = []
        self.assertIs(Verdict.AGREES, judged(case).verdict)

    def test_expressions(self) -> None:
        case = {"id": "e", "expr": "2 + 5", "vars": {}, "expected": {"result": 7, "type": "int", "error": None}}
        self.assertIs(Verdict.AGREES, judged(case).verdict)
        case["expected"] = {"result": 7.5, "type": "float", "error": None}
        self.assertIs(Verdict.UNEXPLAINED, judged(case).verdict)
        case["expected"] = {"result": None, "type": None, "error": {"class": "RecursionError", "message": ""}}
        self.assertEqual(("expressions-are-bounded",), judged(case).rules)


class TestProgram(TestCase):
    def run_main(self, *arguments: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(err):
            status = main(arguments)
        return status, out.getvalue(), err.getvalue()

    def written(self, *cases: dict[str, Any], name: str = "cases.jsonl") -> str:
        path = self.folder() / name
        text = "".join(json.dumps(case) + "\n" for case in cases)
        opener: Any = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
        with opener(path, "wt", encoding="utf-8") as handle:
            handle.write(text)
        return str(path)

    def test_status_0_and_the_count(self) -> None:
        for name in ("cases.jsonl", "cases.jsonl.xz", "cases.jsonl.gz"):
            status, out, err = self.run_main(self.written(a_case(), name=name))
            self.assertEqual(
                (0, "1 of 1 requests agree, 0 deliberate differences, 0 unexplained\n", ""), (status, out, err)
            )

    def test_status_1_and_the_line(self) -> None:
        case = a_case()
        case["expected"]["results"][0]["chosen"] = "h@b#other"
        status, out, _ = self.run_main(self.written(a_case(), case))
        self.assertEqual(1, status)
        self.assertIn(
            "case-1 · 0 create_volume · Cinder: chose h@b#other · volsched: chose h@b#p · unexplained: chosen", out
        )
        self.assertTrue(out.endswith("1 of 2 requests agree, 0 deliberate differences, 1 unexplained\n"))

    def test_json(self) -> None:
        case = a_case()
        case["expected"]["results"][0]["chosen"] = "h@b#other"
        status, out, _ = self.run_main("--json", self.written(case))
        told, summary = map(json.loads, out.splitlines())
        self.assertEqual((1, "unexplained"), (status, told["verdict"]))
        self.assertEqual({"agrees": 0, "deliberate": 0, "unexplained": 1, "wrong rule": 0}, summary["counts"])

    def test_quiet_leaves_out_what_is_meant(self) -> None:
        status, out, _ = self.run_main("--quiet", self.written(a_case(free_capacity_gb=-20)))
        self.assertEqual((0, "0 of 1 requests agree, 1 deliberate differences, 0 unexplained\n"), (status, out))

    def test_status_2_for_what_is_no_golden_file(self) -> None:
        short = a_case()
        short["expected"]["results"] = []
        folder = self.folder()
        bad = {"text.jsonl": b"hello\n", "list.jsonl": b"[1]\n", "packed.xz": b"no\n", "latin.jsonl": b"\xff\xfe\n"}
        paths = [self.written(short), str(folder / "missing.jsonl")]
        for name, content in bad.items():
            Path(folder / name).write_bytes(content)
            paths.append(str(folder / name))
        for path in paths:
            with self.subTest(path):
                status, out, err = self.run_main(path)
                self.assertEqual((2, ""), (status, out))
                self.assertIn(path, err)


class TestBadHints(TestCase):
    def test_a_second_opinion(self) -> None:
        good: tuple[Any, ...] = (
            None,
            "",
            "[]",
            "null",
            '["=", "$free_capacity_gb", 5]',
            '["in", "$vendor_name", "a", "b"]',
        )
        good += ('["and", [">", "$total_capacity_gb", 1], ["not", ["=", "$capabilities.x", "y"]]]', '["<", 1, 2]')
        for query in good:
            self.assertFalse(hints.bad_hint({"query": query}, "query"), query)
        bad: tuple[Any, ...] = ("{", '"="', '{"a": 1}', '["nope"]', ["=", 1, 1], '[">", "$vendor_name", 5]')
        bad += ('["=", "$host.x", 1]', '["or", ["in", "a"], ["what"]]', '[">", 1, "a"]', '[["="], 1]')
        for query in bad:
            self.assertTrue(hints.bad_hint({"query": query}, "query"), query)
        good_ids: tuple[Any, ...] = (VOLUME, VOLUME.upper().replace("-", ""), [])
        bad_ids: tuple[Any, ...] = ([VOLUME, "x"], "", 5)
        for ids, is_bad in (*((ids, False) for ids in good_ids), *((ids, True) for ids in bad_ids)):
            self.assertIs(is_bad, hints.bad_hint({"same_host": ids}, "same_host"), ids)
        self.assertFalse(hints.bad_hint({}, "same_host"))
        self.assertTrue(hints.bad_hint("hints", "same_host"))
        self.assertFalse(hints.bad_hint({"local_to_instance": ""}, "local_to_instance"))
        self.assertTrue(hints.bad_hint({"local_to_instance": "x"}, "local_to_instance"))
