"""What hdscan finds of a wallet beside BDK's full scan, through the same ElectrumX and the same Esplora on regtest."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hdscan.app import open_wallet
from hdscan.model.wallet import GAP, Role
from tests.nodes.bdk import Discovered, full_scan, library
from tests.nodes.bitcoin import Bitcoin, bitcoind
from tests.nodes.electrumx import ElectrumX, electrumx
from tests.nodes.esplora import esplora
from tests.nodes.stage import row, scan
from tests.nodes.used import REGTEST, Used


@pytest.fixture(scope="module")
def bitcoin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bitcoin]:
    with bitcoind(tmp_path_factory.mktemp("bitcoin") / "node", addresses=4) as node:
        yield node


@pytest.fixture(scope="module")
def used(bitcoin: Bitcoin) -> Used:
    return Used(bitcoin, "used", {Role.RECEIVE: 150, Role.CHANGE: 60})


@pytest.fixture(scope="module")
def change_alone(bitcoin: Bitcoin) -> Used:
    """Nothing was ever received by a receiving address of it."""
    return Used(bitcoin, "change", {Role.RECEIVE: 0, Role.CHANGE: 5})


@pytest.fixture(scope="module")
def server(bitcoin: Bitcoin, used: Used, change_alone: Used, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ElectrumX]:
    with electrumx(tmp_path_factory.mktemp("electrumx") / "home", "1.16.0", bitcoin) as server:
        yield server


def discovered(path: Path, used: Used, **endpoint: Any) -> Discovered:
    """What hdscan finds through one host."""
    host = row("endpoint", name="host", chain="btc", **endpoint)
    (path / "hdscan.toml").write_text("\n".join([REGTEST, host]), encoding="utf-8")

    async def run() -> Discovered:
        async with open_wallet(f"sqlite:///{path}/wallet.db", path / "hdscan.toml") as wallet:
            (added,) = await wallet.add("\n".join(used.descriptors.values()), name="savings", chains=["btc"])
            assert added.added == 2 * GAP
            await scan(wallet)
            (shown,) = wallet.wallets("savings")
            assert all(branch.ended for branch in shown.branches)
            rows = list(wallet.balances())
            for role, branch in zip(Role, shown.branches, strict=True):
                assert branch.addresses == (-1 if branch.used_to is None else branch.used_to) + 1 + GAP
                assert branch.first == used.addresses[role][0]
            places = {text: (role, at) for role in Role for at, text in enumerate(used.addresses[role])}
            found = frozenset(places[each.address] for each in rows if each.used)
            last = {branch.role: branch.used_to for branch in shown.branches}
            return Discovered(found, last, sum(int(each.amount or "") + int(each.unconfirmed or "0") for each in rows))

    return asyncio.run(run())


@pytest.mark.parametrize("name", ["used", "change_alone"])
def test_electrumx(server: ElectrumX, name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    used: Used = request.getfixturevalue(name)
    ours = discovered(tmp_path, used, protocol="electrum", url=f"tcp://127.0.0.1:{server.port}", rate=1000.0)
    theirs = full_scan(library().ElectrumClient(f"tcp://127.0.0.1:{server.port}"), used.descriptors, GAP, 1, False)
    assert ours == theirs
    assert theirs.used == used.places


@pytest.mark.parametrize("name", ["used", "change_alone"])
def test_esplora(bitcoin: Bitcoin, server: ElectrumX, name: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    used: Used = request.getfixturevalue(name)
    with esplora(bitcoin, server) as url:
        ours = discovered(tmp_path, used, protocol="esplora", url=url, rate=1000.0)
        theirs = full_scan(library().EsploraClient(url), used.descriptors, GAP, 1)
    assert ours == theirs
    assert theirs.used == used.places


def test_an_esplora_that_refuses_for_a_while_stops_bdk_and_not_hdscan(
    bitcoin: Bitcoin, server: ElectrumX, used: Used, tmp_path: Path
) -> None:
    """After 60 requests, the next 20 are refused with a 429, whoever asks."""
    asked = 0

    def refuses() -> bool:
        nonlocal asked
        asked += 1
        return 60 < asked <= 80

    with esplora(bitcoin, server, refuses) as url:
        with pytest.raises(library().EsploraError):
            full_scan(library().EsploraClient(url), used.descriptors, GAP, 1)
        assert asked <= 80  # it gave up while it was refused
        asked = 0
        ours = discovered(tmp_path, used, protocol="esplora", url=url, rate=1000.0)
    assert asked > 80
    assert ours.used == used.places
