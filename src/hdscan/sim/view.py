"""A chain as one node sees it, rightly or not."""

import time
from copy import copy
from hashlib import blake2b, sha256
from typing import Self

import msgspec

from hdscan.sim.faults import Fault
from hdscan.sim.world import ChainWorld


class Lie(msgspec.Struct, frozen=True):
    """One of the LIES of `sim.faults` about a `share` of all readings, chosen by the node's `seed`."""

    fault: Fault
    share: float
    seed: str

    def about(self, text: str, at: int) -> bool:
        draw = blake2b(f"{self.seed}/{text.lower()}/{at}".encode(), digest_size=8).digest()
        return int.from_bytes(draw, "big") < self.share * 2**64


class View:
    """A chain as one node sees it now.

    It is right, or `stale` (an older head, half of the balances), of another chain (`wrong`), false in some amounts (`lie`), or
    on a branch whose blocks and balances differ from the height `branch` on.
    """

    def __init__(
        self,
        world: ChainWorld,
        *,
        stale: bool = False,
        wrong: bool = False,
        lie: Lie | None = None,
        branch: int | None = None,
        now: float | None = None,
    ) -> None:
        lag = world.form.stale_blocks if stale else 0
        self.world = world
        self.time = (time.time() if now is None else now) - lag * world.played.interval
        self.head = world.height(self.time)
        self._stale, self._wrong, self._lie, self._branch = stale, wrong, lie, branch

    @property
    def identity(self) -> str:
        """The genesis hash or chain id that this node states."""
        true = self.world.chain.identity
        return self.world.form.another(true) if self._wrong else true

    def behind(self, blocks: int) -> Self:
        """The same node's view of an earlier block."""
        earlier = copy(self)
        earlier.head -= blocks
        earlier.time -= blocks * self.world.played.interval
        if self._branch is not None and earlier.head < self._branch:
            earlier._branch = None
        return earlier

    def branch(self, height: int) -> str:
        """The name of the branch that the block at a height is on."""
        return "orphaned" if self._branch is not None and height >= self._branch else ""

    def block_hash(self, height: int) -> str:
        """A block's hash, 64 hexadecimal digits."""
        return sha256(f"{self.identity}{height}{self.branch(height)}".encode()).hexdigest()

    def held(self, text: str, at: int) -> int:
        """An address's balance of the chain's `at`-th asset, as this node states it."""
        return self.amount(self.world.holdings(text).amounts[at], text, at)

    def amount(self, true: int, text: str, at: int) -> int:
        """What this node states where an address truly holds `true` base units of an asset."""
        if self._lie is not None and self._lie.about(text, at):
            match self._lie.fault:
                case Fault.FALSE_ZEROS:
                    return 0
                case Fault.SHIFTED_VALUES:
                    return self.world.holdings(self.world.next_to(text)).amounts[at]
            return true // 2
        if self._wrong or self._branch is not None:
            return true + 7
        return true // 2 if self._stale else true
