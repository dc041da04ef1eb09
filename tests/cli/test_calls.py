"""Every command's help, wrong calls and their exit codes, colours, and readers that go away."""

import os
import re
import stat
import subprocess
import sys

import pytest

from tests.cli.conftest import Hdscan

COMMANDS = [
    "add",
    "wallets",
    "wallets show",
    "addresses",
    "label",
    "rename",
    "remove",
    "export",
    "plan",
    "scan",
    "chains",
    "status",
    "balances",
    "gaps",
    "providers",
    "tokens",
    "tokens add",
    "tokens remove",
    "demo",
    "doctor",
    "config show",
    "config init",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example(hdscan: Hdscan, command: str) -> None:
    text = hdscan.ok(*command.split(), "--help")
    assert re.search(rf"(?m)^ *\S*hdscan (--\S+ \S+ )?{command}\b", text.partition("Examples:")[2])


def test_help_fits_a_narrow_terminal(hdscan: Hdscan) -> None:
    text = hdscan("--help", COLUMNS="50").out
    assert max(len(line) for line in text.splitlines()) <= 50


def test_version_is_named(hdscan: Hdscan) -> None:
    assert hdscan.ok("--version").startswith("hdscan 0.")


@pytest.mark.parametrize(
    ("call", "code", "words"),
    [
        ("", 2, ""),
        ("scna", 2, "no such command 'scna'"),
        ("scan --chian btc", 2, "no such option: --chian"),
        ("scan --restart --retry", 2, "choose one"),
        ("scan --watch 0", 2, "--watch"),
        ("scan --watch 10 --json", 2, "--jsonl"),
        ("balances --json --csv", 2, "choose one"),
        ("add --chain btc", 2, "give one or more sources"),
        ("add x --seed-stdin", 2, "give one or more sources"),
        ("add --chain xmr -", 2, "not configured: there are btc, bsc, eth"),
        ("add nowhere.txt", 2, "'nowhere.txt' cannot be read: there is no such file"),
        ("add nonsense", 2, "hdscan: "),
        ("add --count 0 x", 2, "from 1 to"),
        ("addresses --wallet x --seed-stdin", 2, "give one of"),
        ("addresses --script p2wpkh", 2, "go with --derive"),
        ("wallets show", 2, "missing argument"),
        ("remove", 2, "missing argument"),
        ("export savings", 2, "choose one of --descriptor and --labels"),
        ("import --chain btc list.txt", 2, "there is no 'hdscan import' any more: hdscan add FILE"),
        ("wallets", 1, "there is no database"),
        ("--log-level loud status", 2, "--log-level"),
        ("--config nowhere.toml status", 4, "nowhere.toml"),
        ("--db mysql://x status", 4, "db has to be"),
        ("status", 1, "there is no database"),
        ("balances", 1, "there is no database"),
        ("gaps", 1, "there is no database"),
        ("providers", 1, "there is no database"),
        ("scan", 1, "no addresses to scan"),
        ("scan --retry", 1, "no addresses to scan"),
    ],
)
def test_an_error_is_a_sentence_and_an_exit_code(hdscan: Hdscan, call: str, code: int, words: str) -> None:
    done = hdscan(*call.split())
    assert done.code == code, done.err
    assert words in done.err
    if call:
        assert done.out == ""
        assert done.err.startswith("hdscan: ")
        assert done.err.count("\n") == 1


def test_reading_makes_no_database(hdscan: Hdscan) -> None:
    hdscan("balances")
    assert not hdscan.database.parent.exists()


def test_an_unknown_key_is_named_with_the_right_one(hdscan: Hdscan) -> None:
    (hdscan.home / "hdscan.toml").write_text("[scan]\nchunks = 5\n")
    done = hdscan("status")
    assert done.code == 4
    assert "did you mean 'chunk'" in done.err


def test_config_init_writes_once_and_for_its_owner_only(hdscan: Hdscan) -> None:
    path = hdscan.home / "hdscan.toml"
    hdscan.ok("config", "init")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.read_text()
    done = hdscan("config", "init")
    assert done.code == 4
    assert "there already" in done.err
    assert path.read_text() == written
    hdscan.ok("--config", "other.toml", "config", "init")
    assert (hdscan.home / "other.toml").read_text() == written


def test_config_show_is_toml_and_json_of_the_same_settings(hdscan: Hdscan) -> None:
    assert 'network = "mainnet"' in hdscan.ok("config", "show")
    assert hdscan.json("config", "show", "--json")["network"] == "mainnet"


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("no_color", "coloured"), [("", True), ("1", False)])
def test_colours_go_to_a_terminal_unless_no_color_is_set(hdscan: Hdscan, no_color: str, coloured: bool) -> None:
    master, slave = os.openpty()
    environ = hdscan.environ | {"TERM": "xterm-256color"} | ({"NO_COLOR": no_color} if no_color else {})
    subprocess.run([sys.executable, "-m", "hdscan", "--help"], stdout=slave, env=environ, cwd=hdscan.home, check=True)
    os.close(slave)
    shown = b""
    try:
        while block := os.read(master, 65536):
            shown += block
    except OSError:  # Linux says so at the end of a terminal
        pass
    os.close(master)
    assert b"hdscan" in shown
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-9]m", shown)) == coloured


def test_a_reader_that_goes_away_ends_it_without_a_word(hdscan: Hdscan) -> None:
    key = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
    command = [sys.executable, "-m", "hdscan", "addresses", "--chain", "btc", "--derive", key, "--count", "100000"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=hdscan.environ, cwd=hdscan.home)
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline()
    process.stdout.close()
    assert process.stderr.read() == b""
    process.stderr.close()
    assert process.wait(60) == 141
