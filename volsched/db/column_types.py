"""Column types that mean the same on SQLite, PostgreSQL and MariaDB."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

from volsched.model.serialization import plain

#: So much is kept, for the operator to see, of what cannot be written as JSON.
MOST_UNREADABLE = 10_000


class Moment(TypeDecorator[datetime]):
    """A point in time: naive, UTC, to the microsecond."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return mysql.DATETIME(fsp=6) if dialect.name == "mysql" else self.impl_instance

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is None:
            return value
        return value.astimezone(UTC).replace(tzinfo=None)


class Document(TypeDecorator[Any]):
    """Plain data as JSON text. What JSON has no word for (NaN, infinity) is kept as its name."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return mysql.LONGTEXT() if dialect.name == "mysql" else self.impl_instance

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return json.dumps(value, separators=(",", ":"), allow_nan=False, default=plain)
        except (TypeError, ValueError):  # a key or a number that JSON has not: copied first, which takes much longer
            return json.dumps(plain(value), separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Received(Document):
    """What somebody else sent, as faithfully as text can be: NaN stays NaN, so that it is judged the same again."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        try:
            return json.dumps(value, default=plain, allow_nan=True)
        except (TypeError, ValueError):  # keys that are no text, or a value that holds itself
            return json.dumps(repr(value)[:MOST_UNREADABLE])


def sequence_number() -> TypeEngine[int]:
    """A number that the database counts up by itself; SQLite does so for INTEGER only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")
