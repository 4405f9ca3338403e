"""Lots that are spent before others, and lots that wait for an activity."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for name in ("promotional", "waits"):
        # There was no such lot before this version.
        op.add_column(
            "lots", sa.Column(name, sa.Boolean(), nullable=False, server_default=sa.false())
        )
