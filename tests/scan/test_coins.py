"""Litecoin and Dogecoin are scanned as Bitcoin is: by its protocols, with their own addresses, scripts and headers."""

from pathlib import Path

import pytest

from hdscan.sim.chains import DOGE, LTC, SimChain
from tests.scan.stage import Stage, host, played, stage


@pytest.mark.parametrize("coin", [LTC, DOGE], ids=["ltc", "doge"])
@played
async def test_a_coin_is_scanned_by_every_protocol_of_bitcoin(tmp_path: Path, coin: SimChain) -> None:
    name = coin.chain.id
    hosts = (
        host("electrum", name, protocols=("electrum",), batch=10),
        host("esplora", name, protocols=("esplora",)),
        host("blockchair", name, protocols=("blockchair",)),
    )
    async with stage(tmp_path, hosts, addresses=60, played_chains=(coin,)) as on:
        await on.scan()
        on.assert_all_true()
        assert by_source(on, name) == {"electrum", "esplora", "blockchair"}


def by_source(on: Stage, chain: str) -> set[str]:
    return {str(row.source) for row in on.wallet.balances(chain)}
