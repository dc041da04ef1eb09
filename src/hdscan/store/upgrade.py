"""Runs pending migrations."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection, migrations: Path) -> None:
    """Run every pending migration within the connection's transaction."""
    config = Config(attributes={"connection": connection})
    for name, path in (("script_location", Path(__file__).parent / "alembic"), ("version_locations", migrations)):
        config.set_main_option(name, str(path).replace("%", "%%"))
    config.set_main_option("path_separator", "newline")
    command.upgrade(config, "head")
