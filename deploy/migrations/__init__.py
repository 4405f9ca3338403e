"""Database schemas, grown by Alembic revisions. `views` can be rebuilt; the others cannot."""
