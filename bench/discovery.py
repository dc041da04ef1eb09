"""What it takes to find a wallet of 1,000 used addresses: beside BDK's full scan, and beside the same addresses as a list.

All three ask one ElectrumX over bitcoind on regtest, through a relay that counts calls and bytes. Needs `make nodes`.
"""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import msgspec
from tests.nodes.bdk import full_scan, library
from tests.nodes.bitcoin import bitcoind
from tests.nodes.electrumx import electrumx
from tests.nodes.process import NODES
from tests.nodes.stage import row as table
from tests.nodes.used import REGTEST, Used

from bench.table import row
from hdscan.app import Wallet, open_wallet
from hdscan.model.wallet import GAP, Role

USED = {Role.RECEIVE: 700, Role.CHANGE: 300}
TINY = {Role.RECEIVE: 8, Role.CHANGE: 3}
HOLES = 0.037  # share of the steps that leave some out, so that 1,000 used ones lie among 1,400
VERSION = "1.16.0"  # 1.20 holds back small replies for up to a second, which would be all that is measured
BATCH = 100  # scripts that BDK asks for at once, as hdscan does
RUNS, TINY_RUNS = 3, 1


class Cost(msgspec.Struct):
    """Seconds, calls and bytes both ways."""

    seconds: float = 0.0
    calls: int = 0
    size: int = 0


class Relay:
    """Hands on what goes to a port, and counts it."""

    def __init__(self, port: int) -> None:
        self.calls = self.size = 0
        self._to = port
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listening.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return  # closed
            far = socket.create_connection(("127.0.0.1", self._to))
            for a, b in ((near, far), (far, near)):
                a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._pass, args=(a, b, a is near), daemon=True).start()

    def _pass(self, source: socket.socket, target: socket.socket, asks: bool) -> None:
        try:
            while data := source.recv(1 << 16):
                self.size += len(data)
                if asks:
                    self.calls += data.count(b'"method"')  # a name cut in two is missed
                target.sendall(data)
        except OSError:
            pass
        finally:
            for each in (source, target):
                each.close()

    def close(self) -> None:
        self._listening.close()


@contextmanager
def _counted(port: int, cost: Cost) -> Iterator[int]:
    relay = Relay(port)
    began = perf_counter()
    yield relay.port
    cost.seconds, cost.calls, cost.size = perf_counter() - began, relay.calls, relay.size
    relay.close()


async def _scan(wallet: Wallet) -> None:
    async for _ in wallet.scan():
        pass
    assert wallet.result is not None
    assert wallet.result.status == "completed", wallet.result


def _hdscan(port: int, source: str) -> tuple[Cost, list[str], int]:
    """What a scan of a new wallet costs, its addresses, and how many of them are used."""
    cost = Cost()
    with TemporaryDirectory() as folder, _counted(port, cost) as relayed:
        host = table("endpoint", name="host", chain="btc", protocol="electrum", url=f"tcp://127.0.0.1:{relayed}", rate=1e5)
        (config := Path(folder) / "hdscan.toml").write_text(f"{REGTEST}\n{host}")

        async def run() -> tuple[list[str], int]:
            async with open_wallet(f"sqlite:///{folder}/bench.db", config) as wallet:
                await wallet.add(source, name="bench", chains=["btc"])
                await _scan(wallet)
                rows = list(wallet.balances())
                return [each.address for each in rows], sum(each.used is True for each in rows)

        addresses, used = asyncio.run(run())
    return cost, addresses, used


def _bdk(port: int, used: Used) -> Cost:
    cost = Cost()
    with _counted(port, cost) as relayed:
        client = library().ElectrumClient(f"tcp://127.0.0.1:{relayed}")
        found = full_scan(client, used.descriptors, GAP, BATCH, False)
    assert found.used == used.places
    return cost


def run(*, tiny: bool) -> None:
    """A row for each of time, calls and bytes."""
    if not all((NODES / f"{part}.installed").exists() for part in ("bitcoin", f"electrumx-{VERSION}", "libraries")):
        row("a wallet's discovery", "not measured", "", "needs `make nodes`")
        return
    with TemporaryDirectory() as folder, bitcoind(Path(folder) / "node", addresses=4) as bitcoin:
        used = Used(bitcoin, "bench", TINY if tiny else USED, HOLES)
        with electrumx(Path(folder) / "electrumx", VERSION, bitcoin) as server:
            ours, theirs, listed = [], [], []
            for _ in range(TINY_RUNS if tiny else RUNS):
                cost, addresses, known = _hdscan(server.port, "\n".join(used.descriptors.values()))
                assert 0 < known <= len(used.places)
                ours.append(cost)
                theirs.append(_bdk(server.port, used))
                listed.append(_hdscan(server.port, "\n".join(addresses))[0])
    what = f"discovery: {len(used.places):,} used of {len(addresses):,} addresses"
    mine, bdk, plain = (min(each, key=lambda cost: cost.seconds) for each in (ours, theirs, listed))
    row(what, f"{mine.seconds:.2f} s", f"{mine.seconds / bdk.seconds:.2f}", f"BDK's full_scan: {bdk.seconds:.2f} s")
    row("its calls", f"{mine.calls:,}", f"{mine.calls / bdk.calls:.2f}", f"BDK's: {bdk.calls:,}")
    row("its bytes", f"{mine.size:,}", f"{mine.size / bdk.size:.2f}", f"BDK's: {bdk.size:,}")
    times = mine.seconds / plain.seconds
    row("beside its list", f"{mine.seconds:.2f} s", f"{times:.2f}", f"{plain.seconds:.2f} s, {plain.calls:,} calls")
