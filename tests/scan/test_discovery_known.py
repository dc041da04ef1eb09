"""Addresses that a branch comes to and that the database has already: of another wallet, of a list, of an earlier scan."""

from pathlib import Path

from hdscan.model.scan import BalanceState, Status
from hdscan.model.wallet import Role
from hdscan.sim.faults import Fault, Rule
from tests.scan.branches import address, both, branch_stage, lengths, rows, state
from tests.scan.stage import host, played

ALONE = (host("btc-a"),)


@played
async def test_what_is_known_of_an_address_is_not_replaced_by_what_one_operator_says_to_a_branch(tmp_path: Path) -> None:
    hosts = (host("btc-a"), host("btc-b"))
    held = state({Role.RECEIVE: {5, 25}})
    async with branch_stage(tmp_path, hosts, None, held) as on:
        await on.add("btc", [address(Role.RECEIVE, 25)])
        await on.scan()
        on.wallet.store.wallets.add("savings", both(), 0.0)
        lie = Rule((Fault.FALSE_ZEROS,), items=1.0, address=address(Role.RECEIVE, 25))
        on.city.set_faults({"btc-a": [lie], "btc-b": [Rule((Fault.SERVER_ERROR,), address=address(Role.RECEIVE, 25))]})
        await on.scan(wallets=("savings",))
        (row,) = [row for row in on.wallet.balances("btc") if row.address == address(Role.RECEIVE, 25)]
        assert (row.amount, row.state) == ("1025", BalanceState.STALE)
        assert on.result.status is Status.COMPLETED_WITH_GAPS


@played
async def test_a_branch_goes_on_after_an_address_that_was_known_to_be_used(tmp_path: Path) -> None:
    held = state({Role.RECEIVE: {5, 25, 40}}, emptied={25})
    async with branch_stage(tmp_path, ALONE, None, held, final_passes=0) as on:
        await on.add("btc", [address(Role.RECEIVE, 25)])
        await on.scan()
        on.wallet.store.wallets.add("savings", both(), 0.0)
        on.world["btc"].state({address(Role.RECEIVE, 25): {"BTC": 0, "used": 0}})
        await on.scan(wallets=("savings",))
        assert lengths(rows(on)) == {Role.RECEIVE: 61, Role.CHANGE: 20}
        assert on.result.status is Status.COMPLETED
