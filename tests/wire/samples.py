"""What the tests of the codecs share: assets, readings, replies, and JSON that is nearly right."""

import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from hdscan.model.chain import Asset
from hdscan.model.reading import Reading
from hdscan.wire.http import Response

DATA = Path(__file__).parent.parent / "data" / "wire"

BNB = Asset("bsc", "BNB", 18)
USDT = Asset("bsc", "USDT", 18, "0x55d398326f99059fF775485246999027B3197955")
SOL = Asset("sol", "SOL", 9)
USDC = Asset("sol", "USDC", 6, "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v")

NUMBERS = st.one_of(
    st.sampled_from([0, 1, -1, 2**63, 2**64 - 1, 2**64, 2**256 - 1, 2**256, 10**90, 1.0, 1e300, True, False]), st.integers()
)
TEXTS = st.one_of(
    st.sampled_from(["", "0x", "0x0", "0x00", "0X1", "0x1", "1", "-1", "1e3", " 1", "0x" + "f" * 64, "0x" + "f" * 65, "null"]),
    st.text("019afx.-e \u00e9\u0661{", max_size=8),
)
LEAVES = st.one_of(st.none(), NUMBERS, TEXTS)


def load(name: str) -> Any:
    """Read a file of recorded replies."""
    return json.loads((DATA / name).read_text(encoding="utf-8"))


def evm(index: int, asset: Asset = BNB) -> Reading:
    """A reading of the EVM address with this number."""
    return Reading(index, f"0x{index + 1:040x}", asset)


def reply(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A response with a text, bytes, or a value as JSON."""
    if isinstance(body, str):
        body = body.encode()
    return Response(status, headers or {}, body if isinstance(body, bytes) else json.dumps(body).encode())


def like(keys: list[str]) -> st.SearchStrategy[Any]:
    """JSON values built of the keys that a protocol knows, so that they are wrong in interesting places."""
    return st.recursive(
        LEAVES,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(keys), inner, max_size=5),
        max_leaves=12,
    )


@st.composite
def bodies(draw: st.DrawFn, good: bytes, keys: list[str]) -> bytes:
    """Any bytes, any JSON of the known keys, or a good reply with a part cut out or replaced."""
    kind = draw(st.integers(0, 2))
    if kind == 0:
        return draw(st.binary(max_size=64))
    if kind == 1:
        return json.dumps(draw(like(keys))).encode()
    start = draw(st.integers(0, len(good)))
    end = draw(st.integers(start, min(len(good), start + 40)))
    put = draw(st.sampled_from([b"", b"0", b"null", b'"', b",", b"true", b"[", b"{}", b"1.5", b"NaN", b"-"]))
    return good[:start] + put + good[end:]
