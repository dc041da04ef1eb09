"""The totals beside every page of balances: they cost a look at every row, so pages that follow each other share them."""

import time
from threading import Lock

from hdscan.app import Wallet
from hdscan.model.scan import AssetTotal
from hdscan.web.hub import Hub

SHARED = 2.0  # seconds


class Totals:
    """A wallet's totals, at most 2 s old, and never older than an end of a scan; computed by one caller at a time."""

    def __init__(self, wallet: Wallet, hub: Hub) -> None:
        self._wallet = wallet
        self._hub = hub
        self._computing = Lock()
        self._at = float("-inf")
        self._changes = 0
        self._ends: tuple[object, ...] = ()
        self._all: tuple[AssetTotal, ...] = ()

    def forget(self) -> None:
        """Compute them anew for the next caller: something changed."""
        self._changes += 1

    def of(self, chain: str | None, asset: str | None) -> tuple[AssetTotal, ...]:
        """Those of a chain and an asset, or of all."""
        with self._computing:
            ends = self._changes, *((each.scan_id, each.status) for each in self._hub.live.chains.values())
            if time.monotonic() - self._at > SHARED or ends != self._ends:
                self._all = tuple(self._wallet.totals())
                self._ends, self._at = ends, time.monotonic()
            return tuple(each for each in self._all if chain in (None, each.chain) and asset in (None, each.asset))
