"""A pool of public Electrum servers, many of them of no use: thousands of addresses within seconds, none over its limit."""

import asyncio
import socket
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hdscan.model.endpoint import Cost, Endpoint
from hdscan.sim.faults import Fault, Rule, always
from hdscan.sim.host import HostSpec
from tests import virtual_time
from tests.scan.stage import Stage, host, stage

ADDRESSES = 2_500  # of which 1,500 hold something, and are asked of a second operator


def server(number: int, **changes: Any) -> HostSpec:
    """As ElectrumX with its default cost limits: about 950 addresses at once, and one a second more."""
    plain = {"protocols": ("electrum",), "rate": 1.0, "burst": 950.0, "published_burst": 900, "cost": Cost.ITEM}
    return host(f"s{number:02}", **{**plain, "latency": 0.15, **changes})


@contextmanager
def closed_ports(count: int) -> Iterator[tuple[Endpoint, ...]]:
    """Endpoints at which nobody listens, on ports that nobody else gets meanwhile."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        urls = [f"tcp://127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        kinds = {"rate": 1.0, "burst": 900, "cost": Cost.ITEM}
        yield tuple(Endpoint(f"gone{i}", "btc", ("electrum",), url, **kinds) for i, url in enumerate(urls))
    finally:
        for each in sockets:
            each.close()


def seen(on: Stage, name: str) -> set[str]:
    return {text for entry in on.log(name) for text, _ in entry.asks}


def test_sixteen_servers_of_which_nine_are_of_no_use_read_a_wallet_in_seconds(tmp_path: Path) -> None:
    hosts = tuple(server(number, latency=20.0 if number in (2, 3) else 0.15) for number in range(13))
    faults = {
        "s00": [always(Fault.HANG)],
        "s01": [always(Fault.HANG)],
        "s04": [always(Fault.WRONG_CHAIN)],
        "s05": [Rule(faults=(Fault.FALSE_ZEROS,), items=1.0)],
    }

    async def scan() -> None:
        loop = asyncio.get_running_loop()
        with closed_ports(3) as gone:
            async with stage(
                tmp_path,
                hosts,
                faults=faults,
                addresses=ADDRESSES,
                more=gone,
                chunk=1000,
                request_timeout=15.0,
                backoff_base=1.0,
                backoff_max=30.0,
                breaker_cooldown=30.0,
                audit="spare",
                electrum_servers=16,
            ) as on:
                began, ends = loop.time(), 60
                await on.scan()
                took = loop.time() - began
                assert took < ends, [(s.name, s.state, s.calls, s.amounts, s.last_error) for s in on.wallet.providers()]
                on.assert_all_true()
                for name in ("s00", "s01"):
                    assert len(on.log(name)) <= 2  # tried once, and not again within the hour
                assert on.provider("s04").state == "quarantined"

    virtual_time.run(asyncio.wait_for(scan(), 3600))


def test_no_operator_sees_the_whole_wallet_and_the_next_scan_asks_others(tmp_path: Path) -> None:
    async def scan() -> None:
        async with stage(tmp_path, tuple(server(number) for number in range(16)), addresses=400, electrum_servers=4) as on:
            asked = []
            for _ in range(3):
                on.city.reset()
                await on.scan(restart=True)
                on.assert_all_true()
                asked.append({name for name in on.city.hosts if seen(on, name)})
                assert 2 <= len(asked[-1]) <= 4
                assert max(len(seen(on, name)) for name in on.city.hosts) < 400
            assert len(set().union(*asked)) > 4

    virtual_time.run(asyncio.wait_for(scan(), 3600))


def test_those_that_stand_by_give_the_second_word_and_none_bears_itself_out(tmp_path: Path) -> None:
    async def scan() -> None:
        hosts = tuple(server(number, burst=60.0, published_burst=50) for number in range(6))
        async with stage(tmp_path, hosts, addresses=150, electrum_servers=1, request_timeout=15.0) as on:
            await on.scan()
            on.assert_all_true()
            funded = {row.address for row in on.wallet.balances("btc") if row.amount != "0"}
            heard = Counter(text for name in on.city.hosts for text in seen(on, name))
            assert min(heard[text] for text in funded) >= 2

    virtual_time.run(asyncio.wait_for(scan(), 3600))
