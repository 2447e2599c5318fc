"""Rows that are written once: where there is one of the same id already, it stays as it is."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa


def unless_there(table: sa.Table, **computed: sa.ColumnElement[Any]) -> sa.Insert:
    """The statement that inserts a row of a table with `id` and `seq`, unless there is one of this id.

    A look and an insert in one: on a server, one journey. Its parameters are the table's columns but `seq` and those
    `computed`; a column that is left out of them must be given as None.
    """
    same = table.alias("same")
    written = {
        column.name: computed.get(column.name, sa.bindparam(column.name, type_=column.type))
        for column in table.columns
        if column.name != "seq"
    }
    there = sa.exists(sa.select(same.c.seq).where(same.c.id == sa.bindparam("id", type_=table.c.id.type)))
    return sa.insert(table).from_select(list(written), sa.select(*written.values()).where(~there))
