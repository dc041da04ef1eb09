"""Discovery of accounts, of branches without their key, and after stops, retractions and refusals."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.model.errors import ChainCode
from hdscan.model.events import ScanError, ScanProgress
from hdscan.model.scan import Status
from hdscan.model.wallet import Role
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import Throttle
from tests.scan.branches import (
    CHAINS,
    address,
    addresses_of,
    both,
    branch,
    branch_stage,
    ended,
    found_by,
    lengths,
    rows,
    state,
    wallet,
)
from tests.scan.stage import Stage, host, of, played, played_long

ESPLORA = (host("btc-a"), host("btc-b"))
BTC = CHAINS["btc"]


def accounts(count: int) -> Any:
    """A wallet whose first account is active, and the others dormant."""
    return wallet(*(branch(BTC, role, account=each, dormant=each > 0) for each in range(count) for role in Role))


def by_account(on: Stage) -> dict[tuple[int, Role], int]:
    (row,) = on.wallet.store.wallets.rows("savings")
    return {(each.account, each.role): each.addresses for each in row.branches}


@played
async def test_an_account_is_looked_at_once_the_one_before_it_is_used(tmp_path: Path) -> None:
    held = state({Role.CHANGE: {3}}) | state({Role.RECEIVE: {25}}, account=1) | state({Role.RECEIVE: {0}}, account=3)
    held |= state({Role.RECEIVE: {1, 2}}, account=1)
    async with branch_stage(tmp_path, ESPLORA, accounts(5), held) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert by_account(on) == {
            (0, Role.RECEIVE): 20,
            (0, Role.CHANGE): 24,
            (1, Role.RECEIVE): 23,
            (1, Role.CHANGE): 20,
            (2, Role.RECEIVE): 20,  # which is not used, so that no other follows
            (2, Role.CHANGE): 20,
            (3, Role.RECEIVE): 0,
            (3, Role.CHANGE): 0,
            (4, Role.RECEIVE): 0,
            (4, Role.CHANGE): 0,
        }


@pytest.mark.parametrize(("count", "known"), [(20, False), (25, False), (26, True)])
@played
async def test_a_branch_that_cannot_grow_has_a_known_end_if_enough_unused_addresses_are_kept(
    tmp_path: Path, count: int, known: bool
) -> None:
    found = both(kept=False, count=count)
    async with branch_stage(tmp_path, ESPLORA, found, state({Role.RECEIVE: {5}})) as on:
        events = await on.scan()
        assert on.result.status is (Status.COMPLETED if known else Status.COMPLETED_WITH_GAPS)
        said = [event.error for event in of(events, ScanError) if event.code is ChainCode.END_UNKNOWN]
        assert len(said) == (not known)
        assert all("add it again with a larger --count" in each for each in said)
        assert lengths(rows(on)) == {Role.RECEIVE: count, Role.CHANGE: count}


@pytest.mark.parametrize("at", [1, 3, 5, 8])
@played
async def test_a_scan_that_is_stopped_while_it_discovers_ends_as_one_that_is_not(tmp_path: Path, at: int) -> None:
    held = state({Role.RECEIVE: range(0, 100, 3), Role.CHANGE: range(40)})
    async with branch_stage(tmp_path, ESPLORA, both(), held) as on:
        await on.scan(on.stop_after(at, ScanProgress))
        assert on.result.status is Status.STOPPED
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert lengths(rows(on)) == {Role.RECEIVE: 120, Role.CHANGE: 60}
        assert found_by(on) == {text: each["BTC"] for text, each in held.items()}
        assert on.result.chains["btc"].addresses == 180


@played_long
async def test_who_throttles_and_fails_at_the_edges_ends_no_branch(tmp_path: Path) -> None:
    hosts = tuple(host(name, rate=20.0, throttle=Throttle.SECONDS, pause=1.0) for name in ("btc-a", "btc-b"))
    held = state({Role.RECEIVE: {0, 19, 38, 57, 76}, Role.CHANGE: {19, 38}})
    async with branch_stage(tmp_path, hosts, both(), held) as on:
        trouble = (Fault.THROTTLED_BARE, Fault.SERVER_ERROR, Fault.TRUNCATED)
        on.city.set_faults({each.name: [Rule(trouble, share=0.3)] for each in hosts})
        await on.scan()
        while on.result.status is not Status.COMPLETED:
            on.city.set_faults("none")
            await on.scan(retry=True)
        assert lengths(rows(on)) == {Role.RECEIVE: 97, Role.CHANGE: 59}
        assert ended(rows(on).values())
        assert found_by(on) == {text: each["BTC"] for text, each in held.items()}


@played
async def test_the_branches_of_one_key_are_discovered_on_every_chain_that_it_is_for(tmp_path: Path) -> None:
    hosts = (*ESPLORA, host("bsc-rpc", "bsc"))
    here, there = state({Role.RECEIVE: {21}}), state({Role.RECEIVE: {19, 30}}, chain="bsc", emptied={19})
    found = msgspec.structs.replace(both(), branches=(*both().branches, *both("bsc").branches))
    async with branch_stage(tmp_path, hosts, found, {"btc": here, "bsc": there}) as on:
        await on.scan()
        (row,) = on.wallet.store.wallets.rows("savings")
        length = {(each.chain, each.role): each.addresses for each in row.branches}
        assert length == {
            ("btc", Role.RECEIVE): 20,
            ("btc", Role.CHANGE): 20,
            ("bsc", Role.RECEIVE): 51,
            ("bsc", Role.CHANGE): 20,
        }
        assert on.result.status is Status.COMPLETED


@played
async def test_where_nobody_tells_of_use_the_end_is_not_known_and_it_is_said_what_to_add(tmp_path: Path) -> None:
    hosts = (host("bsc-m", "bsc", protocols=("evm-multicall",)),)
    async with branch_stage(tmp_path, hosts, both("bsc"), {"bsc": state({Role.RECEIVE: {3}}, chain="bsc")}) as on:
        events = await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        said = [event.error for event in of(events, ScanError) if event.code is ChainCode.END_UNKNOWN]
        assert len(said) == 2
        assert all("add an evm-rpc endpoint" in each for each in said)
        assert address(Role.RECEIVE, 3, "bsc") in found_by(on, "bsc")


@played
async def test_no_operator_alone_is_believed_that_a_branch_ends(tmp_path: Path) -> None:
    hosts = (host("liar"), host("btc-a", rate=5.0))
    held = state({Role.RECEIVE: {0, 10, 19, 30, 38}}, emptied={19, 30})
    async with branch_stage(tmp_path, hosts, both(), held) as on:
        on.city.set_faults({"liar": [Rule((Fault.FALSE_ZEROS,), items=1.0)]})
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 59, Role.CHANGE: 20}
        assert on.result.status is Status.COMPLETED


@played
async def test_two_operators_are_asked_for_the_use_of_every_address_by_which_a_branch_ends(tmp_path: Path) -> None:
    async with branch_stage(tmp_path, ESPLORA, both(), state({Role.RECEIVE: {5, 24, 40}, Role.CHANGE: {19}})) as on:
        await on.scan()
        ends = set(addresses_of(Role.RECEIVE, 61)[41:]) | set(addresses_of(Role.CHANGE, 40)[20:])
        for each in ESPLORA:
            assert ends <= {text for entry in on.log(each.name) for text, _ in entry.asks}
