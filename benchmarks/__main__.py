"""`python -m benchmarks [PART …]`: measures, prints a table a part, and writes benchmarks/results/latest.json."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

PARTS = {
    "against_cinder": "volsched and cinder 29.0.0 on the same fleet and requests, CPU time",
    "durable": "requests a second, end to end, with a real claim",
    "growth": "time and memory against the number of pools",
    "startup": "what a command costs that does next to nothing",
}
RESULTS = Path(__file__).resolve().parent / "results" / "latest.json"


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status 0: everything was measured. Whether it is fast enough is for the reader to say."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; all where none is named")
    parser.add_argument("--quick", action="store_true", help="fewer requests and smaller fleets")
    parser.add_argument("--json", action="store_true", help="print the results as JSON instead of tables")
    options = parser.parse_args(argv)
    unknown = sorted(set(options.parts) - set(PARTS))
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    results: dict[str, Any] = {"machine": machine()}
    for part in options.parts or PARTS:
        sys.stderr.write(f"{part}: {PARTS[part]}\n")
        results[part] = importlib.import_module(f"benchmarks.{part}").measure(quick=options.quick)
        if not options.json:
            sys.stdout.write(f"\n{part}: {PARTS[part]}\n\n{table(results[part])}\n")
            sys.stdout.flush()
    if options.json:
        sys.stdout.write(json.dumps(results, indent=1) + "\n")
    RESULTS.parent.mkdir(exist_ok=True)
    known = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    RESULTS.write_text(json.dumps({**known, **results}, indent=1) + "\n")
    sys.stderr.write(f"written to {RESULTS}\n")
    return 0


def machine() -> dict[str, Any]:
    """What the numbers were measured on."""
    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "load": [round(value, 1) for value in os.getloadavg()],
    }


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
        "  " + "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in cells
    )


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


if __name__ == "__main__":
    sys.exit(main())
