"""Canaries over real sockets: an address that is known to be funded rides along, and who calls it zero is not believed."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.model.endpoint import Cost
from hdscan.model.errors import ChainCode, ConfigError
from hdscan.model.events import ProviderChanged, ScanError
from hdscan.model.scan import ProviderState
from hdscan.sim.chains import BSC, BTC, SOL, SimChain
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from hdscan.sim.world import World
from tests.scan.stage import errors, etherscan, host, multicall, of, played, stage

COUNT = 60


def electrum(name: str, **changes: Any) -> HostSpec:
    return host(name, protocols=("electrum",), published_batch=25, **changes)


HOSTS = {  # the honest one is slow enough that the liar is asked again
    "multicall": (multicall("liar"), host("honest", "bsc", rate=20.0)),
    "evm-rpc": (host("liar", "bsc"), host("honest", "bsc", rate=20.0)),
    "solana": (host("liar", "sol"), host("honest", "sol", rate=20.0)),
    "electrum": (electrum("liar"), electrum("honest", rate=20.0)),
}
CHAINS = {"btc": BTC, "bsc": BSC, "sol": SOL}

TRUE = {"multicall": 1, "evm-rpc": 6, "solana": 3, "electrum": 4}  # requests that are answered well, the proof among them


LIE = Rule(faults=(Fault.FALSE_ZEROS,), items=1.0)


def with_canary(played_chain: SimChain, addresses: int = COUNT) -> tuple[tuple[SimChain, ...], str]:
    """The chain as the stage plays it, with a funded address of its own as canary."""
    name = played_chain.chain.id
    world = World(seed=11, addresses={name: addresses}, funded=0.6, chains=(played_chain,))
    address = next(true.address for true in world[name].truth() if true.amounts[played_chain.chain.symbol])
    chain = msgspec.structs.replace(played_chain.chain, canaries=(address,))
    return (msgspec.structs.replace(played_chain, chain=chain),), address


@pytest.mark.parametrize("kind", HOSTS)
@played
async def test_who_calls_a_canary_zero_is_quarantined_with_what_it_said(tmp_path: Path, kind: str) -> None:
    hosts = HOSTS[kind]
    chains, _ = with_canary(CHAINS[hosts[0].chain])
    faults = {"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=1.0, first=TRUE[kind])]}
    async with stage(tmp_path, hosts, faults=faults, addresses=COUNT, played_chains=chains, backoff_max=0.05) as on:
        events = await on.scan()
        on.assert_all_true()
        assert on.provider("liar").state == "quarantined"
        assert any("a canary of" in text for text in errors(events, hosts[0].chain))
        assert on.wallet.store.check() == []


@played
async def test_the_only_operator_that_calls_a_canary_zero_is_quarantined_at_once(tmp_path: Path) -> None:
    chains, _ = with_canary(BSC)
    hosts = (multicall("liar"), etherscan("honest"))
    async with stage(tmp_path, hosts, faults={"liar": [LIE]}, addresses=20, played_chains=chains) as on:
        await on.scan()
        on.assert_all_true()
        assert on.provider("liar").state == "quarantined"


@played
async def test_one_operators_zero_is_not_believed_and_no_crime_until_another_was_asked(tmp_path: Path) -> None:
    chains, _ = with_canary(BSC, 20)
    hosts = (multicall("liar"), multicall("honest"))
    async with stage(tmp_path, hosts, faults={"liar": [LIE]}, addresses=20, played_chains=chains, backoff_max=5.0) as on:
        events = await on.scan()
        on.assert_all_true()
        said = [event.last_error for event in of(events, ProviderChanged) if event.state is ProviderState.STALE]
        assert any("not believed until another" in (error or "") for error in said)
        assert on.provider("liar").amounts == 0


@pytest.mark.parametrize("kind", HOSTS)
@played
async def test_a_canary_that_two_operators_call_zero_is_retired(tmp_path: Path, kind: str) -> None:
    hosts = HOSTS[kind]
    played_chain = CHAINS[hosts[0].chain]
    empty = World(seed=12, addresses=1, chains=(played_chain,))[played_chain.chain.id].address(0)
    chain = msgspec.structs.replace(played_chain.chain, canaries=(empty,))
    chains = (msgspec.structs.replace(played_chain, chain=chain),)
    async with stage(tmp_path, hosts, addresses=COUNT, played_chains=chains, backoff_max=0.05) as on:
        events = await on.scan()
        on.assert_all_true()
        (retired,) = [event for event in of(events, ScanError) if event.code is ChainCode.CANARY]
        assert empty in retired.error
        assert {on.provider(each.name).state for each in hosts} <= {"ready", "stale"}


@pytest.mark.parametrize("kind", HOSTS)
@played
async def test_a_canary_costs_no_call_and_no_reading(tmp_path: Path, kind: str) -> None:
    one = (HOSTS[kind][1],) if kind != "multicall" else (HOSTS[kind][0],)
    chains, canary = with_canary(CHAINS[one[0].chain])
    name = one[0].chain
    async with stage(tmp_path, one, addresses=COUNT, played_chains=chains) as on:
        await on.scan()
        on.assert_all_true()
        assert on.result.chains[name].readings == len(chains[0].assets) * COUNT
        symbol = chains[0].chain.symbol
        times = [(a.lower(), s) for e in on.log(one[0].name) for a, s in e.asks].count((canary.lower(), symbol))
        assert times > 1, "it rode along"


@pytest.mark.parametrize(
    ("played_chain", "spec"),
    [
        (BTC, host("a")),
        (BSC, etherscan("a")),
        (BSC, host("a", "bsc", cost=Cost.ITEM)),
        (BSC, host("a", "bsc", published_batch=3)),
    ],
    ids=["esplora", "etherscan", "items that count", "small batches"],
)
@played
async def test_where_it_would_cost_something_none_is_asked(tmp_path: Path, played_chain: SimChain, spec: HostSpec) -> None:
    chains, _ = with_canary(played_chain, 20)
    async with stage(tmp_path, (spec,), addresses=20, played_chains=chains) as on:
        await on.scan()
        on.assert_all_true()
        assert set(on.asked(spec.chain).values()) == {1}


@played
async def test_a_small_gas_cap_is_learned_with_a_canary_too(tmp_path: Path) -> None:
    chains, _ = with_canary(BSC, 100)
    async with stage(tmp_path, (multicall("lone", gas_cap=40),), addresses=100, played_chains=chains) as on:
        await on.scan()
        on.assert_all_true()
        assert set(on.provider("lone").breaker.values()) == {"closed"}


@played
async def test_a_canary_that_is_no_address_is_refused(tmp_path: Path) -> None:
    chain = msgspec.structs.replace(BTC.chain, canaries=("bc1qnothing",))
    async with stage(tmp_path, (host("a"),), played_chains=(msgspec.structs.replace(BTC, chain=chain),)) as on:
        with pytest.raises(ConfigError, match=r"\[\[canary\]\] of btc"):
            await on.scan()
