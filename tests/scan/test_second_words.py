"""A second operator that hardly answers: what another can read is read in its time, and second words are missing at worst."""

import asyncio
from pathlib import Path

import pytest

from hdscan.model.scan import Status
from hdscan.settings import ScanSettings
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from tests import virtual_time
from tests.scan.stage import host, stage

GOOD = host("good", "bsc", rate=10, latency=0.05)
PAUSED = [Rule(faults=(Fault.THROTTLED_SECONDS,), share=0.9)]


@pytest.mark.parametrize("slow", [host("slow", "bsc", rate=10, pause=25.0), host("slow", "bsc", rate=0.1)])
def test_a_second_operator_that_hardly_answers_does_not_hold_up_a_scan(tmp_path: Path, slow: HostSpec) -> None:
    async def scan() -> None:
        async with stage(tmp_path, (GOOD, slow), faults={"slow": PAUSED}, addresses=300, scan=ScanSettings()) as on:
            began = asyncio.get_running_loop().time()
            await on.scan()
            done = on.result.chains["bsc"]
            assert (done.status, done.read) == (Status.COMPLETED, 900)
            assert done.unaudited > 0, "what is above zero is one operator's word, and said to be"
            assert asyncio.get_running_loop().time() - began < 90
            on.assert_all_true()
            on.world.move(0.1)
            await on.scan()
            done = on.result.chains["bsc"]
            assert done.status is Status.COMPLETED_WITH_GAPS, "changes are not believed, and said so"
            assert done.read + done.unread == 900
            assert on.wallet.store.check() == []

    virtual_time.run(asyncio.wait_for(scan(), 3600))
