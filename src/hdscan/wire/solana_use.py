"""Solana's getSignaturesForAddress: whether an address was ever in a transaction (solana.com/docs/rpc/http).

A host that began with a snapshot, or has purged old blocks, has no signature of a transaction before, and states no error
(github.com/solana-labs/solana/issues/26497). One with an archive has the first blocks of the chain too.
"""

from typing import Annotated

import msgspec

from hdscan.wire.jsonrpc import Call
from hdscan.wire.solana import U64
from hdscan.wire.strict import decode, malformed, refuse_repeats

FIRST = 100  # slots
FIRST_BLOCKS: Call = ("getBlocks", (0, FIRST - 1))


class _Signature(msgspec.Struct, frozen=True):
    signature: Annotated[str, msgspec.Meta(min_length=64, max_length=88)]  # 64 bytes in base58
    slot: U64


_signatures = msgspec.json.Decoder(list[_Signature])
_slots = msgspec.json.Decoder(list[U64])


def signatures_call(address: str, commitment: str) -> Call:
    """The call for the latest transaction that names an address; there is none of blocks that are merely processed."""
    settled = "confirmed" if commitment == "processed" else commitment
    return "getSignaturesForAddress", (address, {"limit": 1, "commitment": settled})


def transactions(answer: msgspec.Raw) -> int:
    """Decode the number of transactions, 0 or 1, of the reply to `signatures_call`; raises CallError MALFORMED."""
    found = decode(_signatures, answer, "the signatures")
    refuse_repeats(bytes(answer), {b'"signature"': len(found), b'"slot"': len(found)})
    if len(found) > 1:
        raise malformed(f"{len(found)} signatures where 1 was asked for")
    return len(found)


def keeps_all(answer: msgspec.Raw) -> bool:
    """Whether a host has the first blocks of the chain, by its reply to FIRST_BLOCKS; raises CallError MALFORMED."""
    return any(slot < FIRST for slot in decode(_slots, answer, "the first blocks"))
