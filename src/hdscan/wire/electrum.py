"""The Electrum protocol 1.4 to 1.6: JSON-RPC, a message a line (electrum-protocol.readthedocs.io)."""

import re
from hashlib import sha256
from typing import Annotated, Any

import msgspec

from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import MISSING, Missing
from hdscan.model.reading import ReadError
from hdscan.wire.failure import Codes
from hdscan.wire.jsonrpc import Answer, Call
from hdscan.wire.strict import decode, malformed, refuse_excess, refuse_repeats

HELLO: Call = ("server.version", ("hdscan", ("1.4", "1.6")))  # must be the first on a connection
TIP: Call = ("blockchain.headers.subscribe", ())  # subscribes to every new block
OVERUSED = b"excessive resource usage"  # ElectrumX's last message before it hangs up

CODES: Codes = {
    -101: ReadCode.THROTTLED,  # ElectrumX: excessive resource usage; it hangs up, and forgets within hours
    -102: ReadCode.TIMEOUT,  # ElectrumX: server busy, its own 30 s are over
}

_SPOKEN = re.compile(r"1\.[4-6](\.\d{1,3}){0,2}", re.ASCII)
_HEADER = re.compile(r"[0-9a-f]{160}")
# bit 8 of the version says that it is merged-mined, as Dogecoin's are (AuxPoW)
_MERGED = re.compile(r"([0-9a-f]{3}[13579bdf][0-9a-f]{156})(?:[0-9a-f]{2}){1,50000}")


_LONG_HISTORY = re.compile(
    r"history too large"  # ElectrumX
    r"|too many history entries"  # Blockstream's electrs
    r"|transactions found, query may take",  # electrs before 0.9
    re.IGNORECASE,
)
_LONG_REPLY = re.compile("response too large", re.IGNORECASE)  # ElectrumX, of a message; ours, of a line


class Heard(msgspec.Struct, frozen=True):
    """A line from the host: the ids that it answers, or a notification (`tip`: the height of a new block)."""

    ids: tuple[int, ...] = ()
    unasked: bool = False
    tip: int | None = None


class _Line(msgspec.Struct, frozen=True):
    id: Any = None
    method: str | None = None
    params: msgspec.Raw = msgspec.Raw(b"[]")


class _Tip(msgspec.Struct, frozen=True):
    height: Annotated[int, msgspec.Meta(ge=0, lt=10**9)]


class _Transaction(msgspec.Struct, frozen=True, gc=False):
    tx_hash: Annotated[str, msgspec.Meta(min_length=64, max_length=64)]
    height: Annotated[int, msgspec.Meta(ge=-1, lt=10**9)]  # 0 and -1 in the mempool


class _Balance(msgspec.Struct, frozen=True):
    confirmed: Annotated[int, msgspec.Meta(ge=0)]
    unconfirmed: int


_lines: msgspec.json.Decoder[list[_Line] | _Line] = msgspec.json.Decoder(list[_Line] | _Line)
_version = msgspec.json.Decoder(tuple[str, str])
_header = msgspec.json.Decoder(str)
_tip = msgspec.json.Decoder(_Tip)
_tips = msgspec.json.Decoder(tuple[_Tip])
_balance = msgspec.json.Decoder(_Balance)
_history = msgspec.json.Decoder(list[_Transaction])


def hear(line: bytes) -> Heard:
    """Parse a line as far as to route it; raises CallError if it is not JSON or not of this protocol."""
    found = decode(_lines, line, "the line")
    if isinstance(found, _Line) and found.method is not None:
        known = found.method == TIP[0]
        return Heard(unasked=True, tip=decode(_tips, found.params, "the notice of a block")[0].height if known else None)
    items = [found] if isinstance(found, _Line) else found
    return Heard(tuple(item.id for item in items if type(item.id) is int))


def _script_hash(script: bytes) -> str:
    """The name by which the protocol knows a scriptPubKey: its SHA-256, reversed, in hexadecimal."""
    return sha256(script).digest()[::-1].hex()


def balance_call(script: bytes) -> Call:
    """Ask for the balance of a scriptPubKey."""
    return "blockchain.scripthash.get_balance", (_script_hash(script),)


def balance(answer: Answer, supply: int | None) -> tuple[int, int] | ReadError:
    """Decode an address's confirmed and unconfirmed balance in satoshi, neither beyond `supply`; the second may be negative."""
    if isinstance(answer, ReadError):
        return answer
    try:
        found = decode(_balance, answer, "the balance")
        refuse_repeats(bytes(answer), {b'"confirmed"': 1, b'"unconfirmed"': 1})
        refuse_excess(max(found.confirmed, abs(found.unconfirmed)), supply)
    except CallError as error:
        return ReadError(error.fault, error.message)
    return found.confirmed, found.unconfirmed


def history_call(script: bytes) -> Call:
    """Ask for the transactions of a scriptPubKey, those of the mempool included."""
    return "blockchain.scripthash.get_history", (_script_hash(script),)


def transactions(answer: Answer, *, alone: bool) -> int | ReadError | Missing:
    """Count the transactions of a history; 1 where it is too long to be sent, as no empty one is.

    One is MISSING where the reply is too long for it beside others.
    """
    if isinstance(answer, ReadError):
        if _LONG_HISTORY.search(answer.message):
            return 1
        return MISSING if is_too_long(answer.message) and not alone else answer
    try:
        found = decode(_history, answer, "the history")
        refuse_repeats(bytes(answer), {b'"tx_hash"': len(found), b'"height"': len(found)})
    except CallError as error:
        return ReadError(error.fault, error.message)
    return len(found)


def is_too_long(message: str) -> bool:
    """Whether an error says that a reply as a whole is too long to be sent."""
    return _LONG_REPLY.search(message) is not None


def tip(answer: msgspec.Raw) -> int:
    """Decode the tip's height; raises CallError."""
    return decode(_tip, answer, "the tip").height


def header_call(height: int) -> Call:
    """Ask for the header of the block at a height."""
    return "blockchain.block.header", (height,)


def block_hash(answer: msgspec.Raw) -> str:
    """Compute a block's hash from its 80-byte header, so that a host cannot simply claim the right one.

    A merged-mined block's header is followed by the proof of the other chain's work, which its hash does not cover.
    """
    header = decode(_header, answer, "the block header")
    if merged := _MERGED.fullmatch(header):
        header = merged[1]
    if not _HEADER.fullmatch(header):
        raise malformed("the block header is not one")
    return sha256(sha256(bytes.fromhex(header)).digest()).digest()[::-1].hex()


def check_version(answer: msgspec.Raw) -> None:
    """Check that the host speaks 1.4 to 1.6 with us; raises CallError."""
    _, spoken = decode(_version, answer, "the reply to server.version")
    if not _SPOKEN.fullmatch(spoken):
        raise CallError(ReadCode.SERVER_ERROR, "the host speaks another version of the protocol than 1.4 to 1.6")
