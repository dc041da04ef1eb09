"""An Electrum host's answers, as ElectrumX gives them: balances and histories by script hash, the tip, block headers.

Shapes: https://electrum-protocol.readthedocs.io ; greeting and block notifications are in `lines`.
"""

import hashlib
from typing import Any

from hdscan.model.chain import Chain
from hdscan.sim.family import script
from hdscan.sim.faults import USE, Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.jsonrpc import Envelope, RpcError, RpcRequest, close_envelope, failure, open_envelope, refusal
from hdscan.sim.lines import NOTICE
from hdscan.sim.speaker import Answer, Ask, Call, Speaker
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

BALANCE, HISTORY = "blockchain.scripthash.get_balance", "blockchain.scripthash.get_history"
HEADER = "blockchain.block.header"
BUSY = RpcError(1, "the server is temporarily unavailable, try again later")
STATELESS = RpcError(-32603, "internal server error")
DAEMON = RpcError(2, "daemon error: DaemonError({'code': -28, 'message': 'Loading block index…'})")
TOO_LONG = RpcError(1, "history too large")
LONGEST = 10_000  # transactions of a history
HEX = set("0123456789abcdef")
MERKLE = "3ba3edfd7a7b12b27ac72c3e67768f617fc81bc3888a51323a9fb8aa4b1e5e4a"  # of the first block of Bitcoin's older networks
FIRST_BLOCKS = {  # by hash, the merkle root and the rest of the header (chainparams.cpp of each coin)
    "000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f": MERKLE + "29ab5f49ffff001d1dac2b7c",
    "000000000933ea01ad0ee984209779baaec3ced90fa3f408719526f8d77f4943": MERKLE + "dae5494dffff001d1aa4ae18",
    "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2": (
        "d9ced4ed1130f7b7faad9be25323ffafa33232a17c3edf6cfd97bee6bafbdd97b9aa8e4ef0ff0f1ecd513f7c"
    ),
    "1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691": (
        "696ad20e2dd4365c7459b4a4a5af743d5e92c6da3229e6532cd605f6533f2a5b24a6a152f0ff0f1e67860100"
    ),
}
MERGED = "04016200"  # the version of a block of Dogecoin's that is mined with Litecoin's: the proof follows its header


class Electrum(Speaker):
    """Serves one Bitcoin world by the Electrum protocol."""

    limited = Answer(b"")  # sent as "excessive resource usage" (see `lines`)

    def __init__(self, world: ChainWorld, gas_cap: int = 5_000) -> None:
        super().__init__(world, gas_cap)
        self._by_hash: dict[str, str] = {}

    def hear(self, request: Request) -> Call:
        """Every request of a batch counts as one item."""
        envelope = open_envelope(request.body)
        asks: tuple[Ask, ...] = tuple(
            (self._address(text) or text, self._native if each.method == BALANCE else USE)
            for each in envelope.requests
            if each.method in (BALANCE, HISTORY) and (text := _text(each))
        )
        return Call(envelope.methods, max(1, len(envelope.requests)), asks, envelope)

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        errors = {Fault.ERROR_OBJECT: DAEMON, Fault.BUSY_TEXT: BUSY, Fault.NODE_STATE: STATELESS if call.asks else None}
        body = refusal(call.work, errors.get(trouble.fault) if trouble.fault else None)
        return None if body is None else Answer(body)

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        envelope: Envelope = call.work
        if envelope.error is not None:
            return Answer(failure(envelope.error))
        hit = trouble.victims(False for _ in envelope.requests)
        return Answer(close_envelope(envelope, [self._result(each, view) for each in envelope.requests], trouble.fault, hit))

    def too_large(self, cap: int) -> Answer:
        """Sent as "batch too large" (see `lines`)."""
        return Answer(b"", 413)

    def _result(self, request: RpcRequest, view: View) -> Any:
        if request.method in (BALANCE, HISTORY):
            text = _text(request)
            if len(text) != 64 or set(text) - HEX:
                return RpcError(1, f"{text} is not a valid script hash")
            return (self._balance if request.method == BALANCE else self._history)(text, view)
        if request.method == NOTICE:
            return {"height": view.head, "hex": "00" * 80}
        if request.method == HEADER and isinstance(height := (request.params or [None])[0], int):
            return _header(view, height)
        if request.method == "server.features":
            return {"genesis_hash": view.identity, "hash_function": "sha256"}
        return None if request.method == "server.ping" else RpcError(-32601, f'unknown method "{request.method}"')

    def _balance(self, text: str, view: View) -> Any:
        address = self._address(text)
        if address is None:
            return {"confirmed": view.amount(0, text, 0), "unconfirmed": 0}
        held = self._world.holdings(address)
        return {"confirmed": view.amount(held.amounts[0], address, 0), "unconfirmed": held.unconfirmed}

    def _history(self, text: str, view: View) -> Any:
        """The transactions of the last blocks, and one of the mempool where there is an unconfirmed change."""
        address = self._address(text)
        if address is None:
            return []
        count = view.use(address)
        if count > LONGEST:
            return TOO_LONG
        names = (hashlib.sha256(f"{text}/{at}".encode()).hexdigest() for at in range(count + 1))
        mined = [{"tx_hash": name, "height": view.head - at} for at, name in zip(range(count, 0, -1), names, strict=False)]
        waits = self._world.holdings(address).unconfirmed
        return [*mined, {"tx_hash": next(names), "height": 0, "fee": 200}] if waits else mined

    def _address(self, text: str) -> str | None:
        """The address with a script hash, of those that the world has by now."""
        first, chain = len(self._by_hash), self._world.chain
        self._by_hash |= {
            script_hash(address, chain): address for address in map(self._world.address, range(first, len(self._world)))
        }
        return self._by_hash.get(text)


def script_hash(address: str, chain: Chain) -> str:
    """SHA-256 of an address's scriptPubKey, reversed."""
    return hashlib.sha256(script(address, chain)).digest()[::-1].hex()


def _text(request: RpcRequest) -> str:
    return request.params[0] if request.params and isinstance(request.params[0], str) else ""


def _header(view: View, height: int) -> Any:
    """A block header: the real one of the first block, an invented one for every other height and branch."""
    if height > view.head:
        return RpcError(1, f"height {height} out of range")
    if height:
        invented = hashlib.blake2b(f"{height}/{view.branch(height)}".encode(), digest_size=38).hexdigest() * 2
        return f"{MERGED}{invented}{'00' * 400}" if view.world.played.merged else f"01000000{invented}"
    return "01000000" + "00" * 32 + FIRST_BLOCKS.get(view.identity, MERKLE + "00" * 12)
