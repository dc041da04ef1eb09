"""An Esplora server, as blockstream.info and mempool.space run one: address stats, tip, block hashes.

Shapes: https://github.com/Blockstream/esplora/blob/master/API.md
"""

from hdscan.sim.faults import Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.speaker import Answer, Call, Speaker
from hdscan.sim.view import View

COUNTS = b'{"funded_txo_count":%d,"funded_txo_sum":%d,"spent_txo_count":%d,"spent_txo_sum":%d,"tx_count":%d}'
STATS = b'{"address":"%%s","chain_stats":%s,"mempool_stats":%s}' % (COUNTS, COUNTS)


class Esplora(Speaker):
    """Serves one Bitcoin world by Esplora's REST API."""

    path = "/api"
    limited = Answer(b"Too many requests. Rate limit exceeded.", text=True)

    def hear(self, request: Request) -> Call:
        """The path may stand below any base path."""
        if (at := request.path.find("/address/")) >= 0:
            text = request.path[at + 9 :]
            return Call(("/address",), 1, ((text, self._native),))
        return Call((request.path.removeprefix("/api"),), 1, ())

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        match trouble.fault:
            case Fault.ERROR_OBJECT:
                return Answer(b'{"error":"RPC error: {\\"code\\":-28,\\"message\\":\\"Loading block index\\"}"}')
            case Fault.BUSY_TEXT:
                return Answer(b"The explorer is under maintenance", text=True)
            case Fault.NODE_STATE if call.asks:  # as electrs words it
                return Answer(b'address RPC error: {"code":-28,"message":"Loading block index"}', 400, text=True)
        return None

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        return self._stats(call.asks[0][0], view) if call.asks else self._block(call.methods[0], view)

    def too_large(self, cap: int) -> Answer:
        """413; Esplora has no batches."""
        return Answer(b"Payload Too Large", 413, text=True)

    def _block(self, path: str, view: View) -> Answer:
        if path == "/blocks/tip/height":
            return Answer(b"%d" % view.head, text=True)
        if path == "/blocks/tip/hash":
            return Answer(self._hash(view.head, view), text=True)
        if path.startswith("/block-height/") and path[14:].isdecimal():
            if (height := int(path[14:])) > view.head:
                return Answer(b"Block not found", 404, text=True)
            return Answer(self._hash(height, view), text=True)
        return Answer(b"Not Found", 404, text=True)

    def _stats(self, text: str, view: View) -> Answer:
        if not self._world.valid(text):
            return Answer(b"Invalid Bitcoin address", 400, text=True)
        held = self._world.holdings(text)
        confirmed, change = view.amount(held.amounts[0], text, 0), held.unconfirmed
        count = view.transactions(text)
        spent = held.noise * 97 if count > 1 and held.noise & 4 else 0
        received, spends = (count - count // 2, count // 2) if spent else (count, 0)
        pending_in, pending_out = (change, 0) if change >= 0 else (held.noise & 1023, (held.noise & 1023) - change)
        counts = (received, confirmed + spent, spends, spent, count)
        pending = (int(pending_in > 0), pending_in, int(pending_out > 0), pending_out, int(change != 0))
        return Answer(STATS % (text.encode(), *counts, *pending))

    def _hash(self, height: int, view: View) -> bytes:
        return f"00000000{view.block_hash(height)[8:]}".encode() if height else view.identity.encode()
