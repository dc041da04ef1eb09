"""Every protocol that reads tokens tells what they are, in one request."""

from typing import Any

import pytest
from eth_abi import decode, encode

from hdscan.model.chain import Asset
from hdscan.model.endpoint import Cost
from hdscan.model.errors import CallError, ReadCode
from hdscan.model.provider import TokenFacts
from hdscan.model.reading import Kind, ReadError
from tests.provider.server import Asked, conversation, http
from tests.provider.test_solana_rpc import CLOCK, SLOT, SYSVAR, shape
from tests.wire.samples import USDC, USDT

DAI = Asset("bsc", "DAI", 18, "0x" + "d" * 40)
TOKEN = "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"


def contract(target: str, data: str) -> bytes:
    """USDT has 18 decimals, DAI is no contract."""
    if target.lower() != str(USDT.contract).lower():
        return b""
    encoded: bytes = encode(["uint8"], [18]) if data == "0x313ce567" else encode(["string"], ["USDT"])
    return encoded


def node(asked: Asked) -> bytes:
    if asked.method == "GET":
        data = contract(asked.query["to"][0], asked.query["data"][0])
        return http({"jsonrpc": "2.0", "id": 1, "result": "0x" + data.hex()})
    calls = asked.json if isinstance(asked.json, list) else [asked.json]
    answers = [{"jsonrpc": "2.0", "id": call["id"], "result": "0x" + _run(call["params"][0]).hex()} for call in calls]
    return http(answers if isinstance(asked.json, list) else answers[0])


def _run(call: dict[str, str]) -> bytes:
    if not call["data"].startswith("0x82ad56cb"):
        return contract(call["to"], call["data"])
    calls = decode(["(address,bool,bytes)[]"], bytes.fromhex(call["data"][10:]))[0]
    encoded: bytes = encode(["(bool,bytes)[]"], [[(True, contract(target, f"0x{data.hex()}")) for target, _, data in calls]])
    return encoded


def tell(protocol: str, *assets: Asset, handler: Any = node, **row: Any) -> tuple[Any, list[Asked]]:
    return conversation(protocol, handler, lambda provider: provider.tokens(assets), **row)


@pytest.mark.parametrize("protocol", ["evm-rpc", "evm-multicall"])
def test_decimals_and_symbols_come_in_one_request(protocol: str) -> None:
    (usdt, dai), asked = tell(protocol, USDT, DAI)
    assert usdt == TokenFacts(18, "USDT")
    assert isinstance(dai, ReadError)
    assert dai.code is ReadCode.EMPTY
    assert len(asked) == 1


@pytest.mark.parametrize("protocol", ["evm-rpc", "etherscan"])
def test_where_one_call_a_request_is_served_it_is_the_one_for_decimals(protocol: str) -> None:
    found, asked = tell(protocol, USDT, batch=1)
    assert found == [TokenFacts(18)]
    assert len(asked) == 1


def test_a_node_that_refuses_two_calls_in_one_request_is_asked_for_decimals_next() -> None:
    async def twice(provider: Any) -> Any:
        with pytest.raises(CallError) as caught:
            await provider.tokens([USDT])
        assert caught.value.fault is ReadCode.TOO_LARGE
        return await provider.tokens([USDT])

    def lone(asked: Asked) -> bytes:
        error = {"code": 31, "message": "Batch of more than 1 requests are not allowed on free tier"}
        return http({"jsonrpc": "2.0", "id": None, "error": error}, 500) if isinstance(asked.json, list) else node(asked)

    assert conversation("evm-rpc", lone, twice)[0] == [TokenFacts(18)]


def test_an_item_that_fails_is_that_tokens_error() -> None:
    def half(asked: Asked) -> bytes:
        answers = [{"jsonrpc": "2.0", "id": call["id"], "result": "0x" + _run(call["params"][0]).hex()} for call in asked.json]
        del answers[0]["result"]
        return http([answers[0] | {"error": {"code": 3, "message": "execution reverted"}}, answers[1]])

    ((found,), _) = tell("evm-rpc", USDT, handler=half)
    assert isinstance(found, ReadError)
    assert found.code is ReadCode.REVERTED


def mints(asked: Asked) -> bytes:
    call = asked.json
    mint = shape(1_461_600, TOKEN, bytes(44) + b"\6\1" + bytes(36))
    clock = shape(1, SYSVAR, SLOT.to_bytes(8, "little") + bytes(32))
    value = [{CLOCK: clock, USDC.contract: mint}.get(key) for key in call["params"][0]]
    return http({"jsonrpc": "2.0", "id": call["id"], "result": {"context": {"slot": SLOT}, "value": value}})


def test_a_mint_states_its_program() -> None:
    other = Asset("sol", "OTHER", 6, SYSVAR)
    (usdc, none), asked = tell("solana-rpc", USDC, other, handler=mints)
    assert usdc == TokenFacts(6, program=TOKEN)
    assert isinstance(none, ReadError)
    assert none.code is ReadCode.EMPTY
    assert asked[0].json["params"][0] == [USDC.contract, SYSVAR, CLOCK]


def test_a_solana_token_weighs_one_key_once_all_that_are_read_are_proved() -> None:
    async def weights(provider: Any) -> list[Any]:
        found = [provider.weight[Kind.TOKEN]]
        for programs in ({"a": TOKEN, "b": None}, {"a": TOKEN, "b": TOKEN}, {}, {"a": None}):
            provider.know_tokens(programs)
            found.append(provider.weight[Kind.TOKEN])
        return found

    assert conversation("solana-rpc", mints, weights)[0] == [2, 2, 1, 1, 2]
    assert conversation("solana-rpc", mints, weights, rate=300.0, cost=Cost.ITEM)[0] == [2, 2, 1, 1, 2]
