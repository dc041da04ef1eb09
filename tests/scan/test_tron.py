"""Tron scanned whole: simulated nodes behind a gateway that refuses in words, and hosts that fail or lie."""

from pathlib import Path

import pytest

from hdscan.model.scan import BalanceState, ProviderState, Status
from hdscan.sim.chains import TRON
from hdscan.sim.city import Faults
from hdscan.sim.faults import Fault, Rule, always
from hdscan.sim.host import Throttle
from tests.scan.stage import host, played, stage

GRID = host("grid", "tron", published_batch=20)
NODES = (GRID, host("node-a", "tron", rate=200.0), host("node-b", "tron", rate=200.0))
PLAYED = {"addresses": 60, "played_chains": (TRON,)}


@played
async def test_every_amount_is_true_and_costs_a_batch_of_twenty(tmp_path: Path) -> None:
    async with stage(tmp_path, (GRID,), **PLAYED) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()
        assert {len(entry.asks) for entry in on.log("grid") if entry.asks} <= {20, 10}
        assert {method for entry in on.log("grid") for method in entry.methods} <= {
            *("eth_chainId", "eth_blockNumber", "eth_call", "eth_getBalance", "eth_getBlockByNumber")
        }
        rows = on.rows("tron").values()
        assert all(row.state is BalanceState.READ and row.address.startswith("T") for row in rows)
        assert {row.asset for row in rows if row.amount != "0"} == {"TRX", "USDT", "USDD"}


@pytest.mark.parametrize("faults", ["mild", "wild"])
@played
async def test_no_fault_makes_an_amount_false(tmp_path: Path, faults: Faults) -> None:
    async with stage(tmp_path, NODES, faults=faults, audit="spare", outage_limit=30.0, **PLAYED) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED
        on.verdicts()


@played
async def test_a_gateway_over_its_limit_is_left_alone_for_as_long_as_it_says(tmp_path: Path) -> None:
    """Its words are all there is: no Retry-After."""
    stingy = host("grid", "tron", rate=15.0, hidden_rate=9.0, published_batch=20, throttle=Throttle.BARE)
    async with stage(tmp_path, (stingy,), **PLAYED) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED
        on.verdicts()
        log = on.log("grid")
        refused = [entry for entry in log if entry.answered == "rate"]
        assert refused
        for entry in refused:
            assert not [other for other in log if entry.sent and entry.sent + 0.05 < other.since < entry.sent + 2.0]
        assert "suspended for 2 s" in (on.provider("grid").last_error or "")


@played
async def test_a_smaller_batch_limit_of_the_node_is_learned(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("grid", "tron", batch=7),), **PLAYED) as on:
        await on.scan()
        on.assert_all_true()
        answered = [entry.answered for entry in on.log("grid") if entry.methods == ("eth_getBalance",)]
        assert answered.count("batch") in range(1, 10)
        assert "batch" not in answered[answered.index("ok") :], "a refused size is not tried again"


@played
async def test_a_host_of_another_tron_network_is_set_aside(tmp_path: Path) -> None:
    async with stage(tmp_path, NODES, faults={"grid": [always(Fault.WRONG_CHAIN)]}, **PLAYED) as on:
        await on.scan()
        on.assert_all_true()
        assert on.provider("grid").state is ProviderState.QUARANTINED
        assert "but tron is 728126428" in (on.provider("grid").last_error or "")


@played
async def test_a_node_whose_contracts_revert_leaves_the_tokens_to_the_others(tmp_path: Path) -> None:
    reverts = Rule(faults=(Fault.REVERTED,), items=1.0)
    async with stage(tmp_path, NODES[1:], faults={"node-a": [reverts]}, **PLAYED) as on:
        await on.scan()
        on.assert_all_true()
        assert "REVERT opcode executed" in (on.provider("node-a").last_error or "")
