"""Blockchair's API v2 for Bitcoin: balances of many addresses (only those above zero), statistics, the first block.

Shapes: https://blockchair.com/api/docs ; every reply has a `context` with its code, and the last block's height as `state`.
"""

from typing import Any

import msgspec

from hdscan.sim.faults import Fault, Trouble
from hdscan.sim.http import Request, parse_query
from hdscan.sim.speaker import Answer, Call, Speaker
from hdscan.sim.view import View

MOST_ADDRESSES = 25_000
BALANCES, STATS, BLOCK = "/addresses/balances", "/stats", "/dashboards/block/"


class Blockchair(Speaker):
    """Serves one Bitcoin world by Blockchair's API."""

    path = "/bitcoin"
    limited = Answer(b'{"data":null,"context":{"code":429,"error":"You have sent too many requests"}}')

    def hear(self, request: Request) -> Call:
        """The addresses come in a form or a query; a call is one item."""
        path = request.path.removeprefix("/bitcoin")
        if path != BALANCES:
            return Call((path,), 1, ())
        form = parse_query(request.body.decode("latin-1")) if request.verb == "POST" else request.query
        addresses = tuple(dict.fromkeys(form.get("addresses", "").split(",")))
        return Call((path,), 1, tuple((text, self._native) for text in addresses), addresses)

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        match trouble.fault:
            case Fault.ERROR_OBJECT:
                return _refusal(500, "Internal server error", 200)
            case Fault.BUSY_TEXT:
                return _refusal(503, "Service temporarily unavailable", 200)
            case Fault.NODE_STATE if call.asks:
                return _refusal(500, "Internal Server Error")
        return None

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        """Empty, unseen and invalid addresses are left out."""
        (path,), addresses = call.methods, call.work
        if path == BALANCES:
            if len(addresses) > MOST_ADDRESSES:
                return _refusal(400, "Too many addresses")
            return _reply(self._balances(addresses, view, trouble), view)
        if path == STATS:
            return _reply({"blocks": view.head + 1, "best_block_height": view.head}, view)
        if path == f"{BLOCK}0":
            return _reply({"0": {"block": {"id": 0, "hash": view.identity}, "transactions": []}}, view)
        return _refusal(404, "Not found")

    def too_large(self, cap: int) -> Answer:
        """nginx's reply to a form that is too long."""
        return Answer(b"<html><h1>413 Request Entity Too Large</h1></html>", 413, text=True)

    def _balances(self, addresses: tuple[str, ...], view: View, trouble: Trouble) -> dict[str, int] | list[int]:
        found = {text: held for text in addresses if self._world.valid(text) and (held := view.held(text, 0))}
        if trouble.fault is Fault.SHORT_LIST:
            hit = trouble.victims(False for _ in found)
            found = {text: amount for at, (text, amount) in enumerate(found.items()) if at not in hit}
        elif trouble.fault is Fault.FOREIGN_ID:
            found[self._world.address(0) + "x"] = 1
        return found or []  # as PHP writes an empty object


def _reply(data: Any, view: View) -> Answer:
    return Answer(msgspec.json.encode({"data": data, "context": {"code": 200, "state": view.head, "request_cost": 1}}))


def _refusal(code: int, error: str, status: int | None = None) -> Answer:
    return Answer(msgspec.json.encode({"data": None, "context": {"code": code, "error": error}}), status or code)
