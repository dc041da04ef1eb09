"""Litecoin and Dogecoin are scanned as Bitcoin is: by its protocols, with their own addresses, scripts and headers."""

from pathlib import Path

import pytest

from hdscan.app.demo import Verdict
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


@pytest.mark.parametrize("coin", [LTC, DOGE], ids=["ltc", "doge"])
@played
async def test_a_coin_s_hosts_may_fail_as_bitcoin_s(tmp_path: Path, coin: SimChain) -> None:
    name = coin.chain.id
    hosts = tuple(host(each, name, protocols=(each,), batch=20) for each in ("electrum", "esplora", "blockchair"))
    async with stage(tmp_path, hosts, addresses=120, played_chains=(coin,), faults="mild", request_timeout=2.0) as on:
        await on.scan()
        assert on.verdicts()[Verdict.EXACT] > 100
        on.assert_no_limit_was_broken()


def by_source(on: Stage, chain: str) -> set[str]:
    return {str(row.source) for row in on.wallet.balances(chain)}
