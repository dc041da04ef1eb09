"""`hdscan demo` as its users run it: what it prints, how it ends, and that nothing of it stays."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from hdscan.app.demo import ChainReport, DemoReport
from hdscan.cli.demo import exit_code, show_report, verdict
from hdscan.model.scan import Status
from tests.cli.conftest import Hdscan, Running

COLUMNS = ["chain", "readings", "exact", "wrong", "false zero", "unread", "requests", "rate violations", "pause violations"]


def report(status: Status = Status.COMPLETED, **counts: int) -> DemoReport:
    names = ("wrong", "false_zero", "unread", "rate_violations", "pause_violations", "lies_told", "lies_caught", "lies_stored")
    zero = dict.fromkeys(names, 0)
    chain = ChainReport(status=status, readings=10, exact=10, requests=12, seconds=1.0, **(zero | counts))
    return DemoReport(seed=1, addresses=10, faults="mild", status=status, chains={"btc": chain})


def test_it_prints_the_reconciliation_and_ends_well(hdscan: Hdscan) -> None:
    done = hdscan("demo", "--addresses", "40", "--faults", "none")
    assert done.code == 0, done.err
    head, *rows = done.out.splitlines()
    assert all(column in head for column in COLUMNS)
    assert [row.split()[:3] for row in rows[:3]] == [["btc", "40", "40"], ["bsc", "120", "120"], ["sol", "120", "120"]]
    assert "280 readings are exactly the truth" in done.out
    assert "completed" in done.err
    assert not [path for path in hdscan.home.rglob("*") if path.is_file()], "it touches no database and no configuration"


def test_json_is_one_object(hdscan: Hdscan) -> None:
    found = hdscan.json("demo", "--addresses", "20", "--seed", "3", "--faults", "none", "--json")
    assert (found["seed"], found["addresses"], found["faults"], found["status"]) == (3, 20, "none", "completed")
    assert found["chains"]["sol"]["readings"] == found["chains"]["sol"]["exact"] == 60
    assert {"wrong", "false_zero", "unread", "requests", "rate_violations", "pause_violations"} < set(found["chains"]["btc"])


@pytest.mark.parametrize(
    ("told", "code"),
    [
        (report(), 0),
        (report(Status.COMPLETED_WITH_GAPS, unread=1), 3),
        (report(wrong=1), 1),
        (report(false_zero=1), 1),
        (report(rate_violations=1), 1),
        (report(Status.COMPLETED_WITH_GAPS, unread=1, pause_violations=1), 1),
        (report(Status.FAILED, unread=1), 1),
    ],
)
def test_what_is_false_outranks_what_is_unread(told: DemoReport, code: int) -> None:
    assert exit_code(told) == code
    assert ("a defect" in verdict(told).plain) == (not told.flawless)


def test_lies_are_told_of_where_there_were_some(capsys: pytest.CaptureFixture[str]) -> None:
    show_report(report())
    assert "lies" not in capsys.readouterr().out
    show_report(report(lies_told=70, lies_caught=70))
    head, row, _, said = capsys.readouterr().out.splitlines()
    assert head.split("violations")[-1].split() == ["lies", "told", "lies", "caught", "lies", "stored", "seconds"]
    assert row.split()[-4:] == ["70", "70", "0", "1.0"]
    assert "none is false though 70 lies were told" in said


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_and_leaves_nothing(
    hdscan: Hdscan, start: Callable[..., Running], tmp_path: Path, number: signal.Signals
) -> None:
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    hdscan.environ["TMPDIR"] = str(temporary)
    running = start("demo", "--addresses", "5000")
    assert running.process.stderr is not None
    assert b"simulating" in running.process.stderr.readline()
    running.send(number)
    ended = running.end()  # at the end of stderr: the simulator, which shares it, is gone too
    assert (ended.code, ended.out) == (130, "")
    assert not list(temporary.iterdir())


@pytest.mark.parametrize("wrong", [["--addresses", "0"], ["--faults", "some"], ["--serve", "--json"]])
def test_what_it_does_not_know_is_a_usage_error(hdscan: Hdscan, wrong: list[str]) -> None:
    assert hdscan("demo", *wrong).code == 2


def test_it_runs_beside_a_broken_configuration(hdscan: Hdscan) -> None:
    (hdscan.home / "hdscan.toml").write_text("nonsense = 1\n")
    assert hdscan("demo", "--addresses", "5", "--faults", "none").code == 0


def test_a_signal_in_the_midst_of_the_scan(start: Callable[..., Running]) -> None:
    running = start("--log-json", "demo", "--addresses", "3000")
    assert running.process.stderr is not None
    assert any(b"scan_complete" in line for line in running.process.stderr), "one chain has ended, others have not"
    running.send(signal.SIGINT)
    assert running.end().code == 130
