"""`scan` and the reading commands on real processes and real HTTP: results, shapes, signals, exit codes."""

import csv
import io
import signal
from collections.abc import Callable

import msgspec
import pytest

from hdscan.cli.text import coins
from hdscan.model.scan import BalanceRow, Gap, ProviderStatus, ScanResult
from hdscan.sim.faults import Fault, Rule, always
from hdscan.sim.host import HostSpec
from tests.cli.conftest import BSC, BTC, SOL, Hdscan, Running, Simulated

Simulate = Callable[..., Simulated]
Start = Callable[..., Running]
SLOW = HostSpec(name="slow", chain="btc", protocols=("esplora",), rate=10, latency=0.002)
RESULT = ["scan_id", "status", "chains"]
CHAIN = ["status", "addresses", "readings", "read", "unread", "funded", "seconds", "requests"]
CHAIN += ["audited", "disputed", "unaudited", "audit_requests"]
BALANCE = [  # scripts rely on these
    *("chain", "index", "path", "address", "asset", "amount", "unconfirmed", "decimals"),
    *("height", "observed_at", "source", "state", "error", "answers", "operators", "said_by"),
    *("wallets", "label", "used"),
]
PROVIDER = [
    *("name", "chain", "protocol", "state", "breaker", "rate"),
    *("paused_until", "calls", "ok", "failed", "throttled", "amounts", "last_error"),
]
GAP = ["chain", "index", "address", "asset", "code", "error", "attempts", "providers", "wallet", "branch"]
NO_USDT = {"node": (Rule(faults=(Fault.TOKENS_FAIL,), method="eth_call"),)}


def truth(simulated: Simulated, *chains: str) -> dict[tuple[str, int, str], int]:
    return {key: amount for key, amount in simulated.world.truth().items() if key[0] in chains}


def known(hdscan: Hdscan) -> dict[tuple[str, int, str], int]:
    rows = hdscan.lines("balances", "--jsonl")
    return {(row["chain"], row["index"], row["asset"]): int(row["amount"]) for row in rows if row["state"] == "read"}


def test_a_scan_reads_the_truth_of_every_chain(hdscan: Hdscan, simulate: Simulate) -> None:
    simulated = simulate(BTC, BSC, SOL)
    done = hdscan.process("scan")
    assert done.code == 0, done.err
    assert "btc: 30 of 30 readings, 0 unread" in done.err
    share, head, *_ = done.out.splitlines()
    assert share == "confirmed by two operators: 0 % of what is held, 0 % of the zeros"
    assert head.split() == ["chain", "asset", "total", "funded", "of", "unconfirmed"]
    assert "btc: one operator alone serves it, so nobody can contradict it; add an [[endpoint]]" in done.err
    assert "≥" not in done.out
    assert known(hdscan) == truth(simulated, "btc", "bsc", "sol")


def test_the_result_is_one_object_and_status_gives_the_same(hdscan: Hdscan, simulate: Simulate) -> None:
    simulate(BTC, BSC)
    result = hdscan.json("scan", "--json")
    assert list(result) == RESULT
    assert list(result["chains"]) == ["btc", "bsc"]
    assert [list(chain) for chain in result["chains"].values()] == [CHAIN, CHAIN]
    assert result["status"] == "completed"
    assert result["chains"]["bsc"]["readings"] == 90
    assert hdscan.json("status", "--json") == result
    assert msgspec.convert(result, ScanResult).chains["btc"].read == 30
    lines = hdscan.lines("status", "--jsonl")
    assert [(line["chain"], line["read"]) for line in lines] == [("btc", 30), ("bsc", 90)]
    assert hdscan.ok("status", "--csv").splitlines()[0].startswith("chain,scan_id,status,")
    assert "completed" in hdscan.ok("status")


def test_the_events_come_line_by_line_and_the_result_last(hdscan: Hdscan, simulate: Simulate) -> None:
    simulate(BTC)
    lines = hdscan.lines("scan", "--jsonl")
    assert [line["event"] for line in lines][:2] == ["scan_state", "scan_progress"]
    assert lines[-2]["event"] == "scan_complete"
    assert list(lines[-1]) == ["event", *RESULT]
    assert lines[-1]["event"] == "scan_result"
    assert {"event", "chain", "read", "unread", "readings", "rate", "eta"} <= set(lines[1])


def test_rows_have_the_pinned_members(hdscan: Hdscan, simulate: Simulate) -> None:
    simulate(BSC, addresses=5, faults=NO_USDT)
    assert hdscan("scan").code == 3
    for call, pinned, kind in (
        ("balances", BALANCE, BalanceRow),
        ("gaps", GAP, Gap),
        ("providers", PROVIDER, ProviderStatus),
    ):
        lines = hdscan.lines(call, "--jsonl")
        assert lines
        assert all(list(line) == pinned == list(kind.__struct_fields__) for line in lines)
        assert hdscan.json(call, "--json") == lines
        table = list(csv.DictReader(io.StringIO(hdscan.ok(call, "--csv"))))
        assert [list(row) for row in table] == [pinned] * len(lines)
    states = {row["name"]: row["state"] for row in hdscan.lines("providers", "--jsonl")}
    assert states["node"] in ("ready", "open", "half_open")
    assert "node" in hdscan.ok("providers")


def test_what_is_unread_never_looks_like_zero(hdscan: Hdscan, simulate: Simulate) -> None:
    simulated = simulate(BSC, addresses=5, faults=NO_USDT)
    done = hdscan("scan")
    assert done.code == 3
    assert "hdscan scan --retry" in done.err
    assert "bsc: USDT of" in done.err
    said = hdscan.ok("balances")
    totals = {line.split()[1]: line for line in said[said.index("chain  asset") :].splitlines()[1:4]}
    assert "5 unread" in totals["USDT"]
    assert " 0 USDT" not in totals["USDT"]
    assert "unread" not in totals["BNB"]
    assert known(hdscan) == {key: amount for key, amount in truth(simulated, "bsc").items() if key[2] == "BNB"}
    assert "REASON" not in hdscan.ok("gaps")
    assert hdscan.json("status", "--json")["status"] == "completed_with_gaps"


def test_filters_narrow_and_symbols_have_no_case(hdscan: Hdscan, simulate: Simulate) -> None:
    simulated = simulate(BTC, BSC, funded=0.5)
    result = hdscan.json("scan", "--chain", "bsc", "--asset", "usdt", "--asset", "Bnb", "--json")
    assert result["chains"]["bsc"]["readings"] == 60
    rows = hdscan.lines("balances", "--chain", "bsc", "--asset", "usdt", "--funded", "--jsonl")
    amounts = truth(simulated, "bsc")
    assert {row["index"]: int(row["amount"]) for row in rows} == {
        index: amount for (_, index, symbol), amount in amounts.items() if symbol == "USDT" and amount
    }
    for call in (("scan", "--asset", "XMR"), ("balances", "--asset", "XMR"), ("balances", "--chain", "xmr")):
        done = hdscan(*call)
        assert done.code == 2
        assert "not configured" in done.err


def test_retry_reads_what_was_left(hdscan: Hdscan, simulate: Simulate) -> None:
    simulated = simulate(BSC, addresses=5, faults=NO_USDT)
    first = hdscan("scan", "--json")
    assert first.code == 3
    simulated.heal()
    again = hdscan.json("scan", "--retry", "--json")
    assert again["scan_id"] == msgspec.json.decode(first.out)["scan_id"]
    assert again["status"] == "completed"
    assert known(hdscan) == truth(simulated, "bsc")
    assert hdscan.ok("gaps") == "Nothing that was asked for is unread.\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_commits_and_the_next_scan_resumes(
    hdscan: Hdscan, simulate: Simulate, start: Start, number: signal.Signals
) -> None:
    simulated = simulate(SLOW, addresses=60)
    running = start("scan", "--jsonl")
    running.until(lambda line: line["event"] == "scan_progress" and line["read"] > 0)
    running.send(number)
    ended = running.end()
    assert ended.code == 130
    assert "stopping" in ended.err
    assert "hdscan scan" in ended.err.splitlines()[-1]
    result = msgspec.json.decode(ended.out.splitlines()[-1])
    assert result["status"] == "stopped"
    kept = result["chains"]["btc"]["read"]
    assert 0 < kept < 60
    after = hdscan.json("scan", "--json")
    assert after["scan_id"] == result["scan_id"]
    assert after["chains"]["btc"]["read"] == 60
    assert known(hdscan) == truth(simulated, "btc")


def test_a_second_signal_ends_at_once(hdscan: Hdscan, simulate: Simulate, start: Start) -> None:
    hang = {"slow": (Rule(faults=(Fault.HANG,), first=5),)}
    simulate(SLOW, addresses=60, faults=hang)
    (hdscan.home / "hdscan.toml").write_text((hdscan.home / "hdscan.toml").read_text().replace("= 2.0", "= 30.0"))
    running = start("scan", "--jsonl")
    running.until(lambda line: line["event"] == "scan_progress")
    running.send(signal.SIGINT)
    running.send(signal.SIGTERM)
    assert running.end().code == 130


def test_a_second_process_hears_who_is_writing(hdscan: Hdscan, simulate: Simulate, start: Start) -> None:
    simulate(SLOW, addresses=200)
    running = start("scan", "--jsonl")
    running.until(lambda line: line["event"] == "scan_progress")
    second = hdscan.process("scan")
    assert second.code == 1
    assert f"process {running.process.pid} (hdscan scan" in second.err
    for call in ("status", "balances", "gaps", "providers"):
        assert hdscan(call, "--json").code == 0
    running.send(signal.SIGINT)
    assert running.end().code == 130


def test_watch_scans_again_and_again_until_it_is_stopped(hdscan: Hdscan, simulate: Simulate, start: Start) -> None:
    simulate(BTC, addresses=5)
    running = start("scan", "--watch", "1", "--jsonl")
    first = running.until(lambda line: line["event"] == "scan_result")
    second = running.until(lambda line: line["event"] == "scan_result")
    assert first["status"] == second["status"] == "completed"
    assert second["scan_id"] > first["scan_id"]
    running.send(signal.SIGTERM)
    assert running.end().code == 130


def test_a_reader_that_goes_away_stops_the_scan_in_order(hdscan: Hdscan, simulate: Simulate, start: Start) -> None:
    simulate(SLOW, addresses=60)
    running = start("scan", "--jsonl")
    running.until(lambda line: line["event"] == "scan_progress" and line["read"] > 0)
    assert running.process.stdout is not None
    running.process.stdout.close()
    assert running.process.wait() == 141
    assert hdscan.json("status", "--json")["status"] == "stopped"


# -- doubt

PAIR = tuple(HostSpec(name=name, chain="btc", protocols=("esplora",), rate=500, latency=0.002) for name in ("liar", "honest"))
LIES = {"liar": (Rule(faults=(Fault.FALSE_ZEROS,), items=0.7),)}


def test_what_operators_disagree_about_is_shown_everywhere_and_ends_with_3(hdscan: Hdscan, simulate: Simulate) -> None:
    simulated = simulate(*PAIR, faults=LIES)
    done = hdscan.process("scan", "--audit", "100")
    assert done.code == 3
    rows = hdscan.lines("balances", "--jsonl")
    disputed = [row for row in rows if row["state"] == "disputed"]
    count = len(disputed)
    assert count > 0
    for row in disputed:
        assert row["amount"] is None
        assert {answer["source"] for answer in row["answers"]} == {"liar", "honest"}
        assert str(truth(simulated, "btc")["btc", row["index"], "BTC"]) in {answer["amount"] for answer in row["answers"]}
    assert f"{count} readings are disputed" in done.err
    assert f"{count} disputed" in done.out
    assert "≥" in done.out
    heard = f"btc: a second operator answered 30 of 30 readings, {count} of them disputed"
    assert heard in done.out
    assert heard in hdscan("status").out
    assert "alone" not in done.err, "there are two operators"
    result = hdscan.json("status", "--json")
    assert result["status"] == "completed_with_gaps"
    assert result["chains"]["btc"]["disputed"] == count
    text = hdscan("balances").out
    assert "Operators disagree about these" in text
    assert disputed[0]["address"] in text
    cells = list(csv.DictReader(io.StringIO(hdscan("balances", "--csv").out)))
    assert [row["amount"] for row in cells if row["state"] == "disputed"] == [""] * count
    assert all(msgspec.json.decode(row["answers"]) for row in cells if row["state"] == "disputed")
    explained = hdscan("explain", disputed[0]["address"]).out
    assert "disputed: there is no amount; operators disagree: " in explained
    assert "other operators were asked in scan 1: disputed" in explained
    assert "ready  said " in explained
    assert explained.count("liar said ") + explained.count("honest said ") == 3, "every answer once"
    (found,) = hdscan.json("explain", disputed[0]["address"], "--json")
    assert found["balance"] == disputed[0]
    simulated.heal()
    again = hdscan.process("scan", "--retry", "--json")
    assert again.code == 0
    assert known(hdscan) == truth(simulated, "btc")


def test_who_said_an_amount_stands_beside_it(hdscan: Hdscan, simulate: Simulate) -> None:
    simulate(*PAIR, addresses=10, funded=0.5)
    assert hdscan("scan").code == 0
    text = hdscan.ok("balances")
    assert text.startswith("confirmed by two operators: 100 % of what is held, ")
    head, *rows = text[text.index("chain  index") :].partition("\n\n")[0].splitlines()
    assert head.endswith("operators  by")
    assert rows
    assert all(row.endswith(("2  liar, honest", "2  honest, liar")) for row in rows)
    explained = hdscan.ok("explain", rows[0].split()[2])
    assert "  said by honest, liar: 2 operators\n" in explained.replace("liar, honest", "honest, liar")
    assert "  other operators were asked in scan 1: confirmed\n" in explained


def test_an_amount_that_one_operator_alone_says_to_have_changed_stays_and_the_claim_is_shown(
    hdscan: Hdscan, simulate: Simulate
) -> None:
    simulated = simulate(*PAIR, addresses=10, funded=0.5)
    assert hdscan("scan").code == 0
    before = known(hdscan)
    simulated.set_faults({"liar": (always(Fault.FALSE_ZEROS),), "honest": (always(Fault.SERVER_ERROR),)})
    done = hdscan("scan")
    assert done.code == 3
    rows = {row["index"]: row for row in hdscan.lines("balances", "--jsonl")}
    stale = {index: row for index, row in rows.items() if row["state"] == "stale"}
    assert stale
    assert {("btc", index, "BTC"): int(row["amount"]) for index, row in rows.items()} == before
    assert f"{len(stale)} amounts changed on one operator's word only, so the earlier ones stay" in done.err
    assert "readings are unread" not in done.err
    text = hdscan.ok("balances")
    assert "One operator alone says that these changed, so the earlier amounts stay" in text
    for index, row in stale.items():
        (line,) = [line for line in text.splitlines() if line.startswith(f"btc {index}  {row['address']}  liar claims 0 BTC ")]
        assert line.endswith(f" where {coins(row['amount'], 8)} BTC was known")
    explained = hdscan.ok("explain", line.split()[2])
    assert "claimed, and not believed: liar claims 0 " in explained
    assert "; claims 0 at block " in next(row for row in explained.splitlines() if row.startswith("  liar"))


@pytest.mark.parametrize("percent", ["-1", "100.5", "many"])
def test_an_audit_of_no_percentage_is_a_wrong_call(hdscan: Hdscan, percent: str) -> None:
    assert hdscan("scan", "--audit", percent).code == 2


def test_explain_of_a_foreign_address_is_one_sentence(hdscan: Hdscan, simulate: Simulate) -> None:
    simulate(BTC)
    ended = hdscan("explain", "nonsense")
    assert ended.code == 2
    assert ended.err == "hdscan: this address is not among those of the wallets; add it with: hdscan add ADDRESS\n"
