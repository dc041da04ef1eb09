"""Bitcoin Core's JSON-RPC: a pass over all unspent outputs, the tip, block hashes (bitcoincore.org/en/doc, RPC reference).

Amounts are JSON numbers of bitcoins with up to eight decimals (Bitcoin Core, core_write.cpp, ValueFromAmount).
"""

import re
from collections.abc import Sequence
from typing import Annotated

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.wire.failure import Codes
from hdscan.wire.jsonrpc import Call
from hdscan.wire.strict import decode, malformed, refuse_excess, refuse_repeats

CHAIN: Call = ("getblockchaininfo", ())
STATUS: Call = ("scantxoutset", ("status",))
ABORT: Call = ("scantxoutset", ("abort",))
CODES: Codes = {  # Bitcoin Core, rpc/protocol.h
    -28: ReadCode.SERVER_ERROR,  # it warms up: reads or checks its blocks
    -32601: ReadCode.NOT_SERVED,  # a node without scantxoutset, such as Dogecoin's
}

_DIGITS = 8
_AMOUNT = re.compile(rb"(0|[1-9][0-9]{0,15})(?:\.([0-9]{1,8}))?")
_HASH = re.compile("[0-9a-f]{64}")
_BUSY = "scan already in progress"

Height = Annotated[int, msgspec.Meta(ge=0, lt=10**9)]


class Pass(msgspec.Struct, frozen=True):
    """What a pass over the unspent outputs found: satoshi per script asked, all at one block."""

    height: int
    block: str  # its hash
    amounts: list[int]


class Tip(msgspec.Struct, frozen=True):
    """The node's best block, the height that its peers' headers reach, and whether it still downloads the chain."""

    blocks: Height
    headers: Annotated[int, msgspec.Meta(ge=-1, lt=10**9)]
    bestblockhash: str
    initialblockdownload: bool


class _Unspent(msgspec.Struct, frozen=True, gc=False):
    txid: str
    vout: Annotated[int, msgspec.Meta(ge=0)]
    script: str = msgspec.field(name="scriptPubKey")
    amount: msgspec.Raw
    height: Height


class _Scan(msgspec.Struct, frozen=True):
    success: bool  # without it, or null, nothing is proved
    height: Height
    bestblock: str
    unspents: list[_Unspent]
    total_amount: msgspec.Raw


class _Progress(msgspec.Struct, frozen=True):
    progress: Annotated[float, msgspec.Meta(ge=0, le=100)]


_scan = msgspec.json.Decoder(_Scan)
_progress: msgspec.json.Decoder[_Progress | None] = msgspec.json.Decoder(_Progress | None)
_tip = msgspec.json.Decoder(Tip)
_hash = msgspec.json.Decoder(str)


def start_call(addresses: Sequence[str]) -> Call:
    """Ask for all unspent outputs of these addresses, whose scripts the node works out itself."""
    return "scantxoutset", ("start", [f"addr({address})" for address in addresses])


def hash_call(height: int) -> Call:
    """Ask for the hash of the block at a height."""
    return "getblockhash", (height,)


def found(answer: msgspec.Raw, scripts: Sequence[str], supply: int | None) -> Pass:
    """Decode a pass for these scriptPubKeys (hexadecimal); one that holds no unspent output is a proven zero.

    Raises CallError where the pass did not come to its end, is of another script, or does not add up.
    """
    body = bytes(answer)
    scan = decode(_scan, body, "the pass over the unspent outputs")
    if not scan.success:
        raise CallError(ReadCode.SERVER_ERROR, "the pass over the unspent outputs was aborted")
    outputs = len(scan.unspents)
    once = {f'"{name}"'.encode(): 1 for name in ("success", "bestblock", "unspents", "total_amount")}
    each = {f'"{name}"'.encode(): outputs for name in ("txid", "vout", "scriptPubKey", "amount")}
    refuse_repeats(body, once | each | {b'"height"': outputs + 1})
    held: dict[str, int] = {}
    for unspent in scan.unspents:
        if unspent.height > scan.height:
            raise malformed("an unspent output of a block above that of the pass")
        held[unspent.script] = held.get(unspent.script, 0) + _satoshi(unspent.amount)
    if len({(unspent.txid, unspent.vout) for unspent in scan.unspents}) < outputs:
        raise malformed("an unspent output that stands twice")
    if held.keys() - set(scripts):
        raise malformed("an unspent output of a script that was not asked for")
    if sum(held.values()) != _satoshi(scan.total_amount):
        raise malformed("the unspent outputs do not add up to the total")
    refuse_excess(sum(held.values()), supply)
    return Pass(scan.height, _checked(scan.bestblock), [held.get(script, 0) for script in scripts])


def progress(answer: msgspec.Raw) -> float | None:
    """Decode how much of the pass that is under way is done, in percent; None where there is none."""
    stated = decode(_progress, answer, "the progress")
    return None if stated is None else stated.progress


def busy(error: CallError) -> bool:
    """Whether a pass was refused because another one is under way."""
    return _BUSY in error.message.lower()


def tip(answer: msgspec.Raw, tolerance: int) -> Tip:
    """Decode the tip; CallError STALE while the node is more than `tolerance` blocks behind what it knows of the chain."""
    stated = decode(_tip, answer, "the tip")
    refuse_repeats(bytes(answer), dict.fromkeys((b'"blocks"', b'"headers"', b'"initialblockdownload"'), 1))
    if stated.initialblockdownload or stated.headers - stated.blocks > tolerance:
        raise CallError(
            ReadCode.STALE,
            f"the node still downloads the chain: it has {stated.blocks:,} of {max(stated.headers, stated.blocks):,} blocks",
        )
    _checked(stated.bestblockhash)
    return stated


def block_hash(answer: msgspec.Raw) -> str:
    """Decode a block's hash."""
    return _checked(decode(_hash, answer, "the block's hash"))


def _checked(text: str) -> str:
    if not _HASH.fullmatch(text):
        raise malformed("a block's hash is not one")
    return text


def _satoshi(amount: msgspec.Raw) -> int:
    stated = _AMOUNT.fullmatch(bytes(amount))
    if stated is None:
        raise malformed("an amount is not a decimal of bitcoins")
    whole, part = stated.groups()
    return int(whole + (part or b"").ljust(_DIGITS, b"0"))
