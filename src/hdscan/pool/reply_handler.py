"""What every outcome of a call means for the breaker, the limiter, the provider and the readings (RESILIENCE.md's table)."""

from collections.abc import Mapping, Sequence

from hdscan.model.chain import Chain, Family
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Missing, Reply
from hdscan.model.reading import Balance, Kind, ReadError
from hdscan.pool.actions import CheckCall, Quarantined, ReadCall, Reorged, ShortReply
from hdscan.pool.blocks import EVERY, Blocks
from hdscan.pool.completions import Completions
from hdscan.pool.final_check import FinalCheck
from hdscan.pool.heads import Heads
from hdscan.pool.queue import PendingReading, WorkQueue
from hdscan.pool.retry_after import retry_after
from hdscan.pool.upstream import Policy, Trust, Upstream
from hdscan.pool.upstreams import Upstreams

STALE_RECHECK = 10.0
CONTRADICTIONS = 2  # audits that a provider may not lose
REORGS, WITHIN = 10, 600.0  # reorganisations, a look apart, in so many seconds: that is no chain, but hosts of several
PATIENCE = 5  # times that a reading may be answered "too fast" before that counts as a failure of it


class ReplyHandler:
    """Takes in how calls ended. Pure: `now` is an argument."""

    def __init__(
        self,
        *,
        chain: Chain,
        upstreams: Upstreams,
        heads: Heads,
        blocks: Blocks,
        look: FinalCheck,
        queue: WorkQueue,
        completions: Completions,
        policy: Policy,
    ) -> None:
        self._chain = chain
        self._moves = chain.family is not Family.SOLANA  # what is finalized stays
        self._upstreams = upstreams
        self._heads = heads
        self._blocks = blocks
        self._final_check = look
        self._queue = queue
        self._completions = completions
        self._policy = policy
        self._reorgs: dict[str, list[float]] = {}  # when each endpoint's chain was reorganised

    # -- checks

    def checked(self, call: CheckCall, outcome: Head | str | CallError | None, now: float) -> None:
        """A proof or a question for a head or a block ended; one that was not answered is unknown, not wrong."""
        upstream = call.upstream
        if isinstance(outcome, CallError):
            if call.block is not None:
                self._blocks.unanswered(upstream.provider.endpoint)
                if outcome.fault is ReadCode.BAD_KEY:  # this one method may not be served to us
                    outcome = CallError(ReadCode.SERVER_ERROR, outcome.message)
            self._check_failed(upstream, outcome, now)
            return
        upstream.ok += 1
        upstream.check_failures = 0
        upstream.check_at = 0.0
        if isinstance(outcome, str):
            assert call.block is not None
            if call.began >= upstream.doubted_at:  # otherwise it is asked again
                self._forked(
                    upstream.provider.endpoint, self._blocks.named(upstream.provider.endpoint, call.block, outcome), now
                )
            return
        if upstream.trust.out or (upstream.trust is Trust.UNPROVEN and not call.proof):
            return  # it was asked for its head while it was still trusted
        doubted = upstream.trust is not Trust.TRUSTED
        upstream.trust = Trust.TRUSTED
        if outcome is not None and self._lags(upstream, outcome, call.began, now):
            return
        if doubted:
            upstream.why = upstream.check_failed_since = None
            self._completions.look_again(now)

    def _check_failed(self, upstream: Upstream, error: CallError, now: float) -> None:
        upstream.note(error.fault, error.message)
        self._common_fault(upstream, error, now)
        if upstream.trust in (Trust.UNPROVEN, Trust.LAGGING):
            upstream.why = error.message
            upstream.check_failed_since = now if upstream.check_failed_since is None else upstream.check_failed_since
        upstream.check_at = now + min(2.0**upstream.check_failures, self._policy.backoff_max)
        upstream.check_failures += 1

    # -- readings

    def replied(self, call: ReadCall, reply: Reply, now: float) -> None:
        """A well-formed reply: every item has its own outcome."""
        upstream = call.upstream
        if len(reply.outcomes) != len(call.items):
            text = f"answered {len(reply.outcomes)} of {len(call.items)} readings"
            self.failed(call, CallError(ReadCode.MALFORMED, text), now)
            return
        if upstream.trust is not Trust.TRUSTED or (
            reply.head is not None and self._lags(upstream, reply.head, call.began, now)
        ):
            self._distrusted(call, upstream.why or upstream.trust, now)
            return
        if call.began <= upstream.doubted_at:
            self._distrusted(call, "asked before its chain was reorganised", now)
            return
        upstream.ok += 1
        breaker = upstream.breakers[call.kind]
        alone = breaker.since is not None and self._upstreams.longest(call.kind, now) is not None
        breaker.success(call.permit, now)
        upstream.limiter.succeeded()
        upstream.sizes[call.kind].accepted(upstream.units(call.items), now)
        missing: list[PendingReading] = []
        failed: list[PendingReading] = []
        for item, outcome in zip(call.items, reply.outcomes, strict=True):
            if isinstance(outcome, Balance):
                if self._moves:
                    self._final_check.spoke.add(upstream.provider.endpoint)
                self._completions.read(item, outcome)
            elif isinstance(outcome, Missing):
                missing.append(item)
            else:
                self._fail_alone(item, upstream, outcome, now)
                failed.append(item)
        if missing:
            self._short(call, missing, reply, now)
        self._queue.give_back(missing + failed)
        self._completions.success(call.began, now, heals=alone and breaker.since is None)

    def _distrusted(self, call: ReadCall, why: str, now: float) -> None:
        """What is not to be believed (any more) says nothing: the readings are untouched, others may be asked."""
        call.upstream.breakers[call.kind].neutral(call.permit)
        for item in call.items:
            item.record_failure(call.upstream.name, ReadError(ReadCode.STALE, why), now)
        self._queue.give_back(call.items)

    def _fail_alone(self, item: PendingReading, upstream: Upstream, error: ReadError, now: float) -> None:
        item.fail(upstream.name, error, now)
        item.answered = True
        item.failed_in = 1
        if error.code is not ReadCode.ABSENT:  # which is a way of answering
            upstream.last_error = error.message

    def _short(self, call: ReadCall, missing: Sequence[PendingReading], reply: Reply, now: float) -> None:
        """What a short reply left out is fetched again at once, in halves down to single readings (B3)."""
        upstream = call.upstream
        self._completions.events.append(ShortReply(upstream.name, reply.requested, reply.received))
        error = ReadError(ReadCode.MISSING, f"short reply: {reply.received} of {reply.requested} accounts")
        upstream.last_error = error.message
        if len(call.items) == 1:
            self._fail_alone(missing[0], upstream, error, now)
        else:
            self._halve(missing, upstream, error, len(call.items), now)

    def _halve(self, items: Sequence[PendingReading], upstream: Upstream, error: ReadError, asked: int, now: float) -> None:
        """Ask these again at once, in calls of half the size."""
        for item in items:
            item.record_failure(upstream.name, error, now)
            item.cap = min(item.cap, asked // 2)
            item.urgent = True

    def failed(self, call: ReadCall, error: CallError, now: float) -> None:
        """A call failed as a whole."""
        upstream, breaker, items = call.upstream, call.upstream.breakers[call.kind], call.items
        upstream.note(error.fault, error.message)
        reason = ReadError(error.fault, error.message)
        if self._common_fault(upstream, error, now):
            breaker.neutral(call.permit)
            for item in items:
                item.record_failure(upstream.name, reason, now)
                item.throttled += error.fault is ReadCode.THROTTLED
                if item.throttled > PATIENCE:
                    item.fail(upstream.name, reason, now)  # it seems that it is about this reading, whatever the words
        elif error.fault is ReadCode.TOO_LARGE and len(items) > 1:
            breaker.neutral(call.permit)
            upstream.sizes[call.kind].refused(upstream.units(items), now)
            self._halve(items, upstream, reason, len(items), now)
        else:
            if error.fault is ReadCode.TOO_LARGE:
                breaker.neutral(call.permit)
                upstream.sizes[call.kind].refused(upstream.units(items), now)
            else:
                breaker.failure(call.permit, now)
            for item in items:
                item.fail(upstream.name, reason, now)
                item.failed_in = len(items)
                item.separate = item.separate or call.kind is Kind.MIXED
        self._queue.give_back(items)

    # -- what a fault means for the endpoint or the provider as a whole

    def _common_fault(self, upstream: Upstream, error: CallError, now: float) -> bool:
        """Deal with a fault that is not this call's own; False where it is an ordinary failure."""
        match error.fault:
            case ReadCode.THROTTLED | ReadCode.QUOTA:
                wait = retry_after(error.retry_after, error.date, now)
                upstream.limiter.throttled(now, wait, quota=error.fault is ReadCode.QUOTA)
            case ReadCode.BAD_KEY:
                if not upstream.trust.out:
                    upstream.trust = Trust.DISABLED
                    upstream.why = f"{error.message}; check the key in its `url`"
            case ReadCode.WRONG_CHAIN | ReadCode.CONTRADICTED:
                self._completions.events += self._quarantine(upstream.provider.endpoint, error.message, error.fault)
            case ReadCode.STALE:
                self._set_aside(upstream, error.message, now)
            case _:
                return False
        return True

    def contradicted(self, name: str, why: str) -> list[Quarantined]:
        """Two others agree against a provider; who is quarantined for it, the second time."""
        found: list[Quarantined] = []
        for upstream in [upstream for upstream in self._upstreams if upstream.name == name]:
            upstream.contradicted += 1
            upstream.last_error = why
            if upstream.contradicted >= CONTRADICTIONS:
                found += self._quarantine(upstream.provider.endpoint, why, ReadCode.CONTRADICTED)
        return found

    def lost(self) -> dict[str, int]:
        """How many audits every provider lost that lost any."""
        return {upstream.name: upstream.contradicted for upstream in self._upstreams if upstream.contradicted}

    def restore_lost(self, lost: Mapping[str, int]) -> None:
        """Take over what was lost before a restart."""
        for upstream in [upstream for upstream in self._upstreams if upstream.name in lost]:
            upstream.contradicted = max(upstream.contradicted, lost[upstream.name])
            if upstream.contradicted >= CONTRADICTIONS:
                why = f"it lost {upstream.contradicted} audits of this scan"
                self._completions.events += self._quarantine(upstream.provider.endpoint, why, ReadCode.CONTRADICTED)

    def _quarantine(self, endpoint: str, why: str, code: ReadCode) -> list[Quarantined]:
        """A host of another chain, or one that lies, is not asked again, by whatever protocol; what it said is doubted."""
        self._heads.forget(endpoint)
        found = []
        for upstream in self._upstreams:
            if upstream.provider.endpoint == endpoint and upstream.trust is not Trust.QUARANTINED:
                upstream.trust, upstream.why = Trust.QUARANTINED, why
                found.append(Quarantined(upstream.name, why, code))
        return found

    def rolled_back(self, endpoint: str, now: float) -> None:
        """An endpoint's head stayed below what it was, or nothing would show whether it is back where it was."""
        top, head = self._heads.roll_back(endpoint)
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
            self._completions.events += self._quarantine(endpoint, why, ReadCode.CONTRADICTED)

    def _reorged(self, endpoint: str, fork: int, why: str, now: float) -> None:
        """What an endpoint said from a height on is doubted; where no height is stated, it may be of a later block.

        A Bitcoin host that has undone a block calls its coins gone until it has read its mempool anew: it is left alone.
        """
        for upstream in self._upstreams:
            if upstream.provider.endpoint == endpoint and upstream.trust is not Trust.QUARANTINED:
                first = fork if upstream.provider.states_head else self._blocks.from_tip(endpoint, fork)
                self._completions.events.append(Reorged(upstream.name, first, why))
                upstream.doubted_at = now
                if self._chain.family is Family.BITCOIN:
                    self._set_aside(upstream, why, now)

    def _lags(self, upstream: Upstream, head: Head, asked: float, now: float) -> bool:
        """Take in a head; whether it lags. Those that spoke shortly before are judged by it, too."""
        endpoint, height = upstream.provider.endpoint, head.height
        fell = self._heads.record(endpoint, height, asked, now) and self._moves
        shows = self._final_check.open or self._blocks.holds(
            endpoint, self._heads.top(endpoint)
        )  # when it is back where it was
        if fell and (self._heads.sinks(endpoint, height) or not shows):
            self.rolled_back(endpoint, now)
        elif upstream.provider.names_blocks and asked > upstream.doubted_at:
            self._forked(endpoint, self._blocks.head(endpoint, height, head.blocks, now), now)
        lags = {endpoint: (said, lag) for endpoint, said, lag in self._heads.laggards(now)}
        for other in self._upstreams:
            if other.provider.endpoint in lags and other.trust is Trust.TRUSTED:
                said, lag = lags[other.provider.endpoint]
                self._set_aside(other, f"its head {said} is {lag} behind its peers'", now)
        return upstream.trust is not Trust.TRUSTED

    def _set_aside(self, upstream: Upstream, why: str, now: float) -> None:
        """Ask it no more until its head has caught up; who has still to prove its chain, or is out, stays so."""
        upstream.last_error = why
        upstream.check_at = now + min(STALE_RECHECK, self._policy.backoff_max)
        if upstream.trust.out or upstream.trust is Trust.UNPROVEN:
            return
        if upstream.check_failed_since is None:
            upstream.check_failed_since = now
        upstream.trust, upstream.why = Trust.LAGGING, why
