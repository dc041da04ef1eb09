"""Runtime state that the next process takes over: what was learned about endpoints, and the providers as last seen."""

from collections.abc import Mapping, Sequence

import msgspec
from sqlalchemy import text

from hdscan.model.scan import ProviderStatus
from hdscan.store.database import Tables

_LOAD = text("SELECT name, value FROM memory")
_SAVE = text("INSERT INTO memory (name, value) VALUES (:name, :value) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
_PROVIDERS = text("SELECT status FROM provider ORDER BY name")
_SEEN = text("""
    INSERT INTO provider (name, status) VALUES (:name, :status) ON CONFLICT (name) DO UPDATE SET status = excluded.status
""")


class Runtime(Tables):
    """The tables `memory` and `provider`."""

    def load(self) -> dict[str, bytes]:
        with self._read() as transaction:
            return {row.name: bytes(row.value) for row in transaction.execute(_LOAD)}

    def save(self, changed: Mapping[str, bytes]) -> None:
        """Keep these by name (quotas, pauses, learned batch sizes); what is not named stays."""
        with self._write() as transaction:
            transaction.executemany(_SAVE, changed.items())

    def providers(self) -> list[ProviderStatus]:
        """Every provider as last seen, by name."""
        with self._read() as transaction:
            return [msgspec.json.decode(row.status, type=ProviderStatus) for row in transaction.execute(_PROVIDERS)]

    def save_providers(self, statuses: Sequence[ProviderStatus]) -> None:
        with self._write() as transaction:
            transaction.executemany(_SEEN, [(status.name, msgspec.json.encode(status).decode()) for status in statuses])
