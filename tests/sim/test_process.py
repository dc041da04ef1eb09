import asyncio
import json
import os
import subprocess
import sys

import aiohttp
import pytest

from hdscan.sim.city import City
from hdscan.sim.faults import Fault, always
from hdscan.sim.process import Config, Simulation
from hdscan.sim.world import World


def test_a_child_process_serves_the_world_that_its_parent_knows():
    async def run() -> None:
        config = Config(seed=3, addresses={"btc": 5, "bsc": 4, "sol": 3}, explicit={"bsc": {"0x" + "ab" * 20: {"BNB": 2**80}}})
        async with Simulation(config) as sim, aiohttp.ClientSession() as session:
            esplora = next(endpoint for endpoint in sim.endpoints if endpoint.chain == "btc")
            address = sim.world["btc"].address(4)
            async with session.get(f"{esplora.url}/address/{address}") as reply:
                assert (await reply.json())["address"] == address
            assert (await sim.log(esplora.name))[0].asks == ((address, "BTC"),)
            assert {verdict.host: verdict.requests for verdict in await sim.judge()}[esplora.name] == 1
            for chain in ("btc", "bsc", "sol"):
                async with session.get(f"{sim.control}/truth", params={"chain": chain}) as reply:
                    rows = json.loads(await reply.read())
                assert [row["amounts"] for row in rows] == [row.amounts for row in sim.world[chain].truth()]
            await sim.set_faults({esplora.name: (always(Fault.SERVER_ERROR),)})
            async with session.get(f"{esplora.url}/address/{address}") as reply:
                assert reply.status >= 500
            await sim.reset()
            assert await sim.log(esplora.name) == []
            with pytest.raises(RuntimeError, match="nobody"):
                await sim.log("nobody")
            with pytest.raises(RuntimeError):
                await sim.set_faults({"nobody": ()})
            async with session.get(f"{sim.control}/elsewhere") as reply:
                assert reply.status == 404

    asyncio.run(run())


def test_the_child_ends_when_its_input_closes():
    child = subprocess.Popen([sys.executable, "-m", "hdscan.sim"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        child.stdin.write(b'{"addresses": 1}\n')
        child.stdin.flush()
        assert len(json.loads(child.stdout.readline())["endpoints"]) == 8
        child.stdin.close()
        assert child.wait(10) == 0


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="a process that is not a child can be awaited on Linux only")
def test_the_child_ends_when_its_parent_is_killed():
    parent = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import asyncio, os\n"
            "from hdscan.sim.process import Config, Simulation\n"
            "async def run():\n"
            "    async with Simulation(Config(addresses=1)) as sim:\n"
            "        print(sim.pid, flush=True)\n"
            "        await asyncio.Event().wait()\n"
            "asyncio.run(run())\n",
        ],
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        watch = os.pidfd_open(child)
        parent.kill()
        asyncio.run(_readable(watch))
        os.close(watch)


async def _readable(descriptor: int) -> None:
    """Wait until a process descriptor says that its process has ended."""
    ended = asyncio.Event()
    asyncio.get_running_loop().add_reader(descriptor, ended.set)
    await asyncio.wait_for(ended.wait(), 10)
    asyncio.get_running_loop().remove_reader(descriptor)


def test_a_child_that_cannot_start_is_an_error():
    async def run() -> None:
        async with Simulation(Config(faults="none", hosts=())) as sim:
            assert sim.endpoints == ()
        broken = Simulation(Config())
        broken.config = Config(faults="unheard of")
        with pytest.raises(RuntimeError, match="did not start"):
            await broken.__aenter__()

    asyncio.run(run())


@pytest.mark.parametrize("faults", ["none", "mild", "wild"])
def test_a_city_opens_with_every_profile(faults: str):
    async def run() -> None:
        async with City(World(1, 2), faults=faults) as city:
            assert {endpoint.chain for endpoint in city.endpoints} == {"btc", "bsc", "sol"}
            assert all(endpoint.url.startswith("http://127.0.0.1:") for endpoint in city.endpoints)

    asyncio.run(run())
