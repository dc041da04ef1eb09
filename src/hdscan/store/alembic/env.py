"""Alembic's environment script: it migrates through the connection that `store.migrate` passes."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
