"""Takes in how calls ended. What a fault means is in `effects`, what an outcome means for a chain in `chain_watch`."""

from collections.abc import Mapping, Sequence

import msgspec

from hdscan.model.chain import Finality
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, ItemOutcome, Missing, Reply, TokenFacts
from hdscan.model.reading import Balance, Kind, ReadError
from hdscan.pool.actions import (
    BlockHashCall,
    Call,
    Noted,
    Outbox,
    ProveCall,
    Quarantined,
    ReadCall,
    Reorged,
    ShortReply,
    TipCall,
    TokenCall,
)
from hdscan.pool.chain_watch import ChainWatch, Forked, RolledBack
from hdscan.pool.completions import Completions
from hdscan.pool.effects import EFFECTS, OVERLOADED, Effect, Return, Trust
from hdscan.pool.queue import PendingReading, WorkQueue
from hdscan.pool.retry_after import retry_after
from hdscan.pool.token_proofs import TokenProofs
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Upstreams

PATIENCE = 5  # times that a reading may be throttled before that counts as a failure of it
PATIENCE_OVERLOADED = 2  # the same for a refusal without a word, which some hosts give for a reading that is too much for them


class ReplyHandler(msgspec.Struct, eq=False):
    """Every call is to be ended by exactly one of these methods. Pure: `now` is an argument."""

    _upstreams: Upstreams
    _queue: WorkQueue
    _outbox: Outbox
    _watch: ChainWatch
    _completions: Completions
    _finality: Finality
    _proofs: TokenProofs

    def named_head(self, call: ProveCall | TipCall, head: Head | None, now: float) -> None:
        """A provider proved its chain, or named its head (None where a proof names none)."""
        upstream = call.upstream
        upstream.succeed_check(now)
        if upstream.trust.out or (upstream.trust is Trust.UNPROVEN and not isinstance(call, ProveCall)):
            return  # it was asked for its head while it was still trusted
        admitted = upstream.admit()
        if head is not None:
            self._judge(upstream, head, call.began, now)
        if upstream.trusted:
            upstream.clear()
            if admitted:
                self._completions.end_wait(now)

    def named_block(self, call: BlockHashCall, block: str, now: float) -> None:
        call.upstream.succeed_check(now)
        self.heed(self._watch.block_hash(call.upstream.endpoint, call.height, block, call.began, now), now)

    def told(self, call: TokenCall, facts: Sequence[TokenFacts | ReadError], now: float) -> None:
        """A provider said what tokens are."""
        if len(facts) != len(call.assets):
            self.failed(call, CallError(ReadCode.MALFORMED, f"told of {len(facts)} of {len(call.assets)} tokens"), now)
            return
        call.upstream.succeed_check(now)
        self._proofs.heard(call, facts, now)

    def replied(self, call: ReadCall, reply: Reply, now: float) -> None:
        """A well-formed reply: every reading has its own outcome."""
        upstream = call.upstream
        if reply.note is not None:
            self._outbox.events.append(Noted(reply.note))
        if len(reply.outcomes) != len(call.batch):
            text = f"answered {len(reply.outcomes)} of {len(call.batch)} readings"
            self.failed(call, CallError(ReadCode.MALFORMED, text), now)
            return
        if upstream.trusted and reply.head is not None:
            self._judge(upstream, reply.head, call.began, now)
        if not upstream.trusted:
            self._discard(call, upstream.why or upstream.trust, now)
            return
        if self._watch.outdated(upstream.endpoint, call.began):
            self._discard(call, "asked before its chain was reorganised", now)
            return
        alone = self._upstreams.longest(call.kind, now) is not None
        closed = self._count(call, reply, now)
        missing: list[PendingReading] = []
        failed: list[PendingReading] = []
        for pending, outcome in zip(call.batch, reply.outcomes, strict=True):
            if isinstance(outcome, Balance):
                self._watch.gave_amounts(upstream.endpoint)
                self._disprove(pending, upstream, now)
                self._completions.read(pending, outcome)
            elif isinstance(outcome, Missing):
                missing.append(pending)
            else:
                _fail_alone(pending, upstream, outcome, now)
                failed.append(pending)
        if missing:
            self._short(call, missing, reply, now)
        self._queue.give_back(missing + failed)
        self._completions.success(call.began, now, heals=alone and closed)

    def _count(self, call: ReadCall, reply: Reply, now: float) -> bool:
        """Count a call that was answered; whether that closed its breaker."""
        upstream, kind, permit, units = call.upstream, call.kind, call.permit, call.upstream.units(call.batch)
        amounts = sum(isinstance(outcome, Balance) for outcome in reply.outcomes)
        if amounts or any(_is_absent(outcome) for outcome in reply.outcomes):
            return upstream.succeed_call(kind, permit, units, amounts, now)
        blank = upstream.blank_call(kind, permit, units, now)
        for pending in call.batch:
            pending.blanks = {**pending.blanks, upstream.name: blank}
        call.batch[0].urgent = call.batch[0].urgent or blank.suspect
        if any(pending.question for pending in call.batch):
            upstream.disprove(blank, now)  # another has read what a question is about
        return False

    def _disprove(self, pending: PendingReading, reader: Upstream, now: float) -> None:
        """What one reads was not to blame where others gave nothing."""
        for name, blank in pending.blanks.items():
            if name != reader.name:
                self._upstreams.named(name).disprove(blank, now)

    def _discard(self, call: ReadCall, why: str, now: float) -> None:
        """Ignore the amounts of a provider that is not trusted any more; anybody may be asked for them."""
        call.upstream.end_call(call.kind, call.permit)
        for pending in call.batch:
            pending.record_failure(call.upstream.name, ReadError(ReadCode.STALE, why), now)
        self._queue.give_back(call.batch)

    def _short(self, call: ReadCall, missing: Sequence[PendingReading], reply: Reply, now: float) -> None:
        """Fetch again at once what a short reply left out, in halves down to single readings."""
        upstream = call.upstream
        self._outbox.events.append(ShortReply(upstream.name, reply.requested, reply.received))
        error = ReadError(ReadCode.MISSING, f"short reply: {reply.received} of {reply.requested} accounts")
        upstream.note_error(error.message)
        if len(call.batch) == 1:
            _fail_alone(missing[0], upstream, error, now)
        else:
            _halve(missing, upstream, error, len(call.batch), now)

    def failed(self, call: Call, error: CallError, now: float) -> None:
        upstream = call.upstream
        if isinstance(call, BlockHashCall | TokenCall) and EFFECTS[error.fault].trust is Trust.DISABLED:
            error = CallError(ReadCode.SERVER_ERROR, error.message)  # this one method may not be served to us
        effect = EFFECTS[error.fault]
        if error.wordless and upstream.overloaded(error.message, call.began, now):
            effect = OVERLOADED
        elif effect.throttles or effect.spends_quota:
            wait = retry_after(error.retry_after, error.date, now)
            upstream.throttle(error.message, now, wait, quota=effect.spends_quota)
        else:
            upstream.note_error(error.message, failed=True)
        match effect.trust:
            case Trust.DISABLED:
                upstream.disable(f"{error.message}; {effect.advice}")
            case Trust.QUARANTINED:
                self._outbox.events += self._quarantine(upstream.endpoint, error.message, error.fault)
            case Trust.LAGGING:
                upstream.set_aside(error.message, now)
        if isinstance(call, BlockHashCall) and not effect.throttles:  # else asked again by itself, not right after the head
            self._watch.unanswered(upstream.endpoint)
        if isinstance(call, ReadCall):
            self._read_failed(call, effect, ReadError(error.fault, error.message), now)
        elif isinstance(call, TokenCall):
            upstream.end_check()
            self._proofs.failed(call, error.fault, again=effect.throttles)
        else:
            upstream.fail_check(error.message, now)

    def _read_failed(self, call: ReadCall, effect: Effect, reason: ReadError, now: float) -> None:
        upstream, batch = call.upstream, call.batch
        if effect.failure:
            upstream.fail_call(call.kind, call.permit, now)
        else:
            upstream.end_call(call.kind, call.permit)
        if effect.readings is Return.HALVED:
            upstream.refuse_size(call.kind, upstream.units(batch), now)
        if effect.readings is Return.ANYBODY:
            for pending in batch:
                pending.record_failure(upstream.name, reason, now)
                pending.throttled += effect.throttles
                if pending.throttled > (PATIENCE_OVERLOADED if effect is OVERLOADED else PATIENCE):
                    pending.fail(upstream.name, reason, now)  # it seems to be about this reading, whatever the message
                    pending.failed_in = len(batch)
        elif effect.readings is Return.HALVED and len(batch) > 1:
            _halve(batch, upstream, reason, len(batch), now)
        else:
            for pending in batch:
                pending.fail(upstream.name, reason, now)
                pending.failed_in = len(batch)
                pending.separate = pending.separate or call.kind is Kind.MIXED
        self._queue.give_back(batch)

    def cancelled(self, call: Call) -> None:
        """A call was given up by the user: neutral, its readings untouched."""
        if not isinstance(call, ReadCall):
            call.upstream.end_check()
            return
        call.upstream.end_call(call.kind, call.permit)
        for pending in call.batch:
            pending.attempts -= 1
        self._queue.give_front(call.batch)

    def contradicted(self, name: str, why: str) -> list[Quarantined]:
        """Two others agree against a provider; the second time all of its endpoint are quarantined."""
        found: list[Quarantined] = []
        for upstream in [each for each in self._upstreams.every if each.name == name]:
            upstream.note_error(why)
            found += self._lost(upstream, upstream.audits_lost + 1, why)
        return found

    def restore_lost(self, lost: Mapping[str, int]) -> None:
        for upstream in self._upstreams.every:
            if count := lost.get(upstream.name):
                self._outbox.events += self._lost(upstream, count, f"it lost {count} audits of this scan")

    def _lost(self, upstream: Upstream, count: int, why: str) -> list[Quarantined]:
        out = upstream.lose_audits(count)
        return self._quarantine(upstream.endpoint, why, ReadCode.CONTRADICTED) if out else []

    def _quarantine(self, endpoint: str, why: str, code: ReadCode) -> list[Quarantined]:
        """Ask an endpoint no more by any protocol, and judge no other by its head."""
        self._watch.forget(endpoint)
        return [Quarantined(each.name, why, code) for each in self._upstreams.at(endpoint) if each.quarantine(why)]

    def _judge(self, upstream: Upstream, head: Head, asked: float, now: float) -> None:
        """Take in a head: its endpoint's chain may have been reorganised, and some may lag."""
        provider = upstream.provider
        self.heed(self._watch.head(provider.endpoint, head, asked, now, names_blocks=provider.names_blocks), now)
        for laggard in self._watch.laggards(now):
            for each in self._upstreams.at(laggard.endpoint):
                if each.trusted:
                    each.set_aside(laggard.why, now)

    def heed(self, change: RolledBack | Forked | None, now: float) -> None:
        """Report what an endpoint's reorganisation makes void.

        A host that has undone a block may miss its coins until it has read its mempool anew: it is set aside.
        """
        if change is None:
            return
        for upstream in self._upstreams.at(change.endpoint):
            if upstream.trust is not Trust.QUARANTINED:
                first = change.fork if upstream.provider.states_head else change.tip
                self._outbox.events.append(Reorged(upstream.name, first, change.why))
                if self._finality.rereads_mempool:
                    upstream.set_aside(change.why, now)
        if isinstance(change, Forked) and change.too_often:
            self._outbox.events += self._quarantine(change.endpoint, change.too_often, ReadCode.CONTRADICTED)


def _is_absent(outcome: ItemOutcome) -> bool:
    """Whether a provider that names funded addresses only left it out, which is a way of answering."""
    return isinstance(outcome, ReadError) and outcome.code is ReadCode.ABSENT


def _fail_alone(pending: PendingReading, upstream: Upstream, error: ReadError, now: float) -> None:
    pending.fail(upstream.name, error, now)
    pending.answered = True
    pending.failed_in = 1
    if not _is_absent(error):
        upstream.note_error(error.message)


def _halve(batch: Sequence[PendingReading], upstream: Upstream, error: ReadError, asked: int, now: float) -> None:
    """Ask these again at once, in calls of half the size."""
    for pending in batch:
        pending.record_failure(upstream.name, error, now)
        pending.cap = min(pending.cap, asked // 2)
        pending.urgent = True
