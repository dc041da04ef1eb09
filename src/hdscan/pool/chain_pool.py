"""The pool of one chain: work-stealing providers and failover of single readings, as docs/resilience.md describes.

Decides synchronously, acts afterwards: `step` returns the actions, `replies` takes in how calls ended, `driver` awaits them.
Pure: `now` (unix seconds) and jitter are arguments.
"""

from collections.abc import Callable, Collection, Iterable, MutableMapping, Sequence

import msgspec

from hdscan.model.chain import Asset, Chain, Finality
from hdscan.model.errors import ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import BalanceResult, Kind, Reading, Unread
from hdscan.model.times import rfc3339_seconds
from hdscan.pool.actions import Actions, Call, FinalCheckDone, Halt, Outbox, Quarantined, TokensProved
from hdscan.pool.chain_watch import ChainWatch, Hashes
from hdscan.pool.completions import Completions
from hdscan.pool.dispatcher import Dispatcher
from hdscan.pool.outage import Outage
from hdscan.pool.policy import Policy
from hdscan.pool.port import Provider
from hdscan.pool.queue import PendingReading, WorkQueue
from hdscan.pool.reply_handler import ReplyHandler
from hdscan.pool.token_proofs import TokenProofs
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Upstreams


class PoolMemory(msgspec.Struct, frozen=True):
    """What a resumed scan has to know."""

    lost: dict[str, int]  # audits, by provider
    blocks: Hashes
    spoke: dict[str, int]  # the highest heads of the endpoints that gave amounts since their last final check
    stated: Hashes = {}  # hashes that were not confirmed


class ChainPool:
    """The state machine. Every call that a `step` returns is to be ended by one method of `replies`, in any order.

    `off` names the providers that are off, with why, for the reason of a halt; `proved` are the tokens known by contract, to
    which those are added that it proves.
    """

    def __init__(
        self,
        chain: Chain,
        finality: Finality,
        upstreams: Iterable[Upstream],
        policy: Policy,
        *,
        jitter: Callable[[], float],
        off: Sequence[str] = (),
        proved: MutableMapping[str, TokenFacts] | None = None,
    ) -> None:
        self.upstreams = Upstreams(upstreams, policy, off, chance=jitter)
        self.requests = 0
        self._policy = policy
        self._queue = WorkQueue()
        self._outage = Outage(policy)
        self._outage_counts = False
        self._outbox = Outbox()
        self._watch = ChainWatch(self.upstreams, chain.head_tolerance, reorganises=finality.reorganises)
        coin = Asset(chain.id, chain.symbol, chain.decimals)
        work = self.upstreams, self._queue, self._outbox
        self._completions = Completions(coin, *work, self._outage, jitter)
        self._dispatcher = Dispatcher(self.upstreams, self._watch, self._queue)
        self._proofs = TokenProofs(self.upstreams, {} if proved is None else proved)
        self.replies = ReplyHandler(*work, self._watch, self._completions, finality, self._proofs)

    def submit(
        self, job: int, readings: Sequence[Reading], *, budget_free: bool = False, excluded: frozenset[str] = frozenset()
    ) -> None:
        """New readings for a job (a number of the caller's, >= 0); `budget_free` ones don't wait for the retry budget.

        The providers in `excluded` are not asked for them; where no other is left they end as unread.
        """
        refused = self._proofs.refused
        for reading in readings:
            if why := refused.get(reading.asset.contract or ""):
                self._outbox.ended.append((job, BalanceResult(reading, Unread(ReadCode.TOKEN_MISMATCH, why, 0, {}))))
        wanted = (reading for reading in readings if reading.asset.contract not in refused)
        self._queue.add(PendingReading(job, reading, budget_free=budget_free, excluded=excluded) for reading in wanted)

    def withdraw(self, jobs: Collection[int], since: int = 0) -> None:
        """Ask on about nothing of these jobs, or their addresses from an index on; calls in flight may still tell."""
        self._queue.withdraw(jobs, since)
        self._outage.parked = list(self._queue.wanted(self._outage.parked))

    @property
    def largest(self) -> int:
        """Readings in the largest call."""
        return max((size.limit for upstream in self.upstreams for size in upstream.sizes.values()), default=1)

    def serving(self, kind: Kind) -> list[Provider]:
        """Every provider that is configured for readings of this kind, whether it can be asked now or not."""
        return [upstream.provider for upstream in self.upstreams.every if upstream.serves(kind)]

    def contradict(self, provider: str, why: str) -> list[Quarantined]:
        """Two others agree against a provider; the providers that are quarantined for it."""
        return self.replies.contradicted(provider, why)

    def remember(self, reading: Reading) -> None:
        """A reading that an earlier run read, to be asked as a probe in an outage."""
        self._completions.remember(reading)

    def begin_final_check(self, now: float) -> None:
        """Ask all who gave amounts for their heads and blocks once more; ends with the event FinalCheckDone."""
        self.upstreams.recall(self._watch.unchecked)
        self._watch.begin_final_check(now)

    def begin_token_proof(self, assets: Iterable[Asset]) -> None:
        """Ask what the tokens among these are, where that is not known; ends with the event TokensProved."""
        self._proofs.begin(assets)

    def memory(self) -> PoolMemory:
        lost = {upstream.name: upstream.audits_lost for upstream in self.upstreams.every if upstream.audits_lost}
        return PoolMemory(lost, *self._watch.memory())

    def restore(self, memory: PoolMemory) -> None:
        self.replies.restore_lost(memory.lost)
        self._watch.restore(memory.blocks, memory.spoke, memory.stated)

    @property
    def busy(self) -> bool:
        """Whether any reading has not ended, or any call, the final check or the proof of tokens is under way."""
        waits = self._watch.final_check or self._proofs.active
        return self._has_work or waits or self.upstreams.busy or bool(self._outbox.ended)

    @property
    def _has_work(self) -> bool:
        return bool(len(self._queue) or self._outage.parked)

    def step(self, now: float) -> Actions:
        if not self._watch.final_check:  # who gave amounts is asked then, whether of use or not
            self.upstreams.relieve(now)
        self._outage.tick(now, counts=self._outage_counts)
        if self._watch.final_check:
            self._continue_final_check(now)
        if self._proofs.active and (doubts := self._proofs.settle(now)) is not None:
            self._outbox.events.append(TokensProved(tuple(doubts)))
        calls: list[Call] = []
        halt, wake_at = None, None
        if self._has_work:
            calls += self._dispatcher.checks(now)
            calls += self._dispatcher.reads(now)
            self._completions.settle(now)
            self._queue.offer_overdue(now, self._policy.backoff_max)
            self._completions.offer_again(now)
            calls += self._dispatcher.reads(now)  # what was split or offered again
        elif self._watch.final_check:
            calls += self._dispatcher.checks(now, final=True)
        elif self._proofs.active:
            calls += [*self._dispatcher.checks(now), *self._proofs.calls(now)]
        self.requests += len(calls)
        if self._has_work:
            halt = self._halt(now)
            wake_at = self._wake_at(now) if halt is None else None
        elif self._watch.final_check:
            wake_at = min(self._wake_at(now), self._watch.wake_at(now))
        elif self._proofs.active:
            wake_at = min(self._wake_at(now), self._proofs.wake_at(now))
        # while everything is in flight no time counts, and a provider that hangs leaves its readings to others
        self._outage_counts = self._has_work and self._held_until(now) <= now and not self.upstreams.gathered
        return self._outbox.actions(calls, wake_at, halt)

    def rest(self) -> Actions:
        """What came in since the last step, where no further one follows."""
        return self._outbox.actions()

    def _continue_final_check(self, now: float) -> None:
        for change in self._watch.continue_final_check(now):
            self.replies.heed(change, now)
        if not self._watch.final_check:
            names = (upstream.name for upstream in self.upstreams if upstream.endpoint in self._watch.unheard)
            self._outbox.events.append(FinalCheckDone(tuple(sorted(names))))

    def _wake_at(self, now: float) -> float:
        """When something may be possible that is not now, at most backoff_max from now."""
        times = [now + self._policy.backoff_max, now + self._outage.time_left, self._outage.until]
        times += [self._dispatcher.introductions_end(now), self._dispatcher.gathers_until(now)]
        for upstream in self.upstreams.in_service:
            openings = [self.upstreams.next_opening(upstream, now, (kind,)) for kind in upstream.breakers]
            times += [*openings, upstream.check_at, upstream.limiter.ready_at(1, now)]
            if self._queue.has_returned:
                times += [max(opening, upstream.retry_at(now)) for opening in openings]
        return min(time for time in times if time > now)

    def _halt(self, now: float) -> Halt | None:
        limit, held_until = self._policy.outage_limit, self._held_until(now)
        if not self.upstreams.in_service:
            why = "no provider is left"
        elif held_until - now > limit and not self.upstreams.busy:
            why = f"every provider is paused or out of quota; scan again at {rfc3339_seconds(held_until)}"
        elif self._outage.time_left <= 0:
            why = f"no provider answered for {limit:.0f} s"
        else:
            return None
        return Halt(f"{why}: {self.upstreams.reasons(now)}")

    def _held_until(self, now: float) -> float:
        """Until when announced pauses and quotas hold every provider; now where one is not held."""
        held = (
            upstream.limiter.blocked_until(upstream.least, now) if upstream.limiter.announced_at(now) else now
            for upstream in self.upstreams.in_service
        )
        return min(held, default=now)
