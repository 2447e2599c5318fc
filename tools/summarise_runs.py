"""Print the results of the last runs of stestr and pytest, and the reasons of skipped tests.

`python tools/summarise_runs.py PATH...`: pytest ran the tests below these paths, stestr ran all tests. Fails if a test
failed, if no test ran, or if the two runners disagree about a test that both should have run.
"""

from __future__ import annotations

import io
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import subunit  # type: ignore[import-untyped]
import testtools

#: Test id -> (passed, failed or skipped; reason of a skip).
Results = Mapping[str, tuple[str, str]]

PYTEST_REPORT = Path("build/pytest.xml")


def stestr_results() -> Results:
    """Return the results of the last run in .stestr."""
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
    """Return the results in the report that pytest wrote."""
    results: dict[str, tuple[str, str]] = {}
    for case in ElementTree.parse(PYTEST_REPORT).iter("testcase"):  # noqa: S314, written by the run itself
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
    """Return `N passed, N failed, N skipped`."""
    counts = Counter(outcome for outcome, _ in results.values())
    return f"{counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped"


def disagreements(under_stestr: Results, under_pytest: Results, prefixes: Sequence[str]) -> list[str]:
    """Return a line for each test that both runners should have run and that has different outcomes."""
    expected = {name for name in under_stestr if name.startswith(tuple(f"{prefix}." for prefix in prefixes))}
    lines = []
    for name in sorted(expected | set(under_pytest)):
        outcomes = [results.get(name, ("absent", ""))[0] for results in (under_stestr, under_pytest)]
        if outcomes[0] != outcomes[1]:
            lines.append(f"{name}: {outcomes[0]} under stestr, {outcomes[1]} under pytest")
    return lines


def main() -> None:
    prefixes = [path.strip("/").replace("/", ".") for path in sys.argv[1:]] or ["tests"]
    under_stestr, under_pytest = stestr_results(), pytest_results()
    problems = disagreements(under_stestr, under_pytest, prefixes)
    reasons = Counter(reason for outcome, reason in under_stestr.values() if outcome == "skipped")
    lines = [f"stestr: {counted(under_stestr)}", f"pytest: {counted(under_pytest)}", *problems]
    lines += [f"skipped: {number} x {reason}" for reason, number in sorted(reasons.items())]
    lines.append(counted(under_stestr))
    sys.stdout.write("\n".join(lines) + "\n")
    failed = [name for name, (outcome, _) in {**under_stestr, **under_pytest}.items() if outcome == "failed"]
    sys.exit(1 if problems or failed or not under_stestr else 0)


if __name__ == "__main__":
    main()
