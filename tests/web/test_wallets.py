"""Wallets over the API: recognised before they are stored, added, filtered by, renamed and removed."""

import base64
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from hdscan.settings import Settings
from tests.cli.conftest import Hdscan
from tests.web.conftest import Server, served, settings_of

# BIP-84's test vector: an account, and its first receiving and change address
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
RECEIVE, CHANGE = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"
# the same account without its script
XPUB = "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
XPRV = "xprv9s21ZrQH143K31xYSDQpPDxsXRTUcvj2iNHm5NUtrGiGG5e2DtALGdso3pGz6ssrdK4PFmM8NSpSBHNqPqm55Qn3LqFtT2emdEXVYsCzC2U"
WIF = "5HueCGU8rMjxEXxiPuD5BDku4MkFqeZyd4dZ1jvhTVqvbTLvyTJ"
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
ADDRESSES = ["1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]
EVM = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"


@pytest.fixture
def server(settings: Settings) -> Iterator[Server]:
    """A server over an empty home."""
    with served(settings) as made:
        yield made


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with two wallets, which have an address in common."""
    with served(settings_of(Hdscan(tmp_path_factory.mktemp("two")))) as made:
        add(made, text=ZPUB, name="savings")
        add(made, text="\n".join([RECEIVE, *ADDRESSES]), name="list 1/2")
        yield made


def add(server: Server, **source: Any) -> list[dict[str, Any]]:
    reply = server.post("/api/v1/wallets", source)
    assert reply.status == 200, reply.body
    added: list[dict[str, Any]] = reply.json["wallets"]
    return added


def names(server: Server) -> list[str]:
    return [each["name"] for each in server.get("/api/v1/wallets").json["items"]]


def change(server: Server, method: str, name: str, body: bytes = b"{}") -> Any:
    return server.ask(method, f"/api/v1/wallets/{quote(name, safe='')}", *HEADERS, body=body)


def unread(page: dict[str, Any]) -> int:
    return sum(total["unread"] for total in page["totals"])


HEADERS = ("Authorization: Bearer token-of-the-tests-0123456789", "Content-Type: application/json")


# Recognised


def test_a_source_is_recognised_with_the_first_addresses_and_not_stored(server: Server) -> None:
    (found,) = server.post("/api/v1/recognise", {"text": ZPUB}).json["wallets"]
    assert (found["kind"], found["chains"], found["addresses"]) == ("key", ["btc"], 40)
    firsts = {branch["role"]: (branch["first"], branch["style"]) for branch in found["branches"]}
    assert firsts == {"receive": (RECEIVE, "bip84"), "change": (CHANGE, "bip84")}
    assert names(server) == []
    assert server.get("/api/v1/balances").json["items"] == []


def test_what_was_decided_is_said_and_can_be_decided_otherwise(server: Server) -> None:
    (found,) = server.post("/api/v1/recognise", {"text": XPUB}).json["wallets"]
    assert {branch["style"] for branch in found["branches"]} == {"bip84", "bip49", "bip44", "bip86"}
    assert found["said"]
    (chosen,) = server.post("/api/v1/recognise", {"text": XPUB, "script": "p2tr", "count": 5}).json["wallets"]
    assert {branch["style"] for branch in chosen["branches"]} == {"bip86"}
    assert chosen["addresses"] == 10
    (many,) = server.post("/api/v1/recognise", {"text": EVM}).json["wallets"]
    assert len(many["chains"]) > 1
    (one,) = server.post("/api/v1/recognise", {"text": EVM, "chains": ["bsc"]}).json["wallets"]
    assert one["chains"] == ["bsc"]


def test_bad_lines_are_told_before_anything_is_stored(server: Server) -> None:
    text = "\n".join([ADDRESSES[0], "nonsense", *["more"] * 150])
    (found,) = server.post("/api/v1/recognise", {"text": text}).json["wallets"]
    assert (found["addresses"], found["bad_lines"], len(found["bad"])) == (1, 151, 100)
    assert found["bad"][0]["number"] == 2
    reply = server.post("/api/v1/wallets", {"text": text})
    assert (reply.status, reply.code) == (422, "bad_input")
    assert len(reply.json["error"]["detail"]["bad"]) == 100
    assert "skip_invalid" in reply.json["error"]["message"]
    assert names(server) == []
    (added,) = add(server, text=text, skip_invalid=True)
    assert (added["added"], len(added["bad"])) == (1, 100)


# Secrets


@pytest.mark.parametrize(
    "secret", [MNEMONIC, XPRV, WIF, f"wpkh({XPRV}/0/*)", f'{{"xprv": "{XPRV}"}}'], ids=lambda each: each[:8]
)
@pytest.mark.parametrize("path", ["/api/v1/recognise", "/api/v1/wallets"])
def test_no_secret_is_taken_or_repeated(server: Server, path: str, secret: str) -> None:
    for body in ({"text": secret}, {"file": base64.b64encode(secret.encode()).decode()}):
        reply = server.post(path, body)
        assert reply.status == 422
        assert reply.code in ("bad_input", "bad_key")
        assert secret[:12].encode() not in reply.body
    assert names(server) == []


def test_who_has_a_mnemonic_is_sent_to_the_command_line(server: Server) -> None:
    assert "--seed-stdin" in server.post("/api/v1/wallets", {"text": MNEMONIC}).json["error"]["message"]


def test_a_key_is_no_name_and_no_label(two: Server) -> None:
    for reply in (
        two.post("/api/v1/wallets", {"text": XPUB, "name": XPUB}),
        change(two, "PATCH", "savings", f'{{"name":"{XPUB}"}}'.encode()),
        two.ask("PUT", "/api/v1/labels", *HEADERS, body=f'{{"address":"{RECEIVE}","text":"{XPUB}"}}'.encode()),
    ):
        assert (reply.status, reply.code) == (422, "bad_input")
        assert XPUB[:12].encode() not in reply.body


# Added


def test_a_wallet_is_added_once_and_shown_with_its_branches_and_totals(server: Server) -> None:
    (added,) = add(server, text=ZPUB, name="savings")
    assert (added["name"], added["kind"], added["added"], added["known"]) == ("savings", "key", 40, 0)
    (again,) = add(server, text=ZPUB, name="savings")
    assert (again["added"], again["known"]) == (0, 40)
    (row,) = server.get("/api/v1/wallets").json["items"]
    assert row == server.get("/api/v1/wallets/savings").json
    assert (row["name"], row["chains"], row["addresses"], row["used"], row["funded"]) == ("savings", ["btc"], 40, 0, 0)
    assert {branch["first"] for branch in row["branches"]} == {RECEIVE, CHANGE}
    (total,) = row["totals"]
    assert (total["chain"], total["asset"], total["unread"], total["amount"]) == ("btc", "BTC", 40, None)


def test_a_file_is_read_whatever_its_encoding(server: Server) -> None:
    table = "label,address\nrent," + "\n,".join(ADDRESSES)
    (added,) = add(server, file=base64.b64encode(table.encode("utf-16")).decode())
    assert (added["kind"], added["added"]) == ("addresses", 2)
    rows = server.get("/api/v1/balances").json["items"]
    assert [(row["address"], row["label"]) for row in rows] == [(ADDRESSES[0], "rent"), (ADDRESSES[1], None)]


def test_a_key_may_be_forgotten(server: Server) -> None:
    add(server, text=ZPUB, name="savings", forget_key=True)
    (row,) = server.get("/api/v1/wallets").json["items"]
    assert {branch["kept"] for branch in row["branches"]} <= {False}
    assert row["addresses"] == 40


def test_a_text_is_never_taken_for_a_file_of_the_server(server: Server, tmp_path: Path) -> None:
    path = tmp_path / "addresses.txt"
    path.write_text("\n".join(ADDRESSES))
    for target in ("/api/v1/recognise", "/api/v1/wallets"):
        for text in (str(path), "hdscan.toml", "~"):
            reply = server.post(target, {"text": text, "skip_invalid": True})
            assert (reply.status, reply.code) == (422, "bad_input")
    assert names(server) == []


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({}, "either text or a file"),
        ({"text": ADDRESSES[0], "file": "AAAA"}, "either text or a file"),
        ({"text": ""}, ""),
        ({"text": "# nothing"}, ""),
        ({"file": "no base64!"}, "file: Invalid base64"),
        ({"text": 5}, "text: Expected `str | null`, got `int`"),
        ({"text": ADDRESSES[0], "chains": ["nochain"]}, "is not configured: there are btc"),
        ({"text": ADDRESSES[0], "name": " "}, "printable characters"),
        ({"text": ADDRESSES[0], "name": "x y " * 30}, "printable characters"),
        ({"text": ZPUB, "script": "p2sh"}, ""),
        ({"text": ZPUB, "gap": 0}, "gap: Expected `int` >= 1"),
        ({"text": ZPUB, "count": 10**6}, "count: Expected `int` <= 100000"),
        ({"text": ADDRESSES[0], "more": 1}, "unknown field `more`"),
    ],
    ids=str,
)
def test_what_cannot_be_a_wallet_is_refused_with_a_reason(server: Server, body: dict[str, Any], says: str) -> None:
    reply = server.post("/api/v1/wallets", body)
    assert (reply.status, reply.code) == (422, "bad_input")
    assert says in reply.json["error"]["message"]
    assert names(server) == []


def test_a_source_of_several_megabytes_is_taken_and_a_larger_one_refused(server: Server) -> None:
    (found,) = server.post("/api/v1/recognise", {"text": ADDRESSES[0] + "\n" * 3_000_000}).json["wallets"]
    assert found["addresses"] == 1
    for path in ("/api/v1/recognise", "/api/v1/wallets"):
        reply = server.ask("POST", path, *HEADERS, f"Content-Length: {(8 << 20) + 1}")
        assert (reply.status, reply.code) == (413, "too_large")


# Named


def test_a_wallet_is_renamed_and_removed(server: Server) -> None:
    add(server, text=ZPUB, name="savings")
    add(server, text="\n".join(ADDRESSES), name="old 1/2")
    renamed = change(server, "PATCH", "old 1/2", b'{"name":" new 3/4 "}')
    assert (renamed.status, renamed.json["name"], renamed.json["addresses"]) == (200, "new 3/4", 2)
    assert sorted(names(server)) == ["new 3/4", "savings"]
    taken = change(server, "PATCH", "savings", b'{"name":"new 3/4"}')
    assert (taken.status, taken.code) == (422, "bad_input")
    assert server.ask("DELETE", "/api/v1/wallets/new%203%2F4", HEADERS[0]).status == 204  # without a body
    assert names(server) == ["savings"]
    assert not {row["address"] for row in server.get("/api/v1/balances?limit=1000").json["items"]} & set(ADDRESSES)


def test_no_name_is_in_the_way_of_another_request(server: Server) -> None:
    add(server, text=ADDRESSES[0], name="recognise")
    assert server.get("/api/v1/wallets/recognise").json["name"] == "recognise"
    assert change(server, "PATCH", "recognise", b'{"name":"recognise me"}').status == 200
    assert server.ask("DELETE", "/api/v1/wallets/recognise%20me", HEADERS[0]).status == 204


@pytest.mark.parametrize("name", ["savings2", "list 1", "list 1//2", "list 1/2/", "..", "%", "Savings"])
def test_a_wallet_that_there_is_not_is_not_found(two: Server, name: str) -> None:
    for reply in (
        two.get(f"/api/v1/wallets/{quote(name, safe='')}"),
        change(two, "PATCH", name, b'{"name":"x"}'),
        change(two, "DELETE", name),
    ):
        assert (reply.status, reply.code) == (404, "not_found")
    assert sorted(names(two)) == ["list 1/2", "savings"]


# Only one wallet


def test_everything_can_be_asked_of_one_wallet(two: Server) -> None:
    listed = two.get("/api/v1/balances?wallet=list%201/2").json
    assert {row["address"] for row in listed["items"]} == {RECEIVE, *ADDRESSES}
    assert unread(listed) == 3
    (shared,) = two.get(f"/api/v1/balances?wallet=savings&q={RECEIVE}").json["items"]
    assert sorted(shared["wallets"]) == ["list 1/2", "savings"]
    assert unread(two.get("/api/v1/balances").json) == 42  # the shared one counts once
    lines = two.get("/api/v1/balances.csv?wallet=list%201/2").body.decode().splitlines()
    assert len(lines) == 1 + 3
    (plan,) = two.get("/api/v1/plan?wallet=list%201/2").json["chains"]
    (whole,) = two.get("/api/v1/plan").json["chains"]
    assert plan["addresses"] < whole["addresses"]


def test_an_unknown_wallet_is_named_in_no_query(two: Server) -> None:
    for target in ("balances", "balances.csv", "gaps", "plan"):
        reply = two.get(f"/api/v1/{target}?wallet=nobody")
        assert (reply.status, reply.code) == (422, "bad_input"), target
    assert two.post("/api/v1/scans", {"wallets": ["nobody"]}).status == 422


# Labels


def test_an_address_is_labelled_and_the_label_taken_away(server: Server) -> None:
    add(server, text="\n".join(ADDRESSES))

    def put(text: str, address: str = ADDRESSES[0]) -> Any:
        return server.ask("PUT", "/api/v1/labels", *HEADERS, body=f'{{"address":"{address}","text":"{text}"}}'.encode())

    def label() -> Any:
        (row,) = server.get(f"/api/v1/balances?q={ADDRESSES[0]}").json["items"]
        return row["label"]

    assert put("rent, paid").json == {"addresses": 1}
    assert label() == "rent, paid"
    assert put("").status == 200
    assert label() is None
    unknown = put("mine", RECEIVE)
    assert (unknown.status, unknown.code) == (422, "bad_input")
    assert put("x" * 256).status == 422
