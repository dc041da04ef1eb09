"""A retry of readings that nobody can make ends as it began, not as an outage."""

from pathlib import Path

from hdscan.model.scan import Status
from hdscan.sim.faults import Fault, poison
from tests.scan.stage import BTC, played, stage


@played
async def test_a_retry_of_only_poison_asks_what_was_read_before_to_see_that_the_chain_is_alive(tmp_path: Path) -> None:
    async with stage(tmp_path, BTC, addresses=20) as on:
        victim = on.world["btc"].address(7)
        on.city.set_faults({host.name: [poison(victim, Fault.SERVER_ERROR)] for host in BTC})
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        await on.scan(retry=True)
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        assert [gap.index for gap in on.wallet.gaps()] == [7]
        on.city.set_faults("none")
        await on.scan(retry=True)
        assert on.result.status is Status.COMPLETED
