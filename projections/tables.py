"""The tables of the views, in SQLAlchemy Core. All can be dropped and rebuilt from the points log.

Columns stand in the order of the fields in `rows`, which a test holds.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

SCHEMA = "views"
"""The PostgreSQL schema of the views; SQLite has a file of their own instead."""

metadata = MetaData()

balances = Table(
    "balances",
    metadata,
    Column("site", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),
    Column("lifetime", BigInteger, nullable=False),
    Column("deficit", BigInteger, nullable=False),
    Column("tier", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("erased", Boolean, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "customer", name="balances_key"),
)

entries = Table(
    "entries",
    metadata,
    Column("site", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("log_offset", BigInteger, nullable=False),
    Column("type", Text, nullable=False),
    Column("fact", Text, nullable=False),
    Column("fact_offset", BigInteger, nullable=False),
    Column("trigger", Text, nullable=False),
    Column("source", Text, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("rule", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("lot", Text, nullable=False),
    Column("balance", BigInteger, nullable=False),
    Column("pending", BigInteger, nullable=False),
    Column("lifetime", BigInteger, nullable=False),
    Column("deficit", BigInteger, nullable=False),
    Column("event", Text, nullable=False),
    Column("recorded_at_ms", BigInteger, nullable=False),
    Column("projected_at_ms", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "customer", "sequence", name="entries_key"),
    Index("entries_by_offset", "partition", "log_offset", unique=True),
)

lots = Table(
    "lots",
    metadata,
    Column("site", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("lot", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("fact", Text, nullable=False),
    Column("rule", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("points", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("opened_at", BigInteger, nullable=False),
    Column("available_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("closed_at", BigInteger),
    Column("promotional", Boolean, nullable=False),
    Column("waits", Boolean, nullable=False),
    PrimaryKeyConstraint("site", "customer", "lot", name="lots_key"),
)

rewards = Table(
    "rewards",
    metadata,
    Column("reward_id", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("customer", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("reward", Text, nullable=False),
    Column("program", Text, nullable=False),
    Column("program_version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("cost", BigInteger, nullable=False),
    Column("grant_json", Text, nullable=False),
    Column("reference", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("earned_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("reward_id", name="rewards_key"),
    Index("rewards_by_account", "site", "customer"),
)

positions = Table(
    "positions",
    metadata,
    Column("projection", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    PrimaryKeyConstraint("projection", "topic", "partition", name="positions_key"),
)

VIEWS = (balances, entries, lots, rewards)
"""What a rebuild must bring back, row for row."""

NOT_REBUILT = frozenset({"projected_at_ms"})
"""Columns that tell of one run, not of the log: comparisons and digests leave them out."""
