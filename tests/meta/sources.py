"""The project's own files, as the tests about the tree see them."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

TOP = Path(__file__).resolve().parents[2]
PACKAGES = ("volsched", "volsched_drivers")


def python_files(*folders: str) -> Iterator[Path]:
    """Every Python file below these folders of the project, in order."""
    for folder in folders:
        yield from (path for path in sorted((TOP / folder).rglob("*.py")) if "__pycache__" not in path.parts)


def text_files() -> Iterator[Path]:
    """Every file of the project that people write, in order."""
    made = {".git", ".venv", ".tox", ".stestr", ".hypothesis", "build", "dist", "data", "results"}
    kinds = {".py", ".rst", ".cfg", ".toml", ".ini", ".sample", ".yaml", ".svg", ".mako", ""}
    for path in sorted(TOP.rglob("*")):
        inside = path.relative_to(TOP)
        hidden = any(part in made or part.endswith(("_cache", ".egg-info")) for part in inside.parts)
        if not hidden and path.suffix in kinds and path.is_file():
            yield path


def module_of(path: Path) -> str:
    """The dotted name under which a Python file of the project is imported."""
    parts = path.relative_to(TOP).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def tree_of(path: Path) -> ast.Module:
    """The syntax tree of a Python file."""
    return ast.parse(path.read_text(), str(path))


def name_of(node: ast.AST) -> str:
    """`a.b.c` for a name or a chain of attributes, else nothing."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        before = name_of(node.value)
        return f"{before}.{node.attr}" if before else node.attr
    return ""
