"""Jobs: the readings of a chunk, of gaps or of audit cases, and how each is committed and retracted."""

from collections.abc import Iterable, Sequence
from functools import partial
from typing import ClassVar

import msgspec

from hdscan.model.audit import Audited
from hdscan.model.reading import Balance, BalanceResult, Reading
from hdscan.model.scan import Chunk
from hdscan.scan.audit import AuditCase, contradiction
from hdscan.scan.progress import Progress
from hdscan.scan.retraction import Retraction


class Job(msgspec.Struct, eq=False, kw_only=True):
    """Readings that are committed together once all have a result."""

    gaps: ClassVar[bool] = False  # the scan counts its readings as unread; they do not wait for the retry budget

    number: int = -1  # given when it is submitted
    readings: list[Reading] = []
    results: list[BalanceResult] = []

    @property
    def ended(self) -> bool:
        return len(self.results) == len(self.readings)

    def questions(self) -> dict[frozenset[str], list[Reading]]:
        """The readings to submit, by the providers to exclude."""
        return {frozenset(): self.readings}

    def ask_on(self) -> bool:
        """Whether the results lead to more `questions`."""
        return False

    async def commit(self, progress: Progress) -> None:
        raise NotImplementedError

    async def keep(self, progress: Progress) -> None:
        """Store the amounts of a job that cannot end; its readings will be asked again."""
        read = [result for result in self.results if isinstance(result.outcome, Balance)]
        if read:
            await progress.store.commit_partial(read)
            if self.gaps:
                progress.token_errors.record(read, again=True)

    def affected(self, retraction: Retraction) -> list[BalanceResult]:
        return [result for result in self.results if retraction.affects(result.outcome)]

    def retract(self, retraction: Retraction) -> list[Reading]:
        """Drop the affected results; the readings to submit again."""
        affected = self.affected(retraction)
        self.results[:] = [result for result in self.results if result not in affected]
        return [result.reading for result in affected]

    def contradictions(self) -> Iterable[tuple[str, str]]:
        """Providers that two others contradict, each with the evidence in a sentence."""
        return ()


class ChunkJob(Job, kw_only=True):
    """A chunk, committed whole or not at all."""

    chunk: Chunk

    async def commit(self, progress: Progress) -> None:
        await progress.commit(partial(progress.store.commit_chunk, self.chunk, self.results), self.results)


class GapJob(Job):
    """Readings that the scan counts as unread."""

    gaps: ClassVar[bool] = True

    async def commit(self, progress: Progress) -> None:
        await progress.commit(partial(progress.store.commit_gaps, self.results), self.results, again=True)


class AuditJob(Job, kw_only=True):
    """Audit cases, asked in rounds until none has a question left."""

    cases: list[AuditCase]

    def questions(self) -> dict[frozenset[str], list[Reading]]:
        readings: dict[frozenset[str], list[Reading]] = {}
        for case in self.cases:
            if case.question is not None:
                readings.setdefault(case.excluded(), []).append(case.reading)
        return readings

    def ask_on(self) -> bool:
        """Hand the answers to their cases; whether a case has another question."""
        cases = {_key(case.reading): case for case in self.cases}
        for result in self.results:
            cases[_key(result.reading)].take(result.outcome, result.failed)
        self.readings = [case.reading for case in self.cases if case.question is not None]
        self.results.clear()
        return bool(self.readings)

    async def commit(self, progress: Progress) -> None:
        if found := self._found():
            await progress.commit(partial(progress.store.commit_audit, found))

    async def keep(self, progress: Progress) -> None:
        """Nothing: an audit that has not ended begins anew."""

    def retract(self, retraction: Retraction) -> list[Reading]:
        """Retract every case with an affected answer; it is audited anew after its reading was read again."""
        keys = {_key(result.reading) for result in self.affected(retraction)}
        for case in self.cases:
            if _key(case.reading) in keys or any(map(retraction.affects, case.answers)):
                case.retract()
        return []

    def contradictions(self) -> Sequence[tuple[str, str]]:
        return [(audited.lost, contradiction(audited)) for audited in self._found() if audited.lost is not None]

    def _found(self) -> list[Audited]:
        return [case.result() for case in self.cases if not case.retracted]


def _key(reading: Reading) -> tuple[int, str]:
    return reading.index, reading.asset.symbol
