"""Add the ids of the storage of pools, and inventories.

Revision ID: 0004
Revises: 0003
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

NAME = sa.String(255)
MOMENT = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql")
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}


def upgrade() -> None:
    there = set(sa.inspect(op.get_bind()).get_table_names())  # MariaDB keeps what an interrupted upgrade has done
    if "pool_storage" not in there:
        op.create_table(
            "pool_storage",
            sa.Column("pool_id", NAME, nullable=False),
            sa.Column("storage_id", sa.String(36), nullable=False),
            sa.Column("seen_by", NAME, nullable=False),
            sa.Column("seen_at", MOMENT, nullable=False),
            sa.PrimaryKeyConstraint("pool_id", name=op.f("pk_pool_storage")),
            **MARIADB,
        )
    if "inventories" not in there:
        op.create_table(
            "inventories",
            sa.Column("backend_id", NAME, nullable=False),
            sa.Column("begun_at", MOMENT, nullable=False),
            sa.PrimaryKeyConstraint("backend_id", name=op.f("pk_inventories")),
            **MARIADB,
        )
    if "stored_volumes" not in there:
        op.create_table(
            "stored_volumes",
            sa.Column("pool_id", NAME, nullable=False),
            sa.Column("id", sa.String(320), nullable=False),
            sa.Column("backend_id", NAME, nullable=False),
            sa.Column("is_snapshot", sa.Boolean(), nullable=False),
            sa.Column("size_gb", sa.Double(), nullable=False),
            sa.Column("location", sa.Text(), nullable=False),
            sa.Column("seen_at", MOMENT, nullable=False),
            sa.PrimaryKeyConstraint("pool_id", "id", name=op.f("pk_stored_volumes")),
            sa.Index(op.f("ix_stored_volumes_backend_id_seen_at"), "backend_id", "seen_at"),
            sa.Index(op.f("ix_stored_volumes_id"), "id"),
            **MARIADB,
        )


def downgrade() -> None:
    for table in ("stored_volumes", "inventories", "pool_storage"):
        op.drop_table(table)
