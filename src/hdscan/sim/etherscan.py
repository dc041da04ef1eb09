"""Etherscan V2, whose shape was BscScan's: module=account and module=proxy, errors with HTTP 200.

Shapes: https://docs.etherscan.io/etherscan-v2 ; `result` turns from list or number to a sentence on errors.
"""

from typing import Any

import msgspec

from hdscan.sim.evm import NONCE, EvmNode, Step
from hdscan.sim.faults import Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.jsonrpc import RpcError, RpcRequest
from hdscan.sim.speaker import Answer, Call, Speaker
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

MOST_ADDRESSES = 20
UNKNOWN_CHAIN = (
    "Missing or unsupported chainid parameter (required for v2 api), please see https://api.etherscan.io/v2/chainlist"
)
BUSY = (
    "Free API access is temporarily unavailable due to unusually high network activity. To maintain uninterrupted service, we "
    "recommend upgrading to a paid plan: https://etherscan.io/apis"
)
TIMED_OUT = "Query Timeout occured. Please select a smaller result dataset"


class Etherscan(Speaker):
    """Serves one EVM world by Etherscan's API V2."""

    def __init__(self, world: ChainWorld, gas_cap: int) -> None:
        super().__init__(world, gas_cap)
        self.path = f"/v2/api?chainid={world.chain.identity}&apikey=simulated"
        self._node = EvmNode(world)
        self._tokens = {asset.contract.lower(): (at, asset) for at, asset in enumerate(world.assets) if asset.contract}

    def hear(self, request: Request) -> Call:
        """Every address counts as one item."""
        query = request.query
        action = query.get("action", "")
        addresses = query.get("address", "").split(",") if query.get("address") else []
        symbol: str | None = self._native
        if action == "tokenbalance":
            token = self._tokens.get(query.get("contractaddress", "").lower())
            symbol = token[1].symbol if token else None
        asks = tuple((text, symbol) for text in addresses) if symbol else ()
        if action in ("eth_call", NONCE):
            asks = self._proxied(query).asks
        return Call((action,), max(1, len(addresses)), asks, query)

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        match trouble.fault:
            case Fault.STRING_RESULT | Fault.ERROR_OBJECT:
                return _not_ok(TIMED_OUT)
            case Fault.BUSY_TEXT:
                return _not_ok(BUSY)
            case Fault.NODE_STATE if call.asks:  # in the words of Blockscout, which speaks the same
                return Answer(b'{"message":"Internal server error","result":null,"status":"0"}')
        return None

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        """Always HTTP 200."""
        query: dict[str, str] = call.work
        if query.get("chainid", self._world.chain.identity) != self._world.chain.identity:
            return _not_ok(UNKNOWN_CHAIN)
        if query.get("module") == "proxy":
            return self._proxy(query, view, trouble)
        return self._account(query, view, trouble)

    def throttled(self, *, disguised: bool) -> Answer:
        """HTTP 200 with a sentence, as from Etherscan, or the same with 429."""
        answer = _not_ok("Max calls per sec rate limit reached (3/sec)" if disguised else "Max rate limit reached")
        return answer if disguised else Answer(answer.body, 429)

    def too_large(self, cap: int) -> Answer:
        return _not_ok(f"Error! Too many addresses, maximum {cap} per request")

    def _account(self, query: dict[str, str], view: View, trouble: Trouble) -> Answer:
        addresses = query["address"].split(",") if query.get("address") else []
        if not addresses or not all(self._world.valid(text) for text in addresses):
            return _not_ok("Error! Invalid address format")
        match query.get("action"):
            case "balancemulti" if len(addresses) > MOST_ADDRESSES:
                return self.too_large(MOST_ADDRESSES)
            case "balancemulti":
                return self._many(addresses, view, trouble)
            case "balance":
                return self._one(addresses[0], 0, view, trouble)
            case "tokenbalance":
                return self._token(query, view, trouble)
        return _not_ok("Error! Missing Or invalid Action name")

    def _token(self, query: dict[str, str], view: View, trouble: Trouble) -> Answer:
        token = self._tokens.get(query.get("contractaddress", "").lower())
        if token is None:
            return _ok("0")  # as the real one for an unknown contract
        if trouble.fault is Fault.TOKENS_FAIL:
            return _not_ok(TIMED_OUT)
        return self._one(query["address"], token[0], view, trouble)

    def _many(self, addresses: list[str], view: View, trouble: Trouble) -> Answer:
        rows: list[dict[str, Any]] = [{"account": text, "balance": str(view.held(text, 0))} for text in addresses]
        hit = trouble.victims(False for _ in rows)
        match trouble.fault:
            case Fault.SHORT_LIST | Fault.MISSING_ID:
                rows = [row for at, row in enumerate(rows) if at not in hit]
            case Fault.SHIFTED_LIST:
                rows.reverse()
            case Fault.ITEM_ERRORS | Fault.NULL_RESULT | Fault.EMPTY_DATA:
                lost = {Fault.ITEM_ERRORS: "Error!", Fault.NULL_RESULT: None, Fault.EMPTY_DATA: ""}[trouble.fault]
                rows = [{**row, "balance": lost} if at in hit else row for at, row in enumerate(rows)]
            case Fault.DUPLICATE_ID:
                rows = [rows[at - 1] if at in hit else row for at, row in enumerate(rows)]
            case Fault.FOREIGN_ID:
                rows = [{**row, "account": "0x" + "00" * 20} if at in hit else row for at, row in enumerate(rows)]
        return _ok(rows)

    def _one(self, address: str, asset: int, view: View, trouble: Trouble) -> Answer:
        match trouble.fault:
            case Fault.ITEM_ERRORS:
                return _not_ok("Error! Invalid address format")
            case Fault.NULL_RESULT:
                return _ok(None)
            case Fault.EMPTY_DATA:
                return _ok("")
        return _ok(str(view.held(address, asset)))

    def _proxied(self, query: dict[str, str]) -> Step:
        action = query.get("action", "")
        params: list[Any] = [query] if action == "eth_call" else [query.get("tag")]
        if action == NONCE:
            params.insert(0, query.get("address"))
        return self._node.step(RpcRequest(83, action, params))

    def _proxy(self, query: dict[str, str], view: View, trouble: Trouble) -> Answer:
        result = self._node.perform(self._proxied(query), view, trouble)
        member = "error" if isinstance(result, RpcError) else "result"
        return Answer(msgspec.json.encode({"jsonrpc": "2.0", "id": 83, member: result}))


def _ok(result: Any) -> Answer:
    return Answer(msgspec.json.encode({"status": "1", "message": "OK", "result": result}))


def _not_ok(sentence: str) -> Answer:
    return Answer(msgspec.json.encode({"status": "0", "message": "NOTOK", "result": sentence}))
