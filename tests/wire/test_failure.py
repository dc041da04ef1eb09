"""Every recorded refusal is read as what it is: own code before status, status before text."""

import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from hdscan.model.errors import CallError, ReadCode
from hdscan.wire import bitcoind, blockchair, electrum, esplora, etherscan, evm, jsonrpc, solana
from hdscan.wire.failure import CHALLENGES, NO_CODES, TEXTS, Codes, OwnError, failure, own_fault
from hdscan.wire.http import Response
from hdscan.wire.words import SHOWN, shown, title
from tests.wire.samples import evm as reading
from tests.wire.samples import load, reply

RECORDED: list[dict[str, Any]] = load("failures.json")


CODES: dict[str, Codes] = {
    "esplora": NO_CODES,
    "blockchair": blockchair.CODES,
    "bitcoind": bitcoind.CODES,
    "electrum": electrum.CODES,
    "etherscan": NO_CODES,
    "evm": evm.CODES,
    "solana": solana.CODES,
}
DECODERS: dict[str, Callable[[Response], object]] = {
    "esplora": lambda response: esplora.stats(response, "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", None),
    "blockchair": lambda response: blockchair.balances(response, [reading(0)], None),
    "bitcoind": lambda response: jsonrpc.single(response, jsonrpc.Batch(b"", 1, 1), bitcoind.CODES),
    "electrum": lambda response: jsonrpc.single(response, jsonrpc.Batch(b"", 1, 1), electrum.CODES),
    "etherscan": lambda response: etherscan.balances(response, [reading(0), reading(1)]),
    "evm": lambda response: jsonrpc.single(response, jsonrpc.Batch(b"", 1, 1), evm.CODES),
    "solana": lambda response: jsonrpc.single(response, jsonrpc.Batch(b"", 1, 1), solana.CODES),
}


@pytest.mark.parametrize("row", RECORDED, ids=[f"{row['fault']}-{row['source'][:60]}" for row in RECORDED])
def test_recorded_refusal(row: dict[str, Any]) -> None:
    headers = row.get("headers", {})
    with pytest.raises(CallError) as caught:
        DECODERS[row["dialect"]](reply(row["body"], row["status"], headers))
    error = caught.value
    assert error.fault is ReadCode(row["fault"]), error.message
    assert error.retry_after == row.get("pause", headers.get("retry-after"))
    assert error.date == headers.get("date")
    assert error.message.isprintable()


@pytest.mark.parametrize(("text", "fault"), TEXTS)
def test_every_text_rule_has_a_recorded_reply(text: str, fault: ReadCode) -> None:
    assert any(re.search(text, row["body"].lower()) and row["fault"] == fault for row in RECORDED)


@pytest.mark.parametrize("begins", CHALLENGES)
def test_every_challenge_has_a_recorded_page(begins: str) -> None:
    pages = [row for row in RECORDED if (title(row["body"].encode()) or "").lower().startswith(begins)]
    assert pages
    assert {row["fault"] for row in pages} == {"throttled"}


@pytest.mark.parametrize(("dialect", "code"), [(dialect, code) for dialect, codes in CODES.items() for code in codes])
def test_every_code_has_a_recorded_reply(dialect: str, code: int) -> None:
    rows = [row for row in RECORDED if row["dialect"] == dialect]
    assert any(f'"code":{code}' in row["body"].replace(" ", "") for row in rows)


def test_minus_32005_means_what_its_protocol_says() -> None:
    own = OwnError(-32005, "node is unhealthy")
    assert own_fault(own, solana.CODES) is ReadCode.SERVER_ERROR
    assert own_fault(own, evm.CODES) is None
    assert own_fault(OwnError(-32005, "rate limit exceeded"), evm.CODES) is ReadCode.THROTTLED


def test_the_code_outranks_the_status_and_the_status_the_text() -> None:
    code = reply({"error": {"code": 31, "message": "rate limit"}}, 429)
    assert failure(code, evm.CODES, OwnError(31, "rate limit")).fault is ReadCode.TOO_LARGE
    status = reply({"error": {"code": -32000, "message": "invalid api key"}}, 413)
    assert failure(status, evm.CODES, OwnError(-32000, "invalid api key")).fault is ReadCode.TOO_LARGE


@pytest.mark.parametrize("status", [100, 204, 205, 299, 304, 404, 418, 451, 500, 501, 505, 599, 999])
def test_any_other_status_is_a_server_error(status: int) -> None:
    error = failure(reply("", status), NO_CODES)
    assert error.fault is ReadCode.SERVER_ERROR
    assert str(status) in error.message


@pytest.mark.parametrize("status", [502, 503, 504, 509, 529])
def test_a_status_of_busy_and_dead_hosts_alike_is_without_a_word(status: int) -> None:
    error = failure(reply("<html>nginx</html>", status), NO_CODES)
    assert (error.fault, error.wordless) == (ReadCode.SERVER_ERROR, True)
    assert failure(reply({}, status), NO_CODES, OwnError(-32603, "busy")).wordless
    assert not failure(reply({}, status), solana.CODES, OwnError(-32005, "node is unhealthy")).wordless


def test_what_says_when_to_come_back_or_is_the_hosts_own_error_is_not_without_a_word() -> None:
    assert not failure(reply("", 503, {"retry-after": "2"}), NO_CODES).wordless
    assert not failure(reply("", 500), NO_CODES).wordless
    assert not failure(reply("", 429), NO_CODES).wordless


def test_a_redirect_says_what_to_do_and_not_where_it_leads() -> None:
    error = failure(reply("moved to https://x/?key=secret", 301, {"location": "https://x/?key=secret"}), NO_CODES)
    assert "redirects are not followed" in error.message
    assert "secret" not in error.message


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"status": "0", "message": "chain not supported", "result": None}, 200, "chain not supported"),
        ({"message": "no Route matched with those values"}, 404, "HTTP 404 Not Found: no Route matched with those values"),
        ({"error": "Missed `to` address", "id": 0}, 400, "HTTP 400 Bad Request: Missed `to` address"),
        ({"error": {"code": 7, "message": "gone"}, "x": 1}, 500, "HTTP 500 Internal Server Error: gone"),
        ({"error": "no", "message": "no", "result": "at all"}, 500, "HTTP 500 Internal Server Error: no: at all"),
        ("<title>Just a moment...</title><p>text", 403, "HTTP 403 Forbidden: a page titled “Just a moment...”"),
        ("<html><TITLE lang=en>502 &amp; more", 502, "HTTP 502 Bad Gateway: a page titled “502 & more”"),
        ([{"message": "a list"}], 500, 'HTTP 500 Internal Server Error: [{"message": "a list"}]'),
    ],
)
def test_the_hosts_own_words_are_shown(body: object, status: int, said: str) -> None:
    assert failure(reply(body, status)).message == said


@pytest.mark.parametrize("dialect", ["esplora", "blockchair", "evm", "solana", "etherscan"])
@pytest.mark.parametrize("body", [{"message": "quite another thing"}, "<html><title>quite another thing</title>"])
def test_words_are_shown_whatever_else_is_wrong(dialect: str, body: object) -> None:
    with pytest.raises(CallError, match="quite another thing") as caught:
        DECODERS[dialect](reply(body))
    assert caught.value.fault is ReadCode.MALFORMED


@pytest.mark.parametrize("status", [200, 403, 503])
def test_a_challenge_page_pauses_and_never_disables(status: int) -> None:
    assert failure(reply("<title>Just a moment...</title>", status)).fault is ReadCode.THROTTLED


def test_only_a_title_makes_a_challenge_of_a_page_with_an_error() -> None:
    assert failure(reply("<title>502</title>just a moment", 502)).fault is ReadCode.SERVER_ERROR


def test_a_contract_cannot_speak_for_the_node() -> None:
    for text in ("execution reverted: missing trie node", "execution reverted: chain not supported", "Reverted: maintenance"):
        assert own_fault(OwnError(3, text), evm.CODES) is ReadCode.REVERTED


def test_a_providers_text_is_shown_as_one_short_plain_line() -> None:
    assert shown("<html><script>evil()</script>\n<b>503</b>\x1b[31m\u202e no\tserver</html>") == "503 [31m no server"
    assert len(shown("x" * 10_000)) == SHOWN
    assert shown("") == ""


def test_no_character_that_cannot_be_printed_is_shown() -> None:
    assert shown("rate\ufefflimit \ue000\U0010fcec\u2060\x00!") == "rate limit !"


def test_a_text_of_megabytes_is_shown_at_once() -> None:
    began = time.thread_time()
    shown("<script" * 2**20)
    assert time.thread_time() - began < 1  # it took hours
