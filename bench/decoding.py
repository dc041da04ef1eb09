"""Multicall3 encoding and decoding against eth-abi: 600 subcalls of 200 addresses, answered by the simulator's node."""

from collections.abc import Callable
from random import Random
from statistics import median
from time import perf_counter

import msgspec
from eth_abi.abi import decode, encode

from bench.table import row
from hdscan.model.reading import Reading
from hdscan.sim.evm import EvmNode
from hdscan.sim.faults import Trouble
from hdscan.sim.http import Request
from hdscan.sim.view import View
from hdscan.sim.world import World
from hdscan.wire import multicall

WORLD = World(1, {"bsc": 200}, funded=1.0)["bsc"]
READINGS = [Reading(index, text, asset) for index, text in enumerate(WORLD.addresses()) for asset in WORLD.assets]
ROUNDS, TINY_ROUNDS = 30, 2


def _spent(call: Callable[[], object], rounds: int) -> float:
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        call()
        times.append(perf_counter() - begin)
    return median(times)


def _peer_encode() -> bytes:
    calls = []
    for reading in READINGS:
        if reading.asset.contract is None:
            target, selector = multicall.MULTICALL3, "4d2301cc"
        else:
            target, selector = reading.asset.contract, "70a08231"
        calls.append((target, True, bytes.fromhex(selector) + encode(["address"], [reading.address])))
    return encode(["(address,bool,bytes)[]"], [calls])


def _answer() -> msgspec.Raw:
    """The result of the call as JSON text."""
    node = EvmNode(WORLD)
    method, params = multicall.call(READINGS)
    body = msgspec.json.encode({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    answer = node.answer(node.hear(Request("POST", "/", {}, body)), View(WORLD), Trouble(None, 0.0, Random(1)))
    return msgspec.json.decode(answer.body, type=dict[str, msgspec.Raw])["result"]


def run(*, tiny: bool) -> None:
    """Two rows: encode, decode."""
    rounds = TINY_ROUNDS if tiny else ROUNDS
    ours, peer = _spent(lambda: multicall.call(READINGS), rounds), _spent(_peer_encode, rounds)
    row(f"encode {len(READINGS)} subcalls", f"{ours * 1e3:.2f} ms", f"{peer / ours:.0f} times as fast", _eth_abi(peer))
    answer = _answer()
    raw = bytes.fromhex(msgspec.json.decode(answer)[2:])
    _, found = multicall.decode(answer, len(READINGS))
    assert found == [truth.amounts[asset.symbol] for truth in WORLD.truth() for asset in WORLD.assets]
    ours = _spent(lambda: multicall.decode(answer, len(READINGS)), rounds)
    peer = _spent(lambda: [int.from_bytes(data) for _, data in decode(["(bool,bytes)[]"], raw)[0]], rounds)
    row(f"decode {len(READINGS)} results", f"{ours * 1e3:.2f} ms", f"{peer / ours:.0f} times as fast", _eth_abi(peer))


def _eth_abi(seconds: float) -> str:
    return f"eth-abi, {seconds * 1e3:.1f} ms"
