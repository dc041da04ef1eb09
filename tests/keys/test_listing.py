from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.keys.listing import MAX_LINE, BadLine, parse
from tests.keys.given import BSC, BTC, SOL, vectors

GOOD = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
OTHER = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
WIF = "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d"


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


def test_fields_without_a_header_are_bad_lines() -> None:
    (bad,) = reasons([f"{GOOD},savings"])
    assert "header line" in bad[1]


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
