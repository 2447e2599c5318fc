"""Store which projects may use a private volume type.

Revision ID: 0003
Revises: 0002
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

#: As the table that the foreign key refers to.
MARIADB: dict[str, Any] = {"mysql_engine": "InnoDB", "mysql_charset": "utf8mb4", "mysql_collate": "utf8mb4_nopad_bin"}


def upgrade() -> None:
    if sa.inspect(op.get_bind()).has_table("volume_type_projects"):
        return  # MariaDB keeps what an interrupted upgrade has done
    op.create_table(
        "volume_type_projects",
        sa.Column("volume_type_id", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.ForeignKeyConstraint(
            ["volume_type_id"],
            ["volume_types.id"],
            name="fk_volume_type_projects_volume_type_id_volume_types",
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("volume_type_id", "project_id", name="pk_volume_type_projects"),
        **MARIADB,
    )


def downgrade() -> None:
    op.drop_table("volume_type_projects")
