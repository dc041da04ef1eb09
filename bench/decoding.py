"""Multicall3 encoding and decoding against eth-abi: 600 subcalls of 200 addresses."""

from time import perf_counter

import msgspec
from eth_abi.abi import decode, encode

from bench.table import row
from hdscan.model.chain import Asset
from hdscan.model.reading import Reading
from hdscan.wire import multicall

ASSETS = (
    Asset("bsc", "BNB", 18),
    Asset("bsc", "USDC", 18, "0x8AC76a51cc950d9822D68b83fE1Ad97B32Cd580d"),
    Asset("bsc", "USDT", 18, "0x55d398326f99059fF775485246999027B3197955"),
)
READINGS = [Reading(i, f"0x{i + 1:040x}", asset) for i in range(200) for asset in ASSETS]
MULTICALL3 = "0xcA11bde05977b3631167028862bE2a173976CA11"
ROUNDS = 30


def _best(call: object, rounds: int = ROUNDS) -> float:
    times = []
    for _ in range(rounds):
        begin = perf_counter()
        call()  # type: ignore[operator]
        times.append(perf_counter() - begin)
    return sorted(times)[rounds // 2]


def _peer_encode() -> bytes:
    calls = []
    for reading in READINGS:
        if reading.asset.contract is None:
            target, selector = MULTICALL3, "4d2301cc"
        else:
            target, selector = reading.asset.contract, "70a08231"
        calls.append((target, True, bytes.fromhex(selector) + encode(["address"], [reading.address])))
    return encode(["(address,bool,bytes)[]"], [calls])


def run() -> None:
    """Two rows: encode, decode."""
    ours, peer = _best(lambda: multicall.call(READINGS)), _best(_peer_encode)
    row("encode 600 subcalls", f"{ours * 1e3:.2f} ms", f"{peer / ours:.0f} times as fast", f"eth-abi, {peer * 1e3:.1f} ms")
    amounts = [i * 10**18 for i in range(len(READINGS))]
    words = [encode(["uint256"], [value]) for value in (12345678, 56, *amounts, 1790000000)]
    raw = encode(["(bool,bytes)[]"], [[(True, word) for word in words]])
    answer = msgspec.Raw(msgspec.json.encode("0x" + raw.hex()))
    _, found = multicall.decode(answer, len(READINGS))
    assert found == amounts
    ours = _best(lambda: multicall.decode(answer, len(READINGS)))
    peer = _best(lambda: [int.from_bytes(data) for _, data in decode(["(bool,bytes)[]"], raw)[0]])
    row("decode 600 results", f"{ours * 1e3:.2f} ms", f"{peer / ours:.0f} times as fast", f"eth-abi, {peer * 1e3:.1f} ms")
