"""What outlives a process besides balances: what was learned about endpoints, and the providers as last seen."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import Connection, text

from hdscan.model.scan import ProviderStatus
from hdscan.store.database import executemany

_MEMORY = text("SELECT name, value FROM memory")
_KEEP = text("INSERT INTO memory (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
_PROVIDERS = text("SELECT status FROM provider ORDER BY name")
_SEEN = text(
    "INSERT INTO provider (name, status) VALUES (:name, :status) ON CONFLICT (name) DO UPDATE SET status = excluded.status"
)


def load(connection: Connection) -> dict[str, bytes]:
    """Everything remembered, by name."""
    return {row.name: bytes(row.value) for row in connection.execute(_MEMORY)}


def save(connection: Connection, changed: Mapping[str, bytes]) -> None:
    """Remember these; what is not named stays."""
    executemany(connection, _KEEP, list(changed.items()))


def providers(connection: Connection) -> list[ProviderStatus]:
    """Every provider that was ever seen, by name."""
    return [msgspec.json.decode(row.status, type=ProviderStatus) for row in connection.execute(_PROVIDERS)]


def save_providers(connection: Connection, statuses: Sequence[ProviderStatus]) -> None:
    """How these providers stand now."""
    executemany(connection, _SEEN, [(status.name, msgspec.json.encode(status).decode()) for status in statuses])
