"""An Electrum host's answers, as ElectrumX gives them: balances by script hash, the tip, block headers.

Shapes: https://electrum-protocol.readthedocs.io ; the greeting and the notices of blocks are the connection's (`lines`).
"""

import hashlib
from typing import Any

import wallycore

from hdscan.sim.faults import ITEM_FAULTS, Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.jsonrpc import Envelope, RpcError, RpcRequest, close_envelope, failure, open_envelope
from hdscan.sim.lines import NOTICE
from hdscan.sim.speaker import Answer, Ask, Call
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

BALANCE, HEADER = "blockchain.scripthash.get_balance", "blockchain.block.header"
DAEMON = RpcError(2, "daemon error: DaemonError({'code': -28, 'message': 'Loading block index…'})")
HEX = set("0123456789abcdef")
MERKLE = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"  # of the first block, everywhere
FIRST_BLOCKS = {  # by their hash, what follows the version, the empty hash and the merkle root (Bitcoin Core, chainparams.cpp)
    "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f": "29ab5f49ffff001d1dac2b7c",
    "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943": "dae5494dffff001d1aa4ae18",
}


class Electrum:
    """Speaks Electrum for one Bitcoin world."""

    def __init__(self, world: ChainWorld) -> None:
        self._world = world
        self._by_hash: dict[str, str] | None = None

    def hear(self, request: Request) -> Call:
        """Understand a line; every request of a batch counts."""
        envelope = open_envelope(request.body)
        asks: tuple[Ask, ...] = tuple(
            (self._address(text) or text, self._world.chain.symbol)
            for each in envelope.requests
            if each.method == BALANCE and (text := _text(each))
        )
        methods = tuple(dict.fromkeys(each.method for each in envelope.requests))
        return Call(methods, max(1, len(envelope.requests)), asks, envelope)

    def answer(self, call: Call, view: View, trouble: Trouble | None) -> Answer:
        """Answer every request."""
        envelope = call.work
        assert isinstance(envelope, Envelope)
        if envelope.error is not None:
            return Answer(failure(envelope.error))
        if trouble is not None and trouble.fault is Fault.ERROR_OBJECT:
            return Answer(close_envelope(envelope, [DAEMON] * len(envelope.requests), None, set()))
        spoiled = trouble is not None and trouble.fault in ITEM_FAULTS
        hit = trouble.victims(False for _ in envelope.requests) if trouble and spoiled else set()
        return Answer(close_envelope(envelope, [self._result(each, view) for each in envelope.requests], trouble, hit))

    def throttled(self, *, disguised: bool) -> Answer:
        """Return what the connection says as "excessive resource usage"; there is no disguise."""
        return Answer(b"", 429)

    def too_large(self, cap: int) -> Answer:
        """Return what the connection says as "batch too large"."""
        return Answer(b"", 413)

    def _result(self, request: RpcRequest, view: View) -> Any:
        if request.method == BALANCE:
            return self._balance(_text(request), view)
        if request.method == NOTICE:
            return {"height": view.head, "hex": "00" * 80}
        if request.method == HEADER and isinstance(height := (request.params or [None])[0], int):
            return _header(view, height)
        if request.method == "server.features":
            return {"genesis_hash": view.identity, "hash_function": "sha256"}
        return None if request.method == "server.ping" else RpcError(-32601, f'unknown method "{request.method}"')

    def _balance(self, text: str, view: View) -> Any:
        if len(text) != 64 or set(text) - HEX:
            return RpcError(1, f"{text} is not a valid script hash")
        address = self._address(text)
        if address is None:
            return {"confirmed": view.amount(0, text, 0), "unconfirmed": 0}
        held = self._world.holdings(address)
        return {"confirmed": view.amount(held.amounts[0], address, 0), "unconfirmed": held.unconfirmed}

    def _address(self, text: str) -> str | None:
        """Whose script hash this is; a table of all, made when it is first asked."""
        if self._by_hash is None:
            self._by_hash = {script_hash(address): address for address in self._world.addresses()}
        return self._by_hash.get(text)


def script_hash(address: str) -> str:
    """SHA-256 of an address's script, reversed, by libwally."""
    hrp = address.partition("1")[0]
    if hrp in ("bc", "tb", "bcrt"):
        script = wallycore.addr_segwit_to_bytes(address, hrp, 0)
    else:
        main = address[0] in "13"
        network = wallycore.WALLY_NETWORK_BITCOIN_MAINNET if main else wallycore.WALLY_NETWORK_BITCOIN_TESTNET
        script = wallycore.address_to_scriptpubkey(address, network)
    return hashlib.sha256(bytes(script)).digest()[::-1].hex()


def _text(request: RpcRequest) -> str:
    return request.params[0] if request.params and isinstance(request.params[0], str) else ""


def _header(view: View, height: int) -> Any:
    """The header of a block: the public chain's first one, and others that nobody has, one for each height and branch."""
    if height > view.head:
        return RpcError(1, f"height {height} out of range")
    if height:
        return hashlib.blake2b(f"{height}/{view.branch(height)}".encode(), digest_size=40).hexdigest() * 2
    rest = FIRST_BLOCKS.get(view.identity, "00" * 12)
    return "01000000" + "00" * 32 + MERKLE + rest
