from collections.abc import Iterable, Iterator

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from hdscan.keys.listing import MAX_LABEL, MAX_LINE, Listing
from hdscan.model.chain import BadLine, Chain, ChainParams, Family, Network
from hdscan.model.wallet import Listed
from tests.keys.given import BSC, BTC, SOL, TRON, vectors

GOOD = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
OTHER = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
WIF = "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d"


ETH = Chain("eth", Family.EVM, Network.MAINNET, "ETH", 18, "1", 1)
BNB = Chain("bsc", Family.EVM, Network.MAINNET, "BNB", 18, "56", 1)
LTC = Chain("ltc", Family.BITCOIN, Network.MAINNET, "LTC", 8, "", 1, params=ChainParams(2, ("ltc",), (0x30,), (0x32, 0x05)))
EVERY = (LTC, BTC, ETH, BNB, SOL, TRON)  # Bitcoin goes before Litecoin wherever it stands
BOM = "\ufeff"
HEX = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"
P2SH = "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy"


def parse(chain: Chain, lines: Iterable[str | bytes]) -> Iterator[str | BadLine]:
    return (entry.address if isinstance(entry, Listed) else entry for entry in Listing([chain]).read(lines))


def read(*lines: str | bytes, chosen: tuple[Chain, ...] = ()) -> tuple[list[tuple[str, str, str | None]], list[str], Listing]:
    """The (chain, address, label) of a list, the reasons of its bad lines, and what is said of it."""
    listing = Listing(EVERY, chosen)
    entries = list(listing.read(lines))
    good = [(each.chain, each.address, each.label) for each in entries if isinstance(each, Listed)]
    return good, [each.reason for each in entries if isinstance(each, BadLine)], listing


def reasons(lines: list[str | bytes]) -> list[tuple[int, str]]:
    return [(bad.number, bad.reason) for bad in parse(BTC, lines) if isinstance(bad, BadLine)]


def test_one_address_a_line() -> None:
    assert list(parse(BTC, [GOOD + "\n", OTHER + "\n", GOOD.upper()])) == [GOOD, OTHER, GOOD]


def test_blank_lines_and_comments_are_skipped() -> None:
    assert list(parse(BTC, ["\n", "# mine\n", "  \n", "\t\n", GOOD, ",,\n", "#" + OTHER, "\t# tab"])) == [GOOD]


def test_byte_order_mark_crlf_spaces_and_quotes_do_no_harm() -> None:
    assert list(parse(BTC, [f"\ufeff{GOOD}\r\n".encode(), f"  {OTHER}\t\r\n", f'"{GOOD}"\n'])) == [GOOD, OTHER, GOOD]


@pytest.mark.parametrize(
    "header", ["label,Address,note", '"label","ADDRESS","note"', "\ufefflabel; address ;note", "label\taddress\tnote"]
)
def test_a_csv_gives_its_address_column(header: str) -> None:
    delimiter = next(mark for mark in ",;\t" if mark in header)
    rows = [["a", GOOD, "x"], ["", f" {OTHER} ", ""], [f'"quoted {delimiter} ""field"""', f'"{GOOD}"', "y"]]
    lines = ["# exported\n", header + "\r\n", *(delimiter.join(row) + "\r\n" for row in rows)]
    assert list(parse(BTC, lines)) == [GOOD, OTHER, GOOD]


def test_a_csv_of_one_column_is_a_csv() -> None:
    assert list(parse(BTC, ["address", GOOD])) == [GOOD]


def test_a_header_after_the_first_line_is_a_bad_line() -> None:
    assert [number for number, _ in reasons([GOOD, "label,address", OTHER])] == [2]


def test_an_empty_first_field_does_not_move_the_address_column() -> None:
    assert list(parse(BTC, ["label\taddress", f"\t{GOOD}"])) == [GOOD]


def test_bad_lines_are_reported_by_their_number_and_do_not_stop_the_rest() -> None:
    lines: list[str | bytes] = [GOOD, "", OTHER[:-1] + "b", "# c", b"\xff\xfe\n", "a\udcff", "x" * (MAX_LINE + 1), OTHER]
    assert reasons(lines) == [
        (3, "has a wrong checksum: mistyped or cut off"),
        (5, "is not UTF-8 text"),
        (6, "is not UTF-8 text"),
        (7, "is longer than 10,000 characters"),
    ]
    assert [entry for entry in parse(BTC, lines) if isinstance(entry, str)] == [GOOD, OTHER]


def test_a_stray_quote_costs_one_line() -> None:
    lines: list[str | bytes] = ["address,label", f'{GOOD},"open', f"{OTHER},", f"{GOOD}"]
    assert reasons(lines) == [(2, "has a quote that is not closed, or text after a closing one")]
    assert [entry for entry in parse(BTC, lines) if isinstance(entry, str)] == [OTHER, GOOD]


def test_a_row_without_an_address_is_bad_and_an_empty_one_is_blank() -> None:
    assert reasons(["label,address", "a", "b,", ",", '"",""']) == [(n, "has nothing in the column `address`") for n in (2, 3)]


@pytest.mark.parametrize(
    "secret",
    [
        WIF,
        vectors("accounts")["mnemonic"],
        vectors("accounts")["mnemonic"].replace(" ", ","),
        vectors("accounts")["accounts"][0]["private"],
        "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
        str(list(range(64))),
    ],
)
@pytest.mark.parametrize("form", ["{}", "{},label", "{} ", '"{}"', "x {}", "0x{}"])
def test_a_secret_in_a_line_is_not_repeated(secret: str, form: str) -> None:
    (bad,) = reasons([form.format(secret)])
    assert not any(secret[at : at + 6] in bad[1] for at in range(len(secret) - 5))


def test_a_mnemonic_is_recognised_also_with_commas() -> None:
    (bad,) = reasons([vectors("accounts")["mnemonic"].replace(" ", ",")])
    assert "mnemonic" in bad[1]


def test_lines_are_read_as_they_are_needed() -> None:
    def lines() -> Iterator[str]:
        yield GOOD
        raise AssertionError

    assert next(parse(BTC, lines())) == GOOD


@given(st.lists(st.text(alphabet=',;"\t\r\n\0a #', max_size=20)))
def test_no_row_of_a_csv_stops_the_rows_after_it(rows: list[str]) -> None:
    lines = ["address,label", *rows, GOOD]
    *earlier, last = parse(BTC, lines)
    assert last == GOOD
    assert all(isinstance(entry, BadLine) for entry in earlier)


@given(st.lists(st.one_of(st.text(max_size=60), st.binary(max_size=60), st.sampled_from([GOOD, OTHER]))))
def test_every_line_is_an_address_a_bad_line_or_blank(lines: list[str | bytes]) -> None:
    entries = list(parse(BTC, lines))
    numbers = [entry.number for entry in entries if isinstance(entry, BadLine)]
    assert numbers == sorted(set(numbers))
    assert len(entries) <= len(lines)
    assert entries.count(GOOD) + entries.count(OTHER) == len(entries) - len(numbers)


@given(st.lists(st.sampled_from([GOOD, OTHER]), max_size=50))
def test_no_address_is_lost_in_either_form(addresses: list[str]) -> None:
    assert list(parse(BTC, addresses)) == addresses
    assert list(parse(BTC, ["n,address", *(f"{n},{address}" for n, address in enumerate(addresses))])) == addresses


def test_every_family_is_read() -> None:
    assert list(parse(BSC, ["0xde709f2102306220921060314715629080e2fb77"])) == ["0xde709f2102306220921060314715629080e2fb77"]
    assert list(parse(SOL, ["11111111111111111111111111111111"])) == ["11111111111111111111111111111111"]


@pytest.mark.parametrize(
    ("line", "chains", "address"),
    [
        (GOOD, ["btc"], GOOD),
        (f"bitcoin:{GOOD}?amount=0.1&message=x", ["btc"], GOOD),
        (f"BITCOIN:{GOOD.upper()}?AMOUNT=1", ["btc"], GOOD),
        (f"bitcoin://{GOOD}", ["btc"], GOOD),
        ("litecoin:ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", ["ltc"], "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9"),
        (f"litecoin:{P2SH}", ["ltc"], "MQMHBtvnBfxTzt3K2bdxgSE7qZPHSXWsGM"),
        (HEX, ["eth", "bsc"], HEX),
        (HEX.lower(), ["eth", "bsc"], HEX),
        ("0X" + HEX[2:].upper(), ["eth", "bsc"], HEX),
        (HEX[2:], ["eth", "bsc"], HEX),
        (f"ethereum:{HEX}", ["eth", "bsc"], HEX),
        (f"ethereum:pay-{HEX}@56?value=1e18", ["bsc"], HEX),
        (f"ethereum:{HEX}@1", ["eth"], HEX),
        (f"bnb:{HEX}", ["bsc"], HEX),
        (f"eth:{HEX}", ["eth"], HEX),
        (f"eip155:56:{HEX}", ["bsc"], HEX),
        ("solana:11111111111111111111111111111111", ["sol"], "11111111111111111111111111111111"),
        ("TJRabPrwbZy45sbavfcjinPJC18kjpRTv8", ["tron"], "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
        ("415cbdd86a2fa8dc4bddd8a8f69dba48572eec07fb", ["tron"], "TJRabPrwbZy45sbavfcjinPJC18kjpRTv8"),
        (f"\u200b{GOOD[:9]}\u200d{GOOD[9:]}\u00a0\ufeff", ["btc"], GOOD),
        (f"'{GOOD}',", ["btc"], GOOD),
    ],
)
def test_every_address_goes_to_the_chains_that_it_is_of(line: str, chains: list[str], address: str) -> None:
    good, bad, _ = read(line)
    assert (good, bad) == ([(chain, address, None) for chain in chains], [])


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (f"ethereum:{HEX}/transfer?address={HEX}&uint256=1", "a request to call a contract"),
        (f"ethereum:{HEX}@5", "is a URI that names no chain that is configured"),
        (f"matic:{HEX}", "has a prefix that names no chain that is configured"),
        (f"https://example.org/{HEX}", "has a prefix that names no chain that is configured"),
        (f"bitcoin:{HEX}", "looks like an EVM address where a Bitcoin address is expected"),
        (f"bitcoin:{GOOD}?" + "&".join("a=b" for _ in range(200)), "too many parts"),
        (f"{GOOD}, {OTHER}", "several fields that may be addresses"),
        ("savings, cold", "none is an address"),
        (HEX[:-1] + "D", "wrong EIP-55 checksum"),
        (HEX[2:-1] + "D", "wrong EIP-55 checksum"),
        (GOOD[:-1] + "q", "checksum"),
        ("savings", "is no address of a chain that is configured"),
        ("dgb1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "has the prefix dgb1"),
        (wallycore.base58check_from_bytes(b"\x1e" + bytes(20)), "another coin (version byte 0x1e)"),
        ("tb1qw508d6qejxtdg4y5r3zarvary0c5xw7kxpjzsx", "another network"),
    ],
)
def test_what_is_not_one_address_is_refused_with_its_reason(line: str, reason: str) -> None:
    good, (bad,), _ = read(line)
    assert good == []
    assert reason in bad
    assert not any(line[at : at + 8] in bad for at in range(len(line) - 8) if line[at : at + 8].isalnum())


@pytest.mark.parametrize(
    "header",
    [
        *("Address", "Payment Address", "Wallet", "wallet_address", "walletAddress", "Public Address", "BTC address", "ADDR"),
        *("account", "Wallet;Public Address", "name,address,ethereum address"),
    ],
)
def test_the_column_of_addresses_has_many_names(header: str) -> None:
    delimiter = ";" if ";" in header else ","
    columns = header.split(delimiter)
    row = delimiter.join(GOOD if "ddr" in name or len(columns) == 1 else "x" for name in columns)
    good, bad, listing = read(header, row)
    assert [address for _, address, _ in good] == [GOOD]
    assert bad == []
    assert listing.what.startswith("a table of addresses (column `")


def test_of_two_columns_that_are_as_good_none_is_taken() -> None:
    good, bad, _ = read("deposit address,receiving address", f"{GOOD},{OTHER}")
    assert good == []
    assert "several columns of addresses" in bad[0]


def test_labels_and_chains_come_from_their_columns() -> None:
    rows = [
        "chain,address,Label,amount",
        f"bitcoin,{GOOD},cold store,1",
        f"BNB Smart Chain,{HEX},,",
        f"1,{HEX},main,2",
        f",{HEX},,",
    ]
    good, bad, listing = read(*rows)
    assert good == [
        ("btc", GOOD, "cold store"),
        ("bsc", HEX, None),
        ("eth", HEX, "main"),
        ("eth", HEX, None),
        ("bsc", HEX, None),
    ]
    assert bad == []
    assert listing.said[-1] == "labels are read from `label` and chains are read from `chain`"


def test_a_row_whose_chain_is_another_is_refused() -> None:
    header = "address,network"
    _, bad, _ = read(header, f"{GOOD},ethereum", f"{HEX},zksync", f"bnb:{HEX},ethereum")
    assert "looks like a Bitcoin address" in bad[0]
    assert bad[1:] == [
        "has a column of chains that names no chain that is configured",
        "has a prefix and a column of chains that name different chains",
    ]
    _, bad, _ = read(header, f"{HEX},ethereum", chosen=(BNB,))
    assert bad == ["has a column of chains that names eth, which --chain leaves out"]


def test_without_a_header_the_other_of_two_fields_is_the_label() -> None:
    good, bad, listing = read(
        f"{GOOD},savings", f"cold;{OTHER}", f"{HEX}\t\tmine\t", f"x,{GOOD},y", f"bitcoin:{OTHER}?label=rent"
    )
    assert bad == []
    labels = [label for _, _, label in good]
    assert labels == ["savings", "cold", "mine", "mine", None, "rent"]
    assert any("no header" in sentence for sentence in listing.said)


def test_a_label_has_a_limit() -> None:
    good, _, _ = read("address,label", f"{GOOD},{'x' * 400}")
    assert good == [("btc", GOOD, "x" * MAX_LABEL)]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_what_excel_saves_as_unicode_text_is_read(encoding: str) -> None:
    text = f"sep=\t\r\nName\tAddress\r\nErspartes (süß)\t{GOOD}\r\nRücklage Ċ\t{OTHER}"  # U+010A holds the byte of a line feed
    data = f"{'' if encoding == 'utf-16' else BOM}{text}".encode(encoding)
    good, bad, _ = read(*data.splitlines(keepends=True))
    assert good == [("btc", GOOD, "Erspartes (süß)"), ("btc", OTHER, "Rücklage Ċ")]
    assert bad == []


def test_what_was_decided_is_said() -> None:
    good, bad, listing = read(GOOD, HEX, HEX[2:], P2SH, f"bitcoin:{OTHER}")
    assert len(good) == 7
    assert bad == []
    assert listing.what == "a list of addresses"
    assert listing.said == (
        "0x… addresses (2) are taken for eth, bsc: --chain chooses",
        "addresses (1) that ltc could have, too, are taken for btc",
        "40 hexadecimal digits without 0x (1) are taken for EVM addresses",
        "of URIs and prefixed addresses (1) amounts and messages are left out",
    )


def test_a_chosen_chain_leaves_nothing_to_decide() -> None:
    good, bad, listing = read(HEX, chosen=(BNB,))
    assert (good, bad, listing.what, listing.said) == ([("bsc", HEX, None)], [], "an address", ())
    good, _, _ = read(P2SH, chosen=(LTC,))
    assert good == [("ltc", "MQMHBtvnBfxTzt3K2bdxgSE7qZPHSXWsGM", None)]


SECRETS = {
    "WIF": WIF,
    "mnemonic": vectors("accounts")["mnemonic"],
    "extended private key": vectors("accounts")["accounts"][0]["private"],
    "extended public key": vectors("accounts")["accounts"][0]["account"],
    "private key": "e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35",
}


@pytest.mark.parametrize("secret", SECRETS.values(), ids=SECRETS)
@pytest.mark.parametrize(
    "rows",
    [
        ["{secret}"],
        ["{address},{secret}"],
        ["address,label", "{address},{secret}"],
        ["address,private key", "{address},{secret}"],
    ],
)
def test_a_row_with_a_secret_is_refused_by_its_number(rows: list[str], secret: str) -> None:
    lines = [row.format(address=GOOD, secret=secret) for row in rows]
    (bad,) = (entry for entry in Listing(EVERY).read(lines) if isinstance(entry, BadLine))
    assert bad.number == len(rows)
    assert not any(secret[at : at + 6] in bad.reason for at in range(len(secret) - 5) if secret[at : at + 6] not in rows[0])


@pytest.mark.parametrize("kind", ["WIF", "mnemonic", "extended private key"])
def test_a_secret_in_a_column_that_is_not_read_is_refused_too(kind: str) -> None:
    good, bad, _ = read("address,spare", f"{GOOD},{SECRETS[kind]}")
    assert good == []
    assert len(bad) == 1


def test_a_transaction_id_in_a_column_that_is_not_read_is_no_secret() -> None:
    good, bad, _ = read("txid,address", f"{'ab' * 32},{GOOD}")
    assert (good, bad) == ([("btc", GOOD, None)], [])


def test_addresses_of_transactions_are_said_to_be_such() -> None:
    row = f"2024-01-01;SENT;{'ab' * 32};{GOOD};1"
    good, bad, listing = read("Date;Type;Transaction ID;Address;Amount", row)
    assert (good, bad) == ([("btc", GOOD, None)], [])
    assert any("of transactions (column `transaction id`): those that you paid to" in said for said in listing.said)
    assert not read("Type;Address", f"x;{GOOD}")[2].said
