"""Who takes what now: checks that are due, and the next call of every provider that may make one (work-stealing)."""

from hdscan.pool.blocks import Blocks
from hdscan.pool.heads import Heads
from hdscan.pool.last_look import LastLook
from hdscan.pool.queue import Item, WorkQueue, kind_of
from hdscan.pool.seat import Seat, Standing
from hdscan.pool.seats import Seats
from hdscan.pool.step import CheckCall, ReadCall

INTRODUCTION = 3.0  # seconds that the first provider waits for the last
JUDGED = 3  # endpoints among which one can be seen to lie behind


class Pulls:
    """Gives out calls, each with its permit taken and its cost counted. Pure: `now` is an argument."""

    def __init__(self, seats: Seats, heads: Heads, blocks: Blocks, queue: WorkQueue) -> None:
        self._seats = seats
        self._heads = heads
        self._blocks = blocks
        self._queue = queue
        self._began: float | None = None

    def checks(self, now: float, look: LastLook | None = None) -> list[CheckCall]:
        """Proofs, and questions for a head or a block, that are due; one question per endpoint, whoever speaks to it.

        With a last look only what that still wants to know.
        """
        calls: list[CheckCall] = []
        asking = {seat.provider.endpoint for seat in self._seats if seat.checking and seat.standing is Standing.TRUSTED}
        for seat in self._seats:
            endpoint = seat.provider.endpoint
            if look is not None and endpoint not in look.waiting:
                continue
            block = self._block(seat, now)
            tip_at = None if look is not None and look.due(endpoint, now) else self._heads.at(endpoint)
            if block is None and not seat.needs_check(now, tip_at):
                continue
            if seat.limiter.ready_at(1, now) > now:
                continue
            if seat.standing is Standing.TRUSTED:
                if endpoint in asking:
                    continue
                asking.add(endpoint)
            seat.limiter.take(1, now)
            seat.checking = True
            seat.calls += 1
            calls.append(CheckCall(seat, seat.standing is Standing.UNPROVEN, now, block))
        return calls

    def _block(self, seat: Seat, now: float) -> int | None:
        """The height at which it is to be asked for its block."""
        asked = seat.standing in (Standing.TRUSTED, Standing.STALE)
        if not seat.provider.names_blocks or not asked or seat.checking or now < seat.check_at:
            return None
        return self._blocks.question(seat.provider.endpoint)

    def reads(self, now: float) -> list[ReadCall]:
        """One call each in turn, so that nobody takes all of the last work."""
        calls: list[ReadCall] = []
        if now < self.introductions_end(now):
            return calls
        # of those that share an endpoint, who alone can take what came back is not crowded out by who packs more
        waiting = sorted(self._seats, key=lambda seat: self._queue.oldest(seat.name, seat.breakers))
        while waiting and len(self._queue):
            served = [(seat, call) for seat in waiting if (call := self._read(seat, now)) is not None]
            calls += [call for _, call in served]
            waiting = [seat for seat, _ in served]
        return calls

    def introductions_end(self, now: float) -> float:
        """Until when nobody is asked for amounts: who lies behind shows only once its peers have named their heads."""
        if self._began is None:
            self._began = now
        service = self._seats.in_service
        judged = len({seat.provider.endpoint for seat in service}) >= JUDGED
        silent = any(self._heads.of(seat.provider.endpoint) is None and not seat.check_failures for seat in service)
        return self._began + INTRODUCTION if judged and silent else now

    def _read(self, seat: Seat, now: float) -> ReadCall | None:
        if seat.standing is not Standing.TRUSTED or not seat.room or self._awaits_head(seat):
            return None
        if seat.limiter.ready_at(seat.least, now) > now:
            return None
        most = seat.limiter.room(now) - seat.provider.overhead if seat.provider.costs_items else float("inf")
        retries = seat.budget.ready_at(now) <= now
        for kind in self._queue.kinds(seat.name):
            if kind not in seat.breakers or not seat.breakers[kind].allows(now, self._seats.longest(kind, now)):
                continue
            units = int(min(seat.sizes[kind].at(now), most))
            items = self._queue.pull(seat.name, kind, units, seat.provider.weight, retries=retries)
            if not items:
                continue
            actual = kind_of(items)
            if actual is not kind:
                size = max(1, seat.sizes[actual].at(now) // seat.provider.weight[actual])
                self._queue.give_front(items[size:])
                del items[size:]
            permit = seat.breakers[actual].acquire(now, self._seats.longest(actual, now))
            if permit is None:
                self._queue.give_front(items)
                continue
            self._account(seat, items, now)
            return ReadCall(seat, tuple(items), actual, permit, self._heads.of(seat.provider.endpoint), now)
        return None

    def _awaits_head(self, seat: Seat) -> bool:
        """Whether its head, by which it is judged and its amounts are dated, is still to come from a question on its way."""
        endpoint = seat.provider.endpoint
        if self._heads.of(endpoint) is not None:
            return False
        return any(other.checking and other.provider.endpoint == endpoint for other in self._seats)

    def _account(self, seat: Seat, items: list[Item], now: float) -> None:
        seat.limiter.take(seat.cost(items), now)
        if all(item.urgent or item.exempt or not item.failed for item in items):
            seat.budget.first()
        else:
            seat.budget.retry(now)
        seat.in_flight += 1
        seat.calls += 1
        for item in items:
            item.attempts += 1
            item.urgent = False
