#!/usr/bin/env python
"""Run volsched for as long as one likes while its processes are killed and stopped at random, and say what was seen."""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tests.functional.fleet import Fleet
from tests.functional.hammering import database_of
from tests.functional.soaking import TOLD, Soak, Soaked, report_of


def main() -> int:
    """Exit status 1 where a promise was broken."""
    parser = argparse.ArgumentParser(prog="soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--database", choices=("postgresql", "mariadb", "sqlite"), default="postgresql")
    parser.add_argument("--seed", type=int, default=None, help="the same blows again, on the same processes")
    parser.add_argument("--json", type=Path, metavar="FILE", help="the report for programs")
    options = parser.parse_args()
    seed = random.SystemRandom().randrange(1_000_000) if options.seed is None else options.seed
    seen = soaked(options.database, options.minutes * 60, seed)
    sys.stdout.write(f"{seen.text}\n")
    if options.json is not None:
        options.json.write_text(json.dumps(report_of(seen), indent=2) + "\n")
    return 1 if any(seen.broken.values()) else 0


def soaked(kind: str, seconds: float, seed: int) -> Soaked:
    """One run, in a folder and a database of its own."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="volsched-soak-"))).resolve()
        url = database_of(kind, folder, stack)
        fleet = stack.enter_context(Fleet(folder, url, TOLD.format(folder=folder)))
        return Soak(fleet, kind, seed, seconds, say=_say).run()


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
