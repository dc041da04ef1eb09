"""What hosts were seen to say in place of amounts, said over real sockets: whom it costs what, and what is shown of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from hdscan.model.endpoint import Endpoint
from hdscan.model.scan import ProviderState, ProviderStatus, Status
from hdscan.settings import ScanSettings
from hdscan.sim.faults import Fault, Rule
from hdscan.sim.host import HostSpec
from tests.scan.stage import Stage, etherscan, host, multicall, played, stage

SCAN = ScanSettings(chunk=1000, request_timeout=2.0, final_passes=1)  # the breaker and the backoff are the default ones
READINGS = {"btc": 1200, "bsc": 400, "sol": 400}  # addresses: 1,200 readings
ELECTRUM = {"protocols": ("electrum",), "published_batch": 20}
BAD = {
    "evm-rpc": host("bad", "bsc"),
    "evm-multicall": multicall("bad", published_batch=20),
    "etherscan": etherscan("bad"),
    "esplora": host("bad"),
    "electrum": host("bad", **ELECTRUM),
    "blockchair": host("bad", protocols=("blockchair",)),
    "blockchain-info": host("bad", protocols=("blockchain-info",)),
    "solana-rpc": host("bad", "sol"),
}
STATELESS = {
    "evm-rpc": ("missing trie node", "header not found", "No state available"),
    "evm-multicall": ("missing trie node", "header not found", "No state available"),
    "etherscan": ("Internal server error",),
    "esplora": ("Loading block index",),
    "electrum": ("internal server error",),
    "blockchair": ("Internal Server Error",),
    "blockchain-info": ("Internal Server Error",),
    "solana-rpc": ("unhealthy", "not available for slot", "not yet available"),
}


def beside(bad: HostSpec) -> HostSpec:
    """A good host of the same kind; Blockchair's zeros are for another to say."""
    protocols = ("esplora",) if bad.protocols == ("blockchair",) else bad.protocols
    return msgspec.structs.replace(bad, name="good", protocols=protocols)


async def timed(on: Stage) -> float:
    began = asyncio.get_running_loop().time()
    await on.scan()
    return asyncio.get_running_loop().time() - began


async def costs_little(path: Path, bad: HostSpec, rule: Rule, kinds: int = 1) -> ProviderStatus:
    """Scan with a bad host beside a good one, and with the good one alone: few calls are lost, and little time."""
    bad = msgspec.structs.replace(bad, rate=200.0 if bad.chain == "btc" else 100.0, latency=0.005)
    good = beside(bad)
    (path / "alone").mkdir()
    async with stage(path / "alone", (good,), addresses=READINGS[bad.chain], scan=SCAN) as on:
        alone = await timed(on)
    async with stage(path, (bad, good), faults={"bad": [rule]}, addresses=READINGS[bad.chain], scan=SCAN) as on:
        took = await timed(on)
        assert on.result.status is Status.COMPLETED
        on.assert_all_true()
        status = on.provider("bad")
        assert len([entry for entry in on.log("bad") if entry.asks]) <= 12 * kinds, status
        assert took <= 1.3 * alone, (took, alone)
        assert (status.amounts, status.failed >= 3) == (0, True)
        assert "open" in status.breaker.values()
        return status


@pytest.mark.parametrize("protocol", BAD)
@played
async def test_a_host_without_the_state_it_names_is_found_out_at_once(tmp_path: Path, protocol: str) -> None:
    status = await costs_little(tmp_path, BAD[protocol], Rule(faults=(Fault.NODE_STATE,)))
    assert any(words in (status.last_error or "") for words in STATELESS[protocol])


@pytest.mark.parametrize(
    ("protocol", "fault"),
    [
        ("evm-rpc", Fault.ITEM_ERRORS),
        ("evm-rpc", Fault.NULL_RESULT),
        ("evm-rpc", Fault.EMPTY_DATA),
        ("evm-multicall", Fault.ITEM_ERRORS),
        ("evm-multicall", Fault.REVERTED),
        ("etherscan", Fault.ITEM_ERRORS),
        ("electrum", Fault.ITEM_ERRORS),
    ],
)
@played
async def test_a_host_whose_words_nobody_knows_is_found_out_by_what_another_reads(
    tmp_path: Path, protocol: str, fault: Fault
) -> None:
    kinds = 1 if protocol == "electrum" else 2  # of calls, each with a breaker of its own
    await costs_little(tmp_path, BAD[protocol], Rule(faults=(fault,), items=1.0), kinds)


@pytest.mark.parametrize("protocol", ["evm-rpc", "evm-multicall"])
@played
async def test_a_contract_that_reverts_everywhere_is_no_hosts_fault_and_says_why(tmp_path: Path, protocol: str) -> None:
    fault = Fault.REVERTED if protocol == "evm-rpc" else Fault.TOKENS_FAIL  # of a call that mixes both, the tokens
    rules = [Rule(faults=(fault,), token=True, items=1.0)]
    hosts = (BAD[protocol], beside(BAD[protocol]))
    async with stage(tmp_path, hosts, faults={spec.name: rules for spec in hosts}, addresses=60, scan=SCAN) as on:
        await on.scan()
        assert on.result.status is Status.COMPLETED_WITH_GAPS
        for name in ("bad", "good"):
            assert set(on.provider(name).breaker.values()) == {"closed"}
            assert on.provider(name).failed == 0
        gaps = list(on.wallet.gaps("bsc"))
        assert len(gaps) == 120
        assert all("reverted: panic 0x12, division by zero" in gap.error for gap in gaps)


@asynccontextmanager
async def saying(body: object, status: int = 200, **headers: str) -> AsyncIterator[str]:
    """A host that says the same to everything; its URL."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(data)}", "Connection: close"]
    head = "\r\n".join([*lines, *(f"{name}: {value}" for name, value in headers.items()), "", ""]).encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65536)
        writer.write(head + data)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


PAGE = b"<!DOCTYPE html><html><head><title>Just a moment...</title></head><body>Enable JavaScript</body></html>"
NOT_SERVED = {"status": "0", "message": "chain not supported", "result": None}
BUSY = "Free API access is temporarily unavailable due to unusually high network activity. To maintain"


@pytest.mark.parametrize(
    ("protocol", "body", "status", "effect", "said"),
    [
        ("etherscan", NOT_SERVED, 200, "disables", "chain not supported; correct its `url` or `chain`, or remove it"),
        ("etherscan", {"status": "0", "message": "NOTOK", "result": BUSY}, 200, "pauses", BUSY),
        ("evm-rpc", {"id": 1, "error": {"code": -32000, "message": "down for maintenance"}}, 200, "pauses", "maintenance"),
        ("esplora", b"try again in a minute", 200, "pauses", "try again"),
        ("evm-rpc", {"id": 1, "error": {"code": 3, "message": "RPC Request failed."}}, 500, "fails", "RPC Request failed."),
        ("evm-rpc", {"jsonrpc": "2.0", "id": 0, "error": "Missed `to` address"}, 200, "fails", "Missed `to` address"),
        ("evm-rpc", b"", 200, "fails", "the reply is not JSON"),
        ("evm-rpc", {"message": "no such route"}, 200, "fails", "no such route"),
        ("evm-rpc", PAGE, 200, "pauses", "a page titled “Just a moment...”"),
        ("evm-rpc", PAGE, 403, "pauses", "a page titled “Just a moment...”"),
        ("esplora", PAGE, 503, "pauses", "a page titled “Just a moment...”"),
        ("solana-rpc", PAGE, 503, "pauses", "a page titled “Just a moment...”"),
        ("evm-rpc", b"<html><title>Welcome to nginx!</title></html>", 200, "fails", "a page titled “Welcome to nginx!”"),
    ],
)
@played
async def test_a_hosts_words_are_shown_and_cost_it_what_they_say(
    tmp_path: Path, protocol: str, body: object, status: int, effect: str, said: str
) -> None:
    chain = {"esplora": "btc", "solana-rpc": "sol"}.get(protocol, "bsc")
    async with saying(body, status) as url:
        more = Endpoint(name="odd", chain=chain, protocols=(protocol,), url=url, rate=50)
        slow = host("good", chain, rate=5)
        async with stage(tmp_path, (slow,), addresses=10, scan=SCAN, more=(more,)) as on:
            await on.scan()
            on.assert_all_true()
            odd = on.provider("odd")
            assert (odd.state is ProviderState.DISABLED, odd.throttled > 0) == (effect == "disables", effect == "pauses")
            assert said in (odd.last_error or ""), odd
            assert odd.calls <= 12


@pytest.mark.parametrize("spec", [host("one"), host("one", "bsc"), host("one", "sol")], ids=lambda spec: spec.chain)
@played
async def test_a_pause_that_comes_with_an_answer_is_kept_and_the_answer_counts(tmp_path: Path, spec: HostSpec) -> None:
    spec = msgspec.structs.replace(spec, pause=2.0, rate=20.0, latency=0.001)
    rules = [Rule(faults=(Fault.ANSWER_AND_PAUSE,), first=3, stop=6)]
    async with stage(tmp_path, (spec,), faults={"one": rules}, addresses=60, scan=SCAN) as on:
        took = await timed(on)
        on.assert_all_true()
        (judged,) = on.city.judge()
        assert judged.violations == 0
        assert judged.answered["answer_and_pause"] > 0
        assert set(on.asked(spec.chain).values()) == {1}, "what was answered is not asked again"
        assert took > 2.0
        status = on.provider("one")
        assert (status.failed, status.throttled, status.rate) == (0, 0, spec.rate)
