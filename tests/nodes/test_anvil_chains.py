"""Each built-in EVM chain's row against anvil with that chain's id: its hosts' protocols prove it, read it and date it."""

import asyncio
from pathlib import Path

import pytest

from hdscan.model.chain import Family
from hdscan.model.scan import ScanRequest
from hdscan.settings import load
from hdscan.settings.load import Places
from tests.nodes.anvil import anvil_with, bare_alloc, checksummed
from tests.nodes.ask import ask
from tests.nodes.stage import row, wallet_on

BUILT_IN = load(None, {}, {}, Path("/"), Places(data=Path("/")))
CHAINS = {name: chain for name, chain in BUILT_IN.chains.items() if chain.family is Family.EVM}
HELD = {checksummed(bytes([n]) * 20): n**9 for n in range(1, 60)} | {checksummed(bytes([n]) * 20): 0 for n in range(60, 120)}


def test_there_are_eight() -> None:
    assert len(CHAINS) == 8


@pytest.mark.parametrize("name", CHAINS)
def test_every_chain_is_proved_read_and_dated_through_its_row(tmp_path: Path, name: str) -> None:
    this = CHAINS[name]

    async def run(url: str) -> None:
        for protocols in (("evm-multicall",), ("evm-rpc",)):
            home = tmp_path / protocols[0]
            home.mkdir()
            node = row("endpoint", name="anvil", chain=this.id, protocol=protocols, url=url, rate=500.0)
            async with wallet_on(home, this.id, [node], HELD) as wallet:
                async for _ in wallet.scan(ScanRequest(assets=(this.symbol,))):
                    pass
                found = {each.address: each for each in wallet.balances(this.id, this.symbol)}
                assert {address: int(each.amount or -1) for address, each in found.items()} == HELD
                assert {each.height for each in found.values()} == {int(ask(url, "eth_blockNumber"), 16)}
            stranger = next(other for other in CHAINS.values() if other.id != this.id)
            wrong = row("endpoint", name="anvil", chain=stranger.id, protocol=protocols, url=url, rate=500.0)
            (home / "wrong").mkdir()
            async with wallet_on(home / "wrong", stranger.id, [wrong], list(HELD)[:3]) as wallet:
                async for _ in wallet.scan(ScanRequest(assets=(stranger.symbol,))):
                    pass
                assert not [each for each in wallet.balances(stranger.id) if each.amount is not None]

    alloc = bare_alloc({address: wei for address, wei in HELD.items() if wei} | dict.fromkeys(this.canaries, 10**18))
    with anvil_with(tmp_path / "node", int(this.identity), alloc) as url:
        ask(url, "anvil_mine", "0x7")
        asyncio.run(run(url))
