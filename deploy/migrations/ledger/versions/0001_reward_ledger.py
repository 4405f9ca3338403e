"""The reward ledger: rewards, their attempts, revocations and the position on Kafka."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

OPEN = "state IN ('due', 'attempting', 'unknown') AND stuck = ''"
UNREPORTED = "state IN ('delivered', 'failed') AND NOT reported"


def upgrade() -> None:
    number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
    op.create_table(
        "reward",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("reward_id", sa.Text, nullable=False, unique=True),
        sa.Column("site", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("epoch", sa.Integer, nullable=False),
        sa.Column("first_attempt_at", sa.BigInteger),
        sa.Column("key_sent_at", sa.BigInteger),
        sa.Column("key_sent_wall", sa.Double),
        sa.Column("doubtful_since", sa.Double),
        sa.Column("refusal", sa.Text, nullable=False),
        sa.Column("absent_at", sa.Double),
        sa.Column("conflicts", sa.Integer, nullable=False),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("next_wall", sa.Double, nullable=False),
        sa.Column("settled_at", sa.BigInteger),
        sa.Column("reference", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("stuck", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("lease_owner", sa.Text, nullable=False),
        sa.Column("lease_number", sa.Integer, nullable=False),
        sa.Column("lease_until", sa.Double, nullable=False),
        sa.Column("reported", sa.Boolean, nullable=False),
    )
    for name, columns, where in (
        ("reward_moving", ["account", "number"], OPEN),
        ("reward_next", ["site", "next_wall"], OPEN),
        ("reward_unreported", ["number"], UNREPORTED),
    ):
        condition = sa.text(where)
        op.create_index(name, "reward", columns, sqlite_where=condition, postgresql_where=condition)
    op.create_table(
        "attempt",
        sa.Column("number", number, primary_key=True, autoincrement=True),
        sa.Column("reward_id", sa.Text, sa.ForeignKey("reward.reward_id"), nullable=False),
        sa.Column("move", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("started_wall", sa.Double, nullable=False),
        sa.Column("ended_wall", sa.Double),
        sa.Column("result", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
    )
    op.create_index("ix_attempt_reward_id", "attempt", ["reward_id"])
    op.create_table(
        "revocation",
        sa.Column("reward_id", sa.Text, primary_key=True),
        sa.Column("command", sa.Text, nullable=False),
        sa.Column("result", sa.Text, nullable=False),
    )
    op.create_table(
        "position",
        sa.Column("topic", sa.Text, primary_key=True),
        sa.Column("partition", sa.Integer, primary_key=True),
        sa.Column("next_offset", sa.BigInteger, nullable=False),
    )
