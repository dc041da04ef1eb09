"""Tokens are proved over real sockets: one key a token on Solana, and no amount of a token that is another one."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.app import Wallet
from hdscan.model.errors import ChainCode
from hdscan.model.events import ScanComplete, ScanError, ScanState
from hdscan.model.scan import BalanceState, Status
from hdscan.sim.chains import BSC, SOL, SimChain
from hdscan.sim.faults import Fault, always
from hdscan.sim.host import HostSpec
from tests.scan.stage import Stage, ends, etherscan, host, multicall, of, played, stage, token_errors

BSC_HOSTS = {
    "multicall": (multicall("a"), multicall("b")),
    "evm-rpc": (host("a", "bsc"), host("b", "bsc")),
    "single calls": (host("a", "bsc", published_batch=1), host("b", "bsc", published_batch=1)),
    "etherscan": (etherscan("a"), etherscan("b")),
    "of every kind": (multicall("a"), host("b", "bsc"), etherscan("c")),
}


def stating(played_chain: SimChain, **contracts: tuple[str, int]) -> tuple[SimChain, ...]:
    """The chain, where the contracts of these assets state another symbol and decimals than its rows."""
    return (msgspec.structs.replace(played_chain, contracts=contracts),)


def proofs(on: Stage, chain: str) -> int:
    """The calls to a chain's hosts that were about tokens and no balances."""
    checks = {"eth_chainId", "eth_blockNumber", "getGenesisHash", "getSlot"}
    entries = [e for h in on.city.hosts.values() if h.spec.chain == chain for e in h.log]
    return sum(not e.asks and not checks & set(e.methods) and "eth_getBlockByNumber" not in e.methods for e in entries)


@played
async def test_on_solana_a_token_takes_one_key_once_its_program_is_proved(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a", "sol"), host("b", "sol")), addresses=500, chunk=500) as on:
        await on.scan()
        on.assert_all_true()
        calls = [entry for name in "ab" for entry in on.log(name) if entry.asks]
        held = sum(int(row.amount or 0) > 0 for row in on.wallet.balances("sol"))  # asked twice
        assert len(calls) <= (500 * 3 + held) / 99 + 6
        assert max(entry.items for entry in calls) == 100
        assert proofs(on, "sol") == 2
        on.city.reset()
        await on.scan()
        on.assert_all_true()
        assert proofs(on, "sol") == 0, "a proof is kept"


@played
async def test_where_nobody_tells_the_program_both_accounts_of_a_token_are_read(tmp_path: Path) -> None:
    faults = {"lone": [always(Fault.ERROR_OBJECT, first=2, stop=3)]}  # after the genesis hash and the slot
    async with stage(tmp_path, (host("lone", "sol"),), faults=faults, addresses=100) as on:
        events = await on.scan()
        on.assert_all_true()
        assert max(len(entry.asks) for entry in on.log("lone")) <= 99
        assert sum(len(entry.asks) for entry in on.log("lone")) == 500
        assert of(events, ScanError) == []
        on.city.set_faults("none")
        on.city.reset()
        await on.scan()
        assert sum(len(entry.asks) for entry in on.log("lone")) == 300


@pytest.mark.parametrize("kind", BSC_HOSTS)
@played
async def test_a_token_with_other_decimals_is_not_read_and_the_coin_is(tmp_path: Path, kind: str) -> None:
    async with stage(tmp_path, BSC_HOSTS[kind], addresses=30, played_chains=stating(BSC, USDT=("USDT", 6))) as on:
        events = await on.scan()
        rows = on.rows("bsc").values()
        assert {row.state for row in rows if row.asset == "USDT"} == {BalanceState.UNREAD}
        assert {row.state for row in rows if row.asset != "USDT"} == {BalanceState.READ}
        assert ends(events)["bsc"].status is Status.COMPLETED_WITH_GAPS
        error = token_errors(events)["bsc", "USDT"]
        assert (error.code, error.addresses, error.providers) == ("token_mismatch", 30, {})
        assert "the configuration says 18 decimals, but by " in error.error
        assert error.error.endswith("it has 6")
        assert not any(symbol == "USDT" for _, symbol in on.asked("bsc"))


@played
async def test_a_row_that_is_corrected_is_read_by_a_retry(tmp_path: Path) -> None:
    async with stage(tmp_path, BSC_HOSTS["multicall"], addresses=20, played_chains=stating(BSC, USDT=("USD₮0", 18))) as on:
        events = await on.scan()
        assert 'onchain_symbol = "USD₮0"' in token_errors(events)["bsc", "USDT"].error
        settings = on.wallet.settings
        coin, usdc, usdt = settings.assets["bsc"]
        corrected = msgspec.structs.replace(usdt, onchain_symbol="usd₮0")
        on.wallet.settings = msgspec.structs.replace(settings, assets={"bsc": (coin, usdc, corrected)})
        events = await on.scan(retry=True)
        assert ends(events)["bsc"].status is Status.COMPLETED
        assert token_errors(events)["bsc", "USDT"].addresses == 0
        on.assert_all_true()


@pytest.mark.parametrize("chain", [BSC, SOL], ids=["bsc", "sol"])
@played
async def test_of_three_operators_one_that_lies_about_a_token_is_outvoted(tmp_path: Path, chain: SimChain) -> None:
    name = chain.chain.id
    hosts = tuple(host(each, name) for each in ("liar", "b", "c"))
    faults = {"liar": [always(Fault.OTHER_DECIMALS)]}
    async with stage(tmp_path, hosts, faults=faults, addresses=30, played_chains=(chain,)) as on:
        events = await on.scan()
        on.assert_all_true()
        assert of(events, ScanError) == []
        assert token_errors(events) == {}


@played
async def test_two_that_contradict_are_told_of_and_the_token_is_read_as_configured(tmp_path: Path) -> None:
    faults = {"a": [always(Fault.OTHER_DECIMALS)]}
    async with stage(tmp_path, BSC_HOSTS["multicall"], faults=faults, addresses=30) as on:
        events = await on.scan()
        on.assert_all_true()
        errors = of(events, ScanError)
        assert [error.code for error in errors] == [ChainCode.TOKEN] * 2
        assert f"by {on.city.hosts['a'].listener.url.partition('//')[2]} it has 19" in errors[0].error


@played
async def test_no_mint_at_the_address_is_no_zero(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a", "sol"), host("b", "sol")), addresses=10, played_chains=(SOL,)) as on:
        settings = on.wallet.settings
        coin, usdc, usdt = settings.assets["sol"]
        no_mint = msgspec.structs.replace(usdt, contract=on.world["sol"].address(3))
        other = msgspec.structs.replace(settings, db=f"sqlite:///{tmp_path}/other.db", assets={"sol": (coin, usdc, no_mint)})
        with Wallet(other) as wallet:
            await wallet.add(on.world["sol"].addresses(), chains=["sol"])
            events = [event async for event in wallet.scan()]
            states = {row.asset: row.state for row in wallet.balances("sol")}
        assert states == {"SOL": BalanceState.READ, "USDC": BalanceState.READ, "USDT": BalanceState.UNREAD}
        assert "there is no token" in token_errors(events)["sol", "USDT"].error


@pytest.mark.parametrize("fault", [Fault.HANG, Fault.RESET, Fault.THROTTLED_SECONDS])
@played
async def test_a_proof_that_cannot_be_had_stalls_neither_the_end_nor_ctrl_c(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, BSC_HOSTS["multicall"], faults={"a": [always(fault)], "b": [always(fault)]}) as on:

        def stop(event: Any) -> None:
            if isinstance(event, ScanState):
                on.wallet.stop()

        events = await on.scan(stop)
        assert of(events, ScanComplete)[0].status is Status.STOPPED
        on.city.set_faults("none")
        on.city.reset()
        await on.scan()
        on.assert_all_true()


@pytest.mark.parametrize("fault", [Fault.RESET, Fault.SERVER_ERROR])
@played
async def test_where_nobody_answers_the_scan_ends_as_an_outage_and_resumes(tmp_path: Path, fault: Fault) -> None:
    hosts: tuple[HostSpec, ...] = BSC_HOSTS["of every kind"]
    async with stage(tmp_path, hosts, faults={each.name: [always(fault)] for each in hosts}, outage_limit=2.0) as on:
        events = await on.scan()
        assert ends(events)["bsc"].status is Status.FAILED
        assert "no provider answered" in (ends(events)["bsc"].error or "")
        on.city.set_faults("none")
        await on.scan()
        on.assert_all_true()
        assert proofs(on, "bsc") > 0
