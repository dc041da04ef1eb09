"""A chain as one node sees it, rightly or not."""

import time
from copy import copy
from hashlib import blake2b, sha256
from typing import Self

from hdscan.sim.faults import AMOUNTS, Fault
from hdscan.sim.world import ChainWorld


class View:
    """A chain as one node sees it now: rightly, or with one of the faults that lie about the chain.

    False amounts concern a `share` of all readings, chosen by `seed`; an ORPHANED node's blocks and balances differ from the
    height `branch` on. `lies` are the readings, by address and asset, whose amount, or use, was stated wrongly.
    """

    def __init__(
        self,
        world: ChainWorld,
        fault: Fault | None = None,
        *,
        share: float = 0.0,
        seed: str = "",
        branch: int = 0,
        now: float | None = None,
    ) -> None:
        lag = world.form.stale_blocks if fault is Fault.STALE else 0
        self.world = world
        self.time = (time.time() if now is None else now) - lag * world.played.interval
        self.head = world.height(self.time)
        self.lies: set[tuple[str, int]] = set()
        self._fault, self._share, self._seed, self._branch = fault, share, seed, branch

    @property
    def identity(self) -> str:
        """The genesis hash or chain id that this node states."""
        true = self.world.chain.identity
        return self.world.form.another(true) if self._fault is Fault.WRONG_CHAIN else true

    def behind(self, blocks: int) -> Self:
        """The same node's view of an earlier block."""
        earlier = copy(self)
        earlier.head -= blocks
        earlier.time -= blocks * self.world.played.interval
        if self._fault is Fault.ORPHANED and earlier.head < self._branch:
            earlier._fault = None
        return earlier

    def branch(self, height: int) -> str:
        """The name of the branch that the block at a height is on."""
        return "orphaned" if self._fault is Fault.ORPHANED and height >= self._branch else ""

    def block_hash(self, height: int) -> str:
        """A block's hash, 64 hexadecimal digits."""
        return sha256(f"{self.identity}{height}{self.branch(height)}".encode()).hexdigest()

    def contract(self, at: int) -> tuple[str, int]:
        """The symbol and decimals that the contract or mint of the chain's `at`-th asset states, as this node has it."""
        symbol, decimals = self.world.contract(at)
        return symbol, decimals + (self._fault is Fault.OTHER_DECIMALS)

    def held(self, text: str, at: int) -> int:
        """An address's balance of the chain's `at`-th asset, as this node states it."""
        return self.amount(self.world.holdings(text).amounts[at], text, at)

    def amount(self, true: int, text: str, at: int) -> int:
        """What this node states where an address, or one of its accounts, truly holds `true` base units of an asset."""
        stated = self._stated(true, text, at)
        if stated != true:
            self.lies.add((text, at))
        return stated

    def transactions(self, text: str) -> int:
        """In how many transactions an address was, as this node states it; never none where it states a native balance."""
        world, held = self.world, self.world.holdings(text)
        stated = held.transactions
        if self._fault in AMOUNTS and self._lies_about(text, 0):
            match self._fault:
                case Fault.FALSE_ZEROS:
                    stated = 0
                case Fault.FALSE_USE:
                    stated = max(1, stated)
                case Fault.EARLIER_VALUES:
                    stated = world.before(text).transactions
                case Fault.SHIFTED_VALUES:
                    stated = world.holdings(world.next_to(text)).transactions
        return max(stated, int(self._stated(held.amounts[0], text, 0) > 0))

    def use(self, text: str) -> int:
        """The same where nothing else is asked: a lie if it turns a used address into an unused one, or the other way round."""
        stated = self.transactions(text)
        if bool(stated) != bool(self.world.holdings(text).transactions):
            self.lies.add((text, 0))
        return stated

    def nonce(self, text: str) -> int:
        """How many of them an address sent (EVM)."""
        true = self.world.holdings(text).nonce
        stated = min(self.transactions(text), true)
        if bool(stated) != bool(true):
            self.lies.add((text, 0))
        return stated

    def _stated(self, true: int, text: str, at: int) -> int:
        match self._fault:
            case Fault.WRONG_CHAIN | Fault.ORPHANED:
                return true + 7
            case Fault.STALE:
                return true // 2
            case fault if fault in AMOUNTS and self._lies_about(text, at):
                return self._lie(fault, true, text, at)
        return true

    def _lie(self, fault: Fault, true: int, text: str, at: int) -> int:
        world = self.world
        match fault:
            case Fault.OLD_VALUES:
                return true - true // 2
            case Fault.HIGHER_VALUES:
                return 2 * true + 1
            case Fault.FALSE_USE:
                return true
            case Fault.EARLIER_VALUES:
                before, now = world.before(text).amounts[at], world.holdings(text).amounts[at]
                return true if before == now else before
            case Fault.SHIFTED_VALUES:
                return world.holdings(world.next_to(text)).amounts[at]
        return 0

    def _lies_about(self, text: str, at: int) -> bool:
        draw = blake2b(f"{self._seed}/{text.lower()}/{at}".encode(), digest_size=8).digest()
        return int.from_bytes(draw, "big") < self._share * 2**64
