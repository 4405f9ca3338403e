"""How Alembic reaches the reward ledger: by the connection it is handed."""

from alembic import context

from connectors.rewards.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
