"""What a package that adds a protocol imports; docs/providers.md shows one. These names stay."""

from hdscan.model.chain import Asset, Family
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.protocol import Protocol
from hdscan.model.provider import MISSING, Head, Reply, TokenFacts
from hdscan.model.reading import Balance, Kind, ReadError, Reading
from hdscan.provider.remote import JsonRpc, Link, Remote
from hdscan.wire.failure import Codes, OwnError, failure
from hdscan.wire.http import Request, Response
from hdscan.wire.strict import decode, malformed, read_decimal, refuse_repeats

__all__ = [
    "MISSING",
    "Asset",
    "Balance",
    "CallError",
    "Codes",
    "Family",
    "Head",
    "JsonRpc",
    "Kind",
    "Link",
    "OwnError",
    "Protocol",
    "ReadCode",
    "ReadError",
    "Reading",
    "Remote",
    "Reply",
    "Request",
    "Response",
    "TokenFacts",
    "decode",
    "failure",
    "malformed",
    "read_decimal",
    "refuse_repeats",
]
