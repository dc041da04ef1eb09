"""Bitcoin Core's answers by JSON-RPC: passes over the unspent outputs, one at a time, the tip, block hashes.

Shapes: Bitcoin Core 29, src/rpc/blockchain.cpp
"""

import re
from hashlib import blake2b
from typing import Any

import msgspec

from hdscan.sim.family import script
from hdscan.sim.faults import Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.jsonrpc import Envelope, RpcError, RpcRequest, close_envelope, failure, open_envelope, refusal
from hdscan.sim.speaker import Answer, Call, Speaker
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

SCAN = "scantxoutset"
OVERLOADED = Answer(b"Work queue depth exceeded", 503, text=True)
WARMUP = RpcError(-28, "Loading block index…")
UNREADABLE = RpcError(-32603, "Unable to read UTXO set")
BUSY = RpcError(-8, 'Scan already in progress, use action "abort" or "status"')
DESCRIPTOR = re.compile(r"addr\((\w+)\)", re.ASCII)
COIN = 10**8


class Bitcoind(Speaker):
    """Serves one Bitcoin world by Bitcoin Core's JSON-RPC; a pass takes `pass_seconds`."""

    limited = OVERLOADED

    def __init__(self, world: ChainWorld, gas_cap: int = 5_000) -> None:
        super().__init__(world, gas_cap)
        self._began = self._ends = 0.0  # the last pass
        self._passes = 0
        self._aborted: set[int] = set()

    def hear(self, request: Request) -> Call:
        """The actions of scantxoutset are methods of their own; a pass is one item, however many addresses it is for."""
        envelope = open_envelope(request.body)
        asks = [(text, self._native) for each in envelope.requests for text in _addresses(each)]
        methods = [f"{each.method} {each.params[0]}" if _action(each) else each.method for each in envelope.requests]
        return Call(tuple(dict.fromkeys(methods)), max(1, len(envelope.requests)), tuple(asks), envelope)

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        if trouble.fault is Fault.BUSY_TEXT:
            return OVERLOADED
        errors = {Fault.ERROR_OBJECT: WARMUP, Fault.NODE_STATE: UNREADABLE if call.asks else None}
        body = refusal(call.work, errors.get(trouble.fault) if trouble.fault else None)
        return None if body is None else Answer(body)

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        envelope: Envelope = call.work
        if envelope.error is not None:
            return Answer(failure(envelope.error))
        hit = trouble.victims(False for _ in envelope.requests)
        results = [self._result(each, view) for each in envelope.requests]
        body = close_envelope(envelope, results, trouble.fault, hit)
        if not any(isinstance(each, dict) and "unspents" in each for each in results):
            return Answer(body)
        self._passes += 1
        number = self._passes
        self._began, self._ends = view.time, view.time + self.pass_seconds
        cut = close_envelope(envelope, [{**each, "success": False} for each in results])
        return Answer(body, after=self.pass_seconds, instead=lambda: cut if number in self._aborted else None)

    def too_large(self, cap: int) -> Answer:
        """413, as evhttp says it."""
        return Answer(b"<HTML><HEAD><TITLE>413 Request Entity Too Large</TITLE></HEAD></HTML>", 413, text=True)

    def _result(self, request: RpcRequest, view: View) -> Any:
        parameter = request.params[0] if request.params else None
        match request.method, parameter:
            case "getblockchaininfo", _:
                return {
                    "chain": "main",
                    "blocks": view.head,
                    "headers": view.head,
                    "bestblockhash": _hash(view, view.head),
                    "initialblockdownload": False,
                    "pruned": True,
                }
            case "getblockhash", int(height):
                return _hash(view, height) if 0 <= height <= view.head else RpcError(-8, "Block height out of range")
            case "scantxoutset", "start":
                return self._scan(_addresses(request), view)
            case "scantxoutset", "status":
                return {"progress": int(100 * self._share(view))} if self._under_way(view) else None
            case "scantxoutset", "abort":
                under_way = self._under_way(view)
                if under_way:
                    self._aborted.add(self._passes)
                    self._ends = view.time
                return under_way
        return RpcError(-32601, "Method not found")

    def _under_way(self, view: View) -> bool:
        return view.time < self._ends

    def _share(self, view: View) -> float:
        return max(0.0, view.time - self._began) / self.pass_seconds

    def _scan(self, texts: tuple[str, ...], view: View) -> Any:
        if self._under_way(view):
            return BUSY
        if not all(map(self._world.valid, texts)):
            return RpcError(-5, "Address is not valid")
        unspents = sorted((each for text in dict.fromkeys(texts) for each in self._unspents(text, view)), key=str)
        return {
            "success": True,
            "txouts": 170_000_000,
            "height": view.head,
            "bestblock": _hash(view, view.head),
            "unspents": unspents,
            "total_amount": _coins(sum(self._satoshi(text, view) for text in dict.fromkeys(texts))),
        }

    def _satoshi(self, text: str, view: View) -> int:
        return view.held(text, 0)

    def _unspents(self, text: str, view: View) -> list[dict[str, Any]]:
        """The outputs of an address: one to three."""
        satoshi, noise = self._satoshi(text, view), self._world.holdings(text).noise
        outputs = [satoshi // 2, satoshi // 4, satoshi - satoshi // 2 - satoshi // 4] if noise & 1 else [satoshi]
        locked = script(text, self._world.chain).hex()
        return [
            {
                "txid": blake2b(f"{text}/{number}".encode(), digest_size=32).hexdigest(),
                "vout": number,
                "scriptPubKey": locked,
                "desc": f"addr({text})#00000000",
                "amount": _coins(amount),
                "coinbase": False,
                "height": view.head - noise % 100_000,
            }
            for number, amount in enumerate(outputs)
            if amount
        ]


def _action(request: RpcRequest) -> bool:
    return request.method == SCAN and bool(request.params) and isinstance(request.params[0], str)


def _addresses(request: RpcRequest) -> tuple[str, ...]:
    """What a pass is for; whatever is no address stays as it is."""
    if not (_action(request) and request.params[0] == "start" and len(request.params) > 1):
        return ()
    given = request.params[1] if isinstance(request.params[1], list) else [request.params[1]]
    return tuple(found[1] if (found := DESCRIPTOR.fullmatch(str(each))) else str(each) for each in given)


def _coins(satoshi: int) -> msgspec.Raw:
    return msgspec.Raw(f"{satoshi // COIN}.{satoshi % COIN:08d}".encode())


def _hash(view: View, height: int) -> str:
    return f"00000000{view.block_hash(height)[8:]}" if height else view.identity
