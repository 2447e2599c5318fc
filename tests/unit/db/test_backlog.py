"""The figures for metrics on SQLite."""

from __future__ import annotations

from tests.stores import figures, world


class TestFiguresOnSQLite(figures.FiguresContract, world.OnSQLite):
    pass
