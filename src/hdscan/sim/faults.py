"""The faults of simulated hosts, and the rules that decide when they happen; rules are plain data."""

import random
from collections.abc import Iterable
from enum import StrEnum

import msgspec

USE = "use"  # in place of an asset's symbol: how many transactions an address has had


class Fault(StrEnum):
    """Everything that a simulated host can do wrong; a protocol without the notion answers correctly."""

    # the whole exchange, in any protocol
    SERVER_ERROR = "server_error"  # 500, 502 or 504 with an HTML page
    UNAVAILABLE = "unavailable"  # 503 with Retry-After; a pause begins
    RESET = "reset"  # TCP reset before a reply
    RESET_MID_BODY = "reset_mid_body"
    CLOSED_MID_BODY = "closed_mid_body"
    HANG = "hang"  # no answer until the client goes away
    MALFORMED = "malformed"  # 200, not JSON
    TRUNCATED = "truncated"  # 200, half of the JSON with the right length
    EMPTY_BODY = "empty_body"
    EMPTY_OBJECT = "empty_object"  # 200 with {}
    OVERSIZED = "oversized"  # a good reply and 64 MB of white space
    THROTTLED_SECONDS = "throttled_seconds"  # 429 with Retry-After in seconds; a pause begins
    THROTTLED_DATE = "throttled_date"  # 429 with Retry-After as an HTTP-date; a pause begins
    THROTTLED_BARE = "throttled_bare"  # 429 without Retry-After
    THROTTLED_TEXT = "throttled_text"  # 200 with a text about a rate limit
    OVERLOADED = "overloaded"  # 503 without Retry-After
    QUOTA = "quota"  # 402
    BAD_KEY = "bad_key"  # 401
    TOO_LARGE = "too_large"  # the protocol's "batch too large"
    ERROR_OBJECT = "error_object"  # 200 with the protocol's error for the whole call
    NODE_STATE = "node_state"  # every balance fails for want of the node's state, in the protocol's words; checks are answered
    BUSY_TEXT = "busy_text"  # 200 with a text about maintenance or too much to do
    CHALLENGE = "challenge"  # 200, 403 or 503 with an HTML page that wants to see a browser
    ANSWER_AND_PAUSE = "answer_and_pause"  # a good reply with Retry-After; a pause begins
    # a well-formed reply that lies about the chain
    STALE = "stale"  # an older head, older balances (half of the true ones)
    WRONG_CHAIN = "wrong_chain"  # another genesis or chain id, other balances (7 more than the true ones)
    OTHER_DECIMALS = "other_decimals"  # the decimals of tokens, by their contracts, are one more
    # a well-formed reply with the right head that lies about amounts: the share `items` of all readings, always the same ones
    FALSE_ZEROS = "false_zeros"  # zero where there is money
    OLD_VALUES = "old_values"  # half of the true amount, rounded up
    HIGHER_VALUES = "higher_values"  # twice the true amount and one
    EARLIER_VALUES = "earlier_values"  # the amount before the world last moved
    SHIFTED_VALUES = "shifted_values"  # the amount of the next address
    FALSE_USE = "false_use"  # true amounts, and a transaction where there never was any
    # the last two blocks and all later ones are on a branch that ends with the fault: other hashes (Bitcoin), other balances
    # (7 more than the true ones)
    ORPHANED = "orphaned"
    # some items of a reply
    ITEM_ERRORS = "item_errors"  # JSON-RPC: error items; Multicall3: reverted; Etherscan: no number
    NULL_RESULT = "null_result"  # JSON-RPC: result null
    REVERTED = "reverted"  # Multicall3 subcall or eth_call
    EMPTY_DATA = "empty_data"  # success without data, as where no contract is
    TOKENS_FAIL = "tokens_fail"  # every token item fails, native ones work
    SHORT_LIST = "short_list"  # items left out of a list
    SHIFTED_LIST = "shifted_list"  # Solana: full length, in wrong places; Etherscan and batches: reordered, which is allowed
    MISSING_ID = "missing_id"
    DUPLICATE_ID = "duplicate_id"
    FOREIGN_ID = "foreign_id"
    STRING_RESULT = "string_result"  # Etherscan: the result is a sentence


AMOUNTS = frozenset(list(Fault)[list(Fault).index(Fault.FALSE_ZEROS) : list(Fault).index(Fault.ORPHANED)])  # lies about them
ITEM_FAULTS = frozenset(list(Fault)[list(Fault).index(Fault.ITEM_ERRORS) :])


class Rule(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which faults happen to which requests; all given conditions must hold.

    `steps` are played one per matching request (None: answer correctly) until they are used up; without steps, one of `faults`
    happens with probability `share`. `since`/`until` are seconds from the host's first request, `first`/`stop` numbers of its
    requests (from 0, `stop` excluded). `method` is part of a method's name (`eth_call`, `balancemulti`, `/address`). `address`
    is among those asked for (any case); `token` demands a token (True) or none (False). Without `every`, only
    requests for balances match, not those for head and identity. Item faults hit the share `items` of the items, at least one.
    """

    faults: tuple[Fault, ...] = ()
    steps: tuple[Fault | None, ...] = ()
    share: float = 1.0
    since: float = 0.0
    until: float | None = None
    first: int = 0
    stop: int | None = None
    method: str | None = None
    address: str | None = None
    token: bool | None = None
    every: bool = False
    items: float = 0.2


def script(*steps: Fault | None, **conditions: object) -> Rule:
    """Play faults in order, one per request for balances or use; None answers correctly."""
    return msgspec.convert({**conditions, "steps": steps}, Rule)


def always(*faults: Fault, **conditions: object) -> Rule:
    """Break all requests that meet the conditions (see Rule), also those for head and identity."""
    return msgspec.convert({"every": True, **conditions, "faults": faults}, Rule)


def poison(address: str, fault: Fault = Fault.ERROR_OBJECT) -> Rule:
    """Break all calls that ask for one address."""
    return Rule(faults=(fault,), address=address)


class Asked(msgspec.Struct, frozen=True, gc=False):
    """One request as rules see it: `asks` as in a Call; `seconds` since the first request."""

    number: int
    seconds: float
    methods: tuple[str, ...]
    asks: tuple[tuple[str, str], ...]
    native: str


class Trouble(msgspec.Struct, frozen=True):
    """The fault of one request, None if all goes well."""

    fault: Fault | None
    share: float
    dice: random.Random

    def victims(self, tokens: Iterable[bool]) -> set[int]:
        """Choose the positions of the items that an item fault hits; `tokens` says of each whether it is a token."""
        kinds = list(tokens)
        if self.fault is Fault.TOKENS_FAIL:
            return {at for at, token in enumerate(kinds) if token}
        if self.fault not in ITEM_FAULTS or not kinds:
            return set()
        return set(self.dice.sample(range(len(kinds)), max(1, round(len(kinds) * self.share))))


class FaultPlan:
    """The rules of one host and their state; the first rule with a fault or a step for a request decides."""

    def __init__(self, rules: Iterable[Rule] = (), seed: int | str = 0) -> None:
        self._rules = tuple(rules)
        self._played = [0] * len(self._rules)
        self._dice = random.Random(seed)  # noqa: S311 - reproducible on purpose

    def pick(self, asked: Asked) -> Trouble:
        for at, rule in enumerate(self._rules):
            if not _meets(rule, asked):
                continue
            if rule.steps:
                if self._played[at] < len(rule.steps):
                    self._played[at] += 1
                    return Trouble(rule.steps[self._played[at] - 1], rule.items, self._dice)
            elif rule.faults and (rule.share >= 1 or self._dice.random() < rule.share):
                return Trouble(self._dice.choice(rule.faults), rule.items, self._dice)
        return Trouble(None, 0.0, self._dice)


def _meets(rule: Rule, asked: Asked) -> bool:
    if not asked.asks and not rule.every:
        return False
    if asked.seconds < rule.since or (rule.until is not None and asked.seconds >= rule.until):
        return False
    if asked.number < rule.first or (rule.stop is not None and asked.number >= rule.stop):
        return False
    if rule.method is not None and not any(rule.method in method for method in asked.methods):
        return False
    if rule.address is not None and not any(rule.address.lower() == address.lower() for address, _ in asked.asks):
        return False
    return rule.token is None or rule.token == any(symbol not in (asked.native, USE) for _, symbol in asked.asks)
