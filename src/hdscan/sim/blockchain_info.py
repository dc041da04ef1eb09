"""blockchain.info's API for Bitcoin: addresses with their latest transactions, the latest block, blocks by height.

Shapes: https://www.blockchain.com/explorer/api/blockchain_api ; balances count the mempool in, whose transactions come first.
"""

from hashlib import sha256
from typing import Any

import msgspec

from hdscan.sim.faults import Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.speaker import Answer, Call, Speaker
from hdscan.sim.view import View

MOST_TRANSACTIONS = 100
SUMS = ("final_balance", "n_tx", "total_received", "total_sent")
ADDRESSES, TIP, BLOCK = "/multiaddr", "/latestblock", "/block-height/"


class BlockchainInfo(Speaker):
    """Serves one Bitcoin world by blockchain.info's API."""

    limited = Answer(b"Too many requests", text=True)

    def hear(self, request: Request) -> Call:
        """An address is an item."""
        if request.path != ADDRESSES:
            return Call((request.path,), 1, ())
        addresses = tuple(dict.fromkeys(request.query.get("active", "").split("|")))
        asks = tuple((text, self._native) for text in addresses)
        most = request.query.get("n", "")
        return Call((request.path,), len(addresses), asks, int(most) if most.isdecimal() else 50)

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        match trouble.fault:
            case Fault.ERROR_OBJECT:
                return _refusal("server-error", "Internal Server Error", 200)
            case Fault.BUSY_TEXT:
                return Answer(b"The service is under maintenance", text=True)
            case Fault.NODE_STATE if call.asks:
                return _refusal("server-error", "Internal Server Error", 500)
        return None

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        """An address that is none fails the whole call."""
        (path,) = call.methods
        if path == ADDRESSES:
            addresses = [text for text, _ in call.asks]
            if all(map(self._world.valid, addresses)):
                return _json(self._multiaddr(addresses, min(call.work, MOST_TRANSACTIONS), view, trouble))
        elif path == TIP:
            return _json({**_block(view.head, view), "time": int(view.time), "block_index": view.head, "txIndexes": []})
        elif path.startswith(BLOCK) and path[len(BLOCK) :].isdecimal() and (height := int(path[len(BLOCK) :])) <= view.head:
            return _json({"blocks": [{**_block(height, view), "main_chain": True, "tx": []}]})
        return _refusal("not-found-or-invalid-arg", "Item not found or argument invalid", 404)

    def too_large(self, cap: int) -> Answer:
        """nginx's reply to a URL that is too long."""
        return Answer(b"<html><head><title>414 Request-URI Too Large</title></head></html>", 414, text=True)

    def _multiaddr(self, addresses: list[str], most: int, view: View, trouble: Trouble) -> Any:
        rows: list[dict[str, Any]] = []
        transactions: list[dict[str, Any]] = []
        for text in addresses:
            row, own = self._address(text, view)
            rows.insert(0, row)  # in another order than asked
            transactions += own
        hit = trouble.victims(False for _ in rows)
        match trouble.fault:
            case Fault.SHORT_LIST:
                rows = [row for at, row in enumerate(rows) if at not in hit]
            case Fault.DUPLICATE_ID:
                rows += [rows[at] for at in hit]
            case Fault.FOREIGN_ID:
                rows = [row | {"address": row["address"] + "x"} if at in hit else row for at, row in enumerate(rows)]
            case Fault.ITEM_ERRORS:
                rows = [row | {"n_tx": 0, "total_received": 1} if at in hit else row for at, row in enumerate(rows)]
        transactions.sort(key=lambda each: each["block_height"] or 10**9, reverse=True)
        return {
            "addresses": rows,
            "wallet": {name: sum(row[name] for row in rows) for name in SUMS},
            "txs": transactions[:most],
            "info": {"nconnected": 4, "conversion": 1e8, "latest_block": _block(view.head, view)},
        }

    def _address(self, text: str, view: View) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        held = self._world.holdings(text)
        confirmed, noise = view.amount(held.amounts[0], text, 0), held.noise
        change = max(held.unconfirmed, -confirmed)
        spent = noise * 97 if noise & 4 else 0
        transactions = []
        if change:
            transactions.append(_transaction(text, None, max(change, 0), max(-change, 0)))
        if view.transactions(text):
            transactions.append(_transaction(text, view.head - noise % 1000 - 1, confirmed + spent, 0))
            if spent:
                transactions.append(_transaction(text, view.head - noise % 1000, 0, spent))
        received = sum(each["out"][0]["value"] for each in transactions)
        row = {
            "address": text,
            "final_balance": confirmed + change,
            "n_tx": len(transactions),
            "total_received": received,
            "total_sent": received - confirmed - change,
        }
        return row, transactions


def _transaction(text: str, height: int | None, received: int, spent: int) -> dict[str, Any]:
    name = sha256(f"{text}/{height}/{received}".encode()).hexdigest()
    coins = [{"prev_out": {"addr": text, "value": spent}}] if spent else []
    return {"hash": name, "inputs": coins, "out": [{"addr": text, "value": received}, {"value": 0}], "block_height": height}


def _block(height: int, view: View) -> dict[str, Any]:
    return {"hash": view.block_hash(height) if height else view.identity, "height": height}


def _json(body: Any) -> Answer:
    return Answer(msgspec.json.encode(body))


def _refusal(error: str, message: str, status: int) -> Answer:
    return Answer(msgspec.json.encode({"error": error, "message": message}), status)
