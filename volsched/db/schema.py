"""The tables and their column types, which mean the same on SQLite, PostgreSQL and MariaDB.

A change here needs a migration that makes the same change.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, String, Table, UniqueConstraint
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import TypeDecorator, TypeEngine

from volsched.model.serialization import plain

#: The most characters that are stored of a value which cannot be written as JSON.
MOST_UNREADABLE = 10_000


class Moment(TypeDecorator[datetime]):
    """A point in time: naive, in UTC, with microseconds."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return mysql.DATETIME(fsp=6) if dialect.name == "mysql" else self.impl_instance

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is None:
            return value
        return value.astimezone(UTC).replace(tzinfo=None)


class Document(TypeDecorator[Any]):
    """Plain data as JSON text. NaN and infinity, which JSON lacks, are stored as their names."""

    impl = sa.Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return mysql.LONGTEXT() if dialect.name == "mysql" else self.impl_instance

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        if value is None:
            return None
        try:
            return json.dumps(value, separators=(",", ":"), allow_nan=False, default=plain)
        except (TypeError, ValueError):  # a key or a number that JSON lacks: converted first, which is much slower
            return json.dumps(plain(value), separators=(",", ":"), allow_nan=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


class Received(Document):
    """Data as it was received: NaN stays NaN, so that parsing it again has the same result."""

    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        try:
            return json.dumps(value, default=plain, allow_nan=True)
        except (TypeError, ValueError):  # keys that are not text, or a value that contains itself
            return json.dumps(repr(value)[:MOST_UNREADABLE])


def sequence_number() -> TypeEngine[int]:
    """Return the type of a number that the database increments; SQLite does so for INTEGER only."""
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


metadata = sa.MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
    }
)

ID = String(36)
NAME = String(255)  # names, hosts, pools, projects, users
KEY = String(320)  # a volume's id with a pool's id behind it
WORD = String(32)

# Names are compared exactly, including case and trailing spaces, as the other databases do.
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}


def _table(name: str, *parts: SchemaItem, sqlite_autoincrement: bool = False) -> Table:
    return Table(name, metadata, *parts, **MARIADB, sqlite_autoincrement=sqlite_autoincrement)


volume_types = _table(
    "volume_types",
    Column("id", ID, primary_key=True),
    Column("name", NAME, nullable=False, unique=True),
    Column("description", sa.Text),
    Column("is_public", sa.Boolean, nullable=False),
    Column("qos_specs", Document),
    Column("created_at", Moment, nullable=False),
)

volume_type_extra_specs = _table(
    "volume_type_extra_specs",
    Column("volume_type_id", ID, ForeignKey("volume_types.id", ondelete="CASCADE"), primary_key=True),
    Column("key", NAME, primary_key=True),
    Column("value", sa.Text, nullable=False),
)

volume_type_projects = _table(
    "volume_type_projects",  # the projects that may use a private type
    Column("volume_type_id", ID, ForeignKey("volume_types.id", ondelete="CASCADE"), primary_key=True),
    Column("project_id", NAME, primary_key=True),
)

volumes = _table(
    "volumes",
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("size_gb", sa.Integer, sa.CheckConstraint("size_gb >= 0", name="size"), nullable=False),
    Column("status", WORD, nullable=False),
    Column("name", NAME),
    Column("description", sa.Text),
    Column("volume_type_id", ID, ForeignKey("volume_types.id")),
    Column("availability_zone", NAME),
    Column("host", NAME),  # the pool, once placed: host@backend#pool
    Column("cluster_name", NAME),
    Column("metadata", Document, nullable=False),
    Column("attach_status", WORD, nullable=False),
    Column("snapshot_id", ID),
    Column("source_volid", ID),
    Column("image_id", ID),
    Column("backup_id", ID),
    Column("group_id", ID),
    Column("migration_status", WORD),
    Column("provider_location", sa.Text),
    Column("bootable", sa.Boolean, nullable=False),
    Column("multiattach", sa.Boolean, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("scheduled_at", Moment),
    Column("launched_at", Moment),
    Column("updated_at", Moment),
    Index(None, "project_id", "name"),
    Index(None, "name"),
    Index(None, "host"),
    Index(None, "volume_type_id"),
    Index(None, "status"),
)

backends = _table(
    "backends",
    Column("id", NAME, primary_key=True),  # the backend_id; of another kind than volume: kind:backend_id
    Column("kind", WORD, nullable=False),
    Column("host", NAME, nullable=False),  # of a cluster: the service that reported last
    Column("cluster_name", NAME),
    Column("zone", NAME),
    Column("disabled", sa.Boolean, nullable=False),
    Column("disabled_reason", sa.Text),
    Column("frozen", sa.Boolean, nullable=False),
    Column("heartbeat_at", Moment),
    Column("report", Received),  # the last one accepted, as it arrived
    Column("reported_at", Moment),  # its time stamp, by the backend's clock
    Column("received_at", Moment),  # by ours
    Column("problems", Document, nullable=False),  # [[what, why], …]
)

pools = _table(
    "pools",
    Column("id", NAME, primary_key=True),  # host@backend#pool
    Column("backend_id", NAME, ForeignKey("backends.id"), nullable=False),
    Column("name", NAME, nullable=False),
    Column("present", sa.Boolean, nullable=False),  # whether the last report had it, in usable form
    Column("zone", NAME),
    Column("total_gb", sa.Double),  # of these figures, NULL: unbounded or not known
    Column("free_gb", sa.Double),
    Column("allocated_gb", sa.Double),
    Column("provisioned_gb", sa.Double),
    Column("reserved_percentage", sa.Double),
    Column("max_over_subscription_ratio", sa.Double),
    Column("thin", sa.Boolean, nullable=False),
    Column("room_thin_gb", sa.Double),  # NULL: unbounded
    Column("room_thick_gb", sa.Double),  # NULL: unbounded
    Column("pending_gb", sa.Double, nullable=False),  # the sum of the claims that the report cannot count
    Column("reported_at", Moment),
    Column("cordons", Document, nullable=False),  # [{"operation": …, "reason": …, "until": …}, …]
    Index(None, "backend_id"),
)

pool_storage = _table(
    "pool_storage",
    Column("pool_id", NAME, primary_key=True),  # no reference: the storage is identified before the first report
    Column("storage_id", ID, nullable=False),  # '': the operator accepts any
    Column("seen_by", NAME, nullable=False),  # the process that saw it last
    Column("seen_at", Moment, nullable=False),
)

inventories = _table(
    "inventories",
    Column("backend_id", NAME, primary_key=True),
    Column("begun_at", Moment, nullable=False),  # when the last complete one was begun
)

stored_volumes = _table(
    "stored_volumes",
    Column("pool_id", NAME, primary_key=True),
    Column("id", KEY, primary_key=True),
    Column("backend_id", NAME, nullable=False),
    Column("is_snapshot", sa.Boolean, nullable=False),
    Column("size_gb", sa.Double, nullable=False),
    Column("location", sa.Text, nullable=False),
    Column("seen_at", Moment, nullable=False),  # when the inventory that has it was begun
    Index(None, "backend_id", "seen_at"),
    Index(None, "id"),
)

claims = _table(
    "claims",
    Column("key", KEY, primary_key=True),
    Column("volume_id", ID, ForeignKey("volumes.id"), nullable=False),
    Column("pool_id", NAME, ForeignKey("pools.id"), nullable=False),
    Column("size_gb", sa.Double, sa.CheckConstraint("size_gb >= 0", name="size"), nullable=False),
    Column("made_at", Moment, nullable=False),
    Column("state", WORD, nullable=False),
    Column("confirmed_at", Moment),
    Index(None, "volume_id"),
    Index(None, "pool_id", "confirmed_at"),
)

decisions = _table(
    "decisions",
    Column("seq", sequence_number(), primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("volume_id", ID),  # no reference: a decision outlives its volume
    Column("outcome", WORD, nullable=False),
    Column("pool_id", NAME),
    Column("config_generation", sa.Integer, nullable=False),
    Column("document", Document, nullable=False),
    Column("made_at", Moment, nullable=False),
    Index(None, "volume_id", "seq"),
    sqlite_autoincrement=True,
)

messages = _table(
    "messages",
    Column("seq", sequence_number(), primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("volume_id", ID, nullable=False),  # no reference: it may say why the volume is gone
    Column("project_id", NAME, nullable=False),
    Column("code", WORD, nullable=False),
    Column("text", sa.Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "volume_id", "seq"),
    sqlite_autoincrement=True,
)

work = _table(
    "work",
    Column("seq", sequence_number(), primary_key=True),
    Column("id", KEY, nullable=False, unique=True),
    Column("queue", NAME, nullable=False),
    Column("operation", WORD, nullable=False),
    Column("volume_id", ID),  # no reference: the work that deletes a volume outlives it
    Column("busy_volume_id", ID),  # volume_id while it runs: the database itself allows one of a volume at a time
    Column("payload", Document, nullable=False),
    Column("state", WORD, nullable=False),
    Column("owner", NAME),
    Column("lease_until", Moment),
    Column("attempt", sa.Integer, nullable=False),
    Column("problem", sa.Text),
    Column("created_at", Moment, nullable=False),
    Column("finished_at", Moment),
    UniqueConstraint("busy_volume_id"),
    Index(None, "state", "queue", "seq"),
    Index(None, "volume_id", "state"),
    Index(None, "owner"),
    sqlite_autoincrement=True,
)

events = _table(
    "events",
    Column("seq", sequence_number(), primary_key=True),
    Column("id", ID, nullable=False, unique=True),
    Column("volume_id", ID),
    Column("volume_seq", sa.Integer),  # counts the events of one volume
    Column("payload", Document, nullable=False),
    Column("open", sa.Boolean, nullable=False),  # whether some notifier has still to get it
    Column("created_at", Moment, nullable=False),
    UniqueConstraint("volume_id", "volume_seq"),
    Index(None, "open", "seq"),
    sqlite_autoincrement=True,
)

notifiers = _table(
    "notifiers",
    Column("name", NAME, primary_key=True),
    Column("seen_at", Moment, nullable=False),  # when it last asked for events
)

deliveries = _table(
    "deliveries",
    Column("event_seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("notifier", NAME, primary_key=True),
    Column("state", WORD, nullable=False),  # waiting, delivered, parked
    Column("owner", NAME),
    Column("held_until", Moment),
    Column("attempts", sa.Integer, nullable=False),
    Column("next_try_at", Moment),
    Column("parked_at", Moment),
    Column("problem", sa.Text),
    sa.ForeignKeyConstraint(["event_seq"], ["events.seq"], ondelete="CASCADE"),
    Index(None, "notifier", "state"),
)

quotas = _table(
    "quotas",
    Column("project_id", NAME, primary_key=True),
    Column("volume_type_id", ID, primary_key=True),  # '': of all types together
    Column("resource", WORD, primary_key=True),
    Column("hard_limit", sa.Integer, sa.CheckConstraint("hard_limit >= -1", name="hard_limit")),  # NULL: the default
)

reservations = _table(
    "reservations",
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("volume_type_id", ID, nullable=False),  # '': of no type
    Column("volumes", sa.Integer, nullable=False),
    Column("gigabytes", sa.Integer, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Index(None, "project_id", "expires_at"),
)

volume_groups = _table(
    "volume_groups",
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("name", NAME),
    Column("status", WORD, nullable=False),
    Column("host", NAME),
    Column("availability_zone", NAME),
    Column("volume_type_ids", Document, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "project_id"),
)

snapshots = _table(
    "snapshots",
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("name", NAME),
    Column("status", WORD, nullable=False),
    Column("volume_id", ID, ForeignKey("volumes.id"), nullable=False),
    Column("size_gb", sa.Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "project_id"),
    Index(None, "volume_id"),
)

backups = _table(
    "backups",
    Column("id", ID, primary_key=True),
    Column("project_id", NAME, nullable=False),
    Column("user_id", NAME, nullable=False),
    Column("name", NAME),
    Column("status", WORD, nullable=False),
    Column("volume_id", ID),  # no reference: a backup outlives its volume
    Column("host", NAME),
    Column("size_gb", sa.Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Index(None, "project_id"),
    Index(None, "volume_id"),
)


def unless_there(table: sa.Table, **computed: sa.ColumnElement[Any]) -> sa.Insert:
    """Return a statement that inserts a row into a table with `id` and `seq`, unless this id is there already.

    One statement is one round trip. Its parameters are the columns of the table without `seq` and those `computed`;
    each of them must be given, if only as None.
    """
    same = table.alias("same")
    written = {
        column.name: computed.get(column.name, sa.bindparam(column.name, type_=column.type))
        for column in table.columns
        if column.name != "seq"
    }
    there = sa.exists(sa.select(same.c.seq).where(same.c.id == sa.bindparam("id", type_=table.c.id.type)))
    return sa.insert(table).from_select(list(written), sa.select(*written.values()).where(~there))
