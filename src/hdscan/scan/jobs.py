"""Jobs: the readings of a chunk, of gaps or of an audit, asked until every one has its answers, then committed together."""

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Self

import msgspec

from hdscan.model.audit import Audited, AuditOutcome, Standing
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import Chunk
from hdscan.scan.audit import AuditCase, Court, contradiction, unconfirmed
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction
from hdscan.scan.scan_store import ScanStore

Key = tuple[int, str]  # index and symbol
Known = Mapping[Key, Standing]

TOO_LATE = Unread(ReadCode.UNAVAILABLE, "no second operator answered in time", 0, {})


class Job(msgspec.Struct, eq=False, kw_only=True):
    """Readings that are committed together once all have ended; an answer that needs a second word opens a case."""

    gaps: ClassVar[bool] = False  # the scan counts its readings as unread; they do not wait for the retry budget
    audits: ClassVar[bool] = False  # its readings have amounts
    hasty: ClassVar[bool] = False  # it is committed within seconds, without second words that are slow
    planned: ClassVar[bool] = True  # the scan counts its readings, and the store knows their addresses

    court: Court
    known: Known = {}
    number: int = -1  # given when it is submitted
    readings: Sequence[Reading] = ()  # that it began with
    fresh: list[Reading] = []  # to be asked of anybody
    results: list[BalanceResult] = []  # that stand alone
    cases: dict[Key, AuditCase] = {}
    questions: list[AuditCase] = []  # cases that have something to ask
    asked: int = 0  # readings that are on their way
    heard_at: float = 0.0  # when it was begun, or a reading of it ended
    waits_since: float = 0.0  # when it was begun, or the last reading ended before nothing but second words was missing

    def __post_init__(self) -> None:
        self.fresh = list(self.readings)

    @property
    def idle(self) -> bool:
        """Whether it waits for nothing that it asks."""
        return not (self.asked or self.fresh or self.questions)

    @property
    def ended(self) -> bool:
        """Whether it can be committed."""
        return self.idle

    @property
    def size(self) -> int:
        """How many readings it holds."""
        return len(self.readings) or len(self.cases)

    @property
    def corroborates(self) -> bool:
        """Whether nothing but second words is missing."""
        return len(self.results) + len(self.cases) == len(self.readings)

    @property
    def questions_only(self) -> bool:
        """Whether it can do without everything that it still asks for."""
        return self.audits or (self.corroborates and not any(case.retracted for case in self.cases.values()))

    def give_up(self) -> None:
        """End every question without an answer; it must not be asked any more."""
        self.questions, self.asked = [], 0
        for case in self.cases.values():
            while case.question is not None:
                case.take(TOO_LATE)

    def ask(self) -> dict[frozenset[str], list[Reading]]:
        """What is to be asked now, by the providers to exclude."""
        found = {frozenset[str](): self.fresh} if self.fresh else {}
        for case in self.questions:
            found.setdefault(case.excluded(), []).append(case.reading)
        self.asked += len(self.fresh) + len(self.questions)
        self.fresh, self.questions = [], []
        return found

    def take(self, result: BalanceResult) -> None:
        """Take in how a reading ended, which may lead to more to `ask`."""
        self.asked -= 1
        key = key_of(result.reading)
        case = self.cases.get(key)
        if case is None:
            self._first(key, result)
            return
        case.take(result.outcome, result.failed)
        if case.question is not None:
            self.questions.append(case)
        elif case.retracted and not self.audits:
            del self.cases[key]
            self.fresh.append(result.reading)

    def _first(self, key: Key, result: BalanceResult) -> None:
        case = self.court.corroboration(result, self.known.get(key))
        if case is None:
            self.results.append(result)
        else:
            self.cases[key] = case
            self.questions.append(case)

    def learn(self, known: Known) -> None:
        """What is known has changed: answers that stood alone may need a second word now."""
        self.known = known
        results, self.results = self.results, []
        for result in results:
            self._first(key_of(result.reading), result)

    async def standing(self, store: ScanStore) -> Known:
        """What is known of its readings."""
        return await store.standing(self.readings)

    async def commit(self, progress: Progress) -> None:
        raise NotImplementedError

    async def keep(self, progress: Progress) -> None:
        """Store the amounts of a job that cannot end; its readings will be asked again."""
        read = [result for result in self.results if isinstance(result.outcome, Balance)]
        decided = [case for case in self._found() if case.amount is not None and case.outcome is not AuditOutcome.UNAUDITED]
        if read or decided:
            await progress.store.commit_partial(read, decided)
            if self.gaps:
                await progress.recount_token_errors()

    def affected(self, retraction: Retraction) -> int:
        """How many of its readings a retraction affects."""
        return len(self._affected(retraction)) + len(self._affected_cases(retraction))

    def _affected(self, retraction: Retraction) -> list[BalanceResult]:
        return [result for result in self.results if retraction.affects(result.outcome)]

    def _affected_cases(self, retraction: Retraction) -> list[AuditCase]:
        return [case for case in self.cases.values() if not case.retracted and any(map(retraction.affects, case.answers))]

    def retract(self, retraction: Retraction) -> None:
        """Drop what is affected, to be asked again."""
        self.fresh += [result.reading for result in self._affected(retraction)]
        self.results[:] = [result for result in self.results if not retraction.affects(result.outcome)]
        for case in self._affected_cases(retraction):
            if case.question is None:
                del self.cases[key_of(case.reading)]
                self.fresh.append(case.reading)
            else:
                case.retract()  # it begins anew when its question has ended

    def contradictions(self) -> Sequence[tuple[str, str]]:
        """Providers that two others contradict, each with the evidence in a sentence."""
        return [(audited.lost, contradiction(audited)) for audited in self._found() if audited.lost is not None]

    def _found(self) -> list[Audited]:
        return [case.result() for case in self.cases.values() if not case.retracted and case.question is None]

    def _results(self) -> tuple[list[BalanceResult], list[Audited]]:
        """What stands alone, or is not to be stored; and the cases with an amount or a dispute."""
        found = self._found()
        claims = [unconfirmed(case) for case in found if case.outcome is AuditOutcome.UNCONFIRMED]
        return self.results + claims, [case for case in found if case.outcome is not AuditOutcome.UNCONFIRMED]


class ChunkJob(Job, kw_only=True):
    """A chunk, committed whole or not at all; soon, so that little is read again after a crash."""

    hasty: ClassVar[bool] = True

    chunk: Chunk

    async def commit(self, progress: Progress) -> None:
        results, found = self._results()
        await progress.commit(partial(progress.store.commit_chunk, self.chunk, results, found), results)


class GapJob(Job):
    """Readings that the scan counts as unread or disputed."""

    gaps: ClassVar[bool] = True

    async def commit(self, progress: Progress) -> None:
        await progress.commit(partial(progress.store.commit_gaps, *self._results()), again=True)


class AuditJob(Job):
    """Readings that the scan has read, asked of others."""

    audits: ClassVar[bool] = True

    @classmethod
    def of(cls, court: Court, cases: Iterable[AuditCase], **more: Any) -> Self:
        by_key = {key_of(case.reading): case for case in cases}
        return cls(court=court, cases=by_key, questions=[each for each in by_key.values() if each.question], **more)

    async def commit(self, progress: Progress) -> None:
        if found := self._found():
            await progress.commit(partial(progress.store.commit_audit, found))

    async def keep(self, progress: Progress) -> None:
        """Nothing: an audit that has not ended begins anew."""

    def retract(self, retraction: Retraction) -> None:
        """Retract every case with an affected answer; it is audited anew after its reading was read again."""
        for case in self._affected_cases(retraction):
            case.retract()


class SpareJob(AuditJob, kw_only=True):
    """An audit by spare capacity, which may end at any time; the providers in `leave` are not asked."""

    leave: frozenset[str] = frozenset()

    def ask(self) -> dict[frozenset[str], list[Reading]]:
        asked: dict[frozenset[str], list[Reading]] = {}
        for excluded, readings in super().ask().items():
            asked.setdefault(excluded | self.leave, []).extend(readings)
        return asked

    def _found(self) -> list[Audited]:
        return [case for case in super()._found() if case.outcome is not AuditOutcome.UNAUDITED]


def key_of(reading: Reading) -> Key:
    """What tells a reading from the others of its chain."""
    return reading.index, reading.asset.symbol
