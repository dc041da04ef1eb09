"""The addresses of all wallets, by their numbers."""

from hdscan.model.chain import Address
from hdscan.store import members
from hdscan.store.addresses import between
from hdscan.store.database import Tables
from hdscan.store.spans import total


class Addresses(Tables):
    """The addresses of all wallets."""

    def count(self, chain: str) -> int:
        """How many addresses of wallets a chain has; 0 where it was never registered."""
        with self._read() as transaction:
            key = transaction.chains.get(chain)
            return 0 if key is None else total(members.spans_on(transaction, key))

    def between(self, chain: str, first: int, stop: int) -> list[Address]:
        """The addresses with `first` <= index < `stop`, in order, those of no wallet among them."""
        with self._read() as transaction:
            return between(transaction, transaction.chain(chain), first, stop)
