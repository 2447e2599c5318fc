"""The closing lines of a test run: what stestr and pytest each counted, what was skipped and why, one line for both.

Fails where a test failed, where none ran, or where the two runners do not agree about a test.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import subunit  # type: ignore[import-untyped]
import testtools

#: Test id -> (passed, failed or skipped; why it was skipped).
Results = Mapping[str, tuple[str, str]]

PYTEST_REPORT = Path("build/pytest.xml")


def stestr_results() -> Results:
    """Of the last run in .stestr."""
    raw = subprocess.run([sys.executable, "-m", "stestr", "last", "--subunit"], capture_output=True, check=False).stdout
    results: dict[str, tuple[str, str]] = {}

    def note(test: Mapping[str, Any]) -> None:
        outcome = {"success": "passed", "skip": "skipped"}.get(test["status"], "failed")
        reason = test["details"].get("reason")
        results[test["id"]] = (outcome, reason.as_text().strip() if reason else "")

    stream = testtools.StreamToDict(note)
    stream.startTestRun()
    subunit.ByteStreamToStreamResult(io.BytesIO(raw)).run(stream)
    stream.stopTestRun()
    return results


def pytest_results() -> Results:
    """Of the report that pytest wrote."""
    results: dict[str, tuple[str, str]] = {}
    for case in ElementTree.parse(PYTEST_REPORT).iter("testcase"):  # noqa: S314, our own file
        name = f"{case.get('classname')}.{case.get('name')}"
        skipped = case.find("skipped")
        if case.find("failure") is not None or case.find("error") is not None:
            results[name] = ("failed", "")
        elif skipped is not None:
            results.setdefault(name, ("skipped", skipped.get("message", "").strip()))
        else:
            results.setdefault(name, ("passed", ""))
    return results


def counted(results: Results) -> str:
    """`N passed, N failed, N skipped`."""
    counts = Counter(outcome for outcome, _ in results.values())
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def main() -> None:
    under_stestr, under_pytest = stestr_results(), pytest_results()
    problems = [
        f"{name}: {under_stestr.get(name, ('absent', ''))[0]} under stestr, "
        f"{under_pytest.get(name, ('absent', ''))[0]} under pytest"
        for name in sorted({*under_stestr, *under_pytest})
        if under_stestr.get(name, ("", ""))[0] != under_pytest.get(name, ("", ""))[0]
    ]
    reasons = Counter(why for outcome, why in under_stestr.values() if outcome == "skipped")
    lines = [f"stestr: {counted(under_stestr)}", f"pytest: {counted(under_pytest)}", *problems]
    lines += [f"skipped: {number} x {why}" for why, number in sorted(reasons.items())]
    lines.append(counted(under_stestr))
    sys.stdout.write("\n".join(lines) + "\n")
    failed = [name for name, (outcome, _) in {**under_stestr, **under_pytest}.items() if outcome == "failed"]
    sys.exit(1 if problems or failed or not under_stestr else 0)


if __name__ == "__main__":
    main()
