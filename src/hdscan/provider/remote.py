"""What every provider has in common: its names, sizes and clock, and the way to its host."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import msgspec

from hdscan.model.chain import Asset, Chain
from hdscan.model.endpoint import Cost, Endpoint
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Missing, Reply, TokenFacts
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.canaries import Canaries
from hdscan.provider.connection import Connection
from hdscan.wire import jsonrpc
from hdscan.wire.failure import Codes
from hdscan.wire.http import Request, Response

Clock = Callable[[], float]
Read = Callable[[Sequence[Reading], int | None], Awaitable[Reply]]

FEW = 20  # a smaller call gives no place to a canary


class Transport(Protocol):
    """What a provider needs of the network.

    An exchange may take `seconds`; `pins` are certificate fingerprints by endpoint, kept over restarts.
    """

    seconds: float
    pins: dict[str, str]

    async def send(self, endpoint: Endpoint, request: Request, sent: Callable[[], None] | None = None) -> Response:
        """Exchange one request below an endpoint's url for its reply; CallError TIMEOUT, UNREACHABLE or MALFORMED (size).

        `sent` is called when the request goes out, which is later than now where a connection has to be made.
        """

    async def dial(self, endpoint: Endpoint) -> Connection:
        """Connect to ssl://host:port or tcp://host:port; raises CallError UNREACHABLE, also for a refused certificate."""


class Link(msgspec.Struct, frozen=True):
    """What a provider connects: a protocol spoken to an endpoint, for a chain, by a transport; `clock` gives unix seconds.

    `canaries` are those of the chain, shared by its providers.
    """

    protocol: str
    endpoint: Endpoint
    chain: Chain
    transport: Transport
    clock: Clock
    canaries: Canaries


class Remote(ABC):
    """One protocol spoken to one endpoint; fits the pool's port `Provider`.

    A subclass states `methods`, the remote method for each kind of call, and `most`, the items that a call of a kind may hold.
    Where set, `sent` is called when a request goes out, and `held` with the raw Retry-After and Date of a reply that brings an
    answer and asks for a pause. The endpoint's keys are cut out of every reply, since hosts echo them.
    """

    methods: Mapping[Kind, str]
    most: Mapping[Kind, int]
    weight: Mapping[Kind, int] = {Kind.NATIVE: 1, Kind.TOKEN: 1, Kind.USE: 1}
    counts_items = False  # whether a host may count the items of this protocol's calls
    states_head = False
    overhead = 0
    by_owner = 1
    gathers = False
    names_blocks = False
    token_units = 0
    takes_canaries = False
    first: int | None = None
    drawn = False

    def __init__(self, link: Link) -> None:
        endpoint, chain = link.endpoint, link.chain
        self.protocol = link.protocol
        self.name = endpoint.provider_name(link.protocol)
        self.chain = chain.id
        self.endpoint = endpoint.identity
        self.operator = endpoint.operated_by
        self.trusted = endpoint.trusted
        self.costs_items = self.counts_items and endpoint.cost is Cost.ITEM
        self.capacity = self._sizes(endpoint)
        self.methods = {kind: method for kind, method in self.methods.items() if kind in self.capacity}
        self.weight = {kind: units for kind, units in self.weight.items() if kind in self.methods}
        least = min((most for kind, most in self.capacity.items() if kind is not Kind.USE), default=0)
        wary = self.takes_canaries and not self.costs_items and least >= FEW
        self._canaries = link.canaries if wary and link.canaries else None
        self._refused = 1 << 30  # readings of the smallest call that was too large with a canary
        if self._canaries is not None:
            self._canaries.join(self.operator)
            self.capacity = {kind: most - (kind is not Kind.USE) for kind, most in self.capacity.items()}
        self.sent: Callable[[], None] | None = None
        self.held: Callable[[str, str | None], None] | None = None
        self._chain = chain
        self._row = endpoint
        self._secrets = tuple(secret.encode() for secret in endpoint.secrets)
        self._transport = link.transport
        self._clock = link.clock

    def _sizes(self, endpoint: Endpoint) -> Mapping[Kind, int]:
        """Items that a call of each kind may hold; where the host counts them, no more than a second's or its burst."""
        counted = max(int(endpoint.rate), endpoint.burst) if endpoint.cost is Cost.ITEM else 1 << 30
        limits = [endpoint.batch or 1 << 30, counted]
        return {kind: max(1, min(most, *limits)) for kind, most in self.most.items()}

    @abstractmethod
    async def prove(self) -> Head | None:
        """Prove the chain and return the head where known; CallError WRONG_CHAIN if it is another."""

    @abstractmethod
    async def tip(self) -> Head:
        """Ask for the provider's head; CallError otherwise."""

    async def block_hash(self, height: int) -> str:
        """Ask for the hash of the block at a height; only where `names_blocks` is set."""
        raise AssertionError(f"{self.name} names no blocks, so nobody asks it for one")

    async def tokens(self, assets: Sequence[Asset]) -> Sequence[TokenFacts | ReadError]:
        """Ask in one call what the chain says of these tokens; only where `token_units` is set."""
        raise AssertionError(f"{self.name} tells of no token, so nobody asks it")

    def know_tokens(self, programs: Mapping[str, str | None]) -> None:  # noqa: B027 - most protocols need not know
        """The tokens that will be read: the token program of each contract or mint, None where it is not proved."""

    @abstractmethod
    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Ask for these readings in one call; CallError when it failed as a whole."""

    async def with_canary(self, read: Read, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read, with a funded address in the place that is kept free for it; CallError where that is said to be empty.

        Never where use is asked: the histories of such addresses are long.
        """
        if not self._canaries or asks_use(readings) or len(readings) < 2 or len(readings) + 1 >= self._refused:
            return await read(readings, height)
        canary = self._canaries.next()
        try:
            reply = await read([*readings, canary], height)
        except CallError as error:
            if error.fault is ReadCode.TOO_LARGE:
                self._refused = min(self._refused, len(readings) + 1)
            raise
        *outcomes, said = reply.outcomes
        note = self._canaries.heard(self.operator, canary, said.amount) if isinstance(said, Balance) else None
        return msgspec.structs.replace(reply, outcomes=tuple(outcomes), note=note)

    async def ask(self, request: Request) -> Response:
        response = await self._transport.send(self._row, request, self.sent)
        if self.held is not None and response.status == 200 and (wait := response.headers.get("retry-after")) is not None:
            self.held(wait, response.headers.get("date"))
        body = response.body
        for secret in self._secrets:
            if secret in body:
                body = body.replace(secret, b"[key]")
        return response if body is response.body else Response(response.status, response.headers, body)

    def require(self, said: str) -> None:
        ours = self._chain.identity
        if said != ours:
            raise CallError(ReadCode.WRONG_CHAIN, f"serves chain {said[:64]}, but {self.chain} is {ours}: check its `url`")

    def reply(self, found: Sequence[int | ReadError | Missing], height: int | None, head: Head | None = None) -> Reply:
        """Make balances of amounts, all of one height and of now."""
        now = self._clock()
        outcomes = tuple(Balance(item, None, height, now, self.name) if isinstance(item, int) else item for item in found)
        return Reply(outcomes, head)

    def uses(self, found: Sequence[int | ReadError | Missing], height: int | None, head: Head | None = None) -> Reply:
        """The same of numbers of transactions, which tell whether an address was used."""
        outcomes = self.reply(found, height).outcomes
        told = (msgspec.structs.replace(each, used=each.amount > 0) if isinstance(each, Balance) else each for each in outcomes)
        received = sum(not isinstance(each, Missing) for each in found)
        return Reply(tuple(told), head, len(found), received)


def asks_use(readings: Sequence[Reading]) -> bool:
    """Whether a call is about use: it holds nothing else then."""
    return any(reading.kind is Kind.USE for reading in readings[:1])


class JsonRpc(Remote):
    """A provider that speaks JSON-RPC over HTTP, one call or a batch in a request; `codes` are the host's own errors."""

    codes: Codes

    async def call(self, call: jsonrpc.Call) -> msgspec.Raw:
        """The result of one call, whose error is raised as CallError."""
        batch = jsonrpc.encode([call])
        return jsonrpc.single(await self.ask(batch.request), batch, self.codes)

    async def answers(self, calls: Sequence[jsonrpc.Call]) -> list[jsonrpc.Answer]:
        batch = jsonrpc.encode(calls)
        return jsonrpc.decode(await self.ask(batch.request), batch, self.codes)
