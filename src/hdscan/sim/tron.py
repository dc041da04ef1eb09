"""A Tron node behind TronGrid: an EVM node of T… addresses, with the refusals of java-tron and of the gateway before it.

Shapes: https://tronprotocol.github.io/documentation-en/api/json-rpc and developers.tron.network/reference/rate-limits
"""

from typing import Any

from hdscan.sim.evm import BALANCE, NONCE, STATELESS, EvmNode, Step
from hdscan.sim.faults import USE, Fault, Trouble
from hdscan.sim.jsonrpc import RpcError, RpcRequest, failure
from hdscan.sim.speaker import Answer
from hdscan.sim.view import View

ESTIMATE = "eth_estimateGas"
NO_ACCOUNT = RpcError(-32600, "Validate TransferContract error, no OwnerAccount.")
POOR = RpcError(-32600, "Validate TransferContract error, balance is not sufficient.")
INVALID = RpcError(-32600, "invalid json request")
NO_CONTRACT = RpcError(-32600, "No contract or not a smart contract")


class TronNode(EvmNode):
    """Serves one Tron world by JSON-RPC, at the latest block only."""

    path = "/jsonrpc"
    limited = Answer(b'{"Error":"The key exceeds the frequency limit(15), and the query server is suspended for 2 s"}')
    revert = RpcError(-32000, "REVERT opcode executed")

    def too_large(self, cap: int) -> Answer:
        return Answer(failure(RpcError(-32005, f"Batch size {cap + 1} exceeds the limit of {cap}")))

    def step(self, item: RpcRequest) -> Step:
        if item.method == ESTIMATE:
            match item.params:
                case [{"from": str(owner), "to": str(), "value": str()}]:
                    return Step(item, None, ((owner, USE),))
        return super().step(item)

    def perform(self, step: Step, view: View, trouble: Trouble) -> Any:
        method, params = step.request.method, step.request.params
        if method == NONCE:
            return "0x0"  # java-tron's for whomever: Tron has no nonces
        if method == ESTIMATE:
            return self._estimate(step, view, trouble)
        if method in (BALANCE, "eth_call") and params[1:] != ["latest"]:
            return RpcError(-32602, "TAG [earliest | pending | finalized | safe] not supported")
        result = super().perform(step, view, trouble)
        return NO_CONTRACT if (method, result) == ("eth_call", "0x") else result

    def _estimate(self, step: Step, view: View, trouble: Trouble) -> Any:
        """What a transfer would cost: nothing, unless there is no account that could make it."""
        if trouble.fault is Fault.NODE_STATE:
            return trouble.dice.choice(STATELESS)
        owner = step.asks[0][0] if step.asks else ""
        if not self._world.valid(owner):
            return INVALID
        if not view.use(owner):
            return NO_ACCOUNT
        return "0x0" if self._world.holdings(owner).amounts[0] else POOR
