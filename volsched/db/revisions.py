"""Which revision the tables have, and which they should have: apart from alembic, which is slow to import."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import Connection

#: alembic's own table.
STAMP = sa.table("alembic_version", sa.column("version_num"))


def latest() -> str:
    """The revision that this version of volsched needs: the number that the last migration's file begins with."""
    files = (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*_*.py")
    return max((file.name.partition("_")[0] for file in files), default="")


def stamped(connection: Connection) -> str | None:
    """The revision that the tables have; None where there are none."""
    if not sa.inspect(connection).has_table(STAMP.name):
        return None
    found = connection.execute(sa.select(STAMP)).scalar()
    return None if found is None else str(found)
