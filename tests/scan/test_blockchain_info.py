"""A scan through blockchain.info: what waits in the mempool is told apart, and what it can't say another is asked for."""

from pathlib import Path

import pytest

from hdscan.sim.faults import Fault, Rule
from tests.scan.stage import host, played, stage

INFO = host("info", protocols=("blockchain-info",), rate=50.0)


@played
async def test_confirmed_and_unconfirmed_are_told_apart(tmp_path: Path) -> None:
    async with stage(tmp_path, (INFO, host("other")), addresses=300) as on:
        await on.scan()
        on.assert_all_true()
        truth = {row.index: str(row.unconfirmed) for row in on.world["btc"].truth()}
        rows = [row for row in on.wallet.balances("btc") if row.source == "info"]
        assert len(rows) > 20
        assert {row.index: row.unconfirmed for row in rows}.items() <= truth.items()
        assert any(row.unconfirmed != "0" for row in rows)


@pytest.mark.parametrize(
    "fault",
    [Fault.SHORT_LIST, Fault.FOREIGN_ID, Fault.DUPLICATE_ID, Fault.ITEM_ERRORS, Fault.EMPTY_OBJECT, Fault.ERROR_OBJECT],
)
@played
async def test_what_a_reply_does_not_say_is_read_from_another(tmp_path: Path, fault: Fault) -> None:
    faults = {"info": [Rule(faults=(fault,), share=0.5, items=0.2)]}
    async with stage(tmp_path, (INFO, host("other")), addresses=100, faults=faults) as on:
        await on.scan()
        on.assert_all_true()
        assert on.log("other")


@played
async def test_a_pause_beside_an_answer_is_kept(tmp_path: Path) -> None:
    faults = {"info": [Rule(faults=(Fault.ANSWER_AND_PAUSE,))]}
    async with stage(tmp_path, (INFO, host("other")), addresses=100, faults=faults) as on:
        await on.scan()
        on.assert_all_true()
        assert {str(row.source) for row in on.wallet.balances("btc")} == {"info", "other"}
