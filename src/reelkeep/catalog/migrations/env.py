"""Read by Alembic when ``upgrade`` runs: hands it the caller's connection."""

from alembic import context

from reelkeep.catalog.tables import metadata

context.configure(connection=context.config.attributes["connection"], target_metadata=metadata)
with context.begin_transaction():
    context.run_migrations()
