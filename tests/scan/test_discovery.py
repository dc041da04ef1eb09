"""Discovery: every branch is read to its end, whoever answers, and no further."""

from pathlib import Path

import pytest

from hdscan.model.errors import ChainCode
from hdscan.model.events import ScanError, ScanProgress
from hdscan.model.scan import Status
from hdscan.model.wallet import Role
from hdscan.sim.faults import Fault, Rule, poison
from hdscan.sim.host import HostSpec
from tests.scan.branches import address, asked_addresses, both, branch_stage, either_form, ended, found_by, lengths, rows, state
from tests.scan.stage import host, of, played

ESPLORA = (host("btc-a"), host("btc-b"))
ELECTRUM = (host("btc-e", protocols=("electrum",)), host("btc-f", protocols=("electrum",)))
WIDE = {Role.RECEIVE: {0, 3, 19, 38, 58, 59, 60, 79, 90}, Role.CHANGE: {7}}

HOSTS = pytest.mark.parametrize("hosts", [ESPLORA, ELECTRUM, (ESPLORA[0], ELECTRUM[0])], ids=["esplora", "electrum", "mixed"])


@HOSTS
@played
async def test_every_branch_is_read_to_the_gap_after_its_last_used_address(tmp_path: Path, hosts: tuple[HostSpec, ...]) -> None:
    held = state(WIDE)
    async with branch_stage(tmp_path, hosts, both(), held) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert lengths(rows(on)) == {Role.RECEIVE: 90 + 1 + 20, Role.CHANGE: 7 + 1 + 20}
        assert ended(rows(on).values())
        assert found_by(on) == {text: each["BTC"] for text, each in held.items()}
        chain = on.result.chains["btc"]
        assert chain.addresses == chain.readings == chain.read == 111 + 28
        on.assert_no_limit_was_broken()


@HOSTS
@played
async def test_a_second_scan_reads_what_is_stored_and_nothing_beyond(tmp_path: Path, hosts: tuple[HostSpec, ...]) -> None:
    async with branch_stage(tmp_path, hosts, both(), state(WIDE)) as on:
        await on.scan()
        for each in on.city.hosts.values():
            each.log.clear()
        await on.scan()
        assert on.result.status is Status.COMPLETED
        stored = {row.address for row in on.wallet.balances("btc")}
        assert len(stored) == 111 + 28
        assert set(asked_addresses(on)) <= either_form(stored)


@played
async def test_a_wallet_that_is_removed_meanwhile_is_looked_at_no_further(tmp_path: Path) -> None:
    async with branch_stage(tmp_path, ESPLORA, both(), state({Role.RECEIVE: set(range(0, 300, 15))})) as on:

        def remove(event: object) -> None:
            if isinstance(event, ScanProgress) and event.read > 60 and on.wallet.wallets():
                on.wallet.remove("savings")

        events = await on.scan(remove)
        assert on.wallet.wallets() == []
        assert on.result.status is Status.COMPLETED
        assert not [event for event in events if isinstance(event, ScanError)], "no end is missing of what is not looked at"


@pytest.mark.parametrize(("position", "within"), [(20, True), (21, False)])
@played
async def test_a_used_address_counts_if_less_than_a_gap_of_unused_ones_lies_before_it(
    tmp_path: Path, position: int, within: bool
) -> None:
    async with branch_stage(tmp_path, ESPLORA, both(), state({Role.RECEIVE: {0, position}})) as on:
        await on.scan()
        assert rows(on)[Role.RECEIVE].used_to == (position if within else 0)
        assert on.result.status is Status.COMPLETED


@HOSTS
@played
async def test_change_is_looked_at_though_no_receiving_address_was_ever_used(
    tmp_path: Path, hosts: tuple[HostSpec, ...]
) -> None:
    held = state({Role.CHANGE: {4, 23}})
    async with branch_stage(tmp_path, hosts, both(), held) as on:
        await on.scan()
        assert found_by(on) == {text: each["BTC"] for text, each in held.items()}
        assert lengths(rows(on)) == {Role.RECEIVE: 20, Role.CHANGE: 44}


@HOSTS
@played
async def test_an_emptied_account_does_not_hide_what_lies_behind(tmp_path: Path, hosts: tuple[HostSpec, ...]) -> None:
    held = state({Role.RECEIVE: range(120)}, emptied=range(119))
    async with branch_stage(tmp_path, hosts, both(), held) as on:
        await on.scan()
        assert found_by(on) == {address(Role.RECEIVE, 119): 1119}
        assert lengths(rows(on)) == {Role.RECEIVE: 140, Role.CHANGE: 20}
        assert ended(rows(on).values())


@HOSTS
@played
async def test_a_failed_reading_ends_no_branch_and_a_retry_goes_on(tmp_path: Path, hosts: tuple[HostSpec, ...]) -> None:
    victim = address(Role.RECEIVE, 25)
    used = {Role.RECEIVE: {5, 25, 44}}
    async with branch_stage(tmp_path, hosts, both(), state(used)) as on:
        on.city.set_faults({each.name: [poison(victim, Fault.SERVER_ERROR)] for each in hosts})
        events = await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        assert lengths(rows(on)) == {Role.RECEIVE: 26, Role.CHANGE: 20}
        assert not rows(on)[Role.RECEIVE].ended
        assert rows(on)[Role.RECEIVE].unknown == 1
        (open_end,) = [event.error for event in of(events, ScanError) if event.code is ChainCode.END_UNKNOWN]
        assert "receiving branch of 'savings' (bip84)" in open_end
        on.city.set_faults("none")
        await on.scan(retry=True)
        assert on.result.status is Status.COMPLETED
        assert lengths(rows(on)) == {Role.RECEIVE: 65, Role.CHANGE: 20}
        assert found_by(on) == {address(Role.RECEIVE, each): 1000 + each for each in used[Role.RECEIVE]}


@played
async def test_an_answer_in_the_final_pass_goes_on_with_its_branch(tmp_path: Path) -> None:
    hosts = (host("btc-a"),)
    async with branch_stage(tmp_path, hosts, both(), state({Role.RECEIVE: {10, 29, 48, 67}})) as on:
        victim = address(Role.RECEIVE, 29)
        on.city.set_faults({"btc-a": [Rule((Fault.SERVER_ERROR,), address=victim, until=1.0)]})
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 88, Role.CHANGE: 20}
        assert on.result.status is Status.COMPLETED


@HOSTS
@played
async def test_new_use_is_found_by_the_next_scan(tmp_path: Path, hosts: tuple[HostSpec, ...]) -> None:
    async with branch_stage(tmp_path, hosts, both(), state({Role.RECEIVE: {0}})) as on:
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 21, Role.CHANGE: 20}
        on.world["btc"].state(state({Role.RECEIVE: {15, 30}, Role.CHANGE: {19}}, emptied={19}))
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 51, Role.CHANGE: 40}
        assert on.result.status is Status.COMPLETED


@played
async def test_a_scan_that_does_not_read_the_coin_looks_for_no_addresses_and_says_so(tmp_path: Path) -> None:
    hosts = (host("bsc-rpc", "bsc"),)
    used = state({Role.RECEIVE: {19}}, chain="bsc")
    async with branch_stage(tmp_path, hosts, both("bsc"), {"bsc": used}) as on:
        events = await on.scan(assets=("USDT",))
        assert lengths(rows(on)) == {Role.RECEIVE: 20, Role.CHANGE: 20}
        assert any("BNB" in event.error for event in of(events, ScanError))
        await on.scan(restart=True)
        assert lengths(rows(on)) == {Role.RECEIVE: 40, Role.CHANGE: 20}
