"""The product's ports and breakers, watched: a second opinion on what the rules of docs/resilience.md allow."""

from collections.abc import Mapping, Sequence
from typing import Any

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.reading import Reading
from hdscan.pool.breaker import Breaker, Permit, State
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from tests.simulation.watch import Watch

FAILURES = frozenset(
    {
        ReadCode.TIMEOUT,
        ReadCode.UNREACHABLE,
        ReadCode.SERVER_ERROR,
        ReadCode.MALFORMED,
        ReadCode.ITEM_ERROR,
        ReadCode.REVERTED,
        ReadCode.EMPTY,
        ReadCode.MISSING,
    }
)
LATELY = 4.0  # seconds after a success in which a refusal without a word is overload
PLAIN = (ReadCode.TIMEOUT, ReadCode.UNREACHABLE, ReadCode.SERVER_ERROR, ReadCode.MALFORMED)


class End:
    """How the call ended whose end is being dealt with, if that is `known`."""

    known = False
    error: CallError | None = None

    @property
    def wordless(self) -> bool:
        """Whether it may have been overload."""
        return self.error is not None and self.error.wordless

    def take(self) -> tuple[bool, ReadCode | None]:
        """Look once."""
        known, self.known = self.known, False
        return known, None if self.error is None else self.error.fault


class Observed:
    """A provider, watched at the pool's port."""

    def __init__(self, upstream: Upstream, watch: Watch, clock: Any, end: "End") -> None:
        self._real = real = upstream.provider
        self._upstream, self._watch, self._clock, self._end = upstream, watch, clock, end
        self.name, self.chain, self.endpoint, self.operator = real.name, real.chain, real.endpoint, real.operator
        self.methods, self.capacity, self.weight = real.methods, real.capacity, real.weight
        self.costs_items, self.overhead, self.states_head = real.costs_items, real.overhead, real.states_head
        self.gathers, self.by_owner = real.gathers, real.by_owner
        self.names_blocks, self.token_units = real.names_blocks, real.token_units
        self.first, self.drawn = real.first, real.drawn
        self.tokens, self.trusted = real.tokens, real.trusted
        self.prove, self.tip, self.block_hash = real.prove, real.tip, real.block_hash

    def know_tokens(self, programs: Mapping[str, str | None]) -> None:
        """Pass on what may make readings lighter."""
        self._real.know_tokens(programs)
        self.weight, self.by_owner = self._real.weight, self._real.by_owner

    async def read(self, readings: Sequence[Reading], height: int | None) -> Any:
        """Ask, and tell."""
        self._watch.begins(self._upstream, readings, self._clock())
        try:
            reply = await self._real.read(readings, height)
        except CallError as error:
            self._expect(error)
            raise
        self._expect(None)
        return reply

    def _expect(self, error: CallError | None) -> None:
        self._end.error, self._end.known = error, True


class WatchedBreaker(Breaker):
    """The product's breaker beside a second opinion: what it allows is what docs/resilience.md does."""

    def __init__(self, policy: Policy, name: str, chain: str, watch: Watch, end: End, offset: float) -> None:
        super().__init__(policy.breaker_threshold, policy.breaker_cooldown)
        self._end, self._chain, self._offset = end, chain, offset
        self._name, self._watch, self._policy = name, watch, policy
        self.out: dict[int, tuple[Permit, int]] = {}  # permits that are out, and the era they are of
        self._era = 0
        self._is = State.CLOSED
        self._row = 0
        self._wait = policy.breaker_cooldown
        self._opened = 0.0
        self._calls: list[tuple[float, bool]] = []
        self._succeeded_at = float("-inf")

    def acquire(self, now: float, longest: float | None = None) -> Permit | None:
        """Give a permit, if there is one."""
        permit = super().acquire(now, longest)
        if permit is None:
            return None
        if self._is is State.OPEN:
            wait = self._wait if longest is None else min(self._wait, longest)
            if now < self._opened + wait - 1e-6:
                self._watch.fail("breaker", f"{self._name} is open, and is called {self._opened + wait - now:.3f} s too early")
            self._turn(State.HALF_OPEN)
        elif self._is is State.HALF_OPEN and any(era == self._era for _, era in self.out.values()):
            self._watch.fail("breaker", f"{self._name} is half open, and lets a second call through")
        self.out[id(permit)] = (permit, self._era)
        return permit

    def success(self, permit: Permit, now: float) -> None:
        """Take in a success."""
        if (fault := self._end.take()[1]) is not None:
            self._watch.fail("outcome", f"{self._name}: {fault} is taken for a success")
        self._watch.success_at[self._chain] = now - self._offset
        self._succeeded_at = now
        if self._back(permit):
            if self._is is State.HALF_OPEN:
                self._wait = self._policy.breaker_cooldown
                self._turn(State.CLOSED)
            else:
                self._row = 0
                self._calls.append((now, True))
        super().success(permit, now)

    def failure(self, permit: Permit, now: float) -> None:
        """Take in a failure."""
        if (fault := self._end.take()[1]) is not None and fault not in FAILURES:
            self._watch.fail("outcome", f"{self._name}: {fault} counts as a failure")
        if self._end.wordless and self._policy.breaker_threshold >= 3 and 0.0 <= now - self._succeeded_at < LATELY:
            self._watch.fail("outcome", f"{self._name} answered a moment ago, and a refusal without a word is a failure")
        if self._back(permit):
            if self._is is State.HALF_OPEN:
                self._wait = min(2 * self._wait, 300.0)
                self._opens(now)
            else:
                self._row += 1
                self._calls.append((now, False))
                recent = [ok for at, ok in self._calls if at > now - 30.0]
                if self._row >= self._policy.breaker_threshold or (len(recent) >= 8 and 2 * sum(recent) <= len(recent)):
                    self._opens(now)
        super().failure(permit, now)

    def disproved(self, permit: Permit, now: float) -> bool:
        """Take in that others read what its calls did not."""
        known = super().disproved(permit, now)
        if known and self._is is State.HALF_OPEN:
            self._wait = min(2 * self._wait, 300.0)
        if known:
            self._opens(now)
        return known

    def neutral(self, permit: Permit) -> None:
        """Take in an end that says nothing."""
        known, fault = self._end.take()
        if known and fault in PLAIN and not self._end.wordless:
            self._watch.fail("outcome", f"{self._name}: {fault} counts as nothing")
        self._back(permit)
        super().neutral(permit)

    def _opens(self, now: float) -> None:
        self._opened = now
        self._turn(State.OPEN)

    def _turn(self, state: State) -> None:
        self._is = state
        self._era += 1
        self._row = 0
        self._calls.clear()

    def _back(self, permit: Permit) -> bool:
        known = self.out.pop(id(permit), None)
        if known is None:
            self._watch.fail("permit", f"{self._name}: a permit is given back that is not out")
            return False
        return known[1] == self._era
