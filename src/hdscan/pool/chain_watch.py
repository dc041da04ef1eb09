"""Whether endpoints still stand on the chain that was read: heads, block hashes, and the final check of both.

Pure: `now` is an argument, in unix seconds.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import msgspec

from hdscan.model.provider import Head
from hdscan.pool.effects import Trust
from hdscan.pool.endpoint_chain import EVERY, EndpointChain
from hdscan.pool.upstreams import Upstreams

Hashes = Mapping[str, Mapping[int, str]]  # by endpoint and height

RECENT = 5.0  # seconds in which no chain grows beyond its tolerance
FINAL_CHECK = 20.0  # seconds in which an endpoint has to answer the final check
AGAIN = 2.0  # seconds after which one whose head is still too low is asked again
REORGS, WITHIN = 10, 600.0  # so many in so many seconds are no chain, but hosts of several


class Lagging(msgspec.Struct, frozen=True):
    """An endpoint's head is behind its peers'."""

    endpoint: str
    why: str


class RolledBack(msgspec.Struct, frozen=True):
    """An endpoint's head fell and stays low: its amounts from height `fork` on are void.

    `tip` is the lowest tip that such an amount may carry, where replies state no height of their own.
    """

    endpoint: str
    fork: int
    tip: int
    why: str


class Forked(RolledBack, frozen=True):
    """An endpoint's blocks from height `fork` on are others than before; `too_often` is why it is not trusted any more."""

    too_often: str | None


class ChainWatch:
    """The chains that a chain's endpoints state. `tolerance` is how many blocks or slots a head may be behind its peers'."""

    def __init__(self, upstreams: Upstreams, tolerance: int, *, reorganises: bool) -> None:
        self._upstreams = upstreams
        self._tolerance = tolerance
        self._reorganises = reorganises
        self._chains: defaultdict[str, EndpointChain] = defaultdict(EndpointChain)
        self._forks: dict[str, list[float]] = {}  # when each endpoint's blocks became others, lately
        self.unchecked: set[str] = set()  # endpoints that gave amounts since their last final check
        self._began = 0.0  # the final check
        self.waiting: set[str] = set()  # endpoints that the final check waits for
        self.unheard: set[str] = set()  # endpoints that could not be asked in the last one, or did not answer
        self.final_check = False  # whether one is under way

    def at(self, endpoint: str) -> EndpointChain:
        return self._chains[endpoint]

    def head(self, endpoint: str, head: Head, asked: float, now: float, *, names_blocks: bool) -> RolledBack | Forked | None:
        """An endpoint named its head, and maybe hashes of that chain; whether its chain was reorganised."""
        chain, height = self.at(endpoint), head.height
        fell = chain.record(height, asked, now) and self._reorganises
        sunk = height < chain.top - self._tolerance and not self.lag(endpoint, height)
        shows = self.final_check or chain.shows(chain.top)  # when it is back where it was
        if fell and (sunk or not shows):
            return self._rolled_back(endpoint, now)
        if names_blocks and not self.outdated(endpoint, asked):
            return self._forked(endpoint, chain.head(height, head.blocks, now), now)
        return None

    def block_hash(self, endpoint: str, height: int, block: str, asked: float, now: float) -> Forked | None:
        chain = self.at(endpoint)
        return None if asked < chain.reorged_at else self._forked(endpoint, chain.named(height, block), now)

    def unanswered(self, endpoint: str) -> None:
        """It did not name the hash that it was asked for."""
        self.at(endpoint).unanswered()

    def forget(self, endpoint: str) -> None:
        """Judge no other endpoint by its head any more."""
        self.at(endpoint).forget_head()

    def outdated(self, endpoint: str, asked: float) -> bool:
        """Whether a call begun at `asked` may have been answered from before the endpoint's last reorganisation."""
        return asked <= self.at(endpoint).reorged_at

    def gave_amounts(self, endpoint: str) -> None:
        """The final check has to ask this endpoint, unless its blocks are final."""
        if self._reorganises:
            self.unchecked.add(endpoint)

    def laggards(self, now: float) -> list[Lagging]:
        """Endpoints that lag by a head named just now, also behind heads that peers named later."""
        return [
            Lagging(endpoint, f"its head {chain.height} is {lag} behind its peers'")
            for endpoint, chain in self._chains.items()
            if chain.height is not None and chain.named_at is not None and now - chain.named_at <= RECENT
            if (lag := self.lag(endpoint, chain.height))
        ]

    def lag(self, endpoint: str, head: int) -> int:
        """Blocks by which `head` is behind the second-highest of the endpoint's peers, 0 within the tolerance.

        The second-highest, so that one lying leader makes nobody lag; with fewer than two peers nobody does.
        """
        others = (chain.reached for name, chain in self._chains.items() if name != endpoint)
        peers = sorted(height for height in others if height is not None)
        if len(peers) < 2 or head >= peers[-2] - self._tolerance:
            return 0
        return peers[-2] - head

    def _rolled_back(self, endpoint: str, now: float) -> RolledBack:
        """Its head stays low, or nothing would show whether it comes back to the same block."""
        chain = self.at(endpoint)
        top, head = chain.roll_back()
        chain.reorged_at = now
        return RolledBack(endpoint, head + 1, chain.from_tip(head + 1), f"its head fell from {top} to {head}")

    def _forked(self, endpoint: str, fork: int | None, now: float) -> Forked | None:
        if fork is None:
            return None
        chain = self.at(endpoint)
        chain.reorged_at = now
        lately = [moment for moment in self._forks.get(endpoint, ()) if moment > now - WITHIN]
        if not lately or now - lately[-1] >= EVERY:
            lately.append(now)
        self._forks[endpoint] = lately
        why = f"its blocks from {fork} on are others than before"
        times = f"its chain was reorganised {REORGS} times in {WITHIN / 60:.0f} minutes"
        return Forked(endpoint, fork, chain.from_tip(fork), why, times if len(lately) >= REORGS else None)

    def begin_final_check(self, now: float) -> None:
        """Wait for every endpoint that gave amounts and can be asked in time."""
        in_time = {each.endpoint for each in self._upstreams if each.limiter.blocked_until(1, now) < now + FINAL_CHECK}
        trusted = {each.endpoint for each in self._upstreams if each.trust is not Trust.QUARANTINED}
        self.waiting = self._in_service(self.unchecked) & in_time
        self.unheard = (self.unchecked & trusted) - self.waiting
        self.unchecked -= self.waiting
        for endpoint in self.waiting:
            self.at(endpoint).ask_again()
        self._began, self.final_check = now, True

    def due(self, endpoint: str, now: float) -> bool:
        """Whether the final check is to ask an endpoint for its head."""
        at = self.at(endpoint).named_at
        return at is None or at < self._began or now - at >= AGAIN

    def wake_at(self, now: float) -> float:
        """When the final check has to go on, whatever happens."""
        return min(now + AGAIN, self._began + FINAL_CHECK)

    def continue_final_check(self, now: float) -> list[RolledBack]:
        """Wait for those that have not answered, until the time is up; the endpoints whose heads stayed low."""
        self.waiting = {endpoint for endpoint in self._in_service(self.waiting) if not self._settled(endpoint)}
        low = sorted(endpoint for endpoint in self.waiting if self._named(endpoint) and self.at(endpoint).low)
        for endpoint in low:
            self.at(endpoint).ask_again()  # when it is back where it was, that may be another block
        self.final_check = bool(self.waiting)
        if now - self._began < FINAL_CHECK:
            return []
        self.unheard |= self.waiting - set(low)
        self.unchecked |= self.unheard
        self.waiting.clear()
        self.final_check = False
        return [self._rolled_back(endpoint, now) for endpoint in low]

    def _in_service(self, endpoints: Iterable[str]) -> set[str]:
        return {upstream.endpoint for upstream in self._upstreams.in_service} & set(endpoints)

    def _named(self, endpoint: str) -> bool:
        return (self.at(endpoint).named_at or 0.0) >= self._began

    def _settled(self, endpoint: str) -> bool:
        """Whether its head is as high as it was, and its block there the same."""
        return self._named(endpoint) and not self.at(endpoint).low and self.at(endpoint).settled

    def memory(self) -> tuple[Hashes, dict[str, int], Hashes]:
        """The known hashes, the endpoints that are to be checked finally with their highest heads, and the stated hashes."""
        known = {endpoint: dict(chain.known) for endpoint, chain in self._chains.items() if chain.known}
        stated = {endpoint: dict(chain.unlinked) for endpoint, chain in self._chains.items() if chain.unlinked}
        return known, {endpoint: self.at(endpoint).top for endpoint in sorted(self.unchecked | self.waiting)}, stated

    def restore(self, known: Hashes, unchecked: Mapping[str, int], stated: Hashes) -> None:
        for endpoint in dict.fromkeys([*known, *unchecked, *stated]):
            top = unchecked.get(endpoint, 0)
            self.at(endpoint).restore(known.get(endpoint, {}), stated.get(endpoint, {}), top)
        self.unchecked |= unchecked.keys()
