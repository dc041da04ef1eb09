"""The totals beside every page of balances: they cost a look at every row, so pages that follow each other share them."""

import time
from threading import Lock

from hdscan.app import Wallet
from hdscan.model.scan import AssetTotal

SHARED = 2.0  # seconds


class Totals:
    """A wallet's totals, at most 2 s old; one caller computes them while the others wait. For any thread."""

    def __init__(self, wallet: Wallet) -> None:
        self._wallet = wallet
        self._computing = Lock()
        self._at = float("-inf")
        self._all: tuple[AssetTotal, ...] = ()

    def of(self, chain: str | None, asset: str | None) -> tuple[AssetTotal, ...]:
        """Those of a chain and an asset, or of all."""
        with self._computing:
            if time.monotonic() - self._at > SHARED:
                self._all = tuple(self._wallet.totals())
                self._at = time.monotonic()
            return tuple(each for each in self._all if chain in (None, each.chain) and asset in (None, each.asset))
