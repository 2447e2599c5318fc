"""The first tables."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

ID = sa.String(36)
NAME = sa.String(255)
KEY = sa.String(320)
WORD = sa.String(32)
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
DOCUMENT = sa.Text().with_variant(mysql.LONGTEXT(), "mysql")
NUMBER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}

TABLES = (
    "backends",
    "backups",
    "decisions",
    "events",
    "messages",
    "notifiers",
    "quotas",
    "reservations",
    "volume_groups",
    "volume_types",
    "work",
    "deliveries",
    "pools",
    "volume_type_extra_specs",
    "volumes",
    "claims",
    "snapshots",
)


def upgrade() -> None:
    op.create_table(
        "backends",
        sa.Column("id", NAME, nullable=False),
        sa.Column("kind", WORD, nullable=False),
        sa.Column("host", NAME, nullable=False),
        sa.Column("cluster_name", NAME),
        sa.Column("zone", NAME),
        sa.Column("disabled", sa.Boolean(), nullable=False),
        sa.Column("disabled_reason", sa.Text()),
        sa.Column("frozen", sa.Boolean(), nullable=False),
        sa.Column("heartbeat_at", MOMENT),
        sa.Column("report", DOCUMENT),
        sa.Column("reported_at", MOMENT),
        sa.Column("received_at", MOMENT),
        sa.Column("problems", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backends"),
        **MARIADB,
    )
    op.create_table(
        "backups",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("name", NAME),
        sa.Column("status", WORD, nullable=False),
        sa.Column("volume_id", ID),
        sa.Column("host", NAME),
        sa.Column("size_gb", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_backups"),
        **MARIADB,
    )
    op.create_index("ix_backups_project_id", "backups", ["project_id"])
    op.create_index("ix_backups_volume_id", "backups", ["volume_id"])
    op.create_table(
        "decisions",
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("volume_id", ID),
        sa.Column("outcome", WORD, nullable=False),
        sa.Column("pool_id", NAME),
        sa.Column("config_generation", sa.Integer(), nullable=False),
        sa.Column("document", DOCUMENT, nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_decisions"),
        sa.UniqueConstraint("id", name="uq_decisions_id"),
        **MARIADB,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_decisions_volume_id_seq", "decisions", ["volume_id", "seq"])
    op.create_table(
        "events",
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("volume_id", ID),
        sa.Column("volume_seq", sa.Integer()),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_events"),
        sa.UniqueConstraint("id", name="uq_events_id"),
        sa.UniqueConstraint("volume_id", "volume_seq", name="uq_events_volume_id_volume_seq"),
        **MARIADB,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_events_open_seq", "events", ["open", "seq"])
    op.create_table(
        "messages",
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("id", ID, nullable=False),
        sa.Column("volume_id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("code", WORD, nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("seq", name="pk_messages"),
        sa.UniqueConstraint("id", name="uq_messages_id"),
        **MARIADB,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_messages_volume_id_seq", "messages", ["volume_id", "seq"])
    op.create_table(
        "notifiers",
        sa.Column("name", NAME, nullable=False),
        sa.Column("seen_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_notifiers"),
        **MARIADB,
    )
    op.create_table(
        "quotas",
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("volume_type_id", ID, nullable=False),
        sa.Column("resource", WORD, nullable=False),
        sa.Column("hard_limit", sa.Integer()),
        sa.PrimaryKeyConstraint("project_id", "volume_type_id", "resource", name="pk_quotas"),
        **MARIADB,
    )
    op.create_table(
        "reservations",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("volume_type_id", ID, nullable=False),
        sa.Column("volumes", sa.Integer(), nullable=False),
        sa.Column("gigabytes", sa.Integer(), nullable=False),
        sa.Column("expires_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_reservations"),
        **MARIADB,
    )
    op.create_index("ix_reservations_project_id_expires_at", "reservations", ["project_id", "expires_at"])
    op.create_table(
        "volume_groups",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("name", NAME),
        sa.Column("status", WORD, nullable=False),
        sa.Column("host", NAME),
        sa.Column("availability_zone", NAME),
        sa.Column("volume_type_ids", DOCUMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_volume_groups"),
        **MARIADB,
    )
    op.create_index("ix_volume_groups_project_id", "volume_groups", ["project_id"])
    op.create_table(
        "volume_types",
        sa.Column("id", ID, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("description", sa.Text()),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("qos_specs", DOCUMENT),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_volume_types"),
        sa.UniqueConstraint("name", name="uq_volume_types_name"),
        **MARIADB,
    )
    op.create_table(
        "work",
        sa.Column("seq", NUMBER, nullable=False),
        sa.Column("id", KEY, nullable=False),
        sa.Column("queue", NAME, nullable=False),
        sa.Column("operation", WORD, nullable=False),
        sa.Column("volume_id", ID),
        sa.Column("busy_volume_id", ID),
        sa.Column("payload", DOCUMENT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("owner", NAME),
        sa.Column("lease_until", MOMENT),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("finished_at", MOMENT),
        sa.PrimaryKeyConstraint("seq", name="pk_work"),
        sa.UniqueConstraint("busy_volume_id", name="uq_work_busy_volume_id"),
        sa.UniqueConstraint("id", name="uq_work_id"),
        **MARIADB,
        sqlite_autoincrement=True,
    )
    op.create_index("ix_work_owner", "work", ["owner"])
    op.create_index("ix_work_state_queue_seq", "work", ["state", "queue", "seq"])
    op.create_index("ix_work_volume_id_state", "work", ["volume_id", "state"])
    op.create_table(
        "deliveries",
        sa.Column("event_seq", NUMBER, nullable=False, autoincrement=False),
        sa.Column("notifier", NAME, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("owner", NAME),
        sa.Column("held_until", MOMENT),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_try_at", MOMENT),
        sa.Column("parked_at", MOMENT),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("event_seq", "notifier", name="pk_deliveries"),
        sa.ForeignKeyConstraint(["event_seq"], ["events.seq"], name="fk_deliveries_event_seq", ondelete="CASCADE"),
        **MARIADB,
    )
    op.create_index("ix_deliveries_notifier_state", "deliveries", ["notifier", "state"])
    op.create_table(
        "pools",
        sa.Column("id", NAME, nullable=False),
        sa.Column("backend_id", NAME, nullable=False),
        sa.Column("name", NAME, nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("zone", NAME),
        sa.Column("total_gb", sa.Double()),
        sa.Column("free_gb", sa.Double()),
        sa.Column("allocated_gb", sa.Double()),
        sa.Column("provisioned_gb", sa.Double()),
        sa.Column("reserved_percentage", sa.Double()),
        sa.Column("max_over_subscription_ratio", sa.Double()),
        sa.Column("thin", sa.Boolean(), nullable=False),
        sa.Column("room_thin_gb", sa.Double()),
        sa.Column("room_thick_gb", sa.Double()),
        sa.Column("pending_gb", sa.Double(), nullable=False),
        sa.Column("generation", sa.BigInteger(), nullable=False),
        sa.Column("reported_at", MOMENT),
        sa.Column("cordons", DOCUMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_pools"),
        sa.ForeignKeyConstraint(["backend_id"], ["backends.id"], name="fk_pools_backend_id"),
        **MARIADB,
    )
    op.create_index("ix_pools_backend_id", "pools", ["backend_id"])
    op.create_table(
        "volume_type_extra_specs",
        sa.Column("volume_type_id", ID, nullable=False),
        sa.Column("key", NAME, nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("volume_type_id", "key", name="pk_volume_type_extra_specs"),
        sa.ForeignKeyConstraint(
            ["volume_type_id"],
            ["volume_types.id"],
            name="fk_volume_type_extra_specs_volume_type_id",
            ondelete="CASCADE",
        ),
        **MARIADB,
    )
    op.create_table(
        "volumes",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("size_gb", sa.Integer(), nullable=False),
        sa.Column("status", WORD, nullable=False),
        sa.Column("name", NAME),
        sa.Column("description", sa.Text()),
        sa.Column("volume_type_id", ID),
        sa.Column("availability_zone", NAME),
        sa.Column("host", NAME),
        sa.Column("cluster_name", NAME),
        sa.Column("metadata", DOCUMENT, nullable=False),
        sa.Column("attach_status", WORD, nullable=False),
        sa.Column("snapshot_id", ID),
        sa.Column("source_volid", ID),
        sa.Column("image_id", ID),
        sa.Column("backup_id", ID),
        sa.Column("group_id", ID),
        sa.Column("migration_status", WORD),
        sa.Column("provider_location", sa.Text()),
        sa.Column("bootable", sa.Boolean(), nullable=False),
        sa.Column("multiattach", sa.Boolean(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("scheduled_at", MOMENT),
        sa.Column("launched_at", MOMENT),
        sa.Column("updated_at", MOMENT),
        sa.PrimaryKeyConstraint("id", name="pk_volumes"),
        sa.ForeignKeyConstraint(["volume_type_id"], ["volume_types.id"], name="fk_volumes_volume_type_id"),
        **MARIADB,
    )
    op.create_index("ix_volumes_host", "volumes", ["host"])
    op.create_index("ix_volumes_name", "volumes", ["name"])
    op.create_index("ix_volumes_project_id_name", "volumes", ["project_id", "name"])
    op.create_index("ix_volumes_status", "volumes", ["status"])
    op.create_index("ix_volumes_volume_type_id", "volumes", ["volume_type_id"])
    op.create_table(
        "claims",
        sa.Column("key", KEY, nullable=False),
        sa.Column("volume_id", ID, nullable=False),
        sa.Column("pool_id", NAME, nullable=False),
        sa.Column("size_gb", sa.Double(), nullable=False),
        sa.Column("made_at", MOMENT, nullable=False),
        sa.Column("state", WORD, nullable=False),
        sa.Column("confirmed_at", MOMENT),
        sa.PrimaryKeyConstraint("key", name="pk_claims"),
        sa.ForeignKeyConstraint(["pool_id"], ["pools.id"], name="fk_claims_pool_id"),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], name="fk_claims_volume_id"),
        **MARIADB,
    )
    op.create_index("ix_claims_pool_id_confirmed_at", "claims", ["pool_id", "confirmed_at"])
    op.create_index("ix_claims_volume_id", "claims", ["volume_id"])
    op.create_table(
        "snapshots",
        sa.Column("id", ID, nullable=False),
        sa.Column("project_id", NAME, nullable=False),
        sa.Column("user_id", NAME, nullable=False),
        sa.Column("name", NAME),
        sa.Column("status", WORD, nullable=False),
        sa.Column("volume_id", ID, nullable=False),
        sa.Column("size_gb", sa.Integer(), nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_snapshots"),
        sa.ForeignKeyConstraint(["volume_id"], ["volumes.id"], name="fk_snapshots_volume_id"),
        **MARIADB,
    )
    op.create_index("ix_snapshots_project_id", "snapshots", ["project_id"])
    op.create_index("ix_snapshots_volume_id", "snapshots", ["volume_id"])


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
