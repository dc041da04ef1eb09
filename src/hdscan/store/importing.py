"""Addresses without a source: they go to the wallet "imported"."""

import time
from collections.abc import Callable, Iterable
from itertools import islice

from hdscan.model.chain import Address
from hdscan.model.wallet import WalletKind
from hdscan.store import members
from hdscan.store.adding import Added
from hdscan.store.addresses import between
from hdscan.store.database import Tables
from hdscan.store.members import BATCH
from hdscan.store.spans import runs, total


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

    def add(self, chain: str, items: Iterable[tuple[str, str | None]], progress: Callable[[int], None] | None = None) -> Added:
        """Add (address, derivation path or None), numbered from where the chain's addresses end, in order of arrival."""
        with self._write() as transaction:
            name = "imported"
            key = transaction.chain(chain)
            wallet = members.wallet_ids(transaction).get(name) or members.add_wallet(
                transaction, name, WalletKind.ADDRESSES.value, time.time()
            )
            seen = added = 0
            rest = iter(items)
            while batch := list(islice(rest, BATCH)):
                ids, new = members.insert_in_order(transaction, key, batch)
                members.put_list(transaction, wallet, key, runs(sorted(set(ids))))
                seen, added = seen + len(batch), added + new
                if progress:
                    progress(seen)
        return Added(name, added, seen - added)
