"""A pool under virtual time: scripted providers answer after a latency, and the clock jumps to whatever happens next."""

import heapq
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from hdscan.chains import family_of
from hdscan.model.chain import Asset, Chain, Family, Network
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Reply, TokenFacts
from hdscan.model.reading import Balance, BalanceResult, Kind, ReadError, Reading, use_of
from hdscan.pool.actions import BlockHashCall, Call, Event, Halt, ProveCall, ReadCall, TipCall, TokenCall
from hdscan.pool.chain_pool import ChainPool
from hdscan.pool.limiter import Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream

CHAIN = Chain("bsc", Family.EVM, Network.MAINNET, "BNB", 18, "56", 40)
COIN = Asset("bsc", "BNB", 18)
USDT = Asset("bsc", "USDT", 18, "0x" + "5" * 40)
USE = use_of("bsc")
START = 1_700_000_000.0

Answer = Reply | CallError | Head | tuple[TokenFacts | ReadError, ...] | int | str | None
Behaviour = Callable[[Sequence[Reading], float], Answer]
_ALL = {Kind.NATIVE: "native", Kind.TOKEN: "token", Kind.MIXED: "mixed"}


def readings(n: int, *assets: Asset, first: int = 0) -> list[Reading]:
    return [Reading(i, f"0x{i:040x}", asset) for i in range(first, first + n) for asset in (assets or (COIN,))]


def truth(reading: Reading) -> int:
    return 10 * reading.index + {Kind.NATIVE: 1, Kind.TOKEN: 2, Kind.USE: 3}[reading.kind]


def balance(reading: Reading, now: float, source: str) -> Balance:
    return Balance(truth(reading), None, 1, now, source)


def good(name: str, head: int | None = None) -> Behaviour:
    return lambda asked, now: Reply(tuple(balance(r, now, name) for r in asked), None if head is None else Head(head))


def failing(fault: ReadCode = ReadCode.SERVER_ERROR, **headers: str) -> Behaviour:
    return lambda asked, now: CallError(fault, f"it failed: {fault}", **headers)


def during(first: float, last: float, inside: Behaviour, outside: Behaviour) -> Behaviour:
    return lambda asked, now: (inside if START + first <= now < START + last else outside)(asked, now)


class Scripted:
    """A provider whose answers are a function of what is asked and when."""

    def __init__(
        self,
        name: str,
        behaviour: Behaviour,
        *,
        methods: Mapping[Kind, str] = _ALL,
        capacity: int = 10,
        endpoint: str | None = None,
        operator: str | None = None,
        latency: float = 0.1,
        prove: Callable[[float], Answer] = lambda now: 100,
        states_head: bool = True,
        names_blocks: bool = False,
        costs_items: bool = False,
        trusted: bool = False,
        gathers: bool = False,
        drawn: bool = False,
        tokens: Callable[[Asset, float], TokenFacts | ReadError | CallError] | None = None,
    ) -> None:
        self.name = name
        self.chain = CHAIN.id
        self.endpoint = endpoint or name
        self.operator = operator or self.endpoint
        self.methods = methods
        self.capacity = dict.fromkeys(methods, capacity)
        both = (Kind.NATIVE, Kind.TOKEN) if Kind.MIXED in methods else ()
        self.weight = {kind: 1 for kind in (*both, *methods) if kind is not Kind.MIXED}
        self.costs_items = costs_items
        self.overhead = 0
        self.by_owner = 1
        self.first: int | None = None
        self.drawn = drawn
        self.states_head = states_head
        self.names_blocks = names_blocks
        self.trusted = trusted
        self.gathers = gathers
        self.token_units = 1 if tokens else 0
        self.facts = tokens
        self.told: list[tuple[float, tuple[Asset, ...]]] = []
        self.known: Mapping[str, str | None] = {}
        self.block: Callable[[int, float], str | CallError] = lambda height, now: f"block {height}"
        self.behaviour = behaviour
        self.latency = latency
        self.proof = prove
        self.hang: Callable[[float], float | None] | None = None
        self.asked: list[tuple[float, tuple[Reading, ...]]] = []
        self.checks: list[float] = []

    async def prove(self) -> Head | None:
        raise AssertionError("virtual worlds answer by `answer`")

    async def tip(self) -> Head:
        raise AssertionError("virtual worlds answer by `answer`")

    async def block_hash(self, height: int) -> str:
        raise AssertionError("virtual worlds answer by `answer`")

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        raise AssertionError("virtual worlds answer by `answer`")

    def know_tokens(self, programs: Mapping[str, str | None]) -> None:
        self.known = programs

    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        raise AssertionError("virtual worlds answer by `answer`")

    def takes(self, now: float) -> float:
        """How long a call that is begun now takes."""
        return (self.hang(now) if self.hang else None) or self.latency

    def answer(self, call: Call, now: float) -> Answer:
        if isinstance(call, ReadCall):
            self.asked.append((now, call.readings))
            return self.behaviour(call.readings, now)
        if isinstance(call, BlockHashCall):
            return self.block(call.height, now)
        if isinstance(call, TokenCall):
            assert self.facts is not None
            self.told.append((now, call.assets))
            said = [self.facts(asset, now) for asset in call.assets]
            failed = next((each for each in said if isinstance(each, CallError)), None)
            return failed or tuple(each for each in said if not isinstance(each, CallError))
        self.checks.append(now)
        said = self.proof(now)
        return Head(said) if isinstance(said, int) else said


def finish(pool: ChainPool, call: Call, answer: Answer, now: float) -> None:
    """Tell a pool how a call ended."""
    match call, answer:
        case _, CallError():
            pool.replies.failed(call, answer, now)
        case ReadCall(), Reply():
            pool.replies.replied(call, answer, now)
        case TokenCall(), tuple():
            pool.replies.told(call, answer, now)
        case BlockHashCall(), str():
            pool.replies.named_block(call, answer, now)
        case ProveCall() | TipCall(), Head() | None:
            pool.replies.named_head(call, answer, now)
        case _:
            raise AssertionError(f"{answer} is no answer to {call}")


class World:
    """Runs a ChainPool over scripted providers; `results` and `events` are what it said, `now` the virtual time."""

    def __init__(
        self,
        *providers: Scripted,
        rates: Mapping[str, float] | None = None,
        windows: Mapping[str, Sequence[tuple[float, int]]] | None = None,
        bursts: Mapping[str, float] | None = None,
        policy: Policy | None = None,
        chain: Chain = CHAIN,
        proved: dict[str, TokenFacts] | None = None,
    ) -> None:
        policy = policy or Policy()
        limiters: dict[str, Limiter] = {}
        upstreams = []
        for p in providers:
            limits = (
                (rates or {}).get(p.endpoint, 100.0),
                (windows or {}).get(p.endpoint, ()),
                (bursts or {}).get(p.endpoint, 1.0),
            )
            limiter = limiters.setdefault(p.endpoint, Limiter(*limits))
            upstreams.append(Upstream(p, "scripted", limiter, policy))
        self.providers = providers
        self.limiters = limiters
        self.upstreams = {upstream.name: upstream for upstream in upstreams}
        self.pool = ChainPool(chain, family_of(chain).finality, upstreams, policy, jitter=lambda: 0.0, proved=proved)
        self.now = START
        self.results: list[BalanceResult] = []
        self.jobs: Counter[int] = Counter()
        self.events: list[Event] = []
        self.halt: Halt | None = None
        self.steps = 0
        self._pending: list[tuple[float, int, Call, Answer]] = []
        self._ids = count()

    def run(self, until: float = float("inf")) -> None:
        """Until everything ended, the pool stopped, or `until` seconds from the start."""
        while self.pool.busy and self.halt is None:
            step = self.pool.step(self.now)
            self.steps += 1
            assert self.steps < 200_000, "the pool spins"
            for job, result in step.ended:
                self.jobs[job] += 1
                self.results.append(result)
            self.events += step.events
            self.halt = step.halt
            for call in step.calls:
                provider = call.upstream.provider
                assert isinstance(provider, Scripted)
                done = (self.now + provider.takes(self.now), next(self._ids), call, provider.answer(call, self.now))
                heapq.heappush(self._pending, done)
            times = [t for t in (step.wake_at, self._pending[0][0] if self._pending else None) if t is not None]
            if not times:
                continue
            if min(times) > START + until:
                self.now = START + until
                return
            self.now = max(self.now, min(times))
            while self._pending and self._pending[0][0] <= self.now:
                _, _, call, answer = heapq.heappop(self._pending)
                self.finish(call, answer, self.now)

    def finish(self, call: Call, answer: Answer, now: float) -> None:
        """Tell the pool how a call ended."""
        finish(self.pool, call, answer, now)

    def read(self, work: Sequence[Reading], until: float = float("inf"), *, excluded: frozenset[str] = frozenset()) -> "World":
        self.pool.submit(0, work, excluded=excluded)
        self.run(until)
        return self

    @property
    def elapsed(self) -> float:
        return self.now - START

    def amounts(self) -> dict[tuple[int, str], int]:
        return {
            (r.reading.index, r.reading.asset.symbol): r.outcome.amount for r in self.results if isinstance(r.outcome, Balance)
        }

    def unread(self) -> list[BalanceResult]:
        return [r for r in self.results if r.error is not None]

    def check(self, work: Sequence[Reading]) -> None:
        """Every reading ended exactly once, and no amount is wrong."""
        assert Counter((r.reading.index, r.reading.asset.symbol) for r in self.results) == Counter(
            (r.index, r.asset.symbol) for r in work
        )
        for result in self.results:
            if isinstance(result.outcome, Balance):
                assert result.outcome.amount == truth(result.reading)
