"""What stdout gets: forms, streaming, harmless cells, exact amounts."""

import csv
import io
import tracemalloc
from collections.abc import Iterator

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.app.spreadsheet import cell
from hdscan.cli import stdout
from hdscan.cli.stdout import Form, form, write_rows
from hdscan.cli.table import show, table
from hdscan.cli.text import coins, duration
from hdscan.model.errors import InputError


class Row(msgspec.Struct):
    """A row."""

    name: str
    amount: str | None


def rows(count: int) -> Iterator[Row]:
    return (Row(f"address {number}", str(number)) for number in range(count))


@pytest.mark.parametrize("text", ["=1+1", "+1", "-cmd", "@SUM(A1)", "\tx", "\rx", "\n=1", "=", "-1+1", "-1.5.2"])
def test_a_cell_that_a_spreadsheet_would_execute_is_made_harmless(text: str) -> None:
    assert cell(text) == f"'{text}"


@pytest.mark.parametrize(("value", "text"), [(None, ""), ("-15", "-15"), ("0", "0"), (-1.5, "-1.5"), ({"a": "b"}, '{"a":"b"}')])
def test_a_cell_keeps_what_cannot_be_executed(value: object, text: str) -> None:
    assert cell(value) == text


@given(st.integers(), st.integers(0, 30))
def test_coins_are_exact(amount: int, decimals: int) -> None:
    text = coins(amount, decimals)
    whole, _, fraction = text.lstrip("-").partition(".")
    assert int(whole + fraction.ljust(decimals, "0")) == abs(amount)
    assert text.startswith("-") == (amount < 0)
    assert not fraction.endswith("0")


@pytest.mark.parametrize(
    ("seconds", "text"), [(None, "?"), (0.4, "0 s"), (59.4, "59 s"), (59.6, "1 min 0 s"), (7322, "2 h 2 min")]
)
def test_durations_are_said_as_people_do(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_two_forms_at_once_are_refused() -> None:
    with pytest.raises(InputError, match="choose one"):
        form(as_json=True, as_csv=True)


@pytest.mark.parametrize("count", [0, 1, 3])
def test_rows_are_the_same_in_every_form(count: int, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(rows(count), Row, Form.JSON)
    as_json = msgspec.json.decode(capsys.readouterr().out)
    write_rows(rows(count), Row, Form.JSONL)
    as_jsonl = [msgspec.json.decode(line) for line in capsys.readouterr().out.splitlines()]
    write_rows(rows(count), Row, Form.CSV)
    as_csv = list(csv.DictReader(io.StringIO(capsys.readouterr().out)))
    assert as_json == as_jsonl == as_csv == [{"name": f"address {n}", "amount": str(n)} for n in range(count)]


def test_csv_without_rows_has_its_header(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(rows(0), Row, Form.CSV)
    assert capsys.readouterr().out == "name,amount\n"


@pytest.mark.parametrize("as_form", [Form.JSON, Form.JSONL, Form.CSV])
def test_many_rows_need_no_more_memory_than_few(as_form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    written = 0

    def count(text: str) -> None:
        nonlocal written
        written += len(text)

    monkeypatch.setattr(stdout, "write", count)
    tracemalloc.start()
    write_rows(rows(100_000), Row, as_form)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert written > 1_500_000
    assert peak < 1_000_000


@pytest.mark.parametrize("columns", [10, 40, 200])
def test_no_width_breaks_a_number_or_an_address(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", str(columns))
    made = table("chain", "address", "readings", right=("readings",))
    made.add_row("btc", "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "1,234,567")
    show(made, "", "no line " * 20)
    shown = capsys.readouterr().out
    assert max(len(line) for line in shown.splitlines() if "no line" in line) <= columns
    assert "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu" in shown
    assert "1,234,567" in shown


def test_a_wide_column_gives_way_before_a_name_of_many_letters(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "60")
    made = table("provider", "quotas", "calls", right=("calls",))
    made.add_row("publicnode-avalanche/evm-multicall", "3 of 700 an hour, 3 of 500,000 a month", "1,234,567")
    show(made)
    shown = capsys.readouterr().out
    assert "publicnode-avalanche/evm-multicall" in shown
    assert "1,234,567" in shown
    assert max(len(line) for line in shown.splitlines()[1:]) <= 60
