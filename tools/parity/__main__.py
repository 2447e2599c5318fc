"""`python -m tools.parity FILE…`: do we decide as Cinder decided?"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.parity.cases import BadFile, Case, cases_of
from tools.parity.running import Finding, Tally, Verdict, findings

DONE, DIFFERS, BAD_USE = 0, 1, 2


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status: 0 when nothing is unexplained, 1 when something is, 2 when the files are no golden files."""
    options = _parser().parse_args(arguments)
    tally = Tally()
    try:
        for finding in _all(options.files, progress=sys.stderr.isatty() and not options.json):
            tally.add(finding)
            _show(finding, as_json=options.json, quiet=options.quiet)
    except BadFile as problem:
        sys.stderr.write(f"{problem}\n")
        return BAD_USE
    if options.json:
        counts = {verdict.value: tally.counts[verdict] for verdict in Verdict}
        _say(json.dumps({"summary": tally.line(), "counts": counts, "by_rule": dict(tally.by_rule.most_common())}))
    else:
        _say(tally.line())
    return DIFFERS if tally.wrong else DONE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m tools.parity",
        description="Replays decisions recorded from the real Cinder through volsched's engine and its installed "
        "plugins. Prints one line a difference (case · request · what Cinder did · what volsched did · why) and a "
        "summary. The status is 0 when no difference is unexplained.",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="golden file: JSON lines, also .xz and .gz")
    parser.add_argument("--json", action="store_true", help="one JSON object a difference, and one for the summary")
    parser.add_argument("--quiet", action="store_true", help="leave out the deliberate differences")
    return parser


def _all(files: Sequence[Path], *, progress: bool) -> Iterator[Finding]:
    for path in files:
        for number, case in enumerate(cases_of(path), 1):
            if progress:
                _tell(f"{path.name}: case {number} {case.get('id', '')}")
            yield from findings(_checked(case, path))
    if progress:
        _tell("")


def _checked(case: Case, path: Path) -> Case:
    results = case["expected"].get("results")
    if "requests" in case and len(case["requests"]) != len(results or ()) and not case["expected"].get("init_error"):
        raise BadFile(f"{path}: case {case.get('id')}: {len(case['requests'])} requests, {len(results or ())} results")
    return case


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")


def _tell(text: str) -> None:
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()


def _show(finding: Finding, *, as_json: bool, quiet: bool) -> None:
    if finding.verdict is Verdict.AGREES or (quiet and finding.verdict is Verdict.DELIBERATE):
        return
    _say(json.dumps(finding.plain()) if as_json else finding.line())


if __name__ == "__main__":
    logging.basicConfig(level=logging.CRITICAL)  # what plugins log of each pool is no part of the answer
    sys.exit(main())
