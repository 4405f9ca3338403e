"""Rewards in the order in which they are leased, and by state, to be listed and counted."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

MOVING = "state IN ('due', 'attempting', 'unknown') AND stuck = ''"


def upgrade() -> None:
    op.drop_index("reward_next", "reward")
    op.create_index(
        "reward_next",
        "reward",
        ["site", "next_wall", "number"],
        sqlite_where=sa.text(MOVING),
        postgresql_where=sa.text(MOVING),
    )
    op.create_index("reward_states", "reward", ["state", "stuck", "revokes", "number"])
