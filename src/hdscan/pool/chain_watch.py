"""Whether endpoints still stand on the chain that was read: heads, block hashes, and the final check of both.

Pure: `now` is an argument, in unix seconds.
"""

from collections.abc import Iterable, Mapping

import msgspec

from hdscan.model.provider import Head
from hdscan.pool.blocks import EVERY, Blocks, Hashes
from hdscan.pool.effects import Trust
from hdscan.pool.heads import Heads
from hdscan.pool.upstreams import Upstreams

FINAL_CHECK = 20.0  # seconds in which an endpoint has to answer the final check
AGAIN = 2.0  # seconds after which one whose head is still too low is asked again
WITHIN = 600.0  # seconds in which reorganisations are counted


class Lagging(msgspec.Struct, frozen=True):
    """An endpoint's head is behind its peers'."""

    endpoint: str
    why: str


class _Reorganised(msgspec.Struct, frozen=True):
    """What an endpoint said from height `fork` on no longer holds.

    `tip` is the lowest tip that such an amount may carry, where replies state no height of their own.
    """

    endpoint: str
    fork: int
    tip: int
    why: str


class RolledBack(_Reorganised, frozen=True):
    """An endpoint's head fell and stays low, or nothing would show whether it comes back to the same block."""


class Forked(_Reorganised, frozen=True):
    """An endpoint's blocks are others than before, for the `times`-th time in ten minutes."""

    times: int


class ChainWatch:
    """The heads and hashes that every endpoint of a chain stated, and those that are to be asked."""

    def __init__(self, upstreams: Upstreams, tolerance: int, *, reorganises: bool) -> None:
        self._upstreams = upstreams
        self._reorganises = reorganises
        self._heads = Heads(tolerance)
        self._blocks = Blocks()
        self._reorged_at: dict[str, float] = {}
        self._forks: dict[str, list[float]] = {}
        self._unchecked: set[str] = set()  # endpoints that gave amounts since their last final check
        self._began = 0.0  # the final check
        self.waiting: set[str] = set()  # endpoints that the final check waits for
        self.unheard: set[str] = set()  # endpoints that could not be asked in the last one, or did not answer
        self.final_check = False  # whether one is under way

    # -- what endpoints state

    def head(self, endpoint: str, head: Head, asked: float, now: float, *, names_blocks: bool) -> RolledBack | Forked | None:
        """An endpoint named its head, and maybe hashes of that chain; whether its chain was reorganised."""
        height = head.height
        fell = self._heads.record(endpoint, height, asked, now) and self._reorganises
        shows = self.final_check or self._blocks.holds(endpoint, self._heads.top(endpoint))  # when it is back where it was
        if fell and (self._heads.has_sunk(endpoint, height) or not shows):
            return self._rolled_back(endpoint, now)
        if names_blocks and not self.outdated(endpoint, asked):
            return self._forked(endpoint, self._blocks.head(endpoint, height, head.blocks, now), now)
        return None

    def block_hash(self, endpoint: str, height: int, block: str, asked: float, now: float) -> Forked | None:
        """An endpoint named the hash that it was asked for; whether its chain was reorganised."""
        if asked < self._reorged_at.get(endpoint, asked):
            return None  # it is asked again
        return self._forked(endpoint, self._blocks.named(endpoint, height, block), now)

    def unanswered(self, endpoint: str) -> None:
        """An endpoint did not name a hash."""
        self._blocks.unanswered(endpoint)

    def laggards(self, now: float) -> list[Lagging]:
        """Who lags by a head named just now: peers that spoke later judge, too."""
        return [Lagging(name, f"its head {head} is {lag} behind its peers'") for name, head, lag in self._heads.laggards(now)]

    def outdated(self, endpoint: str, asked: float) -> bool:
        """Whether a call begun at `asked` may have been answered from before the endpoint's last reorganisation."""
        return asked <= self._reorged_at.get(endpoint, float("-inf"))

    def gave_amounts(self, endpoint: str) -> None:
        """The final check has to ask this endpoint, unless its blocks are final."""
        if self._reorganises:
            self._unchecked.add(endpoint)

    def forget(self, endpoint: str) -> None:
        """An endpoint is no peer: it serves another chain."""
        self._heads.forget(endpoint)

    def _rolled_back(self, endpoint: str, now: float) -> RolledBack:
        top, head = self._heads.roll_back(endpoint)
        self._reorged_at[endpoint] = now
        tip = self._blocks.from_tip(endpoint, head + 1)
        return RolledBack(endpoint, head + 1, tip, f"its head fell from {top} to {head}")

    def _forked(self, endpoint: str, fork: int | None, now: float) -> Forked | None:
        if fork is None:
            return None
        self._reorged_at[endpoint] = now
        lately = [moment for moment in self._forks.get(endpoint, ()) if moment > now - WITHIN]
        if not lately or now - lately[-1] >= EVERY:
            lately.append(now)
        self._forks[endpoint] = lately
        why = f"its blocks from {fork} on are others than before"
        return Forked(endpoint, fork, self._blocks.from_tip(endpoint, fork), why, len(lately))

    # -- what to ask

    def question(self, endpoint: str) -> int | None:
        """The height at which the endpoint is to be asked for its block's hash, if any."""
        return self._blocks.question(endpoint)

    def height(self, endpoint: str) -> int | None:
        """The endpoint's last head."""
        return self._heads.of(endpoint)

    def head_at(self, endpoint: str) -> float | None:
        """When the endpoint last named its head."""
        return self._heads.at(endpoint)

    # -- the final check

    def begin_final_check(self, now: float) -> None:
        """Wait for all who gave amounts and can be asked in time."""
        in_time = {s.provider.endpoint for s in self._upstreams if s.limiter.blocked_until(1, now) < now + FINAL_CHECK}
        believed = {s.provider.endpoint for s in self._upstreams if s.trust is not Trust.QUARANTINED}
        self.waiting = self._in_service(self._unchecked) & in_time
        self.unheard = (self._unchecked & believed) - self.waiting
        self._unchecked -= self.waiting
        for endpoint in self.waiting:
            self._blocks.ask_again(endpoint)
        self._began, self.final_check = now, True

    def due(self, endpoint: str, now: float) -> bool:
        """Whether the final check is to ask an endpoint for its head."""
        at = self._heads.at(endpoint)
        return at is None or at < self._began or now - at >= AGAIN

    def wake_at(self, now: float) -> float:
        """When the final check has to go on, whatever happens."""
        return min(now + AGAIN, self._began + FINAL_CHECK)

    def continue_final_check(self, now: float) -> list[RolledBack]:
        """Go on without who has answered, and in the end without anybody; whose heads stayed below what they were."""
        self.waiting = {endpoint for endpoint in self._in_service(self.waiting) if not self._settled(endpoint)}
        low = sorted(endpoint for endpoint in self.waiting if self._named(endpoint) and not self._heads.level(endpoint))
        for endpoint in low:
            self._blocks.ask_again(endpoint)  # when it is back where it was, that may be another block
        self.final_check = bool(self.waiting)
        if now - self._began < FINAL_CHECK:
            return []
        self.unheard |= self.waiting - set(low)
        self._unchecked |= self.unheard
        self.waiting.clear()
        self.final_check = False
        return [self._rolled_back(endpoint, now) for endpoint in low]

    def _in_service(self, endpoints: Iterable[str]) -> set[str]:
        return {upstream.provider.endpoint for upstream in self._upstreams.in_service} & set(endpoints)

    def _named(self, endpoint: str) -> bool:
        return (self._heads.at(endpoint) or 0.0) >= self._began

    def _settled(self, endpoint: str) -> bool:
        """Whether its head is as high as it was, and its block there the same."""
        return self._named(endpoint) and self._heads.level(endpoint) and self._blocks.settled(endpoint)

    # -- over a restart

    def memory(self) -> tuple[Hashes, dict[str, int], Hashes]:
        """The known hashes, the endpoints that are to be checked finally with their highest heads, and the stated hashes."""
        known, stated = self._blocks.memory()
        return known, {endpoint: self._heads.top(endpoint) for endpoint in sorted(self._unchecked | self.waiting)}, stated

    def restore(self, known: Hashes, unchecked: Mapping[str, int], stated: Hashes) -> None:
        """Take over what was known before a restart."""
        self._blocks.restore(known, stated)
        self._unchecked |= unchecked.keys()
        self._heads.restore(unchecked)
