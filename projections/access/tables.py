"""The tables of the access database, in SQLAlchemy Core. Times are unix seconds of the wall clock.

Secrets are never stored: a key and a session by their SHA-256, a password by argon2.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
)

SCHEMA = "access"
"""The PostgreSQL schema; SQLite has a file of its own instead."""

metadata = MetaData()

api_keys = Table(
    "api_keys",
    metadata,
    Column("key_id", Text, nullable=False),
    Column("site", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("scopes", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("revoked_at", BigInteger),
    Column("last_used_at", BigInteger),
    PrimaryKeyConstraint("key_id", name="api_keys_key"),
)
"""`site` is one site or `*`; `scopes` a JSON array."""

people = Table(
    "people",
    metadata,
    Column("name", Text, nullable=False),
    Column("password", Text, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("changed_at", BigInteger, nullable=False),
    Column("disabled", Boolean, nullable=False),
    Column("must_change", Boolean, nullable=False),
    PrimaryKeyConstraint("name", name="people_key"),
)
"""`role` is viewer, operator or admin; who `must_change` has a one-time password."""

sessions = Table(
    "sessions",
    metadata,
    Column("digest", LargeBinary, nullable=False),
    Column("person", Text, nullable=False),
    Column("csrf", Text, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("digest", name="sessions_key"),
    Index("sessions_by_person", "person"),
)

requests = Table(
    "requests",
    metadata,
    Column("site", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("request_id", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    Column("fact", Text, nullable=False),
    Column("accepted_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("site", "kind", "request_id", name="requests_key"),
)
"""What intake was asked, by the caller's id: the same id with another body is a conflict."""

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("by", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("detail", Text, nullable=False),
    PrimaryKeyConstraint("id", name="decisions_key"),
    Index("decisions_by_subject", "subject"),
)
"""What people and keys decided: who, what, about what, and why. Only ever added to."""
