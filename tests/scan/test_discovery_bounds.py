"""No operator alone can have a scan read on for ever."""

from pathlib import Path

from hdscan.model.errors import ChainCode
from hdscan.model.events import ScanError
from hdscan.model.scan import Status
from hdscan.model.wallet import Role
from hdscan.scan.extension import FREE
from hdscan.sim.faults import Fault, Rule
from tests.scan.branches import both, branch_stage, lengths, rows, state
from tests.scan.stage import host, of, played_long

LIE = {"liar": [Rule((Fault.FALSE_USE,), items=1.0)]}


@played_long
async def test_a_host_that_says_used_of_every_address_is_not_followed_for_ever(tmp_path: Path) -> None:
    hosts = (host("liar"), host("honest", rate=20.0))
    async with branch_stage(tmp_path, hosts, both(), state({Role.RECEIVE: {3}}), chunk=500) as on:
        on.city.set_faults(LIE)
        events = await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        assert all(FREE // 2 < length <= FREE + 20 for length in lengths(rows(on)).values())
        said = [event.error for event in of(events, ScanError) if event.code is ChainCode.END_UNKNOWN]
        assert len(said) == 2
        assert all("honest says that address" in each and "liar that it was" in each for each in said)


@played_long
async def test_an_emptied_branch_goes_on_by_the_word_of_two(tmp_path: Path) -> None:
    hosts = (host("btc-a", protocols=("electrum",)), host("btc-b", protocols=("electrum",)))
    async with branch_stage(tmp_path, hosts, both(), state({Role.RECEIVE: range(2500)}, emptied=range(2500)), chunk=500) as on:
        await on.scan()
        assert lengths(rows(on)) == {Role.RECEIVE: 2520, Role.CHANGE: 20}
        assert on.result.status is Status.COMPLETED
