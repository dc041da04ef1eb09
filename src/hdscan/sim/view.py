"""How one node sees a chain, which need not be how the chain is."""

import time

from hdscan.model.chain import Family
from hdscan.sim.world import ChainWorld

STALE_BLOCKS = {Family.BITCOIN: 12, Family.EVM: 2_000, Family.SOLANA: 3_000}


class View:
    """A chain as one node sees it now: honest, `stale` (an older head, half of the balances) or of another chain (`wrong`)."""

    def __init__(self, world: ChainWorld, *, stale: bool = False, wrong: bool = False, now: float | None = None) -> None:
        lag = STALE_BLOCKS[world.family] if stale else 0
        self.world = world
        self.time = (time.time() if now is None else now) - lag * world.played.interval
        self.head = world.height(self.time)
        self._stale, self._wrong = stale, wrong

    @property
    def identity(self) -> str:
        """The genesis hash or chain id that this node states."""
        true = self.world.chain.identity
        if not self._wrong:
            return true
        return str(int(true) + 41) if self.world.family is Family.EVM else true[:-4] + true[-4:][::-1]

    def amount(self, true: int) -> int:
        """Return what this node says where the truth is `true` base units."""
        if self._wrong:
            return true + 7
        return true // 2 if self._stale else true
