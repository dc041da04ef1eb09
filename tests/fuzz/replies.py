"""Every decoder of `wire`, with an oracle that reads the same reply by other means.

A decoder raises nothing but CallError, and gives no amount that doesn't stand literally in the reply for that very item.
An input is a body, or "HTTP 429" and header lines, an empty line and a body.
"""

import base64
import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import eth_abi
import msgspec
from solders.pubkey import Pubkey

from hdscan.model.chain import Asset
from hdscan.model.errors import CallError
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import ReadError, Reading
from hdscan.wire import (
    blockchain_info,
    blockchair,
    electrum,
    esplora,
    etherscan,
    evm,
    jsonrpc,
    multicall,
    solana,
    solana_owner,
    solana_use,
    tron,
)
from hdscan.wire.failure import NO_CODES, failure
from hdscan.wire.http import Response
from tests.fuzz.target import Target, refused
from tests.wire.multiaddr import GOOD, NAMES
from tests.wire.samples import BNB, SOL, USDC, USDT, load
from tests.wire.samples import evm as evm_reading

SHOWN = 600  # characters: the longest error of a reading

_ADDRESS = load("esplora.json")["address"]
_FAILURES = [f"HTTP {each['status']}\n\n".encode() + each["body"].encode() for each in load("failures.json") if "body" in each]


def response(data: bytes) -> Response:
    """What an input stands for."""
    head, found, body = data.partition(b"\n\n")
    status = re.match(rb"HTTP ([1-9][0-9]{2})(?:\n|$)", head)
    if not found or not status:
        return Response(200, {}, data)
    lines = head.decode("latin-1").split("\n")[1:]
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Response(int(status[1]), headers, body)


class Literal(str):
    """A number as it was written."""

    __slots__ = ()


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; where a member stands twice it stands for nothing."""
    names = [name for name, _ in pairs]
    return {name: value for name, value in pairs if names.count(name) == 1}


def reading_of(body: bytes | msgspec.Raw) -> Any:
    """A reply as the standard library reads it, numbers as they are written."""
    return json.loads(bytes(body), object_pairs_hook=_once, parse_int=Literal, parse_float=Literal, parse_constant=Literal)


def _decoded(run: Callable[[Response], str]) -> Callable[[bytes], str]:
    def guarded(data: bytes) -> str:
        try:
            return run(response(data))
        except CallError as error:
            return f"{error.fault} {refused(error)}"

    return guarded


def _outcomes(found: Iterable[object]) -> str:
    """A word for a list of outcomes; errors have to be short, and of one line."""
    words = []
    for each in found:
        if isinstance(each, ReadError):
            assert len(each.message) < SHOWN, f"an error of {len(each.message)} characters"
            assert each.message.isprintable(), f"an error that is not one plain line: {each.message!r}"
        words.append(each.code.value if isinstance(each, ReadError) else type(each).__name__)
    return " ".join(words)


# -- Esplora


def _esplora_balance(reply: Response) -> str:
    found = esplora.stats(reply, _ADDRESS, 21 * 10**14)
    if isinstance(found, ReadError):
        return _outcomes([found])
    said = reading_of(reply.body)
    for amount, stats in zip(found[:2], ("chain_stats", "mempool_stats"), strict=True):
        sums = said[stats]
        funded, spent = sums["funded_txo_sum"], sums["spent_txo_sum"]
        assert isinstance(funded, Literal), "a number"
        assert isinstance(spent, Literal), "a number"
        assert amount == int(funded) - int(spent)
    if found.transactions is not None:
        assert found.transactions == sum(int(said[stats]["tx_count"]) for stats in ("chain_stats", "mempool_stats"))
    assert said.get("address") in (None, _ADDRESS) or said["address"].lower() == _ADDRESS
    assert reply.status == 200
    return "balance"


def _esplora_tip(reply: Response) -> str:
    height = esplora.height(reply)
    assert reply.body.strip().decode("ascii").lstrip("0").rjust(1, "0") == str(height)
    return "height"


def _esplora_genesis(reply: Response) -> str:
    assert esplora.block_hash(reply).encode() in reply.body
    return "hash"


# -- blockchain.info

_WALLET = [Reading(at, name, Asset("btc", "BTC", 8)) for at, name in enumerate(NAMES)]


def _multiaddr(reply: Response) -> str:
    _, found = blockchain_info.balances(reply, _WALLET, 21 * 10**14)
    for reading, each in zip(_WALLET, found, strict=True):
        if not isinstance(each, ReadError):
            (stated,) = (row for row in reading_of(reply.body)["addresses"] if row["address"] == reading.address)
            assert int(stated["final_balance"]) == each.confirmed + each.unconfirmed
    return _outcomes(found)


# -- Etherscan

_ACCOUNTS = [Reading(n, item["account"], BNB) for n, item in enumerate(load("etherscan.json")["balancemulti"]["result"])]


def _etherscan_balances(reply: Response) -> str:
    return _check_accounts(reply, _ACCOUNTS)


def _etherscan_one(reply: Response) -> str:
    return _check_accounts(reply, _ACCOUNTS[:1])


def _check_accounts(reply: Response, readings: Sequence[Reading]) -> str:
    found = etherscan.balances(reply, readings)
    assert len(found) == len(readings)
    for amount, reading in zip(found, readings, strict=True):
        if isinstance(amount, int):
            said = reading_of(reply.body)
            mine = [item for item in said["result"] if item["account"].lower() == reading.address.lower()]
            assert [item["balance"] for item in mine] == [str(amount)]
            assert said["status"] == "1"
    return _outcomes(found)


def _etherscan_token(reply: Response) -> str:
    found = etherscan.token_balance(reply)
    if isinstance(found, int):
        said = reading_of(reply.body)
        assert (said["status"], said["result"]) == ("1", str(found))
    return _outcomes([found])


def _etherscan_number(reply: Response) -> str:
    found = etherscan.number(reply)
    assert int(reading_of(reply.body)["result"], 16) == found < 2**63
    return "number"


def _etherscan_block(reply: Response) -> str:
    found = etherscan.block(reply, 7)
    said = reading_of(reply.body)["result"]
    assert (said["number"], said["hash"]) == ("0x7", found)
    return "hash"


# -- JSON-RPC, EVM

_EVM = [evm_reading(0), evm_reading(1), evm_reading(2)]
_TOKENS = [evm_reading(0, USDT), evm_reading(1, USDT)]


def _single_answer(reply: Response, batch: jsonrpc.Batch) -> Any:
    """What the reply to a single call says, as the standard library reads it."""
    said = reading_of(reply.body)
    said = said[0] if isinstance(said, list) else said
    assert isinstance(said["id"], Literal)
    assert said["id"] == str(batch.first)
    assert said.get("error") is None
    return said["result"]


def _evm(readings: Sequence[Reading]) -> Callable[[Response], str]:
    batch = jsonrpc.encode([evm.balance_call(reading) for reading in readings])

    def run(reply: Response) -> str:
        answers = jsonrpc.decode(reply, batch, evm.CODES)
        assert len(answers) == len(readings)
        found = []
        for number, (answer, reading) in enumerate(zip(answers, readings, strict=True)):
            found.append(answer if isinstance(answer, ReadError) else evm.balance(answer, reading))
            if isinstance(found[-1], int):
                said = reading_of(reply.body)
                items = said if isinstance(said, list) else [said]
                mine = [item for item in items if isinstance(item, dict) and item.get("id") == Literal(batch.first + number)]
                assert len(mine) == 1
                assert isinstance(mine[0]["id"], Literal)
                assert mine[0].get("error") is None
                assert int(mine[0]["result"], 16) == found[-1] < 2**256
        return _outcomes(found)

    return run


def _evm_number(reply: Response) -> str:
    batch = jsonrpc.encode([evm.BLOCK_NUMBER])
    found = evm.number(jsonrpc.single(reply, batch, evm.CODES), "the height")
    assert int(_single_answer(reply, batch), 16) == found < 2**63
    return "number"


def _evm_block(reply: Response) -> str:
    batch = jsonrpc.encode([evm.block_call(7)])
    found = evm.block_hash(jsonrpc.single(reply, batch, evm.CODES), 7)
    said = _single_answer(reply, batch)
    assert (said["number"], said["hash"]) == ("0x7", found)
    return "hash"


_BLOCK = {"number": "0x7", "hash": f"0x{7:064x}", "parentHash": f"0x{6:064x}", "transactions": []}
_MULTI = [evm_reading(0), evm_reading(1, USDT), evm_reading(2)]
_FORMER = (7, 3)
_MULTI_CALL = multicall.call(_MULTI, _FORMER)
_MULTI_BATCH = jsonrpc.encode([_MULTI_CALL])


def _multicall(reply: Response) -> str:
    answer = jsonrpc.single(reply, _MULTI_BATCH, evm.CODES)
    block, found = multicall.decode(answer, len(_MULTI), _FORMER)
    data = bytes.fromhex(_single_answer(reply, _MULTI_BATCH)[2:])
    (items,) = eth_abi.decode(["(bool,bytes)[]"], data)
    assert len(items) == len(_FORMER) + len(_MULTI) + multicall.HEADERS
    number, chain, last, seven, three, *balances, time = items
    for value, (success, word) in [
        *zip((block.number, block.chain_id, block.time), (number, chain, time), strict=True),
        *((value, item) for value, item in zip(found, balances, strict=True) if isinstance(value, int)),
    ]:
        assert success
        assert len(word) == 32
        assert int.from_bytes(word, "big") == value
    said = {height: "0x" + word.hex() for height, (done, word) in ((block.number - 1, last), (7, seven), (3, three)) if done}
    assert block.hashes.items() <= said.items()
    assert {height for height, word in said.items() if len(word) == 66 and int(word, 16)} == block.hashes.keys()
    return _outcomes(found)


_TOKENS_CALL = multicall.token_call([str(USDT.contract), "0x" + "1" * 40])
_TOKENS_BATCH = jsonrpc.encode([_TOKENS_CALL])
_NAMED = [
    (True, (18).to_bytes(32)),
    (True, eth_abi.encode(["string"], ["USDT"])),
    (True, (6).to_bytes(32)),
    (True, b"MKR".ljust(32, b"\0")),
]
_STATED = "0x" + eth_abi.encode(["(bool,bytes)[]"], [_NAMED]).hex()


def _multicall_tokens(reply: Response) -> str:
    found = multicall.token_facts(jsonrpc.single(reply, _TOKENS_BATCH, evm.CODES), 2)
    (items,) = eth_abi.decode(["(bool,bytes)[]"], bytes.fromhex(_single_answer(reply, _TOKENS_BATCH)[2:]))
    assert len(items) == 2 * len(found)
    for facts, (success, word), (_, symbol) in zip(found, items[::2], items[1::2], strict=True):
        if isinstance(facts, TokenFacts):
            assert success
            assert facts.decimals == int.from_bytes(word)
            assert facts.symbol is None or facts.symbol.encode() in symbol
    return _outcomes(found)


def _etherscan_decimals(reply: Response) -> str:
    found = etherscan.token_facts(reply)
    if isinstance(found, TokenFacts):
        assert found == TokenFacts(int(reading_of(reply.body)["result"], 16))
    return _outcomes([found])


# -- Solana

_OWNERS = [str(Pubkey(bytes([number]) * 32)) for number in (1, 2, 3)]
_ASKED = {
    "native": solana.ask([Reading(n, owner, SOL) for n, owner in enumerate(_OWNERS)], "finalized"),
    "token": solana.ask([Reading(n, owner, USDC) for n, owner in enumerate(_OWNERS)], "finalized"),
    "mixed": solana.ask([Reading(0, _OWNERS[0], SOL), Reading(0, _OWNERS[0], USDC)], "finalized"),
    "proved": solana.ask(
        [Reading(n, owner, asset) for n, owner in enumerate(_OWNERS) for asset in (SOL, USDC)],
        "finalized",
        {str(USDC.contract): solana.TOKEN},
    ),
}


def _account(owner: str, data: bytes, lamports: int = 2_039_280) -> dict[str, object]:
    return {"lamports": lamports, "owner": owner, "data": [base64.b64encode(data).decode(), "base64"], "executable": False}


def _token_account(program: str, owner: str, amount: int) -> dict[str, object]:
    assert USDC.contract is not None
    mint, key = bytes(Pubkey.from_string(USDC.contract)), bytes(Pubkey.from_string(owner))
    return _account(program, mint + key + amount.to_bytes(8, "little"))


def _solana_reply(asked: solana.Asked) -> dict[str, Any]:
    """A good reply."""
    value: list[object] = []
    for number, reading in enumerate(asked.readings):
        if reading.asset.is_native:
            value.append(None if number == 1 else _account(solana.SYSTEM, b"", 10**9 + number))
        else:
            value.append(_token_account(solana.TOKEN, reading.address, 500 + number))
            if len(asked.programs_of(reading)) == 2:
                value.append(None if number else _token_account(solana.TOKEN_2022, reading.address, 7))
    value.append(_account(solana.SYSVAR, (341_197_247).to_bytes(8, "little") + bytes(32)))
    return {
        "jsonrpc": "2.0",
        "id": jsonrpc.encode([asked.call]).first,
        "result": {"context": {"slot": 341_197_247}, "value": value},
    }


def _solana(asked: solana.Asked) -> Callable[[Response], str]:
    batch = jsonrpc.encode([asked.call])

    def run(reply: Response) -> str:
        found = solana.read(jsonrpc.single(reply, batch, solana.CODES), asked)
        said = _single_answer(reply, batch)
        value = said["value"]
        assert len(found.outcomes) == len(asked.readings)
        assert (found.received, found.slot) == (len(value), int(said["context"]["slot"]))
        whole = len(value) == len(asked.keys)
        at = 0
        for outcome, reading in zip(found.outcomes, asked.readings, strict=True):
            width = len(asked.programs_of(reading))
            if isinstance(outcome, int):
                assert whole
                assert outcome == _held(value[at : at + width], reading), f"{outcome} is not what the reply says of {reading}"
            at += width
        return _outcomes(found.outcomes)

    return run


def _held(accounts: Sequence[Any], reading: Reading) -> int:
    """What these accounts hold of a reading, as the standard library reads them."""
    if reading.asset.is_native:
        (account,) = accounts
        return 0 if account is None else int(account["lamports"])
    held = 0
    for account in filter(None, accounts):
        try:
            data = base64.b64decode(account["data"][0])
        except ValueError:
            continue
        if len(data) == 72 and str(Pubkey(data[:32])) == reading.asset.contract and str(Pubkey(data[32:64])) == reading.address:
            held += int.from_bytes(data[64:], "little")
    return held


_MINTS = jsonrpc.encode([solana.mints_call([str(USDC.contract), _OWNERS[0]], "finalized")])


def _solana_mints(reply: Response) -> str:
    found = solana.mints(jsonrpc.single(reply, _MINTS, solana.CODES), 2)
    value = _single_answer(reply, _MINTS)["value"]
    assert len(value) == len(found) + 1
    for facts, account in zip(found, value, strict=False):
        if isinstance(facts, TokenFacts):
            data = base64.b64decode(account["data"][0])
            assert (facts.program, facts.decimals, facts.symbol) == (account["owner"], data[44], None)
    return _outcomes(found)


_MINT = _account(solana.TOKEN, bytes(44) + b"\6\1" + bytes(36))
_EXTENDED = _account(solana.TOKEN_2022, (bytes(44) + b"\11\1").ljust(165, b"\0") + b"\1")
_CLOCK = _account(solana.SYSVAR, (341_197_247).to_bytes(8, "little") + bytes(32))


_OWNED = jsonrpc.encode(solana_owner.calls(_OWNERS[0], "finalized"))


def _solana_owner(reply: Response) -> str:
    """All accounts of an owner are added, whatever their mint."""
    (found,) = solana_owner.holdings(jsonrpc.decode(reply, _OWNED, solana.CODES), _OWNERS[:1])
    if isinstance(found, solana_owner.Holdings):
        said = reading_of(reply.body)
        held: Counter[str] = Counter()
        for each in (each for item in said for each in item["result"]["value"]):
            data = base64.b64decode(each["account"]["data"][0])
            assert bytes(Pubkey.from_string(_OWNERS[0])) == data[32:64]
            held[str(Pubkey(data[:32]))] += int.from_bytes(data[64:], "little")
        assert held == found.amounts
        assert min(int(item["result"]["context"]["slot"]) for item in said) == found.slot
    return _outcomes([found if isinstance(found, ReadError) else sum(found.amounts.values())])


def _owned() -> bytes:
    """A good reply: two accounts of a mint under Token, one of another under Token-2022."""
    under = {
        solana.TOKEN: [_token_account(solana.TOKEN, _OWNERS[0], units) for units in (5, 2**63)],
        solana.TOKEN_2022: [_account(solana.TOKEN_2022, bytes([9]) * 32 + bytes([1]) * 32 + bytes(7) + b"\1")],
    }
    results = [
        {
            "context": {"slot": 341_197_247},
            "value": [{"pubkey": key, "account": each} for key, each in zip(_OWNERS, some, strict=False)],
        }
        for some in under.values()
    ]
    return _dump([{"jsonrpc": "2.0", "id": _OWNED.first + n, "result": result} for n, result in enumerate(results)])


def _solana_slot(reply: Response) -> str:
    batch = jsonrpc.encode([("getSlot", ())])
    found = solana.slot(jsonrpc.single(reply, batch, solana.CODES))
    assert int(_single_answer(reply, batch)) == found
    return "slot"


def _solana_use(reply: Response) -> str:
    batch = jsonrpc.encode([_SIGNATURES])
    found = solana_use.transactions(jsonrpc.single(reply, batch, solana.CODES))
    assert len(_single_answer(reply, batch)) == found <= 1
    return "use"


def _electrum_use(reply: Response) -> str:
    batch = jsonrpc.encode(_HISTORIES)
    found = [electrum.transactions(each, alone=False) for each in jsonrpc.decode(reply, batch, electrum.CODES)]
    for number, each in enumerate(found):
        if isinstance(each, int):
            (mine,) = (item for item in reading_of(reply.body) if item.get("id") == Literal(batch.first + number))
            assert each == (len(mine["result"]) if "result" in mine else 1)
            assert each or mine["result"] == []
    return _outcomes(found)


def _tron_use(reply: Response) -> str:
    batch = jsonrpc.encode([_ACCOUNT])
    (found,) = (tron.accounts(each) for each in jsonrpc.decode(reply, batch, evm.CODES))
    if found == 0:
        assert b"no OwnerAccount" in reply.body
    return _outcomes([found])


def _solana_genesis(reply: Response) -> str:
    batch = jsonrpc.encode([solana.GENESIS])
    found = solana.genesis_hash(jsonrpc.single(reply, batch, solana.CODES))
    assert _single_answer(reply, batch) == found
    return "hash"


def _failure(reply: Response) -> str:
    for codes in (NO_CODES, blockchair.CODES, electrum.CODES, evm.CODES, solana.CODES):
        error = failure(reply, codes, jsonrpc.first_error(reply.body))
        assert len(error.message) < SHOWN
        assert error.message.isprintable()
    return f"{error.fault}"


# -- beginnings


def _dump(value: object) -> bytes:
    return json.dumps(value).encode()


def _rpc(readings: Sequence[Reading], *results: str) -> bytes:
    batch = jsonrpc.encode([evm.balance_call(reading) for reading in readings])
    items = [{"jsonrpc": "2.0", "id": batch.first + n, "result": result} for n, result in enumerate(results)]
    return _dump(items if len(items) > 1 else items[0])


def _said(call: jsonrpc.Call, result: object) -> bytes:
    return _dump({"jsonrpc": "2.0", "id": jsonrpc.encode([call]).first, "result": result})


def _aggregated(*values: int | None) -> str:
    results = [(False, b"") if value is None else (True, value.to_bytes(32, "big")) for value in values]
    return "0x" + eth_abi.encode(["(bool,bytes)[]"], [results]).hex()


def _histories() -> bytes:
    """Of an unused address, a used one, and one with a history that is too long."""
    first = jsonrpc.encode(_HISTORIES).first
    history = [{"tx_hash": "ab" * 32, "height": 0, "fee": 200}, {"tx_hash": "cd" * 32, "height": 977_000}]
    said = ({"result": []}, {"result": history}, {"error": {"code": 1, "message": "history too large"}})
    return _dump([{"jsonrpc": "2.0", "id": first + n, **each} for n, each in enumerate(said)])


_SIGNATURES = solana_use.signatures_call(_OWNERS[0], "finalized")
_HISTORIES = [electrum.history_call(bytes([n])) for n in range(3)]
_ACCOUNT = tron.account_call("0x" + "17" * 20)
_ESPLORA, _ETHERSCAN, _SOLANA = load("esplora.json"), load("etherscan.json"), load("solana.json")
_WORD = f"0x{135499:064x}"
_SEVERAL = (8, 7, None, 0, 10**18, 3, 0, 7, 0, None, 5, None)

TARGETS = tuple(
    Target(name, corpus or _FAILURES, _decoded(run))
    for name, run, corpus in (
        ("esplora-balance", _esplora_balance, [_dump(_ESPLORA["funded"])]),
        ("esplora-tip", _esplora_tip, [_ESPLORA["height"].encode()]),
        ("esplora-genesis", _esplora_genesis, [_ESPLORA["genesis"].encode()]),
        ("blockchain-info", _multiaddr, [_dump(GOOD)]),
        ("etherscan-balances", _etherscan_balances, [_dump(_ETHERSCAN["balancemulti"])]),
        (
            "etherscan-one",
            _etherscan_one,
            [_dump(_ETHERSCAN["balancemulti"] | {"result": _ETHERSCAN["balancemulti"]["result"][:1]})],
        ),
        ("etherscan-token", _etherscan_token, [_dump(_ETHERSCAN["tokenbalance"])]),
        ("etherscan-number", _etherscan_number, [_dump(_ETHERSCAN["eth_blockNumber"])]),
        ("etherscan-block", _etherscan_block, [_dump({"jsonrpc": "2.0", "id": 83, "result": _BLOCK})]),
        ("evm-block", _evm_block, [_said(evm.block_call(7), _BLOCK)]),
        ("evm-batch", _evm(_EVM), [_rpc(_EVM, "0x0", "0x1bc16d674ec80000", "0x7")]),
        ("evm-single", _evm(_EVM[:1]), [_rpc(_EVM[:1], "0x1bc16d674ec80000")]),
        ("evm-tokens", _evm(_TOKENS), [_rpc(_TOKENS, _WORD, "0x"), _rpc(_TOKENS, "0x" + "0" * 64, _WORD)]),
        ("evm-number", _evm_number, [_said(evm.BLOCK_NUMBER, "0xc36b29")]),
        (
            "multicall",
            _multicall,
            [_said(_MULTI_CALL, _aggregated(9, 56, *_SEVERAL[n : n + 6], 17)) for n in (0, 6)],
        ),
        *(
            (f"solana-{kind}", _solana(asked), [_dump(_solana_reply(asked)), _dump(_SOLANA["getMultipleAccounts"])])
            for kind, asked in _ASKED.items()
        ),
        (
            "solana-mints",
            _solana_mints,
            [
                _said(
                    solana.mints_call([str(USDC.contract), _OWNERS[0]], "finalized"),
                    {"context": {"slot": 341_197_247}, "value": each},
                )
                for each in ([_MINT, _EXTENDED, _CLOCK], [_MINT, None, _CLOCK])
            ],
        ),
        ("multicall-tokens", _multicall_tokens, [_said(_TOKENS_CALL, _STATED)]),
        ("etherscan-decimals", _etherscan_decimals, [_dump({"jsonrpc": "2.0", "id": 83, "result": f"0x{18:064x}"})]),
        ("solana-owner", _solana_owner, [_owned()]),
        ("solana-use", _solana_use, [_said(_SIGNATURES, [{"signature": "3K3u7t3t" * 11, "slot": 32}]), _said(_SIGNATURES, [])]),
        ("electrum-use", _electrum_use, [_histories()]),
        ("tron-use", _tron_use, [_said(_ACCOUNT, "0x0")]),
        ("solana-slot", _solana_slot, [_said(("getSlot", ()), 1234)]),
        ("solana-genesis", _solana_genesis, [_said(solana.GENESIS, _SOLANA["getGenesisHash"]["result"])]),
        ("failure", _failure, []),
    )
)
