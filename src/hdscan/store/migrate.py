"""The schema's version: find it, refuse what is not ours, bring it up to date."""

from pathlib import Path

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect, text

from hdscan.model.chain import Network
from hdscan.model.errors import StoreError
from hdscan.store import sqlite
from hdscan.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"

_NETWORK = text("SELECT value FROM meta WHERE name = 'network'")
_SET_NETWORK = text("INSERT INTO meta (name, value) VALUES ('network', :network) ON CONFLICT (name) DO NOTHING")


def open_schema(database: Database, network: Network, *, create: bool) -> None:
    """Make the database ready for this program and this network, or raise a StoreError and leave it as it is."""
    with database.read() as connection:
        tables = set(inspect(connection).get_table_names())
        version = MigrationContext.configure(connection).get_current_revision()
    if tables and not (version and {"meta", "address", "balance"} <= tables):
        raise StoreError(f"{database.path} is not an hdscan database; name another file with --db")
    scripts = _scripts()
    if version and version not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(f"{database.path} was written by a newer hdscan (schema {version}); update hdscan")
    if version != scripts.get_current_head():
        if not create:
            state = f"has an older schema ({version})" if tables else "is empty"
            raise StoreError(f"{database.path} {state}; run any hdscan command that writes, for example: hdscan scan")
        sqlite.use_wal(database.path)
        if tables:
            with sqlite.writer_lock(database.path, "migration"):
                _upgrade(database, scripts, network)
        else:
            _upgrade(database, scripts, network)
    with database.read() as connection:
        stored = connection.execute(_NETWORK).scalar()
    if stored != network:
        raise StoreError(f"{database.path} holds addresses of {stored}, not of {network}; use another database for {network}")


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(MIGRATIONS), version_locations=[str(MIGRATIONS)])


def _upgrade(database: Database, scripts: ScriptDirectory, network: Network) -> None:
    with database.write() as connection:
        upgrade(connection, scripts)
        connection.execute(_SET_NETWORK, {"network": network.value})


def upgrade(connection: Connection, scripts: ScriptDirectory) -> None:
    """Run every migration that is missing, within the connection's transaction."""
    environment = EnvironmentContext(Config(), scripts, fn=lambda revision, _: scripts._upgrade_revs("head", revision))
    with environment:
        environment.configure(connection=connection, transactional_ddl=True)
        environment.run_migrations()
