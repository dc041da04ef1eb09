"""Wallets by their names: listed, shown, filtered by, renamed, labelled, exported and removed."""

import os
from collections.abc import Callable

import msgspec
import pytest

from hdscan.sim.faults import Fault, Rule
from tests.cli.conftest import BTC, Hdscan, Simulated, Terminal
from tests.cli.test_adding import FIRST, FIRST_CHANGE, SECOND, ZPUB

Simulate = Callable[..., Simulated]

THIRD = "1BoatSLRHtKNngkdXEeobR76b53LETtpyT"
HELD = {FIRST: {"BTC": 150_000_000}, FIRST_CHANGE: {"BTC": 7}, THIRD: {"BTC": 20}}


@pytest.fixture
def two(hdscan: Hdscan, simulate: Simulate) -> Simulated:
    """Two wallets that have the first address in common, and nothing else."""
    simulated = simulate(BTC, add=False, addresses=0, explicit={"btc": HELD})
    hdscan.ok("add", ZPUB, "--name", "savings")
    hdscan.ok("add", "-", "--name", "list", stdin=f"address,label\n{FIRST},rent\n{THIRD},\n")
    return simulated


def test_a_scan_is_of_every_wallet_and_an_address_of_two_counts_once(hdscan: Hdscan, two: Simulated) -> None:
    assert hdscan("scan").code == 0
    rows = {row["name"]: row for row in hdscan.lines("wallets", "--jsonl")}
    assert (rows["savings"]["addresses"], rows["savings"]["used"], rows["savings"]["funded"]) == (42, 2, 2)
    assert (rows["list"]["addresses"], rows["list"]["funded"], rows["list"]["unread"]) == (2, 2, 0)
    said = hdscan.ok("balances")
    assert "1.50000027 BTC" in said
    assert "1.50000007 BTC" in hdscan.ok("balances", "--wallet", "savings")
    both = next(row for row in hdscan.lines("balances", "--jsonl") if row["address"] == FIRST)
    assert (both["wallets"], both["label"], both["used"]) == (["list", "savings"], "rent", True)


def test_a_scan_of_one_wallet_reads_no_other(hdscan: Hdscan, two: Simulated) -> None:
    said = hdscan.ok("scan", "--wallet", "list")
    assert "list:" in said
    assert "1.5000002 BTC" in said, "what it holds, and no other"
    states = {row["address"]: row["state"] for row in hdscan.lines("balances", "--jsonl")}
    assert (states[FIRST], states[THIRD], states[SECOND]) == ("read", "read", "unread")
    (chain,) = hdscan.json("plan", "--wallet", "list", "--json")["chains"]
    assert chain["addresses"] == 2


def test_reports_are_of_one_wallet(hdscan: Hdscan, two: Simulated) -> None:
    hdscan.ok("scan")
    assert [row["address"] for row in hdscan.lines("balances", "--wallet", "list", "--jsonl")] == [FIRST, THIRD]
    assert [row["address"] for row in hdscan.lines("addresses", "--wallet", "list", "--jsonl")] == [FIRST, THIRD]
    assert hdscan.lines("gaps", "--wallet", "list", "--jsonl") == []
    assert list(hdscan.json("status", "--wallet", "list", "--json")["chains"]) == ["btc"]
    assert hdscan("explain", THIRD, "--wallet", "savings").code == 2
    assert "list" in hdscan.ok("explain", THIRD, "--wallet", "list")


def test_the_table_of_balances_names_wallets_and_labels(hdscan: Hdscan, two: Simulated) -> None:
    hdscan.ok("scan")
    said = hdscan.ok("balances")
    line = next(line for line in said.splitlines() if FIRST in line)
    assert "list, savings" in line
    assert "rent" in line
    assert "wallet" not in hdscan.ok("balances", "--chain", "btc", "--wallet", "savings").splitlines()[0]


@pytest.mark.parametrize("columns", [80, 120])
def test_the_tables_fit_a_terminal(hdscan: Hdscan, two: Simulated, columns: int) -> None:
    hdscan.ok("scan")
    for call in (("balances",), ("wallets",), ("wallets", "show", "savings"), ("add", ZPUB, "--name", "savings")):
        ended = Terminal(hdscan, *call, columns=columns).end()
        assert ended.code == 0
        assert max(map(len, ended.out.splitlines())) <= columns, ended.out
        assert FIRST in ended.out or call == ("wallets",)


def test_a_wallet_is_shown_with_its_branches(hdscan: Hdscan, two: Simulated) -> None:
    hdscan.ok("scan")
    said = hdscan.ok("wallets", "show", "savings")
    receive = next(line for line in said.splitlines() if "receive" in line)
    assert "  0 of 21  " in receive
    assert FIRST in receive
    branches = hdscan.json("wallets", "show", "savings", "--json")["branches"]
    assert [(each["role"], each["used_to"], each["ended"]) for each in branches] == [("receive", 0, True), ("change", 0, True)]
    assert ZPUB[:12] not in said + msgspec.json.encode(branches).decode()


def test_a_branch_whose_end_is_not_known_is_a_gap(hdscan: Hdscan, two: Simulated) -> None:
    two.set_faults({"one": (Rule(faults=(Fault.SERVER_ERROR,), address=SECOND),)})
    done = hdscan("scan", "--wallet", "savings")
    assert done.code == 3
    assert "1 branch has no known end" in done.err
    (end,) = (gap for gap in hdscan.lines("gaps", "--jsonl") if gap["code"] == "end_unknown")
    assert (end["wallet"], end["address"]) == ("savings", SECOND)
    said = hdscan.ok("gaps", "--wallet", "savings")
    assert "receiving branch of 'savings'" in said
    assert "end_unknown\n" in said
    two.heal()
    assert hdscan("scan", "--retry").code == 0
    assert hdscan.lines("gaps", "--jsonl") == []


@pytest.mark.parametrize(
    "call",
    [
        ("wallets", "show"),
        ("balances", "--wallet"),
        ("gaps", "--wallet"),
        ("status", "--wallet"),
        ("addresses", "--wallet"),
        ("scan", "--wallet"),
        ("plan", "--wallet"),
        ("remove", "--yes"),
    ],
)
def test_an_unknown_wallet_is_refused_with_what_was_meant(hdscan: Hdscan, two: Simulated, call: tuple[str, ...]) -> None:
    done = hdscan(*call, "savigns")
    assert done.code in (1, 2)
    assert "savigns" in done.err
    assert "did you mean 'savings'" in done.err
    assert done.err.count("\n") == 1


def test_a_wallet_is_renamed(hdscan: Hdscan, two: Simulated) -> None:
    hdscan.ok("rename", "savings", "rainy day")
    assert [row["name"] for row in hdscan.lines("wallets", "--jsonl")] == ["rainy day", "list"]
    assert hdscan("rename", "rainy day", "list").code == 2


def test_an_address_is_labelled_and_exported(hdscan: Hdscan, two: Simulated) -> None:
    hdscan.ok("label", SECOND, "gift, from Ann")
    labels = [msgspec.json.decode(line) for line in hdscan.ok("export", "savings", "--labels").splitlines()]
    assert {(each["type"], each["ref"], each["label"]) for each in labels} == {
        ("addr", FIRST, "rent"),
        ("addr", SECOND, "gift, from Ann"),
    }
    hdscan.ok("label", SECOND, "")
    assert SECOND not in hdscan.ok("export", "savings", "--labels")
    assert hdscan("label", "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9h", "x").code == 2


def test_an_exported_descriptor_makes_the_same_wallet(hdscan: Hdscan, two: Simulated) -> None:
    before = [row["address"] for row in hdscan.lines("addresses", "--wallet", "savings", "--jsonl")]
    lines = hdscan.ok("export", "savings", "--descriptor")
    hdscan.ok("remove", "savings", "--yes")
    hdscan.ok("add", "-", "--name", "again", stdin=lines)
    assert [row["address"] for row in hdscan.lines("addresses", "--wallet", "again", "--jsonl")] == before


def test_a_removed_wallet_leaves_what_another_has(hdscan: Hdscan, two: Simulated) -> None:
    hdscan.ok("scan")
    done = hdscan("remove", "savings")
    assert done.code == 2
    assert "give --yes" in done.err
    assert hdscan.ok("remove", "savings", "--yes") == "savings is removed\n"
    assert {row["address"] for row in hdscan.lines("balances", "--jsonl")} == {FIRST, THIRD}
    assert hdscan("label", FIRST_CHANGE, "change").code == 2
    assert list(hdscan.json("status", "--json")["chains"]) == ["btc"]
    hdscan.ok("remove", "list", "--yes")
    assert hdscan.json("status", "--json") is None, "a chain without addresses is in no report"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("answer", "code", "left"), [("y", 0, 1), ("n", 130, 2)])
def test_remove_asks_at_a_terminal(hdscan: Hdscan, two: Simulated, answer: str, code: int, left: int) -> None:
    terminal = Terminal(hdscan, "remove", "savings")
    terminal.answer("Remove savings with 40 addresses?", answer)
    assert terminal.end().code == code
    assert len(hdscan.lines("wallets", "--jsonl")) == left


def test_without_a_wallet_the_list_says_how_to_begin(hdscan: Hdscan, simulate: Simulate) -> None:
    simulate(BTC, addresses=1)
    (row,) = hdscan.json("wallets", "--json")
    hdscan.ok("remove", row["name"], "--yes")
    assert "hdscan add" in hdscan.ok("wallets")
