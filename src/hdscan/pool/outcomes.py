"""What every outcome of a call means for the breaker, the limiter, the provider and the readings (RESILIENCE.md's table)."""

from collections.abc import Mapping, Sequence

from hdscan.model.chain import Chain, Family
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Missing, Reply
from hdscan.model.reading import Balance, Kind, ReadError
from hdscan.pool.blocks import EVERY, Blocks
from hdscan.pool.endings import Endings
from hdscan.pool.heads import Heads
from hdscan.pool.last_look import LastLook
from hdscan.pool.queue import Item, WorkQueue
from hdscan.pool.retry_after import retry_after
from hdscan.pool.seat import Policy, Seat, Standing
from hdscan.pool.seats import Seats
from hdscan.pool.step import CheckCall, Quarantined, ReadCall, Reorged, ShortReply

STALE_RECHECK = 10.0
CONTRADICTIONS = 2  # audits that a provider may not lose
REORGS, WITHIN = 10, 600.0  # reorganisations, a look apart, in so many seconds: that is no chain, but hosts of several
PATIENCE = 5  # times that a reading may be answered "too fast" before that counts as a failure of it


class Outcomes:
    """Takes in how calls ended. Pure: `now` is an argument."""

    def __init__(
        self,
        *,
        chain: Chain,
        seats: Seats,
        heads: Heads,
        blocks: Blocks,
        look: LastLook,
        queue: WorkQueue,
        endings: Endings,
        policy: Policy,
    ) -> None:
        self._chain = chain
        self._moves = chain.family is not Family.SOLANA  # what is finalized stays
        self._seats = seats
        self._heads = heads
        self._blocks = blocks
        self._look = look
        self._queue = queue
        self._endings = endings
        self._policy = policy
        self._reorgs: dict[str, list[float]] = {}  # when each endpoint's chain was reorganised

    # -- checks

    def checked(self, call: CheckCall, outcome: Head | str | CallError | None, now: float) -> None:
        """A proof or a question for a head or a block ended; one that was not answered is unknown, not wrong."""
        seat = call.seat
        if isinstance(outcome, CallError):
            if call.block is not None:
                self._blocks.unanswered(seat.provider.endpoint)
                if outcome.fault is ReadCode.BAD_KEY:  # this one method may not be served to us
                    outcome = CallError(ReadCode.SERVER_ERROR, outcome.message)
            self._check_failed(seat, outcome, now)
            return
        seat.ok += 1
        seat.check_failures = 0
        seat.check_at = 0.0
        if isinstance(outcome, str):
            assert call.block is not None
            if call.began >= seat.doubted_at:  # otherwise it is asked again
                self._forked(seat.provider.endpoint, self._blocks.named(seat.provider.endpoint, call.block, outcome), now)
            return
        if seat.standing.out or (seat.standing is Standing.UNPROVEN and not call.proof):
            return  # it was asked for its head while it was still trusted
        doubted = seat.standing is not Standing.TRUSTED
        seat.standing = Standing.TRUSTED
        if outcome is not None and self._lags(seat, outcome, call.began, now):
            return
        if doubted:
            seat.why = seat.check_failed_since = None
            self._endings.look_again(now)

    def _check_failed(self, seat: Seat, error: CallError, now: float) -> None:
        seat.note(error.fault, error.message)
        self._common_fault(seat, error, now)
        if seat.standing in (Standing.UNPROVEN, Standing.STALE):
            seat.why = error.message
            seat.check_failed_since = now if seat.check_failed_since is None else seat.check_failed_since
        seat.check_at = now + min(2.0**seat.check_failures, self._policy.backoff_max)
        seat.check_failures += 1

    # -- readings

    def replied(self, call: ReadCall, reply: Reply, now: float) -> None:
        """A well-formed reply: every item has its own outcome."""
        seat = call.seat
        if len(reply.outcomes) != len(call.items):
            text = f"answered {len(reply.outcomes)} of {len(call.items)} readings"
            self.failed(call, CallError(ReadCode.MALFORMED, text), now)
            return
        if seat.standing is not Standing.TRUSTED or (reply.head is not None and self._lags(seat, reply.head, call.began, now)):
            self._distrusted(call, seat.why or seat.standing, now)
            return
        if call.began <= seat.doubted_at:
            self._distrusted(call, "asked before its chain was reorganised", now)
            return
        seat.ok += 1
        breaker = seat.breakers[call.kind]
        alone = breaker.since is not None and self._seats.longest(call.kind, now) is not None
        breaker.success(call.permit, now)
        seat.limiter.succeeded()
        seat.sizes[call.kind].accepted(seat.units(call.items), now)
        missing: list[Item] = []
        failed: list[Item] = []
        for item, outcome in zip(call.items, reply.outcomes, strict=True):
            if isinstance(outcome, Balance):
                if self._moves:
                    self._look.spoke.add(seat.provider.endpoint)
                self._endings.read(item, outcome)
            elif isinstance(outcome, Missing):
                missing.append(item)
            else:
                self._fail_alone(item, seat, outcome, now)
                failed.append(item)
        if missing:
            self._short(call, missing, reply, now)
        self._queue.give_back(missing + failed)
        self._endings.success(call.began, now, heals=alone and breaker.since is None)

    def _distrusted(self, call: ReadCall, why: str, now: float) -> None:
        """What is not to be believed (any more) says nothing: the readings are untouched, others may be asked."""
        call.seat.breakers[call.kind].neutral(call.permit)
        for item in call.items:
            item.blame(call.seat.name, ReadError(ReadCode.STALE, why), now)
        self._queue.give_back(call.items)

    def _fail_alone(self, item: Item, seat: Seat, error: ReadError, now: float) -> None:
        item.fail(seat.name, error, now)
        item.answered = True
        item.failed_in = 1
        if error.code is not ReadCode.ABSENT:  # which is a way of answering
            seat.last_error = error.message

    def _short(self, call: ReadCall, missing: Sequence[Item], reply: Reply, now: float) -> None:
        """What a short reply left out is fetched again at once, in halves down to single readings (B3)."""
        seat = call.seat
        self._endings.notices.append(ShortReply(seat.name, reply.requested, reply.received))
        error = ReadError(ReadCode.MISSING, f"short reply: {reply.received} of {reply.requested} accounts")
        seat.last_error = error.message
        if len(call.items) == 1:
            self._fail_alone(missing[0], seat, error, now)
        else:
            self._halve(missing, seat, error, len(call.items), now)

    def _halve(self, items: Sequence[Item], seat: Seat, error: ReadError, asked: int, now: float) -> None:
        """Ask these again at once, in calls of half the size."""
        for item in items:
            item.blame(seat.name, error, now)
            item.cap = min(item.cap, asked // 2)
            item.urgent = True

    def failed(self, call: ReadCall, error: CallError, now: float) -> None:
        """A call failed as a whole."""
        seat, breaker, items = call.seat, call.seat.breakers[call.kind], call.items
        seat.note(error.fault, error.message)
        reason = ReadError(error.fault, error.message)
        if self._common_fault(seat, error, now):
            breaker.neutral(call.permit)
            for item in items:
                item.blame(seat.name, reason, now)
                item.throttled += error.fault is ReadCode.THROTTLED
                if item.throttled > PATIENCE:
                    item.fail(seat.name, reason, now)  # it seems that it is about this reading, whatever the words
        elif error.fault is ReadCode.TOO_LARGE and len(items) > 1:
            breaker.neutral(call.permit)
            seat.sizes[call.kind].refused(seat.units(items), now)
            self._halve(items, seat, reason, len(items), now)
        else:
            if error.fault is ReadCode.TOO_LARGE:
                breaker.neutral(call.permit)
                seat.sizes[call.kind].refused(seat.units(items), now)
            else:
                breaker.failure(call.permit, now)
            for item in items:
                item.fail(seat.name, reason, now)
                item.failed_in = len(items)
                item.separate = item.separate or call.kind is Kind.MIXED
        self._queue.give_back(items)

    # -- what a fault means for the endpoint or the provider as a whole

    def _common_fault(self, seat: Seat, error: CallError, now: float) -> bool:
        """Deal with a fault that is not this call's own; False where it is an ordinary failure."""
        match error.fault:
            case ReadCode.THROTTLED | ReadCode.QUOTA:
                wait = retry_after(error.retry_after, error.date, now)
                seat.limiter.throttled(now, wait, quota=error.fault is ReadCode.QUOTA)
            case ReadCode.BAD_KEY:
                if not seat.standing.out:
                    seat.standing = Standing.DISABLED
                    seat.why = f"{error.message}; check the key in its `url`"
            case ReadCode.WRONG_CHAIN | ReadCode.CONTRADICTED:
                self._endings.notices += self._quarantine(seat.provider.endpoint, error.message, error.fault)
            case ReadCode.STALE:
                self._set_aside(seat, error.message, now)
            case _:
                return False
        return True

    def contradicted(self, name: str, why: str) -> list[Quarantined]:
        """Two others agree against a provider; who is quarantined for it, the second time."""
        found: list[Quarantined] = []
        for seat in [seat for seat in self._seats if seat.name == name]:
            seat.contradicted += 1
            seat.last_error = why
            if seat.contradicted >= CONTRADICTIONS:
                found += self._quarantine(seat.provider.endpoint, why, ReadCode.CONTRADICTED)
        return found

    def lost(self) -> dict[str, int]:
        """How many audits every provider lost that lost any."""
        return {seat.name: seat.contradicted for seat in self._seats if seat.contradicted}

    def restore_lost(self, lost: Mapping[str, int]) -> None:
        """Take over what was lost before a restart."""
        for seat in [seat for seat in self._seats if seat.name in lost]:
            seat.contradicted = max(seat.contradicted, lost[seat.name])
            if seat.contradicted >= CONTRADICTIONS:
                why = f"it lost {seat.contradicted} audits of this scan"
                self._endings.notices += self._quarantine(seat.provider.endpoint, why, ReadCode.CONTRADICTED)

    def _quarantine(self, endpoint: str, why: str, code: ReadCode) -> list[Quarantined]:
        """A host of another chain, or one that lies, is not asked again, by whatever protocol; what it said is doubted."""
        self._heads.forget(endpoint)
        found = []
        for seat in self._seats:
            if seat.provider.endpoint == endpoint and seat.standing is not Standing.QUARANTINED:
                seat.standing, seat.why = Standing.QUARANTINED, why
                found.append(Quarantined(seat.name, why, code))
        return found

    def sunk(self, endpoint: str, now: float) -> None:
        """An endpoint's head stayed below what it was, or nothing would show whether it is back where it was."""
        top, head = self._heads.sink(endpoint)
        self._reorged(endpoint, head + 1, f"its head fell from {top} to {head}", now)

    def _forked(self, endpoint: str, fork: int | None, now: float) -> None:
        if fork is None:
            return
        self._reorged(endpoint, fork, f"its blocks from {fork} on are others than before", now)
        lately = [moment for moment in self._reorgs.get(endpoint, ()) if moment > now - WITHIN]
        if not lately or now - lately[-1] >= EVERY:
            lately.append(now)
        self._reorgs[endpoint] = lately
        if len(lately) >= REORGS:
            why = f"its chain was reorganised {REORGS} times in {WITHIN / 60:.0f} minutes"
            self._endings.notices += self._quarantine(endpoint, why, ReadCode.CONTRADICTED)

    def _reorged(self, endpoint: str, fork: int, why: str, now: float) -> None:
        """What an endpoint said from a height on is doubted; where no height is stated, it may be of a later block.

        A Bitcoin host that has undone a block calls its coins gone until it has read its mempool anew: it is left alone.
        """
        for seat in self._seats:
            if seat.provider.endpoint == endpoint and seat.standing is not Standing.QUARANTINED:
                first = fork if seat.provider.states_head else self._blocks.from_tip(endpoint, fork)
                self._endings.notices.append(Reorged(seat.name, first, why))
                seat.doubted_at = now
                if self._chain.family is Family.BITCOIN:
                    self._set_aside(seat, why, now)

    def _lags(self, seat: Seat, head: Head, asked: float, now: float) -> bool:
        """Take in a head; whether it lags. Those that spoke shortly before are judged by it, too."""
        endpoint, height = seat.provider.endpoint, head.height
        fell = self._heads.record(endpoint, height, asked, now) and self._moves
        shows = self._look.open or self._blocks.holds(endpoint, self._heads.top(endpoint))  # when it is back where it was
        if fell and (self._heads.sinks(endpoint, height) or not shows):
            self.sunk(endpoint, now)
        elif seat.provider.names_blocks and asked > seat.doubted_at:
            self._forked(endpoint, self._blocks.head(endpoint, height, head.blocks, now), now)
        lags = {endpoint: (said, lag) for endpoint, said, lag in self._heads.laggards(now)}
        for other in self._seats:
            if other.provider.endpoint in lags and other.standing is Standing.TRUSTED:
                said, lag = lags[other.provider.endpoint]
                self._set_aside(other, f"its head {said} is {lag} behind its peers'", now)
        return seat.standing is not Standing.TRUSTED

    def _set_aside(self, seat: Seat, why: str, now: float) -> None:
        """Ask it no more until its head has caught up; who has still to prove its chain, or is out, stays so."""
        seat.last_error = why
        seat.check_at = now + min(STALE_RECHECK, self._policy.backoff_max)
        if seat.standing.out or seat.standing is Standing.UNPROVEN:
            return
        if seat.check_failed_since is None:
            seat.check_failed_since = now
        seat.standing, seat.why = Standing.STALE, why
