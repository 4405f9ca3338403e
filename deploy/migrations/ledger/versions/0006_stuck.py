"""Rewards that wait for a person, found without reading all there are."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

STUCK = "stuck <> ''"


def upgrade() -> None:
    op.create_index(
        "reward_stuck",
        "reward",
        ["number"],
        sqlite_where=sa.text(STUCK),
        postgresql_where=sa.text(STUCK),
    )
