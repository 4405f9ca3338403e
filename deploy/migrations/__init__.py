"""Database schemas, grown by Alembic revisions: `views` can be rebuilt, `ledger` cannot."""
