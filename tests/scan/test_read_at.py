"""An EVM chain that is read at its finalized block, from the beginning or from the middle of a scan on."""

import time
from pathlib import Path

import msgspec

from hdscan.app import Wallet
from hdscan.app.demo import simulated_settings
from hdscan.model.events import ScanProgress
from hdscan.model.scan import Status
from hdscan.sim.chains import BSC
from hdscan.sim.evm import TAGS
from tests.scan.stage import QUICK, Stage, host, multicall, played, stage

FINALIZED = msgspec.structs.replace(BSC, chain=msgspec.structs.replace(BSC.chain, read_at="finalized"))
HOSTS = (multicall("one", batch=7, published_batch=7, rate=60), host("two", "bsc", rate=60), multicall("three", rate=60))


def heights(on: Stage) -> set[int]:
    return {row.height for row in on.wallet.balances("bsc") if row.height is not None}


@played
async def test_every_height_is_of_a_block_that_is_final(tmp_path: Path) -> None:
    async with stage(tmp_path, HOSTS, played_chains=(FINALIZED,), addresses=60) as on:
        await on.scan()
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert max(heights(on)) <= on.world["bsc"].height(time.time()) - TAGS["finalized"]


@played
async def test_a_scan_that_began_at_the_latest_block_is_finished_at_the_finalized_one(tmp_path: Path) -> None:
    async with stage(tmp_path, HOSTS, played_chains=(BSC,), addresses=200) as on:
        await on.scan(on=on.stop_after(3, ScanProgress))
        assert on.result.status is Status.STOPPED
        latest = max(heights(on))
        on.world["bsc"].chain = FINALIZED.chain
        settings = simulated_settings(on.world, on.city.endpoints, tmp_path / "wallet.db", QUICK)
        with Wallet(settings) as wallet:
            later = Stage(on.city, wallet)
            await later.scan()
            later.assert_all_true()
            assert later.result.status is Status.COMPLETED
            assert later.wallet.store.check() == []
            assert min(heights(later)) < latest
