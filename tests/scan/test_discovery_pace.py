"""Large branches are read as fast as the hosts allow, and not far beyond their end."""

from pathlib import Path

import pytest

from hdscan.model.scan import Status
from hdscan.model.wallet import Role
from hdscan.sim.faults import USE
from hdscan.sim.host import HostSpec
from tests.scan.branches import CHAINS, both, branch_stage, derive, lengths, rows, source, state
from tests.scan.stage import host, played_long

USED = 1000
SLOW = {"rate": 20.0, "latency": 0.2}
ESPLORA = tuple(host(f"btc-{letter}", **SLOW) for letter in "abc")
ELECTRUM = (
    host("btc-e", protocols=("electrum",), rate=2.0, latency=0.2),
    host("btc-f", protocols=("electrum",), rate=2.0, latency=0.2),
)


@pytest.mark.parametrize("hosts", [ESPLORA, ELECTRUM], ids=["esplora", "electrum"])
@played_long
async def test_discovery_takes_hardly_longer_than_a_list_of_the_same_addresses(
    tmp_path: Path, hosts: tuple[HostSpec, ...]
) -> None:
    held = state({Role.RECEIVE: range(USED), Role.CHANGE: range(USED // 2)})
    (tmp_path / "list").mkdir()
    async with branch_stage(tmp_path / "list", hosts, None, held) as on:
        for role, count in ((Role.RECEIVE, USED + 20), (Role.CHANGE, USED // 2 + 20)):
            await on.add("btc", derive(CHAINS["btc"], source(CHAINS["btc"], role), 0, count))
        await on.scan()
        listed = on.result.chains["btc"]
    async with branch_stage(tmp_path, hosts, both(), held) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED
        assert lengths(rows(on)) == {Role.RECEIVE: USED + 20, Role.CHANGE: USED // 2 + 20}
        found = on.result.chains["btc"]
        assert found.addresses == listed.addresses
        assert found.seconds <= 1.15 * listed.seconds


@played_long
async def test_a_branch_of_thousands_takes_few_rounds(tmp_path: Path) -> None:
    latency = 1.0
    hosts = (host("btc-e", protocols=("electrum",), rate=500.0, latency=latency),)
    async with branch_stage(
        tmp_path, hosts, both(), state({Role.RECEIVE: range(5000)}), request_timeout=10.0, chunk=1000
    ) as on:
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 5020, Role.CHANGE: 20}
        assert on.result.chains["btc"].seconds < 40 * latency


@played_long
async def test_the_use_of_emptied_addresses_between_others_takes_few_calls(tmp_path: Path) -> None:
    held = state({Role.RECEIVE: range(3000)}, emptied=range(0, 3000, 2))
    async with branch_stage(tmp_path, ELECTRUM, both(), held, chunk=1000) as on:
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 3020, Role.CHANGE: 20}
        asked = [entry.asks for each in on.city.hosts.values() for entry in each.log if entry.asks]
        uses = [asks for asks in asked if any(symbol == USE for _, symbol in asks)]
        assert len(uses) < 15
