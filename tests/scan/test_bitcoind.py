"""Scans through a simulated bitcoind: the whole wallet in few passes, asked first, and others where it fails."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hdscan.model.scan import Status
from hdscan.sim.faults import Fault, Rule, always, script
from tests.scan.stage import Stage, errors, host, played, stage

NODE = host("node", protocols=("bitcoind",), burst=10.0, pass_seconds=8.0)
PUBLIC = (host("btc-a"), host("btc-b"))


def trusted(on: Stage) -> None:
    """Mark the node as the user's own."""
    settings = on.wallet.settings
    rows = tuple(msgspec.structs.replace(each, trusted=each.name == "node") for each in settings.endpoints)
    on.wallet.settings = msgspec.structs.replace(settings, endpoints=rows)


def passes(on: Stage) -> list[int]:
    """The addresses of every pass."""
    return [len(entry.asks) for entry in on.log("node") if entry.methods == ("scantxoutset start",)]


@played
async def test_a_whole_wallet_is_read_in_one_pass_though_its_chunks_are_small(tmp_path: Path) -> None:
    async with stage(tmp_path, (NODE,), addresses=1000) as on:
        await on.scan()
        on.assert_all_true()
        assert sum(passes(on)) >= 1000
        assert len(passes(on)) == 1
        rows = on.rows("btc").values()
        assert {row.unconfirmed for row in rows} == {None}
        assert len({row.height for row in rows}) == 1


@played
async def test_a_trusted_node_is_asked_alone_while_it_answers(tmp_path: Path) -> None:
    async with stage(tmp_path, (NODE, *PUBLIC), addresses=300) as on:
        trusted(on)
        await on.scan()
        on.assert_all_true()
        assert {name for name, _ in on.asked("btc")}
        assert not any(entry.asks for name in ("btc-a", "btc-b") for entry in on.log(name))


@played
async def test_what_a_node_cannot_read_is_read_by_the_others(tmp_path: Path) -> None:
    faults = {"node": (always(Fault.ERROR_OBJECT, method="scantxoutset"),)}
    async with stage(tmp_path, (NODE, *PUBLIC), faults=faults, addresses=200) as on:
        trusted(on)
        await on.scan()
        on.assert_all_true()
        assert on.provider("node").amounts == 0


@pytest.mark.parametrize(
    "fault", [Fault.RESET_MID_BODY, Fault.TRUNCATED, Fault.EMPTY_OBJECT, Fault.NULL_RESULT, Fault.MALFORMED]
)
@played
async def test_a_pass_that_breaks_is_made_again(tmp_path: Path, fault: Fault) -> None:
    async with stage(tmp_path, (NODE,), faults={"node": (script(fault),)}, addresses=200, outage_limit=500.0) as on:
        await on.scan()
        on.assert_all_true()
        assert set(passes(on)) == {200}  # of which one may be refused, while the one that broke is under way


@played
async def test_a_stopped_scan_leaves_no_pass_behind(tmp_path: Path) -> None:
    async with stage(tmp_path, (NODE,), addresses=200) as on:

        async def stop() -> None:
            await asyncio.sleep(4)
            assert passes(on) == [200]
            on.wallet.stop()

        stopping = asyncio.create_task(stop())
        await on.scan()
        await stopping
        assert on.result.status is Status.STOPPED
        assert [entry.methods for entry in on.log("node")][-2:] == [("scantxoutset abort",), ("scantxoutset status",)]
        assert all(row.amount is None for row in on.rows("btc").values())
        await on.scan()
        on.assert_all_true()


@played
async def test_a_lie_about_a_canary_is_found_out(tmp_path: Path) -> None:
    lies = {"node": (Rule(faults=(Fault.FALSE_ZEROS,), items=1.0),)}
    async with stage(tmp_path, (NODE, *PUBLIC), faults=lies, addresses=100) as on:
        on.wallet.settings = with_canary(on.wallet.settings)
        events = await on.scan()
        on.assert_all_true()
        assert any("canary" in text for text in errors(events, "btc"))
        assert on.provider("node").state == "quarantined"


def with_canary(settings: Any) -> Any:
    chains = dict(settings.chains)
    chains["btc"] = msgspec.structs.replace(chains["btc"], canaries=("1CounterpartyXXXXXXXXXXXXXXXUWLpVr",))
    return msgspec.structs.replace(settings, chains=chains)
