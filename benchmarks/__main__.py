"""`python -m benchmarks [PART …]` measures; `python -m benchmarks compare OLD NEW` says what became worse.

Measuring prints a table a part, then which targets are met, and writes benchmarks/results/latest.json.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import figures

PARTS = {
    "against_cinder": "volsched and cinder 29.0.0 on the same fleet and requests, CPU time",
    "durable": "requests a second, end to end, with a real claim",
    "growth": "time and memory against the number of pools",
    "reports": "what a report of an agent costs: transactions, statements, milliseconds",
    "startup": "what a command costs that does next to nothing",
}
RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"
#: Run to run the ratios differ by a tenth or two on a shared machine.
TOLERANCE = 0.25
Run = tuple[str, str, int]


def main(argv: Sequence[str] | None = None) -> int:
    """Measuring: 0 when everything was measured, for whether it is fast enough is said in a table. Comparing: 1 when
    some figure became worse."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    return _compare(arguments[1:]) if arguments[:1] == ["compare"] else _measure(arguments)


def _measure(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--quick", action="store_true", help="fewer requests and smaller fleets; nothing is written")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    only = parser.add_argument_group("only some rows of against_cinder (each may be given several times)")
    only.add_argument("--work", action="append", help="decision, flow, durable-flow …")
    only.add_argument("--plugins", action="append", choices=("default", "full"))
    only.add_argument("--pools", action="append", type=int, help="100, 1000 or 10000")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    narrowed = bool(options.work or options.plugins or options.pools)
    if narrowed and set(options.parts) - {"against_cinder"}:
        parser.error("--work, --plugins and --pools are for against_cinder")
    results: dict[str, Any] = {"machine": machine()}
    for part in options.parts or (["against_cinder"] if narrowed else PARTS):
        sys.stderr.write(f"{part}: {PARTS[part]}\n")
        more = {"wanted": _wanted(options)} if narrowed else {}
        results[part] = importlib.import_module(f"benchmarks.{part}").measure(quick=options.quick, **more)
        if not options.json:
            sys.stdout.write(f"\n{part}: {PARTS[part]}\n\n{table(results[part])}\n\n")
            sys.stdout.flush()
        if not options.quick:
            _keep({"machine": results["machine"], part: results[part]})
    results["targets"] = figures.verdicts(results)
    if options.json:
        sys.stdout.write(json.dumps(results, indent=1) + "\n")
    elif results["targets"]:
        sys.stdout.write(f"targets\n\n{table(results['targets'])}\n")
    if not options.quick:
        sys.stderr.write(f"written to {RESULTS}\n")
    return 0


def _wanted(options: argparse.Namespace) -> Callable[[str, str, int], bool]:
    """Which rows of against_cinder the command line asks for."""

    def wanted(*run: Any) -> bool:
        asked = (options.work, options.plugins, options.pools)
        return all(not any_of or value in any_of for value, any_of in zip(run, asked, strict=True))

    return wanted


def _keep(results: Mapping[str, Any]) -> None:
    """Write latest.json, after each part, for some take minutes. What was not measured stays as it was before."""
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    made = {**known, **results}
    if "against_cinder" in results:
        fresh = [{**row, "measured_at": results["machine"]["measured_at"]} for row in results["against_cinder"]]
        made["against_cinder"] = _merged(known.get("against_cinder", []), fresh)
    made["targets"] = figures.verdicts(made)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(made, indent=1) + "\n")


def _merged(old: Sequence[Mapping[str, Any]], new: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    rows = {(row["work"], row["plugins"], row["pools"]): row for row in (*old, *new)}
    return list(rows.values())


def _compare(argv: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks compare", description="Two runs, figure by figure.")
    parser.add_argument("old", type=Path, help="a latest.json that was kept")
    parser.add_argument("new", type=Path, nargs="?", default=RESULTS, help="another; by default the latest")
    parser.add_argument(
        "--tolerance", type=float, default=TOLERANCE, help="how much worse is no regression: %(default)s"
    )
    options = parser.parse_args(argv)
    old, new = (json.loads(path.read_text()) for path in (options.old, options.new))
    rows = figures.compared(old, new, options.tolerance)
    worse = sum(row[""] == "WORSE" for row in rows)
    sys.stdout.write(
        f"{table(rows)}\n\n{worse} of {len(rows)} figures are worse by more than {options.tolerance:.0%}\n"
    )
    return 1 if worse else 0


def machine() -> dict[str, Any]:
    """What the numbers were measured on, and when."""
    return {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": platform.platform(),
        "processor": _processor(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


def _processor() -> str:
    """The processor's name as Linux knows it, else what Python does."""
    file = Path("/proc/cpuinfo")
    lines = file.read_text().splitlines() if file.exists() else []
    return next(
        (line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.processor()
    )


def table(results: Any) -> str:
    """Rows as text; a mapping is shown part by part."""
    if isinstance(results, Mapping):
        return "\n\n".join(f"{name}\n{table(value)}" for name, value in results.items())
    if not isinstance(results, list) or not results or not isinstance(results[0], Mapping):
        return f"  {results}"
    columns = list(results[0])
    cells = [columns, *([_shown(row.get(column)) for column in columns] for row in results)]
    widths = [max(len(row[at]) for row in cells) for at in range(len(columns))]
    return "\n".join(
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
