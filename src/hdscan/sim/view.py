"""How one node sees a chain, which need not be how the chain is."""

import time
from hashlib import blake2b, sha256

import msgspec

from hdscan.model.chain import Family
from hdscan.sim.faults import Fault
from hdscan.sim.world import ChainWorld

STALE_BLOCKS = {Family.BITCOIN: 12, Family.EVM: 2_000, Family.SOLANA: 3_000}


class Lie(msgspec.Struct, frozen=True):
    """A node lies about a `share` of all readings, chosen by its `seed`: one of the LIES of `sim.faults`."""

    fault: Fault
    share: float
    seed: str

    def about(self, text: str, at: int) -> bool:
        """Whether it lies about an address and the chain's `at`-th asset."""
        draw = blake2b(f"{self.seed}/{text.lower()}/{at}".encode(), digest_size=8).digest()
        return int.from_bytes(draw, "big") < self.share * 2**64


class View:
    """A chain as one node sees it now.

    Honest, `stale` (an older head, half of the balances), of another chain (`wrong`), with a `lie` about some amounts, or on
    a branch whose blocks are others from the height `branch` on (balances too).
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
        lag = STALE_BLOCKS[world.family] if stale else 0
        self.world = world
        self.time = (time.time() if now is None else now) - lag * world.played.interval
        self.head = world.height(self.time)
        self._stale, self._wrong, self._lie, self._branch = stale, wrong, lie, branch

    @property
    def identity(self) -> str:
        """The genesis hash or chain id that this node states."""
        true = self.world.chain.identity
        if not self._wrong:
            return true
        return str(int(true) + 41) if self.world.family is Family.EVM else true[:-4] + true[-4:][::-1]

    def branch(self, height: int) -> str:
        """Tell apart the blocks of one height: the branch that this node's block there is of."""
        return "orphaned" if self._branch is not None and height >= self._branch else ""

    def block_hash(self, height: int) -> str:
        """The 64 digits of a block's hash."""
        return sha256(f"{self.identity}{height}{self.branch(height)}".encode()).hexdigest()

    def held(self, text: str, at: int) -> int:
        """Return what this node says an address holds of the chain's `at`-th asset."""
        return self.amount(self.world.holdings(text).amounts[at], text, at)

    def amount(self, true: int, text: str, at: int) -> int:
        """Return what this node says where the truth about an address and asset is `true` base units."""
        if self._lie is not None and self._lie.about(text, at):
            return self._false(true, text, at, self._lie.fault)
        if self._wrong or self._branch is not None:
            return true + 7
        return true // 2 if self._stale else true

    def _false(self, true: int, text: str, at: int, fault: Fault) -> int:
        match fault:
            case Fault.FALSE_ZEROS:
                return 0
            case Fault.SHIFTED_VALUES:
                return self.world.holdings(self.world.next_to(text)).amounts[at]
        return true // 2
