"""What every provider has in common: its names, sizes and clock, and the way to its host."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence

import msgspec

from hdscan.model.chain import Asset, Chain
from hdscan.model.endpoint import Cost, Endpoint, Protocol
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import Head, Missing, Reply
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.model.url import endpoint_identity, host, secrets
from hdscan.provider.transport import Transport
from hdscan.wire.http import Request, Response

Clock = Callable[[], float]
Read = Callable[[Sequence[Reading], int | None], Awaitable[Reply]]

FEW = 20  # places of a call: with fewer none is given to a canary


def most_items(endpoint: Endpoint, best: int) -> int:
    """How many items a call to this endpoint may hold, of a protocol that could take `best`.

    Where the host counts items against its rate, a call holds no more than it grants in a second.
    """
    most = best if endpoint.batch is None else min(best, endpoint.batch)
    if endpoint.cost is Cost.ITEM:
        most = min(most, int(endpoint.rate))
    return max(1, most)


class Remote(ABC):
    """One protocol spoken to one endpoint; fits the pool's port `Provider`.

    `clock` gives unix seconds; `sent`, where it is set, is called when a request goes out. A reply is searched for the
    endpoint's keys before anybody sees it, since hosts echo them.
    """

    protocol: Protocol
    states_head = False
    overhead = 0
    names_blocks = False
    takes_canaries = False

    def __init__(
        self,
        endpoint: Endpoint,
        chain: Chain,
        transport: Transport,
        clock: Clock,
        *,
        capacity: Mapping[Kind, int],
        methods: Mapping[Kind, str],
        weight: Mapping[Kind, int],
        costs_items: bool = False,
    ) -> None:
        self.name = endpoint.provider_name(self.protocol)
        self.chain = chain.id
        self.endpoint = endpoint_identity(endpoint.url)
        self.operator = (endpoint.operator or host(endpoint.url)).casefold()
        self.methods = methods
        wary = self.takes_canaries and not costs_items and min(capacity.values()) >= FEW
        self._canaries = [Reading(-1, text, Asset(chain.id, chain.symbol, chain.decimals)) for text in chain.canaries if wary]
        self._refused = 1 << 30  # readings of the smallest call that was too large with a canary
        self.capacity = {kind: most - 1 for kind, most in capacity.items()} if self._canaries else capacity
        self.weight = weight
        self.costs_items = costs_items
        self.sent: Callable[[], None] | None = None
        self._identity = chain.identity
        self._url = endpoint.url
        self._secrets = tuple(secret.encode() for secret in secrets(endpoint.url))
        self._transport = transport
        self._clock = clock

    @abstractmethod
    async def prove(self) -> Head | None:
        """Prove the chain and return the head where known; CallError WRONG_CHAIN if it is another."""

    @abstractmethod
    async def tip(self) -> Head:
        """Ask for the provider's head; CallError otherwise."""

    async def block_hash(self, height: int) -> str:
        """Ask for the hash of the block at a height; only of those that say `names_blocks`."""
        raise AssertionError(f"{self.name} names no blocks, so nobody asks it for one")

    @abstractmethod
    async def read(self, readings: Sequence[Reading], height: int | None) -> Reply:
        """Ask for these readings in one call; CallError when it failed as a whole."""

    async def _with_canary(self, read: Read, readings: Sequence[Reading], height: int | None) -> Reply:
        """Read, and in the place that is kept free for it a funded address; CONTRADICTED if that is called zero."""
        if not self._canaries or len(readings) < 2 or len(readings) + 1 >= self._refused:
            return await read(readings, height)
        canary = self._canaries[0]
        self._canaries.append(self._canaries.pop(0))
        try:
            reply = await read([*readings, canary], height)
        except CallError as error:
            if error.fault is ReadCode.TOO_LARGE:
                self._refused = min(self._refused, len(readings) + 1)
            raise
        said = reply.outcomes[-1]
        if isinstance(said, Balance) and said.amount == 0:
            raise CallError(
                ReadCode.CONTRADICTED, f"called {canary.address} empty, which [[canary]] of {self.chain} says is funded"
            )
        return msgspec.structs.replace(reply, outcomes=reply.outcomes[:-1])

    async def _ask(self, request: Request) -> Response:
        response = await self._transport.send(self._url, request, self.sent)
        body = response.body
        for secret in self._secrets:
            if secret in body:
                body = body.replace(secret, b"[key]")
        return response if body is response.body else Response(response.status, response.headers, body)

    def _require(self, said: str) -> None:
        """Refuse another chain than ours."""
        if said != self._identity:
            raise CallError(
                ReadCode.WRONG_CHAIN, f"serves chain {said[:64]}, but {self.chain} is {self._identity}: check its `url`"
            )

    def _reply(self, found: Sequence[int | ReadError | Missing], height: int | None, head: Head | None = None) -> Reply:
        """Make balances of amounts, all of one height and of now."""
        now = self._clock()
        outcomes = tuple(Balance(item, None, height, now, self.name) if isinstance(item, int) else item for item in found)
        return Reply(outcomes, head)
