"""Runs the migrations that a database lacks."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


def upgrade(connection: Connection, migrations: Path) -> None:
    """Run every migration that is missing, within the connection's transaction."""
    scripts = ScriptDirectory(str(migrations), version_locations=[str(migrations)])
    environment = EnvironmentContext(Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision))
    with environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
