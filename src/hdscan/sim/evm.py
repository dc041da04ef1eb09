"""An EVM node: JSON-RPC single and batch over the simulated contracts.

Shapes: https://ethereum.github.io/execution-apis/ ; errors as geth words them.
"""

from typing import Any

import msgspec

from hdscan.sim.contracts import INSIDE, REVERT, ContractCall, Contracts
from hdscan.sim.faults import USE, Fault, Trouble
from hdscan.sim.http import Request
from hdscan.sim.jsonrpc import Envelope, RpcError, RpcRequest, close_envelope, failure, open_envelope
from hdscan.sim.speaker import Answer, Ask, Call, Speaker
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

BALANCE, NONCE = "eth_getBalance", "eth_getTransactionCount"
KEPT_BLOCKS = 128
TAGS = {"latest": 0, "pending": 0, "safe": 8, "finalized": 20}  # blocks behind the head
INVALID_ADDRESS = RpcError(-32602, "invalid argument 0: hex string has length 0, want 40 for common.Address")
INVALID_CALL = RpcError(-32602, "invalid argument 0: json: cannot unmarshal into Go value of type ethapi.TransactionArgs")


WHOLE = {
    Fault.ERROR_OBJECT: RpcError(-32603, "internal error: upstream node is not available"),
    Fault.BUSY_TEXT: RpcError(-32000, "service temporarily unavailable, please try again later"),
}
STATELESS = (  # as geth and Nethermind word it
    RpcError(-32000, "missing trie node 5f1c (path ) state 0x5f1c is not available"),
    RpcError(-32000, "header not found"),
    RpcError(-32002, "No state available for block 36600 (0x985a)"),
)


class Step(msgspec.Struct, frozen=True, gc=False):
    """One parsed request of a body, with its `call` if it is an eth_call."""

    request: RpcRequest
    call: ContractCall | None
    asks: tuple[Ask, ...]


class EvmNode(Speaker):
    """Serves one EVM world by JSON-RPC."""

    limited = Answer(failure(RpcError(-32005, "rate limit exceeded, retry later")))  # as from public BSC nodes
    revert = REVERT

    def __init__(self, world: ChainWorld, gas_cap: int = 5_000) -> None:
        super().__init__(world, gas_cap)
        self._contracts = Contracts(world, gas_cap)

    def hear(self, request: Request) -> Call:
        """Every request of a batch counts as one item, an aggregate3 too."""
        envelope = open_envelope(request.body)
        steps = tuple(self.step(item) for item in envelope.requests)
        asks = tuple(ask for step in steps for ask in step.asks)
        return Call(envelope.methods, max(1, len(steps)), asks, (envelope, steps))

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        error = WHOLE.get(trouble.fault) if trouble.fault else None
        envelope: Envelope = call.work[0]
        return None if error is None or envelope.error else Answer(failure(error, envelope.ident))

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        steps: tuple[Step, ...]
        envelope: Envelope
        envelope, steps = call.work
        if envelope.error is not None:
            return Answer(failure(envelope.error), 400)
        hit = self._hit(steps, trouble)
        results = [self.perform(step, view, trouble) for step in steps]
        if trouble.fault in (Fault.REVERTED, Fault.EMPTY_DATA):
            spoiled = self.revert if trouble.fault is Fault.REVERTED else "0x"
            results = [spoiled if at in hit else result for at, result in enumerate(results)]
        return Answer(close_envelope(envelope, results, trouble.fault, hit))

    def too_large(self, cap: int) -> Answer:
        """HTTP 500 with code 31 for a small cap (drpc, 1rpc), geth's words for a large one."""
        if cap > 10:
            return Answer(failure(RpcError(-32600, "batch too large")))
        return Answer(failure(RpcError(31, f"Batch of more than {cap} requests are not allowed on free tier")), 500)

    def _hit(self, steps: tuple[Step, ...], trouble: Trouble) -> set[int]:
        """Choose requests to spoil; an aggregate3 is spoiled inside where the fault applies to subcalls."""
        inside = trouble.fault in INSIDE
        outer = [at for at, step in enumerate(steps) if not (inside and step.call and step.call.subcalls is not None)]
        tokens = [any(symbol not in (self._native, USE) for _, symbol in steps[at].asks) for at in outer]
        return {outer[chosen] for chosen in trouble.victims(tokens)}

    def step(self, item: RpcRequest) -> Step:
        if item.method in (BALANCE, NONCE) and item.params and isinstance(item.params[0], str):
            return Step(item, None, ((item.params[0], self._native if item.method == BALANCE else USE),))
        if item.method == "eth_call" and (read := _eth_call(item.params)):
            call = self._contracts.understand(*read)
            return Step(item, call, call.asks)
        return Step(item, None, ())

    def perform(self, step: Step, view: View, trouble: Trouble) -> Any:
        method, params = step.request.method, step.request.params
        if method == "eth_chainId":
            return hex(int(view.identity))
        if method == "eth_blockNumber":
            return hex(view.head)
        if method == "eth_getBlockByNumber":
            return _block(params[0] if params else None, view)
        if method in (BALANCE, NONCE, "eth_call"):
            return self._state(step, view, trouble)
        return RpcError(-32601, f"the method {method} does not exist/is not available")

    def _state(self, step: Step, view: View, trouble: Trouble) -> Any:
        params = step.request.params
        if trouble.fault is Fault.NODE_STATE and step.asks:
            return trouble.dice.choice(STATELESS)
        tag = params[1] if len(params) > 1 else "latest"
        if error := _block_error(tag, view):
            return error
        view = view.behind(TAGS.get(tag, 0) if isinstance(tag, str) else 0)
        if step.request.method == "eth_call":
            return self._contracts.call(step.call, view, trouble) if step.call else INVALID_CALL
        if not step.asks or not self._world.valid(params[0]):
            return INVALID_ADDRESS
        return hex(view.nonce(params[0]) if step.request.method == NONCE else view.held(params[0], 0))


def _block(number: Any, view: View) -> Any:
    """The part of a block that clients read: null where there is none yet."""
    if isinstance(number, str) and number in TAGS:
        number = hex(view.head - TAGS[number])
    if not isinstance(number, str) or not number.startswith("0x"):
        return RpcError(-32602, "invalid argument 0: hex string without 0x prefix")
    height = int(number, 16)
    return {"number": hex(height), "hash": f"0x{view.block_hash(height)}"} if height <= view.head else None


def _eth_call(params: list[Any]) -> tuple[bytes, bytes] | None:
    try:
        call = params[0]
        return bytes.fromhex(call["to"][2:]), bytes.fromhex((call.get("input") or call.get("data") or "0x")[2:])
    except (IndexError, KeyError, TypeError, ValueError, AttributeError):
        return None


def _block_error(block: Any, view: View) -> RpcError | None:
    if not isinstance(block, str) or block in TAGS:
        return None
    if not block.startswith("0x"):
        return RpcError(-32602, "invalid argument 1: hex string without 0x prefix")
    try:
        height = int(block, 16)
    except ValueError:
        return RpcError(-32602, "invalid argument 1: invalid hex string")
    if height > view.head:
        return RpcError(-32000, "header not found")
    if height < view.head - KEPT_BLOCKS:
        return RpcError(-32000, "missing trie node 5f1c (path ) state is not available")
    return None
