"""A pass over the unspent outputs: what is added up, and what is refused."""

import json
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.errors import CallError, ReadCode
from hdscan.wire import bitcoind
from tests.wire.samples import bodies

SUPPLY = 21 * 10**14
A, B, C = "0014" + "aa" * 20, "0014" + "bb" * 20, "5120" + "cc" * 32
BLOCK = "00" * 8 + "5e" * 24


def written(satoshi: int) -> str:
    return f"{satoshi // 10**8}.{satoshi % 10**8:08d}"


def output(script: str, amount: str, number: int = 0) -> str:
    """As Bitcoin Core 29 writes one."""
    return (
        f'{{"txid":"{number:064x}","vout":{number},"scriptPubKey":"{script}","desc":"addr(x)#00000000","amount":{amount},'
        f'"coinbase":false,"height":121,"blockhash":"{BLOCK}","confirmations":1}}'
    )


def scan(outputs: list[str], total: str, **other: object) -> bytes:
    members = {"success": "true", "txouts": "171", "height": "121", "bestblock": f'"{BLOCK}"'}
    members |= {"unspents": f"[{','.join(outputs)}]", "total_amount": total} | {key: str(value) for key, value in other.items()}
    return ("{" + ",".join(f'"{key}":{value}' for key, value in members.items() if value != "absent") + "}").encode()


GOOD = scan([output(A, "0.00001027"), output(C, "1.00000000", 1), output(A, "0.10000001", 2)], "1.10001028")


def found(body: bytes, supply: int | None = SUPPLY) -> bitcoind.Pass:
    return bitcoind.found(msgspec.Raw(body), [A, B, C], supply)


def refused(body: bytes) -> CallError:
    with pytest.raises(CallError) as caught:
        found(body)
    return caught.value


def test_outputs_are_added_up_per_script_and_none_is_a_proven_zero() -> None:
    assert found(GOOD) == bitcoind.Pass(121, BLOCK, [10_001_028, 0, 100_000_000])


@given(st.lists(st.integers(1, SUPPLY // 10), min_size=1, max_size=9))
def test_no_amount_goes_through_a_float(amounts: list[int]) -> None:
    outputs = [output(A, written(satoshi), number) for number, satoshi in enumerate(amounts)]
    assert found(scan(outputs, written(sum(amounts))), None).amounts == [sum(amounts), 0, 0]


@pytest.mark.parametrize(
    ("text", "satoshi"), [("20999999.9769", 2_099_999_997_690_000), ("5", 500_000_000), ("0.1", 10_000_000)]
)
def test_shorter_decimals_are_exact_too(text: str, satoshi: int) -> None:
    assert found(scan([output(A, text)], text)).amounts[0] == satoshi


@pytest.mark.parametrize("text", ["1e-8", "-1.00000000", "0.000000001", '"1.0"', "01.0", "null", "1.", "true", "[]", "1E2"])
def test_what_is_no_decimal_of_bitcoins_is_malformed(text: str) -> None:
    assert refused(scan([output(A, text)], "0.00000000")).fault is ReadCode.MALFORMED


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (scan([], "0.00000000", success="absent"), "success"),
        (scan([], "0.00000000", success="null"), "success"),
        (scan([], "0.00000000", success="1"), "success"),
        (scan([], "0.00000000", unspents="absent"), "unspents"),
        (scan([], "0.00000000", unspents="null"), "unspents"),
        (scan([], "0.00000000", height="absent"), "height"),
        (scan([], "0.00000000", bestblock='"none"'), "hash"),
        (scan([], "absent"), "total_amount"),
        (b"null", "pass"),
        (b"[]", "pass"),
        (b"{}", "pass"),
        (scan([output("0014" + "dd" * 20, "1.00000000")], "1.00000000"), "script that was not asked"),
        (scan([output(A, "1.00000000"), output(A, "1.00000000")], "2.00000000"), "twice"),
        (scan([output(A, "1.00000000")], "2.00000000"), "add up"),
        (scan([], "1.00000000"), "add up"),
        (scan([output(A, "1.00000000")], "1.00000000", height=120), "above"),
        (scan([output(A, "21000000.00000001")], "21000000.00000001"), "more coins"),
        (GOOD.replace(b'"success":true', b'"success":true,"success":true'), "more than once"),
        (GOOD.replace(b'"amount":1.0', b'"amount":9.0,"amount":1.0'), "more than once"),
        (
            GOOD.replace(f'"scriptPubKey":"{C}"'.encode(), f'"scriptPubKey":"{A}","scriptPubKey":"{C}"'.encode()),
            "more than once",
        ),
    ],
)
def test_what_is_no_whole_pass_is_an_error_and_no_zero(body: bytes, why: str) -> None:
    error = refused(body)
    assert error.fault is ReadCode.MALFORMED
    assert why in error.message


def test_an_aborted_pass_proves_nothing() -> None:
    error = refused(GOOD.replace(b'"success":true', b'"success":false'))
    assert (error.fault, error.message) == (ReadCode.SERVER_ERROR, "the pass over the unspent outputs was aborted")


@given(bodies(GOOD, ["success", "height", "bestblock", "unspents", "total_amount", "amount", "scriptPubKey"]))
def test_any_answer_is_an_amount_or_an_error(body: bytes) -> None:
    with suppress(CallError):
        assert all(amount >= 0 for amount in found(body).amounts)


def test_a_pass_is_asked_for_by_address_so_that_the_node_works_out_the_script_itself() -> None:
    assert bitcoind.start_call(["bc1qx", "3y"]) == ("scantxoutset", ("start", ["addr(bc1qx)", "addr(3y)"]))


def test_the_progress_is_stated_in_percent_or_there_is_none() -> None:
    assert [bitcoind.progress(msgspec.Raw(body)) for body in (b'{"progress":37}', b"null")] == [37, None]
    for body in (b'{"progress":101}', b'{"progress":"1"}', b"{}", b"5"):
        with pytest.raises(CallError):
            bitcoind.progress(msgspec.Raw(body))


def tip(**changes: Any) -> msgspec.Raw:
    stated = {"chain": "main", "blocks": 900_000, "headers": 900_000, "bestblockhash": BLOCK, "initialblockdownload": False}
    return msgspec.Raw(json.dumps(stated | changes).encode())


def test_a_node_that_has_the_chain_states_its_tip() -> None:
    assert bitcoind.tip(tip(), 1).blocks == 900_000
    assert bitcoind.tip(tip(headers=900_001), 1).blocks == 900_000


@pytest.mark.parametrize("changes", [{"initialblockdownload": True}, {"headers": 900_002}])
def test_a_node_that_still_downloads_it_says_how_far_it_is(changes: dict[str, Any]) -> None:
    with pytest.raises(CallError) as caught:
        bitcoind.tip(tip(**changes), 1)
    assert caught.value.fault is ReadCode.STALE
    assert "still downloads the chain: it has 900,000 of 900,00" in caught.value.message


@pytest.mark.parametrize(
    "read",
    [
        lambda: bitcoind.tip(tip(bestblockhash="5"), 1),
        lambda: bitcoind.tip(tip(initialblockdownload=None), 1),
        lambda: bitcoind.tip(tip(blocks=-1), 1),
        lambda: bitcoind.block_hash(msgspec.Raw(b'"none"')),
        lambda: bitcoind.block_hash(msgspec.Raw(b"null")),
    ],
)
def test_what_is_no_block_is_malformed(read: Callable[[], object]) -> None:
    with pytest.raises(CallError) as caught:
        read()
    assert caught.value.fault is ReadCode.MALFORMED
