"""A wallet in one pass over a node's unspent outputs, beside the bare call of its RPC.

The node is the bitcoind of `make nodes` on regtest where that is installed, otherwise the simulator's.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, process_time

import msgspec
import wallycore
from tests.nodes.ask import ask
from tests.nodes.bitcoin import GENESIS, command
from tests.nodes.process import NODES, free_port, running

from bench.table import row
from hdscan.app import open_wallet
from hdscan.model.scan import Status
from hdscan.sim.host import HostSpec
from hdscan.sim.process import Config, Simulation

ADDRESSES, TINY = 100_000, 500
SIMULATED = 10_000  # at most: the simulator makes up what each holds
FUNDED = 100  # blocks that pay to one of them each
REGTEST = f"""
network = "testnet"
log_level = "error"
[[chain]]
id = "btc"
family = "bitcoin"
symbol = "BTC"
genesis = "{GENESIS}"
"""
ROW = """
[[endpoint]]
name = "node"
chain = "btc"
protocol = "bitcoind"
url = "{url}"
rate = 100.0
trusted = true
"""


class Node(msgspec.Struct, frozen=True):
    """A node: its url, the configuration of its chain, and the addresses to read."""

    what: str
    url: str
    config: str
    addresses: list[str]


@asynccontextmanager
async def _real(folder: Path, count: int) -> AsyncIterator[Node]:
    keys = (sha256(str(number).encode()).digest()[:20] for number in range(count))
    addresses = [str(wallycore.addr_segwit_from_bytes(b"\x00\x14" + key, "bcrt", 0)) for key in keys]
    port = free_port()
    url = f"http://test:test@127.0.0.1:{port}"
    with running(command(folder, port, "disablewallet", "rpcuser=test", "rpcpassword=test"), folder) as node:
        node.until(lambda: ask(url, "getblockhash", 0), "a bitcoind that answers")
        for address in addresses[:: count // FUNDED]:
            ask(url, "generatetoaddress", 1, address)
        yield Node("bitcoind", url, REGTEST, addresses)


@asynccontextmanager
async def _simulated(count: int) -> AsyncIterator[Node]:
    host = HostSpec(name="node", chain="btc", protocols=("bitcoind",), rate=1e4, burst=1e4, latency=0.0)
    async with Simulation(Config(addresses={"btc": count}, hosts=(host,), keep_asks=False)) as sim:
        yield Node("simulated", sim.endpoints[0].url, 'log_level = "error"\n', list(sim.world["btc"].addresses()))


def _bare(node: Node) -> tuple[float, int]:
    """Seconds of the call, and how many outputs it found."""
    begin = perf_counter()
    found = ask(node.url, "scantxoutset", "start", [f"addr({address})" for address in node.addresses])
    assert found["success"]
    return perf_counter() - begin, len(found["unspents"])


async def _scan(node: Node, folder: Path) -> tuple[float, float, int]:
    """Seconds and CPU seconds of a scan, and how many calls it took."""
    (folder / "hdscan.toml").write_text(node.config + ROW.format(url=node.url), encoding="utf-8")
    async with open_wallet(f"sqlite:///{folder}/wallet.db", folder / "hdscan.toml") as wallet:
        await wallet.add(node.addresses, chains=["btc"])
        begin, cpu = perf_counter(), process_time()
        async for _ in wallet.scan():
            pass
        seconds, cpu = perf_counter() - begin, process_time() - cpu
        assert wallet.result is not None
        assert wallet.result.status is Status.COMPLETED
        return seconds, cpu, next(each for each in wallet.providers() if each.name == "node").calls


async def _measure(count: int) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        real = (NODES / "bitcoin.installed").exists()
        async with _real(folder / "node", count) if real else _simulated(min(count, SIMULATED)) as node:
            bare, outputs = await asyncio.to_thread(_bare, node)
            seconds, cpu, calls = await _scan(node, folder)
    row(
        f"{node.what}: {len(node.addresses):,} addresses in {calls} calls",
        f"{seconds:.1f} s, {1e6 * cpu / len(node.addresses):.0f} µs each",
        f"{seconds - bare:+.1f} s",
        f"the bare call of {bare:.2f} s; {outputs:,} outputs",
    )


def run(*, tiny: bool) -> None:
    """A row; what the scan takes beside the call is the same on a chain where that takes minutes."""
    asyncio.run(_measure(TINY if tiny else ADDRESSES))
