"""Retractions: what follows from an event of the pool, and what that means for a job in flight."""

import pytest

from hdscan.model.audit import Standing
from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, BalanceResult, Kind, Reading, Unread
from hdscan.model.scan import Chunk
from hdscan.pool.actions import Quarantined, Reorged
from hdscan.scan.audit import Court, Jury
from hdscan.scan.jobs import AuditJob, ChunkJob
from hdscan.scan.retraction import Retraction

COIN = Asset("btc", "BTC", 8)
QUARANTINE = Retraction.of(Quarantined("liar", "it lies", ReadCode.CONTRADICTED))
REORG = Retraction.of(Reorged("liar", 100, "block 100 has another hash"))


def result(index: int, source: str, height: int | None = 100) -> BalanceResult:
    return BalanceResult(Reading(index, f"bc1q{index}", COIN), Balance(5, 0, height, 1.0, source))


@pytest.mark.parametrize(
    ("retraction", "source", "height", "affected"),
    [
        (QUARANTINE, "liar", 1, True),
        (QUARANTINE, "honest", 1, False),
        (REORG, "liar", 99, False),
        (REORG, "liar", 100, True),
        (REORG, "liar", None, True),
        (REORG, "honest", 100, False),
    ],
)
def test_a_fork_affects_what_may_be_above_it_and_a_quarantine_everything(
    retraction: Retraction, source: str, height: int | None, affected: bool
) -> None:
    assert retraction.affects(result(0, source, height).outcome) is affected


def test_an_error_is_never_retracted() -> None:
    assert not QUARANTINE.affects(Unread(ReadCode.NO_PROVIDER, "nobody is left", 0, {}))


COURT = Court({Kind.NATIVE: Jury({"liar": "L", "honest": "H", "other": "O"})}, 2)


def chunk_job(*results: BalanceResult) -> ChunkJob:
    """A chunk whose readings were asked and answered so."""
    known = {(each.reading.index, "BTC"): Standing(5, 90) for each in results if each.reading.index < 3}
    job = ChunkJob(court=COURT, chunk=Chunk(0, 0, len(results)), readings=[each.reading for each in results], known=known)
    job.ask()
    for each in results:
        job.take(each)
    return job


def test_a_chunk_asks_again_for_what_is_affected_and_keeps_the_rest() -> None:
    results = [result(0, "liar"), result(1, "honest"), result(2, "liar", 99)]
    job = chunk_job(*results)
    assert job.ended
    assert job.affected(REORG) == 1
    job.retract(REORG)
    assert job.results == results[1:]
    assert not job.ended
    assert job.ask() == {frozenset(): [results[0].reading]}


def test_a_case_of_a_chunk_begins_anew_when_an_answer_is_retracted_and_every_reading_ends_once() -> None:
    job = chunk_job(result(3, "liar"), result(4, "honest"))  # first amounts above zero
    assert job.ask() == {frozenset({"liar"}): [result(3, "").reading], frozenset({"honest"}): [result(4, "").reading]}
    job.retract(QUARANTINE)
    job.retract(QUARANTINE)  # both protocols of its endpoint
    assert job.ask() == {}, "the question is on its way"
    job.take(result(3, "honest"))
    job.take(result(4, "other"))
    assert job.ask() == {frozenset(): [result(3, "").reading]}
    job.take(result(3, "honest"))
    assert job.ask() == {frozenset({"honest"}): [result(3, "").reading]}
    job.take(result(3, "other"))
    assert job.ended


def test_an_answer_that_stood_alone_needs_a_second_word_once_what_is_known_has_changed() -> None:
    job = chunk_job(result(0, "honest"), result(1, "honest"))
    assert job.ended
    job.learn({(0, "BTC"): Standing(7, 80), (1, "BTC"): Standing(5, 80)})
    assert job.ask() == {frozenset({"honest"}): [result(0, "").reading]}


def test_an_audit_decides_nothing_about_a_reading_with_an_affected_answer() -> None:
    first, second, third = result(0, "liar"), result(1, "honest"), result(2, "honest")
    cases = [COURT.audit(each.reading, each.outcome) for each in (first, second, third) if isinstance(each.outcome, Balance)]
    job = AuditJob.of(COURT, cases)
    job.ask()
    job.take(result(1, "liar"))
    job.take(result(2, "other"))
    job.retract(QUARANTINE)
    assert [case.retracted for case in cases] == [True, True, False]
