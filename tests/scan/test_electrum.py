"""Bitcoin through Electrum hosts: every way to break leaves the amounts true, and a pinned certificate outlives the process."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.model.endpoint import Cost
from hdscan.model.scan import Status
from hdscan.sim.faults import Fault, Rule, always, script
from hdscan.sim.host import HostSpec
from tests.scan.stage import host, played, stage
from tests.scan.test_outcomes import BROKEN


def electrum(name: str = "lines", **changes: Any) -> HostSpec:
    return host(name, **{"protocols": ("electrum",), "rate": 400, "cost": Cost.ITEM, "published_batch": 4, **changes})


GOOD = host("good", rate=100)
LISTS = (Fault.ITEM_ERRORS, Fault.NULL_RESULT, Fault.SHORT_LIST, Fault.SHIFTED_LIST, Fault.MISSING_ID, Fault.FOREIGN_ID)


@pytest.mark.parametrize("tls", [False, True])
@played
async def test_a_scan_is_read_in_batches_over_one_connection(tmp_path: Path, tls: bool) -> None:
    spec = electrum(tls=tls, published_batch=None, rate=2000)
    async with stage(tmp_path, (spec,), addresses=500, chunk=250) as on:
        await on.scan()
        on.assert_all_true()
        assert len(on.log("lines")) < 500 / 20
        assert len(on.city.hosts["lines"].listener._peers) <= 1
        rows = on.rows("btc").values()
        assert {row.source for row in rows} == {"lines"}
        assert all(row.height is not None and row.unconfirmed is not None for row in rows)


@pytest.mark.parametrize("fault", [*BROKEN, *LISTS, Fault.ERROR_OBJECT, Fault.DUPLICATE_ID])
@played
async def test_whatever_breaks_leaves_every_amount_true(tmp_path: Path, fault: Fault) -> None:
    faults = {"lines": [Rule(faults=(fault,), share=0.3)]}
    async with stage(tmp_path, (electrum(rate=40), GOOD), faults=faults, addresses=100) as on:
        await on.scan()
        on.assert_all_true()


@played
async def test_excessive_use_is_throttling_and_not_a_failure(tmp_path: Path) -> None:
    faults = {"lines": [script(Fault.THROTTLED_BARE)]}
    async with stage(tmp_path, (electrum(rate=40), GOOD), faults=faults, addresses=100) as on:
        await on.scan()
        on.assert_all_true()
        status = on.provider("lines")
        assert status.throttled >= 1
        assert status.failed == 0
        assert set(status.breaker.values()) == {"closed"}
        assert status.rate < 40


@played
async def test_another_chain_is_quarantined_and_a_stale_head_set_aside(tmp_path: Path) -> None:
    for fault, state in ((Fault.WRONG_CHAIN, "quarantined"), (Fault.STALE, "stale")):
        hosts = (electrum(), host("one"), host("two"))
        (tmp_path / fault).mkdir()
        async with stage(tmp_path / fault, hosts, faults={"lines": [always(fault)]}) as on:
            await on.scan()
            on.assert_all_true()
            assert on.provider("lines").state == state


@played
async def test_a_pinned_certificate_outlives_the_process_and_another_is_never_taken(tmp_path: Path) -> None:
    async with stage(tmp_path, (electrum(tls=True),), addresses=20, outage_limit=1.0) as on:
        await on.scan()
        on.assert_all_true()
        name = "pin:" + on.city.endpoints[0].url.removeprefix("ssl://")
        shown = msgspec.json.decode(on.wallet.store.runtime.load()[name], type=str)
        await on.scan(restart=True)
        on.assert_all_true()
        asked = len(on.log("lines"))
        on.wallet.store.runtime.save({name: msgspec.json.encode("0" * 64)})  # as if the host had shown another one first
        await on.scan(restart=True)
        assert on.result.status is Status.FAILED
        assert on.result.chains["btc"].read == 0
        assert len(on.log("lines")) == asked
        assert f'write tls = "sha256:{shown}"' in str(on.provider("lines").last_error)
