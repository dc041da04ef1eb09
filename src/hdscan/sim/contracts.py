"""The code on a simulated EVM chain: token contracts, and Multicall3 at its usual address."""

import msgspec

from hdscan.sim import abi
from hdscan.sim.faults import Fault, Trouble
from hdscan.sim.jsonrpc import RpcError
from hdscan.sim.speaker import Ask
from hdscan.sim.view import View
from hdscan.sim.world import ChainWorld

MULTICALL3 = bytes.fromhex("ca11bde05977b3631167028862be2a173976ca11")
INSIDE = frozenset({Fault.ITEM_ERRORS, Fault.REVERTED, Fault.EMPTY_DATA, Fault.TOKENS_FAIL, Fault.SHORT_LIST})
PANIC = bytes.fromhex("4e487b71") + abi.word(0x12)  # Solidity: division by zero
REVERT = RpcError(3, "execution reverted: division or modulo by zero", "0x" + PANIC.hex())
NOT_ALLOWED = RpcError(3, "execution reverted: Multicall3: call failed", "0x08c379a0")
OUT_OF_GAS = RpcError(-32000, "out of gas: gas required exceeds allowance (50000000)")


class ContractCall(msgspec.Struct, frozen=True, gc=False):
    """A parsed call: the `subcalls` of a valid aggregate3; `asks` are its balances, `at` the subcalls that ask for them."""

    target: bytes
    data: bytes
    subcalls: list[abi.Subcall] | None
    asks: tuple[Ask, ...]
    at: tuple[int, ...]


class Contracts:
    """Runs calls for one EVM world; an aggregate3 of more than `gas_cap` subcalls is out of gas."""

    def __init__(self, world: ChainWorld, gas_cap: int) -> None:
        self._world, self._gas_cap = world, gas_cap
        at = enumerate(world.assets)
        self._tokens = {world.form.decode(each.contract, world.chain): n for n, each in at if each.contract}

    def understand(self, target: bytes, data: bytes) -> ContractCall:
        """Parse call data, as far as it is known here."""
        if target != MULTICALL3 or data[:4] != abi.AGGREGATE3:
            ask = self._ask(target, data)
            return ContractCall(target, data, None, (ask,) if ask else (), ())
        try:
            subcalls = abi.decode_aggregate3(data)
        except ValueError:
            return ContractCall(target, data, None, (), ())
        found = [(at, ask) for at, sub in enumerate(subcalls) if (ask := self._ask(sub.target, sub.data))]
        return ContractCall(target, data, subcalls, tuple(ask for _, ask in found), tuple(at for at, _ in found))

    def call(self, call: ContractCall, view: View, trouble: Trouble) -> str | RpcError:
        """Run an eth_call: its data as hex, "0x" without a contract."""
        if call.subcalls is None:
            success, value = self._run(call.target, call.data, view)
            return "0x" + value.hex() if success else REVERT
        if len(call.subcalls) > self._gas_cap:
            return OUT_OF_GAS
        results = [self._run(sub.target, sub.data, view) for sub in call.subcalls]
        if any(not done and not sub.allow_failure for (done, _), sub in zip(results, call.subcalls, strict=True)):
            return NOT_ALLOWED
        if trouble.fault in INSIDE:
            results = self._spoil(results, call, trouble)
        return "0x" + abi.encode_results(results).hex()

    def _spoil(self, results: list[tuple[bool, bytes]], call: ContractCall, trouble: Trouble) -> list[tuple[bool, bytes]]:
        hit = {call.at[chosen] for chosen in trouble.victims(symbol != self._world.chain.symbol for _, symbol in call.asks)}
        if trouble.fault is Fault.SHORT_LIST:
            return [result for at, result in enumerate(results) if at not in hit]
        lost = (trouble.fault is Fault.EMPTY_DATA, PANIC if trouble.fault in (Fault.REVERTED, Fault.TOKENS_FAIL) else b"")
        return [lost if at in hit else result for at, result in enumerate(results)]

    def _asset(self, target: bytes, data: bytes) -> int | None:
        """Which of the chain's assets a call asks for the balance of."""
        if len(data) != 36:
            return None
        if target == MULTICALL3:
            return 0 if data[:4] == abi.GET_ETH_BALANCE else None
        return self._tokens.get(target) if data[:4] == abi.BALANCE_OF else None

    def _ask(self, target: bytes, data: bytes) -> Ask | None:
        asset = self._asset(target, data)
        return None if asset is None else ("0x" + data[16:].hex(), self._world.assets[asset].symbol)

    def _run(self, target: bytes, data: bytes, view: View) -> tuple[bool, bytes]:
        if (asset := self._asset(target, data)) is not None:
            return True, abi.word(view.held("0x" + data[16:].hex(), asset))
        selector = data[:4]
        if target == MULTICALL3:
            facts = {
                abi.GET_BLOCK_NUMBER: self._told(view),
                abi.GET_CHAIN_ID: int(view.identity),
                abi.GET_TIMESTAMP: int(view.time),
                abi.GET_LAST_BLOCK_HASH: self._block_hash(self._told(view) - 1, view),
                abi.GET_BLOCK_HASH: self._block_hash(int.from_bytes(data[4:36], "big"), view),
            }
            return (True, abi.word(facts[selector])) if selector in facts else (False, b"")
        token = self._tokens.get(target)
        if token is None:
            return True, b""
        symbol, decimals = view.contract(token)
        stated = {abi.DECIMALS: abi.word(decimals), abi.SYMBOL: abi.text(symbol)}.get(data)
        return (False, b"") if stated is None else (True, stated)

    def _told(self, view: View) -> int:
        """The block that contracts are told: their own, or (Arbitrum) an estimate of Ethereum's, one for 48 of theirs."""
        return view.head // 48 if self._world.chain.l1_blocks else view.head

    def _block_hash(self, height: int, view: View) -> int:
        """A hash of the 256 blocks below; where these are another chain's, one that changes with every block."""
        if not self._told(view) - 256 <= height < self._told(view):
            return 0
        return int(view.block_hash(view.head + height if self._world.chain.l1_blocks else height), 16)
