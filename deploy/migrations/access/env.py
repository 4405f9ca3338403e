"""Alembic's entry: migrates the connection that the runner hands over, inside its transaction."""

from alembic import context

from projections.access.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata)
context.run_migrations()
