"""Proves what a token is before it is configured: two operators have to say the same of its contract, or a trusted one."""

import asyncio
from collections.abc import Callable, Mapping, Sequence

import msgspec

from hdscan.app.asking import PATIENCE, alone, ask
from hdscan.app.fleet import make_fleet
from hdscan.app.scanning import steady_clock
from hdscan.model.chain import Asset, Chain
from hdscan.model.errors import CallError, InputError, ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError
from hdscan.pool.token_proofs import VOICES, Word, agree
from hdscan.pool.upstream import Upstream
from hdscan.provider.transport import AioTransport
from hdscan.settings import Settings

TRIES = 3  # providers of one operator that are asked
NO_TOKEN = (ReadCode.EMPTY, ReadCode.REVERTED)  # what a contract answers that is none, or no token's
SECOND = "add an [[endpoint]] row of another operator to hdscan.toml, or mark your own node as trusted"


class Proof(msgspec.Struct, frozen=True):
    """What the chain says of a token, and the operators whose word it is; a symbol that too few stated is left out."""

    facts: TokenFacts
    operators: tuple[str, ...]


class Words(msgspec.Struct):
    """What operators said of a contract, and why others could not say it."""

    chain: str
    contract: str
    trusted: frozenset[str]
    said: dict[str, Word] = {}
    failed: dict[str, str] = {}

    def enough(self, *, symbol: bool) -> bool:
        """Whether enough have spoken: of the `symbol`, or only of the rest."""
        heard = {operator for operator, word in self.said.items() if word is None or word.symbol or not symbol}
        return len(heard) >= VOICES or bool(heard & self.trusted)

    def decide(self, *, symbol: bool) -> Proof:
        """The proof; InputError says who contradicts whom, that there is no token, or who could not be asked."""
        place = f"{self.contract} on {self.chain}"
        first = next(iter(self.said.values()), None)
        if not all(agree(one, other) for one in self.said.values() for other in self.said.values()):
            said = "; ".join(f"{operator} says {_words(word)}" for operator, word in self.said.items())
            raise InputError(f"operators contradict each other about {place}: {said}; nothing was written")
        names = " and ".join(self.said)
        if not self.enough(symbol=False):
            who = f"only {names} could tell" if self.said else "nobody could tell"
            why = "".join(f"; {operator}: {reason}" for operator, reason in self.failed.items())
            raise InputError(f"{place} is not proved, which takes two operators: {who}{why}; {SECOND}; nothing was written")
        if first is None:
            raise InputError(f"there is no token at {place}, by {names}; look its contract up where its issuer publishes it")
        if symbol and not self.enough(symbol=True):
            raise InputError(
                f"the symbol of {place} is not stated by two operators: name it with --symbol; nothing was written"
            )
        stated = next((word.symbol for word in self.said.values() if word and word.symbol), None)
        facts = msgspec.structs.replace(first, symbol=stated if self.enough(symbol=True) else None)
        return Proof(facts, tuple(self.said))


def _words(word: Word) -> str:
    if word is None:
        return "there is no token"
    program = f" of program {word.program}" if word.program else ""
    return f"{word.decimals} decimals" + (f' and the symbol "{word.symbol}"' if word.symbol else "") + program


async def prove(settings: Settings, chain: Chain, contract: str, *, symbol: bool) -> Proof:
    """Ask operators in the order of the configuration, trusted ones first, until enough have spoken, also of the `symbol`.

    Every provider proves its chain first. Raises InputError as `Words.decide` does, LockedError while a scan is running.
    """
    clock = steady_clock()
    async with AioTransport(min(settings.scan.request_timeout, PATIENCE)) as transport:
        fleet = make_fleet(settings, transport, clock)
        able = _by_operator([each for each in fleet.upstreams[chain.id] if each.provider.token_units])
        trusted = frozenset(name for name, upstreams in able.items() if any(each.provider.trusted for each in upstreams))
        if len(able) < VOICES and not trusted:
            who = f"only {', '.join(able)}" if able else "no provider"
            raise InputError(f"a token is proved by two operators, and {who} can tell of tokens on {chain.id}: {SECOND}")
        words = Words(chain.id, contract, trusted)
        waiting = sorted(able, key=lambda name: name not in trusted)
        with alone(settings, fleet, "tokens add", clock):
            while waiting and not words.enough(symbol=symbol):
                most = 1 if waiting[0] in trusted else VOICES
                asked, waiting = waiting[:most], waiting[most:]
                await asyncio.gather(*(_hear(words, able[name], clock) for name in asked))
            proof = words.decide(symbol=symbol)
            fleet.proved[chain.id][contract] = proof.facts
            return proof


def _by_operator(upstreams: Sequence[Upstream]) -> Mapping[str, list[Upstream]]:
    found: dict[str, list[Upstream]] = {}
    for upstream in upstreams:
        found.setdefault(upstream.provider.operator, []).append(upstream)
    return found


async def _hear(words: Words, upstreams: Sequence[Upstream], clock: Callable[[], float]) -> None:
    """Ask an operator, by its next provider where one cannot tell."""
    asset = Asset(words.chain, words.contract, 0, words.contract)
    for upstream in upstreams[:TRIES]:
        operator = upstream.provider.operator
        try:
            word = await _word(upstream, asset, clock)
        except CallError as error:
            words.failed.setdefault(operator, error.message)
            continue
        if not isinstance(word, ReadError):
            words.said[operator] = word
        elif word.code in NO_TOKEN:
            words.said[operator] = None
        else:
            words.failed.setdefault(operator, word.message)
            continue
        words.failed.pop(operator, None)
        return


async def _word(upstream: Upstream, asset: Asset, clock: Callable[[], float]) -> TokenFacts | ReadError:
    provider = upstream.provider
    await ask(upstream, 1, clock, provider.prove)

    async def told() -> TokenFacts | ReadError:
        (word,) = await provider.tokens([asset])
        return word

    cost = provider.token_units + provider.overhead if provider.costs_items else 1
    try:
        return await ask(upstream, cost, clock, told)
    except CallError as error:
        if error.fault is not ReadCode.TOO_LARGE:
            raise
        return await ask(upstream, cost, clock, told)  # a provider that is refused asks for less
