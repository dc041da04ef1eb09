"""The calls to make now: checks that are due, and the next read of every provider that can serve one (work-stealing)."""

import msgspec

from hdscan.pool.actions import BlockHashCall, CheckCall, ProveCall, ReadCall, TipCall
from hdscan.pool.chain_watch import ChainWatch
from hdscan.pool.effects import Trust
from hdscan.pool.queue import WorkQueue, kind_of
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Upstreams, asked_first

INTRODUCTION = 3.0  # seconds that the first provider waits for the last
JUDGED = 3  # endpoints among which one can be seen to lag
TIP_AGE = 20.0
GATHER = 1.0  # seconds without new work after which a call that takes all there is begins


class Dispatcher(msgspec.Struct, eq=False):
    """Gives out calls, each with its permit taken and its cost counted. Pure: `now` is an argument."""

    _upstreams: Upstreams
    _watch: ChainWatch
    _queue: WorkQueue
    _began: float | None = None
    _waiting: int = 0  # readings in the queue
    _grew_at: float = 0.0

    def checks(self, now: float, *, final: bool = False) -> list[CheckCall]:
        """Proofs, and questions for a head or a block, that are due: one question per endpoint, whatever the protocol.

        `final`: only what the final check waits for.
        """
        calls: list[CheckCall] = []
        asked = {upstream.endpoint for upstream in self._upstreams if upstream.checking and upstream.trusted}
        for upstream in self._upstreams:
            endpoint = upstream.endpoint
            if (final and endpoint not in self._watch.waiting) or (upstream.trusted and endpoint in asked):
                continue
            block = self._block(upstream, now)
            tip_at = None if final and self._watch.due(endpoint, now) else self._watch.at(endpoint).named_at
            wanted = block is not None or needs_check(upstream, now, tip_at)
            if not wanted or upstream.limiter.ready_at(1, now) > now:
                continue
            if upstream.trusted:
                asked.add(endpoint)
            upstream.begin_check(now)
            if block is not None:
                calls.append(BlockHashCall(upstream, now, block))
            else:
                calls.append((ProveCall if upstream.trust is Trust.UNPROVEN else TipCall)(upstream, now))
        return calls

    def _block(self, upstream: Upstream, now: float) -> int | None:
        """The height at which it is to be asked for its block."""
        can_tell = upstream.provider.names_blocks and upstream.trust in (Trust.TRUSTED, Trust.LAGGING)
        if not can_tell or upstream.checking or now < upstream.check_at:
            return None
        return self._watch.at(upstream.endpoint).question

    def reads(self, now: float) -> list[ReadCall]:
        """One call each in turn, so that no provider takes all of the last work."""
        calls: list[ReadCall] = []
        if now < self.introductions_end(now):
            return calls
        # of those that share an endpoint, serve first the only provider left for a retry
        waiting = sorted(self._upstreams, key=lambda upstream: self._queue.oldest(upstream.name, upstream.breakers))
        while waiting and len(self._queue):
            served = [call for upstream in waiting if (call := self._read(upstream, now)) is not None]
            calls += served
            waiting = [call.upstream for call in served]
        return calls

    def introductions_end(self, now: float) -> float:
        """Until when no amounts are asked for: a laggard shows only once its peers have named their heads."""
        if self._began is None:
            self._began = now
        service = self._upstreams.in_service
        judged = len({upstream.endpoint for upstream in service}) >= JUDGED
        ends = self._began + INTRODUCTION
        known = len({each.endpoint for each in service if self._watch.at(each.endpoint).height is not None})
        silent = any(
            (known < JUDGED or not each.provider.drawn) and not each.check_failed and each.limiter.ready_at(1, now) < ends
            for each in service
            if self._watch.at(each.endpoint).height is None
        )
        return ends if judged and silent else now

    def gathers_until(self, now: float) -> float:
        """Until when a call that takes as long however much it reads waits for more."""
        waiting, self._waiting = self._waiting, len(self._queue)
        if self._waiting > waiting:
            self._grew_at = now
        return self._grew_at + GATHER if self._waiting < self._upstreams.at_once(now) else now

    def _read(self, upstream: Upstream, now: float) -> ReadCall | None:
        if not upstream.trusted or upstream.full or self._awaits_head(upstream):
            return None
        if upstream.provider.gathers and self.gathers_until(now) > now:
            return None
        if upstream.limiter.ready_at(upstream.least, now) > now:
            return None
        weight = upstream.provider.weight
        room = min(upstream.limiter.room(now), upstream.limiter.at_once(now))
        most = room - upstream.provider.overhead if upstream.provider.costs_items else float("inf")
        retries = upstream.retry_at(now) <= now
        for wanted in self._queue.kinds(upstream.name):
            breaker = upstream.breakers.get(wanted)
            if breaker is None or not breaker.allows(now, self._upstreams.longest(wanted, now)):
                continue
            units = int(min(upstream.sizes[wanted].at(now), most))
            fresh = asked_first(upstream) or not self._upstreams.reserved(wanted, now)
            shape = {"whole": upstream.provider.gathers, "by_owner": upstream.provider.by_owner > 1}
            batch = self._queue.pull(upstream.name, wanted, units, weight, retries=retries, fresh=fresh, **shape)
            if not batch:
                continue
            kind = kind_of(batch)
            if kind is not wanted:
                size = max(1, upstream.sizes[kind].at(now) // weight[kind])
                self._queue.give_front(batch[size:])
                del batch[size:]
            permit = upstream.begin_call(kind, batch, now, self._upstreams.longest(kind, now))
            if permit is None:
                self._queue.give_front(batch)
                continue
            for pending in batch:
                pending.attempts += 1
                pending.urgent = False
            return ReadCall(upstream, now, tuple(batch), kind, permit, self._watch.at(upstream.endpoint).height)
        return None

    def _awaits_head(self, upstream: Upstream) -> bool:
        """Whether its endpoint's first head, by which it is judged and its amounts are dated, is being asked for."""
        peers = self._upstreams.at(upstream.endpoint)
        return self._watch.at(upstream.endpoint).height is None and any(each.checking for each in peers)


def needs_check(upstream: Upstream, now: float, tip_at: float | None) -> bool:
    """Whether to have it prove its chain, or to ask it for its head, which its endpoint last named at `tip_at`."""
    if upstream.checking or upstream.trust.out or now < upstream.check_at or now < upstream.limiter.blocked_until(1, now):
        return False
    if upstream.trusted:
        return tip_at is None or (not upstream.provider.states_head and now - tip_at >= TIP_AGE)
    return True
