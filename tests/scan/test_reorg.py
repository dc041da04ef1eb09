"""A chain that is reorganised while it is read, over real sockets: what was read of the orphaned blocks is read again."""

from pathlib import Path

import msgspec
import pytest

from hdscan.model.endpoint import Protocol
from hdscan.model.events import ScanError
from hdscan.model.scan import Status
from hdscan.pool import seat
from hdscan.sim.chains import BTC
from hdscan.sim.faults import Fault, always
from tests.scan.stage import host, of, played, stage

QUICK_BLOCKS = (msgspec.structs.replace(BTC, interval=0.2),)


@pytest.fixture(autouse=True)
def tips_are_asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seat, "TIP_AGE", 0.1)


@pytest.mark.parametrize(("protocol", "audit"), [(Protocol.ESPLORA, None), (Protocol.ESPLORA, 100), (Protocol.ELECTRUM, None)])
@played
async def test_what_was_read_of_an_orphaned_branch_is_read_again(
    tmp_path: Path, protocol: Protocol, audit: float | None
) -> None:
    hosts = (host("forked", rate=60, protocols=(protocol,), batch=1), host("other", rate=60))
    faults = {"forked": [always(Fault.ORPHANED, until=0.8)]}
    async with stage(tmp_path, hosts, faults=faults, addresses=400, played_chains=QUICK_BLOCKS) as on:
        events = await on.scan(audit=audit)
        assert any(entry.answered == Fault.ORPHANED and entry.asks for entry in on.log("forked")), "it was believed at first"
        said = [event for event in of(events, ScanError) if event.code == "reorg"]
        assert said
        assert "the chain of forked was reorganised" in said[0].error
        assert all("forked" in event.error for event in said)
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        assert on.wallet.store.check() == []


@played
async def test_blocks_that_only_follow_each_other_are_no_reorg(tmp_path: Path) -> None:
    hosts = (host("a", rate=60), host("b", rate=60))
    async with stage(tmp_path, hosts, addresses=100, played_chains=QUICK_BLOCKS) as on:
        events = await on.scan()
        assert not of(events, ScanError)
        assert any("/block-height/" in method and method != "/block-height/0" for e in on.log("a") for method in e.methods)
        assert set(on.asked("btc").values()) == {1}
        on.assert_all_true()
