"""Rewards by state, and those that wait for a person, found without reading all there are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

RESTING = "revokes IS NULL AND stuck = ''"
STUCK = "stuck <> ''"


def upgrade() -> None:
    op.create_index(
        "reward_by_state",
        "reward",
        ["state", "number"],
        sqlite_where=sa.text(RESTING),
        postgresql_where=sa.text(RESTING),
    )
    op.create_index(
        "reward_stuck",
        "reward",
        ["number"],
        sqlite_where=sa.text(STUCK),
        postgresql_where=sa.text(STUCK),
    )
