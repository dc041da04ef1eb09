"""Spare capacity: zeros get a second word as long as it costs nobody any time, and nobody any quota."""

import asyncio
from pathlib import Path

import msgspec

from hdscan.model.events import ScanComplete, ScanProgress
from hdscan.model.scan import Status
from hdscan.pool.limiter import HOUR, MINUTE, Limiter
from hdscan.pool.policy import Policy
from hdscan.pool.upstream import Upstream
from hdscan.scan.spare import Spare
from hdscan.sim.faults import Fault, Rule
from tests.pool.virtual import Scripted, good
from tests.scan.stage import Stage, host, multicall, of, played, stage


async def timed(on: Stage) -> float:
    began = asyncio.get_running_loop().time()
    await on.scan()
    return asyncio.get_running_loop().time() - began


def limit(on: Stage, name: str, per_hour: int) -> None:
    """Give an endpoint a quota."""
    settings = on.wallet.settings
    endpoints = tuple(
        msgspec.structs.replace(each, per_hour=per_hour) if each.name == name else each for each in settings.endpoints
    )
    on.wallet.settings = msgspec.structs.replace(settings, endpoints=endpoints)


@played
async def test_a_chain_scanned_alone_audits_for_a_fifth_of_its_own_time_what_is_held_first(tmp_path: Path) -> None:
    hosts = (host("a", rate=20), host("b", rate=20))
    async with stage(tmp_path, hosts, addresses=200, audit="off") as on:
        await on.scan()  # what is held has its second words
        alone = await timed(on)
    (tmp_path / "spare").mkdir()
    async with stage(tmp_path / "spare", hosts, addresses=200, audit="spare") as on:
        await on.scan()
        took = await timed(on)
        on.assert_all_true()
        assert on.result.status is Status.COMPLETED
        chain = on.result.chains["btc"]
    assert alone * 1.1 < took < alone * 1.3, (alone, took)
    assert 20 < chain.audited <= 50
    assert 0 < chain.audit_requests <= 60


@played
async def test_a_chain_that_is_read_audits_until_the_slowest_has_ended_and_delays_it_by_nothing(tmp_path: Path) -> None:
    hosts = (host("slow-a", rate=15), host("slow-b", rate=15), host("a", "sol", rate=100), host("b", "sol", rate=100))
    counts = {"btc": 100, "sol": 300}
    times = {}
    for audit in ("off", "spare"):
        (tmp_path / audit).mkdir()
        async with stage(tmp_path / audit, hosts, addresses=counts, audit=audit) as on:
            times[audit] = await timed(on)
            on.assert_all_true()
            zeros = [row for row in on.wallet.balances("sol") if row.amount == "0"]
            confirmed = sum(row.operators > 1 for row in zeros)
            assert confirmed == (len(zeros) if audit == "spare" else 0)
            assert on.wallet.store.check() == []
    assert times["spare"] <= times["off"] * 1.05 + 0.2, times


@played
async def test_a_false_first_zero_is_found_by_spare_capacity(tmp_path: Path) -> None:
    hosts = (multicall("liar"), multicall("one"), multicall("two"))
    async with stage(tmp_path, hosts, faults={"liar": [Rule(faults=(Fault.FALSE_ZEROS,), items=0.3)]}, audit="spare") as on:
        await on.scan()
        on.assert_all_true()
        assert on.provider("liar").state == "quarantined"


@played
async def test_stopping_during_the_audit_ends_a_scan_that_has_read_everything(tmp_path: Path) -> None:
    hosts = (host("a", rate=20), host("b", rate=20))
    async with stage(tmp_path, hosts, addresses=100, audit="spare") as on:

        def stop(event: object) -> None:
            if isinstance(event, ScanProgress) and event.audit_requests:
                on.wallet.stop()

        began = asyncio.get_running_loop().time()
        events = await on.scan(stop)
        assert asyncio.get_running_loop().time() - began < 5
        (end,) = of(events, ScanComplete)
        assert (end.status, end.read) == (Status.COMPLETED, 100)
        assert end.audited < 100
        on.assert_all_true()
        await on.scan()
        assert on.result.scan_id == 2


@played
async def test_the_quota_that_the_next_scan_needs_is_left_alone(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a"), host("b")), addresses=100, audit="spare") as on:
        limit(on, "a", 400)
        limit(on, "b", 400)
        await on.scan()
        used = {name: len(on.log(name)) for name in "ab"}
        on.city.reset()
        await on.scan()
        on.assert_all_true()
        again = {name: len(on.log(name)) for name in "ab"}
        for name in "ab":
            asked = used[name] + again[name]
            assert asked <= 400
    (tmp_path / "tight").mkdir()
    async with stage(tmp_path / "tight", (host("a"), host("b")), addresses=100, audit="spare") as on:
        for name in "ab":
            limit(on, name, 150)  # too few for a second scan of as many
        await on.scan()
        assert on.result.chains["btc"].audit_requests <= 4, "checks alone"


@played
async def test_a_resumed_scan_leaves_the_quota_of_a_whole_one(tmp_path: Path) -> None:
    for resumed in (False, True):
        async with stage(tmp_path, (host("a"), host("b")), addresses=100, audit="spare") as on:
            for name in "ab":
                limit(on, name, 100)  # too few for another whole scan, enough for another half
            await on.scan(None if resumed else on.stop_after(4))
            assert on.result.scan_id == 1
    assert on.result.chains["btc"].audit_requests <= 4, "checks alone"


def test_who_serves_a_chain_that_still_reads_or_lacks_quota_is_left_alone() -> None:
    now = 1_700_000_000.0
    shared, short, free = Limiter(10.0), Limiter(10.0, [(HOUR, 100)]), Limiter(10.0, [(MINUTE, 5), (HOUR, 1000)])
    mine = [
        Upstream(Scripted(name, good(name)), "evm-rpc", limiter, Policy())
        for name, limiter in (("shared", shared), ("short", short), ("free", free))
    ]
    other = [Upstream(Scripted("other", good("other"), endpoint="shared"), "evm-rpc", shared, Policy())]
    reading = [other]
    spare = Spare(mine, alone=False, reading=lambda: reading)
    for limiter in (short, free):
        for _ in range(40):
            limiter.take(1, now)
    spare.begin(60.0, now)
    assert spare.until() is None
    assert spare.leave(20, now) == {"shared"}
    assert spare.leave(21, now) == {"shared", "short"}, "it has 60 left, and the next scan needs 40"
    reading.clear()
    assert spare.until() == now, "the slowest has ended"
    assert spare.leave(21, now) == {"short"}
    spare.begin(60.0, now, runs=1.5)
    assert spare.leave(1, now) == {"short"}, "what an earlier run of the scan took is needed again, too"
    alone = Spare(mine, alone=True, reading=lambda: ())
    alone.begin(60.0, now)
    assert alone.until() == now + 12.0


@played
async def test_off_is_off_and_a_minimum_is_asked_for_on_top(tmp_path: Path) -> None:
    async with stage(tmp_path, (host("a"), host("b")), addresses=60, audit="off") as on:
        await on.scan()
        held = sum(int(row.amount or 0) > 0 for row in on.wallet.balances())
        assert on.result.chains["btc"].audited == held
        await on.scan(audit=100)
        assert on.result.chains["btc"].audited == 60
    (tmp_path / "minimum").mkdir()
    async with stage(tmp_path / "minimum", (host("a"), host("b")), addresses=60, audit=100) as on:
        await on.scan()
        assert on.result.chains["btc"].audited == 60
