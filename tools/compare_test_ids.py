"""Fail if stestr and pytest do not find the same tests, and print the tests that only one of them finds."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def stestr_ids() -> set[str]:
    """Return the ids that stestr finds, such as `tests.unit.test_x.TestX.test_y`."""
    if not Path(".stestr").exists():  # `stestr list` requires it
        _lines("stestr", "init")
    return set(_lines("stestr", "list"))


def pytest_ids() -> set[str]:
    """Return the ids that pytest finds, converted from `tests/unit/test_x.py::TestX::test_y`."""
    found = (line for line in _lines("pytest", "--collect-only", "--quiet") if "::" in line)
    return {line.replace(".py::", "::").replace("/", ".").replace("::", ".") for line in found}


def _lines(module: str, *arguments: str) -> list[str]:
    result = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if result.returncode != 0:
        sys.exit(f"{module} {' '.join(arguments)} failed:\n{result.stdout}{result.stderr}")
    return [line.strip() for line in result.stdout.splitlines() if line.strip()]


def main() -> None:
    under_stestr, under_pytest = stestr_ids(), pytest_ids()
    if not under_stestr:
        sys.exit("no test was found")
    only = [f"only stestr finds {name}" for name in sorted(under_stestr - under_pytest)]
    only += [f"only pytest finds {name}" for name in sorted(under_pytest - under_stestr)]
    if only:
        sys.exit("\n".join(only))


if __name__ == "__main__":
    main()
