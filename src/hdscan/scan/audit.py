"""The decision table of an audit: whom to ask next about a reading, and what follows from the answers (docs/trust.md). Pure.

answers so far                        next
the scan's own                        ask another operator
two equal                             confirmed
two that differ                       ask a third operator; where there is none, the first provider again
the last equals another operator's    confirmed or moved; if the odd one is a third operator's, ask its provider once more
the odd one is repeated, at a
comparable height                     its provider has lost: corrected
no two operators agree                disputed
"""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

from hdscan.model.audit import Audited, AuditOutcome
from hdscan.model.reading import Attempt, Balance, Reading, Unread


def sampled(seed: int, reading: Reading, percent: float) -> bool:
    """Whether a zero is in the sample of `percent` (0 to 100), by a seed that no provider knows."""
    text = f"{seed}/{reading.index}/{reading.asset.symbol}".encode()
    draw = int.from_bytes(blake2b(text, digest_size=8).digest())
    return draw < percent / 100 * 2**64


def chosen(seed: int, reading: Reading, balance: Balance, percent: float) -> bool:
    """Whether a reading is audited: everything funded, confirmed or not, and a sample of the zeros."""
    return balance.amount != 0 or bool(balance.unconfirmed) or sampled(seed, reading, percent)


class Another(msgspec.Struct, frozen=True):
    """A question for a provider of any operator but these."""

    than: frozenset[str]


class Again(msgspec.Struct, frozen=True):
    """A question for the same provider once more."""

    provider: str


Question = Another | Again


class AuditCase:
    """One reading under audit: while there is a `question`, ask it and `take` the outcome; then `result`."""

    def __init__(self, reading: Reading, first: Balance, operators: Mapping[str, str], tolerance: int) -> None:
        """`operators` are by provider; heights up to `tolerance` blocks apart are comparable."""
        self.reading = reading
        self.answers = [first]
        self.retracted = False  # an answer was retracted: the case decides nothing, the reading is read and audited again
        self._operators = operators
        self.question: Question | None = Another(frozenset({self._operator(first)}))
        self._tolerance = tolerance
        self._error: str | None = None
        self._agreed: Balance | None = None  # the answer to keep of two equal ones of different operators
        self._lost: str | None = None
        self._failed: tuple[Attempt, ...] = ()

    def excluded(self) -> frozenset[str]:
        """The providers that must not be asked."""
        match self.question:
            case Another(than):
                return frozenset(name for name, operator in self._operators.items() if operator in than)
            case Again(provider):
                return frozenset(self._operators.keys() - {provider})
        return frozenset()

    def take(self, outcome: Balance | Unread, failed: tuple[Attempt, ...] = ()) -> None:
        """Take in how the question ended; sets the next `question`."""
        asked, self.question = self.question, None
        self._failed += failed
        if self.retracted:
            return
        if isinstance(outcome, Balance):
            self._answer(outcome)
        elif len(self.answers) == 1:
            self._error = outcome.message
        elif len(self.answers) == 2 and isinstance(asked, Another):
            self.question = Again(self.answers[0].source)

    def retract(self) -> None:
        """End without a decision, since one of the answers was retracted."""
        self.retracted, self.question = True, None

    def _operator(self, answer: Balance) -> str:
        """The operator behind an answer; a provider that is no longer configured counts as its own."""
        return self._operators.get(answer.source, answer.source)

    def _answer(self, answer: Balance) -> None:
        self.answers.append(answer)
        first = self.answers[0]
        match len(self.answers):
            case 2 if answer.amount == first.amount:
                self._agreed = first
            case 2:
                heard = frozenset(map(self._operator, self.answers))
                self.question = Another(heard) if set(self._operators.values()) - heard else Again(first.source)
            case 3:
                self._decide(answer)
            case 4 if self._contradicts(answer):
                self._lost = answer.source

    def _decide(self, last: Balance) -> None:
        """Settle on the amount on which the last operator and another agree, if any."""
        first, second = self.answers[:2]
        for answer, odd in ((first, second), (second, first)):
            operators = {self._operator(last), self._operator(answer)}
            if answer.amount == last.amount and len(operators) > 1:
                self._agreed = last
                if self._operator(odd) not in operators:
                    self.question = Again(odd.source)

    def _contradicts(self, answer: Balance) -> bool:
        """Whether an answer differs from the agreed one at about the same block, so that they can't both be right."""
        agreed = self._agreed
        if agreed is None or agreed.amount == answer.amount or agreed.height is None or answer.height is None:
            return False
        return abs(answer.height - agreed.height) <= self._tolerance

    def result(self) -> Audited:
        """How it ended, once there is no question left."""
        first, amount = self.answers[0], self._agreed
        if len(self.answers) == 1:
            outcome, amount = AuditOutcome.UNAUDITED, first
        elif amount is None:
            outcome = AuditOutcome.DISPUTED
        elif amount.amount == first.amount:
            outcome = AuditOutcome.CONFIRMED
        else:
            outcome = AuditOutcome.MOVED if self._lost is None else AuditOutcome.CORRECTED
        return Audited(self.reading, outcome, tuple(self.answers), amount, self._error, self._lost, self._failed)


def contradiction(audited: Audited) -> str:
    """The evidence against the provider that lost an audit, in a sentence."""
    assert audited.amount is not None
    said = next(answer for answer in audited.answers if answer.source == audited.lost)
    where = f"the {audited.reading.asset.symbol} of address {audited.reading.index}"
    others = [a.source for a in audited.answers if a.amount == audited.amount.amount and a.source != audited.lost]
    return f"it said {said.amount} for {where}, and {' and '.join(others)} agree on {audited.amount.amount}"
