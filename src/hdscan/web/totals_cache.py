"""Caches a wallet's totals: summing them reads every row, and every page of balances shows them."""

import time
from threading import Lock

from hdscan.app import Wallet
from hdscan.model.scan import AssetTotal
from hdscan.web.hub import Hub

MAX_AGE = 2.0  # seconds


class TotalsCache:
    """Totals at most 2 s old, and never from before the end of a scan; computed by one thread at a time."""

    def __init__(self, wallet: Wallet, hub: Hub) -> None:
        self._wallet = wallet
        self._hub = hub
        self._computing = Lock()
        self._expires = float("-inf")
        self._changes = 0
        self._version: tuple[object, ...] = ()
        self._all: tuple[AssetTotal, ...] = ()

    def invalidate(self) -> None:
        """Have the next caller compute them again."""
        self._changes += 1

    def of(self, chain: str | None, asset: str | None) -> tuple[AssetTotal, ...]:
        """Totals, of all or of one chain or asset."""
        with self._computing:
            version = self._changes, *((each.scan_id, each.status) for each in self._hub.state.chains.values())
            if time.monotonic() > self._expires or version != self._version:
                self._all = tuple(self._wallet.totals())
                self._version, self._expires = version, time.monotonic() + MAX_AGE
            return tuple(each for each in self._all if chain in (None, each.chain) and asset in (None, each.asset))
