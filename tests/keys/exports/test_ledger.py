"""Ledger Live's CSV of operations."""

import pytest

from hdscan.chains import Script
from hdscan.keys.source import recognise
from hdscan.model.wallet import Found
from tests.keys.wallets import OPTIONS, Signer, only, refusal, single

ALICE = Signer(1)
KEY = ALICE.key("m/84'/0'/0'")
HEAD = (
    "Operation Date,Status,Currency Ticker,Operation Type,Operation Amount,Operation Fees,Operation Hash,"
    "Account Name,Account xpub"
)
EVM, SOLANA, TRON = (
    "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
    "9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM",
    ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"),
)


def table(*accounts: tuple[str, str, str], head: str = HEAD) -> str:
    rows = [f"2021-04-22T13:20:59.000Z,Confirmed,{coin},OUT,0.1,0.01,ab,{name},{key}" for coin, name, key in accounts]
    return "\n".join([head, *rows, ""])


def wallets(text: str) -> list[Found]:
    found = recognise(text, OPTIONS)
    assert found is not None
    return found


def test_every_account_is_a_wallet() -> None:
    text = table(
        ("BTC", "Bitcoin 1", KEY),
        ("BTC", "Bitcoin 1", KEY),
        ("ETH", "Ethereum 1", EVM),
        ("USDT", "Ethereum 1", EVM),
        ("SOL", '"Solana, mine"', SOLANA),
        ("TRX", "Tron 1", TRON),
    )
    bitcoin, *others = wallets(text)
    assert bitcoin.name == "Bitcoin 1"
    assert single(ALICE, Script.P2WPKH, "m/84'/0'/0'")[0] in {branch.addresses[0] for branch in bitcoin.branches}
    assert len(bitcoin.said) == 1
    assert "does not say its kind of address" in bitcoin.said[0]
    listed = {wallet.name: [(entry.chain, entry.address) for entry in wallet.listed] for wallet in others}
    assert listed == {"Ethereum 1": [("bsc", EVM)], "Solana, mine": [("sol", SOLANA)], "Tron 1": [("tron", TRON)]}


def test_accounts_of_other_coins_are_named_and_left_out() -> None:
    found, *more = wallets(table(("BTC", "Bitcoin 1", KEY), ("DOT", "Polkadot 1", "1x" * 20), ("BCH", "Cash", ALICE.key("m"))))
    assert not more
    assert [sentence for sentence in found.said if sentence.startswith("left out")] == [
        "left out: account 2 of the file, since no chain that is configured is of DOT",
        "left out: account 3 of the file, since no chain that is configured is of BCH",
    ]
    assert "is of BCH" in refusal(table(("BCH", "Cash", KEY)), KEY)


def test_lines_of_another_length_are_counted() -> None:
    text = table(("BTC", '"Bitcoin\n1"', KEY)) + "2021,BTC\n\n"
    found = only(text)
    assert found.name == "Bitcoin 1"
    assert "left out: 1 lines that have not as many fields as the first one" in found.said


def test_very_many_accounts_are_refused() -> None:
    assert "more than 10,000 accounts" in refusal(table(*(("ETH", "x", f"0x{number:040x}") for number in range(10_001))))


@pytest.mark.parametrize("old", [HEAD.replace("Status,", "").replace("Operation Fees,", "")])
def test_columns_are_found_by_name(old: str) -> None:
    text = f"\ufeff{old}\r\n2021,BTC,OUT,1,ab,One,{KEY}\r\n"
    assert only(text).name == "One"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (table(), "has no account"),
        (table(("BTC", "x", KEY[:-1] + "1")), "checksum"),
        (table(("BTC", "x", ALICE.key("m/84'/0'/0'", "xprv"))), "private key"),
        (table(("BTC", "x", "word " * 12)), "looks like a mnemonic"),
        (table(("BTC", "x", "y" * 200_000)), "no CSV"),
    ],
)
def test_a_damaged_table_is_refused_without_its_keys(text: str, sentence: str) -> None:
    assert sentence in refusal(text, KEY, ALICE.key("m/84'/0'/0'", "xprv"), "word word word")
