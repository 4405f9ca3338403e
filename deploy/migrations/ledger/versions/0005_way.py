"""The way of a command: when what led to it arrived, and the trace that followed it."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("reward", sa.Column("arrived_ms", sa.BigInteger))
    op.add_column("reward", sa.Column("traceparent", sa.Text, nullable=False, server_default=""))
