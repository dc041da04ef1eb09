"""Whether tokens are what their rows say, by what operators say of their contracts, asked once and before any reading.

Two that agree decide, or the only one that can tell, or a trusted one. A token on which they differ from its row is refused.
What is not decided when nobody else can be heard is read as it is configured, and asked for again in the next scan.
Pure: `now` is an argument.
"""

from collections import Counter
from collections.abc import Iterable, MutableMapping, Sequence

import msgspec

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import Kind, ReadError
from hdscan.pool.actions import TokenCall
from hdscan.pool.effects import Trust
from hdscan.pool.upstream import Upstream
from hdscan.pool.upstreams import Upstreams

VOICES = 2
ANY_SYMBOL = "*"  # of a token whose issuer may rename it: its contract alone says which it is
PATIENCE = 5.0  # seconds after the last answer, in which the others have to answer

Word = TokenFacts | None  # None: there is no such token


class TokenProofs:
    """The proof of a chain's tokens; `known` are those proved, by contract, which are kept over restarts."""

    def __init__(self, upstreams: Upstreams, known: MutableMapping[str, TokenFacts]) -> None:
        self._upstreams = upstreams
        self._known = known
        self._tokens: dict[str, Asset] = {}  # by contract
        self._open: dict[str, dict[str, Word]] = {}  # the operators' words, by contract
        self._most: dict[str, int] = {}  # tokens in a call, by the name of a provider that refused more
        self._asking: set[str] = set()  # operators
        self._failed: set[str] = set()  # names of providers
        self._heard_at: float | None = None
        self.active = False
        self.refused: dict[str, str] = {}  # why a token is not read, by contract

    def begin(self, assets: Iterable[Asset]) -> None:
        """Prove what of these is a token and not known."""
        self._tokens = {asset.contract: asset for asset in assets if asset.contract is not None}
        proved = {c for c, asset in self._tokens.items() if c in self._known and not mismatch(asset, self._known[c])}
        self._open = {contract: {} for contract in self._tokens if contract not in proved}
        self._failed, self._heard_at, self.refused, self.active = set(), None, {}, True

    def calls(self, now: float) -> list[TokenCall]:
        """The questions to ask now: one provider of every operator that has not said its word."""
        calls = []
        for upstream in self._upstreams:
            assets = self._questions(upstream) if upstream.trusted and not upstream.checking else []
            if not assets or upstream.provider.operator in self._asking:
                continue
            provider = upstream.provider
            units = min(size.at(now) for kind, size in upstream.sizes.items() if kind is not Kind.USE)
            most = max(1, min(units // provider.token_units, self._most.get(upstream.name, units)))
            asked = assets[:most]
            cost = provider.token_units * len(asked) + provider.overhead if provider.costs_items else 1
            if upstream.limiter.ready_at(cost, now) <= now:
                upstream.begin_check(now, cost)
                self._asking.add(provider.operator)
                calls.append(TokenCall(upstream, now, tuple(asked)))
        return calls

    def _questions(self, upstream: Upstream) -> list[Asset]:
        if upstream.trust.out or not upstream.provider.token_units or upstream.name in self._failed:
            return []
        operator = upstream.provider.operator
        return [self._tokens[contract] for contract, words in self._open.items() if operator not in words]

    def heard(self, call: TokenCall, said: Sequence[TokenFacts | ReadError], now: float) -> None:
        """A provider answered; one that could not tell of every token is not asked again."""
        self._asking.discard(call.upstream.provider.operator)
        self._heard_at = now
        for asset, word in zip(call.assets, said, strict=True):
            if isinstance(word, ReadError) and word.code is not ReadCode.EMPTY:
                self._failed.add(call.upstream.name)
            elif (words := self._open.get(str(asset.contract))) is not None:
                words[call.upstream.provider.operator] = None if isinstance(word, ReadError) else word

    def failed(self, call: TokenCall, fault: ReadCode, *, again: bool) -> None:
        """A call failed: the provider is asked for less if it was too large, or `again`, or no more."""
        self._asking.discard(call.upstream.provider.operator)
        name = call.upstream.name
        if fault is ReadCode.TOO_LARGE and (len(call.assets) > 1 or name not in self._most):
            self._most[name] = max(1, len(call.assets) // 2)
        elif not again:
            self._failed.add(name)

    def settle(self, now: float) -> Sequence[str] | None:
        """Decide what can be decided; once the proof has ended, the doubts that are left, each in a sentence."""
        for contract, words in list(self._open.items()):
            if decided := self._decided(words):
                self._take(self._tokens[contract], *decided)
                del self._open[contract]
        impatient = self._heard_at is not None and now >= self._heard_at + PATIENCE
        if self._open and not impatient and any(self._awaited(upstream, now) for upstream in self._upstreams.in_service):
            return None
        self.active = False
        read = {contract for contract in self._tokens if contract not in self.refused}
        programs = {c: self._known[c].program if c in self._known and c not in self._open else None for c in read}
        for upstream in self._upstreams:
            upstream.provider.know_tokens(programs)
        return [doubt for contract, words in self._open.items() if (doubt := _doubt(self._tokens[contract], words))]

    def wake_at(self, now: float) -> float:
        """When to decide again, though nobody answers."""
        return now + PATIENCE if self._heard_at is None else self._heard_at + PATIENCE

    def _awaited(self, upstream: Upstream, now: float) -> bool:
        """Whether a provider may say its word soon."""
        held = upstream.trust is Trust.LAGGING or upstream.limiter.blocked_until(1, now) > now + PATIENCE
        unproven = upstream.trust is Trust.UNPROVEN and upstream.check_failed
        return not held and not unproven and bool(self._questions(upstream))

    def _decided(self, words: dict[str, Word]) -> tuple[Word, list[str]] | None:
        """What enough operators agree on, and who they are."""
        able = {each.provider.operator for each in self._upstreams.in_service if each.provider.token_units}
        lone = {each.provider.operator for each in self._upstreams if each.provider.trusted or len(able) == 1}
        for enough, deciding in ((VOICES, words.keys()), (1, lone)):
            for operator in [each for each in words if each in deciding]:
                voices = [other for other, said in words.items() if agree(words[operator], said)]
                if len(voices) >= enough:
                    symbols = Counter(said.symbol for other in voices if (said := words[other]) and said.symbol)
                    symbol = next((symbol for symbol, count in symbols.items() if count >= enough), None)
                    word = words[operator]
                    return word and msgspec.structs.replace(word, symbol=symbol), voices
        return None

    def _take(self, asset: Asset, word: Word, voices: list[str]) -> None:
        contract = str(asset.contract)
        if why := mismatch(asset, word):
            self.refused[contract] = f"{asset.symbol} of {asset.chain} is not read: {why.format(who=_names(voices))}"
        elif word is not None:
            self._known[contract] = word


def mismatch(asset: Asset, word: Word) -> str | None:
    """Where a token is not what its row says, both in a clause with a place for `{who}` says so."""
    if word is None:
        return f"the configuration has it at {asset.contract}, where by {{who}} there is no token"
    if word.decimals != asset.decimals:
        return f"the configuration says {asset.decimals} decimals, but by {{who}} it has {word.decimals}"
    called = asset.onchain_symbol or asset.symbol
    if word.symbol is not None and called != ANY_SYMBOL and word.symbol.casefold() != called.casefold():
        said = word.symbol.replace("{", "{{").replace("}", "}}")
        mend = f'correct its `contract`, or add onchain_symbol = "{said}"'
        return f'the configuration says "{called}", but by {{who}} it is called "{said}": {mend}'
    return None


def agree(one: Word, other: Word) -> bool:
    """Whether two words say the same, as far as both say anything of the symbol."""
    if one is None or other is None:
        return one is other
    same_symbol = None in (one.symbol, other.symbol) or one.symbol == other.symbol
    return same_symbol and (one.decimals, one.program) == (other.decimals, other.program)


def _doubt(asset: Asset, words: dict[str, Word]) -> str | None:
    """Who says what of a token that is read without proof; None where nobody differs from its row."""
    clauses = {operator: why for operator, word in words.items() if (why := mismatch(asset, word))}
    if not clauses:
        return None
    said = "; ".join(why.format(who=operator) for operator, why in clauses.items())
    return f"{asset.symbol} of {asset.chain} is read, but not proved, as nobody else decides it: {said}"


def _names(operators: Sequence[str]) -> str:
    return " and ".join(sorted(operators))
