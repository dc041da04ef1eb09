"""Retractions: what follows from an event of the pool, and what that means for a job in flight."""

import pytest

from hdscan.model.chain import Asset
from hdscan.model.errors import ReadCode
from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import Chunk
from hdscan.pool.actions import Quarantined, Reorged
from hdscan.scan.audit import AuditCase
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


def test_a_chunk_asks_again_for_what_is_affected_and_keeps_the_rest() -> None:
    results = [result(0, "liar"), result(1, "honest"), result(2, "liar", 99)]
    job = ChunkJob(chunk=Chunk(0, 0, 3), readings=[each.reading for each in results], results=list(results))
    assert job.retract(REORG) == [results[0].reading]
    assert job.results == results[1:]
    assert not job.ended


def test_an_audit_decides_nothing_about_a_reading_with_an_affected_answer() -> None:
    operators = {"liar": "L", "honest": "H", "other": "O"}
    first, second, third = result(0, "liar"), result(1, "honest"), result(2, "honest")
    cases = [AuditCase(each.reading, each.outcome, operators, 2) for each in (first, second, third)]
    job = AuditJob(cases=cases, readings=[case.reading for case in cases], results=[result(1, "liar"), result(2, "other")])
    assert job.retract(QUARANTINE) == []
    assert [case.retracted for case in cases] == [True, True, False]
