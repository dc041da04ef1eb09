"""Who takes what now: checks that are due, and the next call of every provider that may make one (work-stealing)."""

from hdscan.pool.actions import CheckCall, ReadCall
from hdscan.pool.blocks import Blocks
from hdscan.pool.final_check import FinalCheck
from hdscan.pool.heads import Heads
from hdscan.pool.queue import PendingReading, WorkQueue, kind_of
from hdscan.pool.upstream import Trust, Upstream
from hdscan.pool.upstreams import Upstreams

INTRODUCTION = 3.0  # seconds that the first provider waits for the last
JUDGED = 3  # endpoints among which one can be seen to lie behind


class Dispatcher:
    """Gives out calls, each with its permit taken and its cost counted. Pure: `now` is an argument."""

    def __init__(self, upstreams: Upstreams, heads: Heads, blocks: Blocks, queue: WorkQueue) -> None:
        self._upstreams = upstreams
        self._heads = heads
        self._blocks = blocks
        self._queue = queue
        self._began: float | None = None

    def checks(self, now: float, look: FinalCheck | None = None) -> list[CheckCall]:
        """Proofs, and questions for a head or a block, that are due; one question per endpoint, whoever speaks to it.

        With a last look only what that still wants to know.
        """
        calls: list[CheckCall] = []
        asking = {
            upstream.provider.endpoint for upstream in self._upstreams if upstream.checking and upstream.trust is Trust.TRUSTED
        }
        for upstream in self._upstreams:
            endpoint = upstream.provider.endpoint
            if look is not None and endpoint not in look.waiting:
                continue
            block = self._block(upstream, now)
            tip_at = None if look is not None and look.due(endpoint, now) else self._heads.at(endpoint)
            if block is None and not upstream.needs_check(now, tip_at):
                continue
            if upstream.limiter.ready_at(1, now) > now:
                continue
            if upstream.trust is Trust.TRUSTED:
                if endpoint in asking:
                    continue
                asking.add(endpoint)
            upstream.limiter.take(1, now)
            upstream.checking = True
            upstream.calls += 1
            calls.append(CheckCall(upstream, upstream.trust is Trust.UNPROVEN, now, block))
        return calls

    def _block(self, upstream: Upstream, now: float) -> int | None:
        """The height at which it is to be asked for its block."""
        asked = upstream.trust in (Trust.TRUSTED, Trust.LAGGING)
        if not upstream.provider.names_blocks or not asked or upstream.checking or now < upstream.check_at:
            return None
        return self._blocks.question(upstream.provider.endpoint)

    def reads(self, now: float) -> list[ReadCall]:
        """One call each in turn, so that nobody takes all of the last work."""
        calls: list[ReadCall] = []
        if now < self.introductions_end(now):
            return calls
        # of those that share an endpoint, who alone can take what came back is not crowded out by who packs more
        waiting = sorted(self._upstreams, key=lambda upstream: self._queue.oldest(upstream.name, upstream.breakers))
        while waiting and len(self._queue):
            served = [(upstream, call) for upstream in waiting if (call := self._read(upstream, now)) is not None]
            calls += [call for _, call in served]
            waiting = [upstream for upstream, _ in served]
        return calls

    def introductions_end(self, now: float) -> float:
        """Until when nobody is asked for amounts: who lies behind shows only once its peers have named their heads."""
        if self._began is None:
            self._began = now
        service = self._upstreams.in_service
        judged = len({upstream.provider.endpoint for upstream in service}) >= JUDGED
        silent = any(self._heads.of(upstream.provider.endpoint) is None and not upstream.check_failures for upstream in service)
        return self._began + INTRODUCTION if judged and silent else now

    def _read(self, upstream: Upstream, now: float) -> ReadCall | None:
        if upstream.trust is not Trust.TRUSTED or not upstream.room or self._awaits_head(upstream):
            return None
        if upstream.limiter.ready_at(upstream.least, now) > now:
            return None
        most = upstream.limiter.room(now) - upstream.provider.overhead if upstream.provider.costs_items else float("inf")
        retries = upstream.budget.ready_at(now) <= now
        for kind in self._queue.kinds(upstream.name):
            if kind not in upstream.breakers or not upstream.breakers[kind].allows(now, self._upstreams.longest(kind, now)):
                continue
            units = int(min(upstream.sizes[kind].at(now), most))
            items = self._queue.pull(upstream.name, kind, units, upstream.provider.weight, retries=retries)
            if not items:
                continue
            actual = kind_of(items)
            if actual is not kind:
                size = max(1, upstream.sizes[actual].at(now) // upstream.provider.weight[actual])
                self._queue.give_front(items[size:])
                del items[size:]
            permit = upstream.breakers[actual].acquire(now, self._upstreams.longest(actual, now))
            if permit is None:
                self._queue.give_front(items)
                continue
            self._account(upstream, items, now)
            return ReadCall(upstream, tuple(items), actual, permit, self._heads.of(upstream.provider.endpoint), now)
        return None

    def _awaits_head(self, upstream: Upstream) -> bool:
        """Whether its head, by which it is judged and its amounts are dated, is still to come from a question on its way."""
        endpoint = upstream.provider.endpoint
        if self._heads.of(endpoint) is not None:
            return False
        return any(other.checking and other.provider.endpoint == endpoint for other in self._upstreams)

    def _account(self, upstream: Upstream, items: list[PendingReading], now: float) -> None:
        upstream.limiter.take(upstream.cost(items), now)
        if all(item.urgent or item.budget_free or not item.failed for item in items):
            upstream.budget.first()
        else:
            upstream.budget.retry(now)
        upstream.in_flight += 1
        upstream.calls += 1
        for item in items:
            item.attempts += 1
            item.urgent = False
