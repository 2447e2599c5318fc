"""Drop pools.generation, which nothing compared.

Revision ID: 0002
Revises: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    columns = {column["name"] for column in sa.inspect(op.get_bind()).get_columns("pools")}
    if "generation" in columns:  # MariaDB keeps what an interrupted upgrade has done
        op.drop_column("pools", "generation")


def downgrade() -> None:
    op.add_column("pools", sa.Column("generation", sa.BigInteger(), nullable=False, server_default="0"))
