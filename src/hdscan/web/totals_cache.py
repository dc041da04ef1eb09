"""Caches a wallet's totals: summing them reads every row, and every page of balances shows them."""

import time
from threading import Lock

import msgspec

from hdscan.app import Wallet
from hdscan.model.scan import AssetTotal
from hdscan.web.hub import Hub

MAX_AGE = 2.0  # seconds


class _Kept(msgspec.Struct, frozen=True):
    """Totals, the state of the scans that they are of, and when they are too old."""

    totals: tuple[AssetTotal, ...]
    version: tuple[object, ...]
    expires: float


class TotalsCache:
    """Totals at most 2 s old, and never from before the end of a scan; computed by one thread at a time."""

    def __init__(self, wallet: Wallet, hub: Hub) -> None:
        self._wallet = wallet
        self._hub = hub
        self._computing = Lock()
        self._changes = 0
        self._kept: dict[str | None, _Kept] = {}  # by wallet; None for all

    def invalidate(self) -> None:
        """Have the next caller compute them again."""
        self._changes += 1

    def of(self, chain: str | None, asset: str | None, wallet: str | None = None) -> tuple[AssetTotal, ...]:
        """Totals, of all or of one chain, asset or wallet."""
        with self._computing:
            version = self._changes, *((each.scan_id, each.status) for each in self._hub.state.chains.values())
            now = time.monotonic()
            self._kept = {name: each for name, each in self._kept.items() if each.version == version and each.expires >= now}
            if wallet not in self._kept:
                totals = tuple(self._wallet.totals(wallet=wallet))
                self._kept[wallet] = _Kept(totals, version, time.monotonic() + MAX_AGE)
            totals = self._kept[wallet].totals
            return tuple(each for each in totals if chain in (None, each.chain) and asset in (None, each.asset))
