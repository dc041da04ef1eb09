"""Checks the schema's version, refuses foreign databases and migrates older ones."""

from contextlib import nullcontext
from pathlib import Path

from sqlalchemy import inspect, text

from hdscan.model.chain import Network
from hdscan.model.errors import StoreError
from hdscan.store.database import Database

MIGRATIONS = Path(__file__).parent / "migrations"  # m0001_first.py is revision 0001

_VERSION = text("SELECT version_num FROM alembic_version")
_NETWORK = text("SELECT value FROM meta WHERE name = 'network'")
_SET_NETWORK = text("INSERT INTO meta (name, value) VALUES ('network', :network) ON CONFLICT (name) DO NOTHING")


def open_schema(database: Database, network: Network, *, create: bool) -> None:
    """Migrate the database if `create`, and check its network; StoreError, with nothing changed, if it can't be used."""
    with database.read() as transaction:
        tables = set(inspect(transaction.connection).get_table_names())
        version = transaction.execute(_VERSION).scalar() if "alembic_version" in tables else None
    place = database.dialect.place
    if tables and not (version and {"meta", "address", "balance"} <= tables):
        raise StoreError(f"{place} is not an hdscan database; name another file with --db")
    known = sorted(path.name[1:5] for path in MIGRATIONS.glob("m*.py"))
    if version and version not in known:
        raise StoreError(f"{place} was written by a newer hdscan (schema {version}); update hdscan")
    if version != known[-1]:
        if not create:
            older = f"has an older schema ({version}), which the next hdscan scan or hdscan add brings up to date"
            raise StoreError(f"{place} {older if tables else 'is empty; begin with: hdscan add FILE'}")
        database.dialect.before_migration()
        with database.dialect.writer_lock("migration") if tables else nullcontext():
            _migrate(database, network)
    with database.read() as transaction:
        stored = transaction.execute(_NETWORK).scalar()
    if stored != network:
        raise StoreError(f"{place} holds addresses of {stored}, not of {network}; use another database for {network}")


def _migrate(database: Database, network: Network) -> None:
    """Run every pending migration in one transaction, and name the network."""
    from alembic import command
    from alembic.config import Config

    with database.write() as transaction:
        config = Config(attributes={"connection": transaction.connection})
        for name, path in (("script_location", Path(__file__).parent / "alembic"), ("version_locations", MIGRATIONS)):
            config.set_main_option(name, str(path).replace("%", "%%"))
        config.set_main_option("path_separator", "newline")
        command.upgrade(config, "head")
        transaction.execute(_SET_NETWORK, {"network": network.value})
