"""All EVM chains in one scan: each is read from its own hosts and dated by its own blocks."""

import time
from pathlib import Path

from hdscan.sim.chains import EVM
from hdscan.sim.host import HostSpec
from tests.scan.stage import played, stage

CHAINS = {each.chain.id: each for each in EVM}
BEHIND = 60.0  # seconds that a head may be old when an amount is dated by it


def hosts(*chains: str, protocols: tuple[str, ...]) -> tuple[HostSpec, ...]:
    """Two hosts for each chain."""
    return tuple(
        HostSpec(name=f"{chain}-{name}", chain=chain, protocols=protocols, rate=500.0, latency=0.002)
        for chain in chains
        for name in ("a", "b")
    )


@played
async def test_every_chain_is_read_at_once_and_dated_by_its_own_blocks(tmp_path: Path) -> None:
    async with stage(tmp_path, hosts(*CHAINS, protocols=("evm-multicall",)), played_chains=EVM, addresses=30) as on:
        await on.scan()
        on.assert_all_true()
        assert set(on.result.chains) == set(CHAINS)
        for name, chain in CHAINS.items():
            top = on.world[name].height(time.time())
            heights = {row.height or 0 for row in on.rows(name).values()}
            assert top - BEHIND / chain.interval <= min(heights) <= max(heights) <= top, name


@played
async def test_a_block_of_another_chain_makes_nobody_fork(tmp_path: Path) -> None:
    """Arbitrum's contracts are told hashes that change with every block, though none has left its chain."""
    async with stage(
        tmp_path, hosts("arbitrum", protocols=("evm-multicall", "evm-rpc")), played_chains=EVM, addresses=3_000, chunk=100
    ) as on:
        said = [str(event) for event in await on.scan() if "reorg" in str(event)]
        on.assert_all_true()
        assert not said
        assert on.provider("arbitrum-a/evm-multicall").amounts


@played
async def test_a_chain_without_addresses_is_not_asked(tmp_path: Path) -> None:
    counts = {"eth": 20, "base": 0, "arbitrum": 0}
    async with stage(tmp_path, hosts(*counts, protocols=("evm-rpc",)), played_chains=EVM, addresses=counts) as on:
        await on.scan()
        assert {name for name in on.city.hosts if on.log(name)} == {"eth-a", "eth-b"}
