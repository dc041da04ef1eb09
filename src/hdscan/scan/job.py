"""Work on its way through a pool: the readings of a chunk, of the final pass or of an audit, and which of them are doubted."""

from collections.abc import Sequence

import msgspec

from hdscan.model.reading import Balance, BalanceResult, Reading, Unread
from hdscan.model.scan import Chunk
from hdscan.scan.audit import AuditCase


class Job(msgspec.Struct, eq=False):
    """Readings on their way: a chunk, or (None) a part of the final pass, or of the audit where there are `cases`."""

    number: int
    chunk: Chunk | None
    readings: list[Reading]
    results: list[BalanceResult] = []
    cases: list[AuditCase] | None = None

    @property
    def ended(self) -> bool:
        """Whether every reading has."""
        return len(self.results) == len(self.readings)


def doubtful(outcome: Balance | Unread, provider: str, fork: int | None) -> bool:
    """Whether an amount is doubted: a provider's, from a height on where there is a fork; without a height it may be above."""
    if not isinstance(outcome, Balance) or outcome.source != provider:
        return False
    return fork is None or outcome.height is None or outcome.height >= fork


def doubt(cases: list[AuditCase], doubted: Sequence[BalanceResult], provider: str, fork: int | None) -> None:
    """An audit in which a doubted answer has a say begins anew."""
    keys = {(result.reading.index, result.reading.asset.symbol) for result in doubted}
    for case in cases:
        said = any(doubtful(answer, provider, fork) for answer in case.answers)
        if said or (case.reading.index, case.reading.asset.symbol) in keys:
            case.give_up()
