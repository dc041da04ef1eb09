"""A Solana node: accounts with their real layouts, token accounts by owner, signatures, head and identity.

Shapes: https://solana.com/docs/rpc/http/getmultipleaccounts, …/gettokenaccountsbyowner and …/getsignaturesforaddress ;
token account layout: spl-token `state.rs` (165 bytes).
"""

import struct
from base64 import b64encode
from hashlib import sha512
from typing import Any

from solders.pubkey import Pubkey
from solders.signature import Signature

from hdscan.sim.faults import USE, Fault, Trouble
from hdscan.sim.holdings import TokenAccount
from hdscan.sim.http import Request
from hdscan.sim.jsonrpc import Envelope, RpcError, RpcRequest, close_envelope, failure, open_envelope
from hdscan.sim.speaker import Answer, Ask, Call, Speaker
from hdscan.sim.view import View
from hdscan.sim.world import PROGRAMS, ChainWorld

MOST_KEYS = 100
CLOCK = "SysvarC1ock11111111111111111111111111111111"
SYSVAR_OWNER = "Sysvar1111111111111111111111111111111111111"
SYSTEM_PROGRAM = "11111111111111111111111111111111"
RENT_EPOCH = 2**64 - 1
TOKEN_RENT, MINT_RENT = 2_039_280, 1_461_600
SLOTS_PER_EPOCH = 432_000
COMMITMENT_LAG = {"processed": -31, "confirmed": -30, "finalized": 0}
STATELESS = (  # agave, rpc-client-api/src/custom_error.rs
    RpcError(-32005, "Node is unhealthy", {"numSlotsBehind": None}),
    RpcError(-32004, "Block not available for slot 410343008"),
    RpcError(-32014, "Block status not yet available for slot 410343008"),
)
ACCOUNT = "account"  # symbol of a missing token account; the judge finds out whose it would be


class SolanaNode(Speaker):
    """Serves one world by Solana's JSON-RPC; the world's head is the finalized slot."""

    path = "/"
    limited = Answer(failure(RpcError(429, "Too many requests for a specific RPC call")))  # as api.mainnet-beta.solana.com

    def __init__(self, world: ChainWorld, gas_cap: int) -> None:
        super().__init__(world, gas_cap)
        self._mints = [asset.contract for asset in world.assets]
        world.accounts  # noqa: B018 - derived now, not during the first request

    def hear(self, request: Request) -> Call:
        """Every key counts as one item, and so do an owner under a token program and the signatures of an address."""
        envelope = open_envelope(request.body)
        keys: tuple[str, ...] = ()
        for item in envelope.requests:
            if item.method == "getMultipleAccounts" and item.params and isinstance(item.params[0], list):
                keys += tuple(key for key in item.params[0] if isinstance(key, str))
        asks = tuple(self._ask(key) for key in keys if key != CLOCK and key not in self._mints)
        owners = [of for item in envelope.requests if (of := _owner_and_program(item))]
        asks += tuple((owner, symbol) for owner, program in owners for symbol in self._symbols(program))
        signers = [address for item in envelope.requests if (address := _signer(item))]
        asks += tuple((address, USE) for address in signers)
        return Call(envelope.methods, max(1, len(keys) + len(owners) + len(signers)), asks, envelope)

    def refuse(self, call: Call, trouble: Trouble) -> Answer | None:
        tokens = any(symbol not in (self._native, USE) for _, symbol in call.asks)
        errors = {
            Fault.ERROR_OBJECT: RpcError(-32005, "Node is behind by 1523 slots", {"numSlotsBehind": 1523}),
            Fault.BUSY_TEXT: RpcError(-32000, "The service is down for maintenance"),
            Fault.NODE_STATE: STATELESS[len(call.asks) % len(STATELESS)] if call.asks else None,
            Fault.TOKENS_FAIL: RpcError(-32603, "Internal error: no index of the token programs") if tokens else None,
        }
        error = errors.get(trouble.fault) if trouble.fault else None
        return None if error is None or call.work.error else Answer(failure(error, call.work.ident))

    def answer(self, call: Call, view: View, trouble: Trouble) -> Answer:
        envelope: Envelope = call.work
        if envelope.error is not None:
            return Answer(failure(envelope.error), 400)
        fault = trouble.fault
        results = [self._perform(item, view, trouble) for item in envelope.requests]
        if fault is Fault.SHIFTED_LIST and len(results) > 2:  # an owner's accounts, in place of another's
            results = results[2:] + results[:2]
        if fault in (Fault.SHORT_LIST, Fault.SHIFTED_LIST, Fault.TOKENS_FAIL):  # of the accounts, not of the results
            return Answer(close_envelope(envelope, results))
        return Answer(close_envelope(envelope, results, fault, trouble.victims(False for _ in results)))

    def too_large(self, cap: int) -> Answer:
        return Answer(failure(RpcError(-32602, f"Too many inputs provided; max {cap}")))

    def _ask(self, key: str) -> Ask:
        if (account := self._world.accounts.get(key)) is not None:
            return key, self._world.assets[self._mints.index(account.mint)].symbol
        return key, self._native if self._world.owns(key) else ACCOUNT

    def _symbols(self, program: str) -> list[str]:
        """The tokens of a token program."""
        return [a.symbol for at, a in enumerate(self._world.assets) if a.contract and self._world.program(at) == program]

    def _perform(self, item: RpcRequest, view: View, trouble: Trouble) -> Any:
        given = item.params[-1] if item.params and isinstance(item.params[-1], dict) else {}
        options = {name: value for name, value in given.items() if value is not None}  # null is as good as nothing
        slot = view.head - COMMITMENT_LAG.get(options.get("commitment", "finalized"), 0)
        match item.method:
            case "getGenesisHash" | "getHealth":
                return view.identity if item.method == "getGenesisHash" else "ok"
            case "getSlot":
                return slot
            case "getMultipleAccounts" if options.get("minContextSlot", 0) > slot:
                return RpcError(-32016, "Minimum context slot has not been reached", {"contextSlot": slot})
            case "getTokenAccountsByOwner":
                return self._owned(item, options, slot, view, trouble)
            case "getMultipleAccounts":
                return self._many(item.params, options, slot, view, trouble)
        return self._past(item, options, slot, view)

    def _past(self, item: RpcRequest, options: dict[str, Any], slot: int, view: View) -> Any:
        match item.method:
            case "getBlocks":
                return _blocks(item.params, slot)
            case "getSignaturesForAddress":
                return self._signatures(item, options, slot, view)
        return RpcError(-32601, "Method not found")

    def _many(self, params: list[Any], options: dict[str, Any], slot: int, view: View, trouble: Trouble) -> Any:
        if not params or not isinstance(keys := params[0], list):
            return RpcError(-32602, "Invalid params: invalid type: null, expected a sequence.")
        if len(keys) > MOST_KEYS:
            return RpcError(-32602, f"Too many inputs provided; max {MOST_KEYS}")
        if bad := next((key for key in keys if not isinstance(key, str) or not self._world.valid(key)), None):
            return RpcError(-32602, f"Invalid param: Invalid ({bad})")
        value = [self._account(key, options, slot, view) for key in keys]
        if trouble.fault is Fault.SHORT_LIST:
            hit = trouble.victims(False for _ in value)
            value = [account for at, account in enumerate(value) if at not in hit]
        elif trouble.fault is Fault.SHIFTED_LIST:
            value = value[1:] + value[:1]
        return {"context": {"apiVersion": "3.0.6", "slot": slot}, "value": value}

    def _owned(self, item: RpcRequest, options: dict[str, Any], slot: int, view: View, trouble: Trouble) -> Any:
        asked = _owner_and_program(item)
        if asked is None or not self._world.valid(asked[0]):
            return RpcError(-32602, "Invalid params: invalid owner or filter")
        if asked[1] not in PROGRAMS:
            return RpcError(-32602, "Invalid param: unrecognized Token program id")
        keys = self._world.accounts_of.get(asked, [])
        if trouble.fault is Fault.SHORT_LIST:
            hit = trouble.victims(False for _ in keys)
            keys = [key for at, key in enumerate(keys) if at not in hit]
        value = [{"pubkey": key, "account": self._account(key, options, slot, view)} for key in keys]
        return {"context": {"apiVersion": "3.0.6", "slot": slot}, "value": value}

    def _signatures(self, item: RpcRequest, options: dict[str, Any], slot: int, view: View) -> Any:
        """The latest first."""
        if (address := _signer(item)) is None or not self._world.valid(address):
            return RpcError(-32602, "Invalid param: WrongSize")
        if options.get("commitment") == "processed":
            return RpcError(-32602, "Method does not support commitment below `confirmed`")
        names = (sha512(f"{address}/{at}".encode()).digest() for at in range(view.use(address)))
        found = [{"signature": str(Signature(name)), "slot": slot - at} for at, name in enumerate(names)]
        more = {"err": None, "memo": None, "blockTime": int(view.time), "confirmationStatus": "finalized"}
        return [each | more for each in found[: options.get("limit", 1000)]]

    def _account(self, key: str, options: dict[str, Any], slot: int, view: View) -> dict[str, Any] | None:
        if key == CLOCK:
            epoch = slot // SLOTS_PER_EPOCH
            started = int(view.time) - slot % SLOTS_PER_EPOCH * 2 // 5
            clock = struct.pack("<QqQQq", slot, started, epoch, epoch + 1, int(view.time))
            return _shape(clock, SYSVAR_OWNER, 1_169_280, options)
        if (account := self._world.accounts.get(key)) is not None:
            at = self._mints.index(account.mint)
            layout = _token_layout(account, view.amount(account.amount, account.owner, at))
            return _shape(layout, account.program, TOKEN_RENT, options)
        if key in self._mints:
            at = self._mints.index(key)
            lamports = view.amount(self._world.holdings(key).amounts[0] or MINT_RENT, key, 0)
            return _shape(_mint_layout(view.contract(at)[1]), self._world.program(at), lamports, options)
        lamports = view.held(key, 0)
        return _shape(b"", SYSTEM_PROGRAM, lamports, options) if lamports else None


def _signer(item: RpcRequest) -> str | None:
    """Whose signatures are asked for by getSignaturesForAddress."""
    match item.params if item.method == "getSignaturesForAddress" else ():
        case [str(address), *_]:
            return address
    return None


def _blocks(params: list[Any], slot: int) -> Any:
    """The slots of a range that have a block, which is all of them."""
    match params:
        case [int(first), int(last), *_] if first <= last:
            return list(range(first, min(last, slot) + 1))
    return RpcError(-32602, "Invalid params")


def _owner_and_program(item: RpcRequest) -> tuple[str, str] | None:
    """Whose accounts are asked for by getTokenAccountsByOwner, and under which token program."""
    match item.params if item.method == "getTokenAccountsByOwner" else ():
        case [str(owner), {"programId": str(program)}, *_]:
            return owner, program
    return None


def _shape(data: bytes, owner: str, lamports: int, options: dict[str, Any]) -> dict[str, Any]:
    part = options.get("dataSlice")
    shown = data[part["offset"] : part["offset"] + part["length"]] if part else data
    return {
        "data": [b64encode(shown).decode(), "base64"],
        "executable": False,
        "lamports": lamports,
        "owner": owner,
        "rentEpoch": RENT_EPOCH,
        "space": len(data),
    }


def _mint_layout(decimals: int) -> bytes:
    """Lay out no mint authority, the supply, decimals, initialized, no freeze authority (spl-token `state.rs`, 82 bytes)."""
    return bytes(36) + struct.pack("<QBB", 10**15, decimals, 1) + bytes(36)


def _token_layout(account: TokenAccount, amount: int) -> bytes:
    """Lay out mint, owner, amount, no delegate, state 1 (initialized), not native, no delegated amount, no close authority."""
    mint, owner = bytes(Pubkey.from_string(account.mint)), bytes(Pubkey.from_string(account.owner))
    return mint + owner + struct.pack("<Q", amount) + bytes(36) + b"\x01" + bytes(12) + bytes(8) + bytes(36)
