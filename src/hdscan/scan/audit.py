"""The decision table of a second word: whom to ask next about a reading, and what follows (docs/trust.md). Pure.

One table for corroborations, of a changed amount or a first one above zero, and for audits, of what was read before.

answers so far                        next
one                                   ask another operator; where none can answer, a changed amount is unconfirmed
two equal                             confirmed
two that differ, one of a trusted
endpoint                              its amount stands; the other provider is asked once more
two that differ                       ask a third operator; where there is none, the first provider again
the last equals another operator's    confirmed or moved; if the odd one is a third operator's, ask its provider once more
the odd one is repeated, at a
comparable height                     its provider has lost: corrected
no two operators agree                disputed; but moved where all differ from the known amount at later, far apart heights

An answer of a block before the first one's, by more than the tolerance, counts as none.
"""

from collections.abc import Iterable, Mapping
from hashlib import blake2b

import msgspec

from hdscan.model.audit import Audited, AuditOutcome, Standing
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Attempt, Balance, BalanceResult, Kind, Reading, Unread

PROVISIONAL = 2**31  # the first index of addresses that the store does not number yet


def sampled(seed: int, reading: Reading, percent: float) -> bool:
    """Whether a zero is in the sample of `percent` (0 to 100), by a seed that no provider knows."""
    text = f"{seed}/{reading.index}/{reading.asset.symbol}".encode()
    draw = int.from_bytes(blake2b(text, digest_size=8).digest())
    return draw < percent / 100 * 2**64


def chosen(seed: int, reading: Reading, balance: Balance, percent: float) -> bool:
    """Whether a reading is audited: everything funded, confirmed or not, and a sample of the zeros."""
    return balance.amount != 0 or bool(balance.unconfirmed) or sampled(seed, reading, percent)


class Jury(msgspec.Struct, frozen=True):
    """Who can be asked about a kind of reading: operators by provider, and the providers whose word alone is enough."""

    operators: Mapping[str, str]
    trusted: frozenset[str] = frozenset()

    def operator(self, provider: str) -> str:
        """The operator of a provider; one that is no longer configured counts as its own."""
        return self.operators.get(provider, provider)

    def others(self, heard: Iterable[str]) -> bool:
        """Whether there is an operator that was not `heard`."""
        return bool(set(self.operators.values()) - set(heard))

    def doubts(self, first: Balance, known: Standing | None) -> bool:
        """Whether an answer needs a second word: it changes what is known, or is a first amount above zero."""
        news = first.amount != 0 if known is None else first.amount != known.amount
        return news and first.source not in self.trusted and self.others([self.operator(first.source)])


class Another(msgspec.Struct, frozen=True):
    """A question for a provider of any operator but these."""

    than: frozenset[str]


class Again(msgspec.Struct, frozen=True):
    """A question for the same provider once more."""

    provider: str


Question = Another | Again


class AuditCase:
    """One reading about which others are asked: while there is a `question`, ask it and `take` the outcome; then `result`."""

    def __init__(
        self,
        reading: Reading,
        first: Balance,
        jury: Jury,
        tolerance: int,
        *,
        known: Standing | None = None,
        failed: tuple[Attempt, ...] = (),
    ) -> None:
        """Heights up to `tolerance` blocks apart are comparable; `known` is what the first answer would change."""
        self.reading = reading
        self.answers = [first]
        self.retracted = False  # an answer was retracted: the case decides nothing, the reading is read again
        self.question: Question | None = Another(frozenset({jury.operator(first.source)}))
        self._jury = jury
        self._tolerance = tolerance
        self._known = known
        self._outdated: frozenset[str] = frozenset()  # operators whose answers are of blocks too long ago
        self._error: str | None = None
        self._agreed: Balance | None = None  # the answer to keep of two equal ones of different operators
        self._lost: str | None = None
        self._failed = failed

    def excluded(self) -> frozenset[str]:
        """The providers that must not be asked."""
        operators = self._jury.operators
        match self.question:
            case Another(than):
                return frozenset(name for name, operator in operators.items() if operator in than)
            case Again(provider):
                return frozenset(operators.keys() - {provider})
        return frozenset()

    def take(self, outcome: Balance | Unread, failed: tuple[Attempt, ...] = ()) -> None:
        """Take in how the question ended; sets the next `question`."""
        asked, self.question = self.question, None
        self._failed += failed
        if self.retracted:
            return
        if isinstance(outcome, Unread) and (left_out := self._left_out(outcome, failed)):
            outcome = left_out
        if isinstance(outcome, Balance):
            self._answer(outcome)
        elif len(self.answers) == 1:
            self._error = self._error or outcome.message
        elif len(self.answers) == 2 and self._agreed is None and isinstance(asked, Another):
            self.question = Again(self.answers[0].source)

    def retract(self) -> None:
        """End without a decision, since one of the answers was retracted."""
        self.retracted, self.question = True, None

    def _left_out(self, outcome: Unread, failed: tuple[Attempt, ...]) -> Balance | None:
        """A zero that a provider stated in its way: by leaving the address out."""
        absent = next((attempt for attempt in failed if attempt.code is ReadCode.ABSENT), None)
        if outcome.code is not ReadCode.ABSENT or absent is None or self.answers[0].amount != 0:
            return None
        return msgspec.structs.replace(self.answers[0], source=absent.provider, observed_at=absent.at, height=None)

    def _heard(self) -> frozenset[str]:
        return self._outdated | {self._jury.operator(answer.source) for answer in self.answers}

    def _answer(self, answer: Balance) -> None:
        first = self.answers[0]
        if first.height is not None and answer.height is not None and answer.height < first.height - self._tolerance:
            self._error = f"{answer.source} answered of block {answer.height}, long before {first.height}"
            self._outdated |= {self._jury.operator(answer.source)}
            if self._agreed is None and len(self.answers) < 3:
                self._ask_on()
            return
        self.answers.append(answer)
        match len(self.answers):
            case 2 if answer.amount == first.amount:
                self._agreed = first
            case 2 if len(trusted := {first.source, answer.source} & self._jury.trusted) == 1:
                self._agreed, odd = (first, answer) if first.source in trusted else (answer, first)
                self.question = Again(odd.source)
            case 2:
                self._ask_on()
            case 3 if self._agreed is None:
                self._decide(answer)
            case 3 | 4 if self._contradicts(answer) and answer.amount in self._said_by(answer.source):
                self._lost = answer.source

    def _said_by(self, provider: str) -> set[int]:
        """What a provider said before its last answer: one whose word changes reads a balance that moves."""
        return {each.amount for each in self.answers[:-1] if each.source == provider}

    def _ask_on(self) -> None:
        """Ask an operator that was not heard; where there is none and two differ, the first provider again."""
        heard = self._heard()
        if self._jury.others(heard):
            self.question = Another(heard)
        elif len(self.answers) == 2 and self._jury.operator(self.answers[0].source) not in self._outdated:
            self.question = Again(self.answers[0].source)

    def _decide(self, last: Balance) -> None:
        """Settle on the amount on which the last operator and another agree, if any."""
        first, second = self.answers[:2]
        for answer, odd in ((first, second), (second, first)):
            operators = {self._jury.operator(last.source), self._jury.operator(answer.source)}
            if answer.amount == last.amount and len(operators) > 1:
                self._agreed = last
                if self._jury.operator(odd.source) not in operators:
                    self.question = Again(odd.source)

    def _comparable(self, one: Balance, other: Balance) -> bool:
        return one.height is not None and other.height is not None and abs(one.height - other.height) <= self._tolerance

    def _contradicts(self, answer: Balance) -> bool:
        """Whether an answer differs from the agreed one at about the same block, so that they can't both be right."""
        agreed = self._agreed
        return agreed is not None and agreed.amount != answer.amount and self._comparable(agreed, answer)

    def _moved(self) -> Balance | None:
        """The latest answer where every operator says that the known amount changed, each of another time."""
        known = self._known
        if known is None or known.amount is None or known.height is None or len(self._heard() - self._outdated) < 2:
            return None
        if any(each.height is None or each.height <= known.height or each.amount == known.amount for each in self.answers):
            return None
        if len({each.amount for each in self.answers}) < max(3, len(self.answers)):
            return None  # who says the same for longer contradicts the others: it is not the address that moves all the time
        latest = max(self.answers, key=lambda each: each.height or 0)
        others = [each for each in self.answers if self._jury.operator(each.source) != self._jury.operator(latest.source)]
        return None if any(self._comparable(latest, each) for each in others) else latest

    def result(self) -> Audited:
        """How it ended, once there is no question left."""
        first, amount = self.answers[0], self._agreed
        if len(self.answers) == 1:
            outcome, amount = (AuditOutcome.UNAUDITED, first) if self._known is None else (AuditOutcome.UNCONFIRMED, None)
        elif amount is None:
            amount = self._moved()
            outcome = AuditOutcome.DISPUTED if amount is None else AuditOutcome.MOVED
        elif amount.amount == first.amount:
            outcome = AuditOutcome.CONFIRMED
        else:
            outcome = AuditOutcome.MOVED if self._lost is None else AuditOutcome.CORRECTED
        return Audited(self.reading, outcome, tuple(self.answers), amount, self._error, self._lost, self._failed, self._known)


class Court(msgspec.Struct, frozen=True):
    """Opens cases: who can be asked per kind of reading, and how many blocks apart heights are comparable."""

    juries: Mapping[Kind, Jury]
    tolerance: int

    @property
    def contested(self) -> bool:
        """Whether any operator could contradict another."""
        return any(len(set(jury.operators.values())) > 1 for jury in self.juries.values())

    def corroboration(self, result: BalanceResult, known: Standing | None) -> AuditCase | None:
        """The case of an answer that needs a second word, or None."""
        reading, first = result.reading, result.outcome
        jury = self.juries[reading.kind]
        if not isinstance(first, Balance) or not jury.doubts(first, known):
            return None
        return AuditCase(reading, first, jury, self.tolerance, known=known, failed=result.failed)

    def audit(self, reading: Reading, first: Balance) -> AuditCase:
        """The case of a stored answer."""
        return AuditCase(reading, first, self.juries[reading.kind], self.tolerance)


def unconfirmed(case: Audited) -> BalanceResult:
    """The result of a case whose amount is not stored: who claims what, and what stays."""
    claim, known = case.answers[0], case.known
    assert known is not None
    where = "" if claim.height is None else f" at block {claim.height}"
    stays = "operators disagreed before" if known.amount is None else f"{known.amount} was known"
    said = f"claims {claim.amount}{where}"
    message = f"{claim.source} {said} where {stays}, and no second operator could be asked: {case.error}"
    reasons = {attempt.provider: attempt.message for attempt in case.failed} | {claim.source: said}
    return BalanceResult(case.reading, Unread(ReadCode.UNCONFIRMED, message, 1 + len(case.failed), reasons), case.failed)


def contradiction(audited: Audited) -> str:
    """The evidence against the provider that lost an audit, in a sentence."""
    assert audited.amount is not None
    said = next(answer for answer in audited.answers if answer.source == audited.lost)
    index, symbol = audited.reading.index, audited.reading.asset.symbol
    where = f"the {symbol} of address {index}" if index < PROVISIONAL else f"the {symbol} of an address of a wallet"
    others = sorted({a.source for a in audited.answers if a.amount == audited.amount.amount and a.source != audited.lost})
    verb = "agree on" if len(others) > 1 else "says"
    return f"it said {said.amount} for {where}, and {' and '.join(others)} {verb} {audited.amount.amount}"
