"""The tables of the reward ledger, in SQLAlchemy Core."""

from typing import Any

import sqlalchemy as sa

from connectors.rewards.standing import OPEN_STATES, SETTLED_STATES

metadata = sa.MetaData()
_Number = sa.BigInteger().with_variant(sa.Integer(), "sqlite")

_standing_columns: tuple[sa.Column[Any], ...] = (
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
    sa.Column("handed", sa.Text, nullable=False, server_default=""),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("stuck", sa.Text, nullable=False),
)

reward = sa.Table(
    "reward",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("reward_id", sa.Text, nullable=False, unique=True),
    sa.Column("site", sa.Text, nullable=False),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("program", sa.Text, nullable=False, server_default=""),
    sa.Column("kind", sa.Text, nullable=False, server_default=""),
    # The reward that this row takes back; of a reward itself there is none.
    sa.Column("revokes", sa.Text),
    sa.Column("command", sa.Text, nullable=False),
    # When what led to it arrived, in real milliseconds, and the W3C trace it belongs to.
    sa.Column("arrived_ms", sa.BigInteger),
    sa.Column("traceparent", sa.Text, nullable=False, server_default=""),
    *_standing_columns,
    sa.Column("body", sa.Text, nullable=False),
    # What it counts for in `usage`, as JSON name → amount.
    sa.Column("claimed", sa.Text, nullable=False, server_default=""),
    sa.Column("lease_owner", sa.Text, nullable=False),
    sa.Column("lease_number", sa.Integer, nullable=False),
    sa.Column("lease_until", sa.Double, nullable=False),
    sa.Column("reported", sa.Boolean, nullable=False),
)


def is_moving(table: sa.FromClause) -> sa.ColumnElement[bool]:
    """Open and not stuck. In literals: SQLite uses a partial index only for the very same terms."""
    states: list[sa.ColumnElement[Any]] = [sa.literal_column(f"'{state}'") for state in OPEN_STATES]
    return table.c.state.in_(states) & (table.c.stuck == sa.literal_column("''"))


unreported = reward.c.state.in_(
    [sa.literal_column(f"'{state}'") for state in SETTLED_STATES]
) & sa.not_(reward.c.reported)
_moving = is_moving(reward)
sa.Index(
    "reward_moving",
    reward.c.account,
    reward.c.number,
    sqlite_where=_moving,
    postgresql_where=_moving,
)
# In the order in which they are leased: finding the first must not mean to sort them all.
sa.Index(
    "reward_next",
    reward.c.site,
    reward.c.next_wall,
    reward.c.number,
    sqlite_where=_moving,
    postgresql_where=_moving,
)
# What is counted and listed is found here alone: a reward's row is a thousand times as long.
sa.Index("reward_states", reward.c.state, reward.c.stuck, reward.c.revokes, reward.c.number)
sa.Index("reward_unreported", reward.c.number, sqlite_where=unreported, postgresql_where=unreported)

is_free_reward = reward.c.revokes.is_(None) & (reward.c.stuck == sa.literal_column("''"))
"""A reward, not a taking back, that waits for no person; in literals as above."""
waits_for_a_person = reward.c.stuck != sa.literal_column("''")
sa.Index(
    "reward_stuck",
    reward.c.number,
    sqlite_where=waits_for_a_person,
    postgresql_where=waits_for_a_person,
)

sa.Index(
    "reward_revokes",
    reward.c.revokes,
    sqlite_where=reward.c.revokes.is_not(None),
    postgresql_where=reward.c.revokes.is_not(None),
)

attempt = sa.Table(
    "attempt",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("reward_id", sa.Text, sa.ForeignKey("reward.reward_id"), nullable=False, index=True),
    sa.Column("move", sa.Text, nullable=False),
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("started_wall", sa.Double, nullable=False),
    sa.Column("ended_wall", sa.Double),
    sa.Column("result", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

usage = sa.Table(
    "usage",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("used", sa.BigInteger, nullable=False),
    # Real time from which on nobody counts by this name any more.
    sa.Column("ends_wall", sa.Double),
)

pause = sa.Table(
    "pause",
    metadata,
    sa.Column("site", sa.Text, primary_key=True),
    sa.Column("program", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("since_wall", sa.Double, nullable=False),
)

decision = sa.Table(
    "decision",
    metadata,
    sa.Column("number", _Number, primary_key=True, autoincrement=True),
    sa.Column("decided_wall", sa.Double, nullable=False),
    sa.Column("verb", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False, index=True),
    sa.Column("actor", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("detail", sa.Text, nullable=False),
)

position = sa.Table(
    "position",
    metadata,
    sa.Column("topic", sa.Text, primary_key=True),
    sa.Column("partition", sa.Integer, primary_key=True),
    sa.Column("next_offset", sa.BigInteger, nullable=False),
)
