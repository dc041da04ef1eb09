"""What Alembic runs to reach the database: the connection that `store.upgrade` has opened."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transactional_ddl=True)
context.run_migrations()
