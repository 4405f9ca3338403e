"""What moved points, day by day. As before, the views are emptied and brought back from the log."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "day_flows",
        sa.Column("partition", sa.Integer(), nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("program", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("points", sa.BigInteger(), nullable=False),
        sa.Column("changes", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "day", "site", "program", "kind", "partition", name="day_flows_key"
        ),
    )
    for name in ("balances", "entries", "lots", "rewards", "flows", "positions"):
        op.execute(sa.delete(sa.table(name)))
