"""`import` and `derive`: what is added, what is refused, and that nothing secret is ever repeated."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import DEADLINE, Hdscan, Running
from tests.keys.given import vectors

GOOD = ["1BoatSLRHtKNngkdXEeobR76b53LETtpyT", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]
# BIP-84's test vector
MNEMONIC = " ".join(["abandon"] * 11 + ["about"])
ZPUB = "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
ZPRV = "zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4QgEvBRmfvqWvGp42t42nvgGpNgYSJA9iefm1yYNZKEm7z6qUWCroSQnE"
FIRST = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"
SECOND = "bc1qnjg0jd8228aq7egyzacy8cys3knf9xvrerkf9g"
FIRST_CHANGE = "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"


def test_addresses_are_added_once(hdscan: Hdscan) -> None:
    (hdscan.home / "list.txt").write_text("\n".join(GOOD))
    assert hdscan.ok("import", "--chain", "btc", "list.txt") == "btc: 2 addresses added, 0 known already\n"
    assert hdscan.ok("import", "--chain", "btc", "-", stdin="\n".join(GOOD)) == "btc: 0 addresses added, 2 known already\n"
    assert hdscan.database.stat().st_mode & 0o077 == 0


def test_a_csv_has_an_address_column(hdscan: Hdscan) -> None:
    stdin = f"label,address\nsavings,{GOOD[0]}\n"
    assert hdscan.ok("import", "--chain", "btc", "-", stdin=stdin).startswith("btc: 1 addresses added")


def test_with_a_bad_line_nothing_is_imported(hdscan: Hdscan) -> None:
    bad = [GOOD[0], "nonsense", *("x" for _ in range(30)), GOOD[1]]
    done = hdscan("import", "--chain", "btc", "-", stdin="\n".join(bad))
    assert done.code == 2
    told = done.err.splitlines()
    assert told[0].startswith("line 2: ")
    assert told[20] == "and 11 more bad lines"
    assert told[21].startswith("hdscan: 31 bad lines, so nothing was imported")
    assert hdscan("balances").out.startswith("There are no addresses")


def test_bad_lines_can_be_left_out(hdscan: Hdscan) -> None:
    stdin = "\n".join([*GOOD, "nonsense"])
    done = hdscan("import", "--chain", "btc", "-", "--skip-invalid", "--json", stdin=stdin)
    assert done.code == 0
    assert done.err.startswith("line 3: ")
    assert done.out.startswith('{"added":2,"known":0,"bad":[{"number":3,"reason":')


def test_an_empty_list_is_no_success(hdscan: Hdscan) -> None:
    done = hdscan("import", "--chain", "btc", "-", stdin="\n\n")
    assert done.code == 2
    assert "no address" in done.err


@pytest.mark.parametrize("secret", [MNEMONIC, ZPRV, ZPUB])
def test_a_key_in_a_list_is_not_repeated(hdscan: Hdscan, secret: str) -> None:
    done = hdscan("import", "--chain", "btc", "-", stdin=secret)
    assert done.code == 2
    assert done.err.startswith("line 1: ")
    assert_absent(secret, done.out + done.err)


def test_an_extended_key_gives_addresses(hdscan: Hdscan) -> None:
    text = hdscan.ok("derive", "--chain", "btc", "--xpub", ZPUB, "--count", "2", "--print")
    assert [line.split("\t")[0] for line in text.splitlines()] == [FIRST, SECOND]
    text = hdscan.ok("derive", "--chain", "btc", "--xpub", "-", "--branch", "1", "--count", "1", "--print", stdin=ZPUB)
    assert text.startswith(FIRST_CHANGE)
    assert not hdscan.database.exists()


@pytest.mark.parametrize("key", vectors("coins")["keys"], ids=lambda key: f"{key['chain']}-{key['network']}-{key['script']}")
def test_a_coin_s_own_key_gives_its_addresses(hdscan: Hdscan, key: dict[str, Any]) -> None:
    (hdscan.home / "hdscan.toml").write_text(f'network = "{key["network"]}"\n')
    call = ("derive", "--chain", key["chain"], "--xpub", "-", "--script", key["script"], "--count", "2")
    printed = hdscan.ok(*call, "--print", stdin=key["public"]).splitlines()
    assert printed == [f"{address}\t{key['path'].format(at)}" for at, address in enumerate(key["addresses"])]
    assert hdscan.ok(*call, stdin=key["public"]) == f"{key['chain']}: 2 addresses added, 0 known already\n"
    listed = "\n".join(key["addresses"])
    again = hdscan.ok("import", "--chain", key["chain"], "-", stdin=listed)
    assert again == f"{key['chain']}: 0 addresses added, 2 known already\n"


def test_a_coin_s_private_key_is_refused_without_an_echo(hdscan: Hdscan) -> None:
    for key in vectors("coins")["keys"]:
        done = hdscan("derive", "--chain", key["chain"], "--xpub", "-", "--print", stdin=key["private"])
        assert done.code == 4
        assert "private" in done.err
        assert key["private"][4:12] not in done.err + done.out


def test_derived_addresses_keep_their_path(hdscan: Hdscan) -> None:
    assert hdscan.ok("derive", "--chain", "btc", "--xpub", ZPUB) == "btc: 20 addresses added, 0 known already\n"
    row = hdscan.lines("balances", "--jsonl")[1]
    assert row["address"] == SECOND
    assert row["path"].endswith("0/1")


def test_a_mnemonic_comes_from_standard_input(hdscan: Hdscan) -> None:
    text = hdscan.ok("derive", "--chain", "btc", "--seed-stdin", "--count", "1", "--print", "--jsonl", stdin=MNEMONIC + "\n")
    assert text == f'{{"address":"{FIRST}","path":"m/84\'/0\'/0\'/0/0"}}\n'


def test_the_second_line_is_the_passphrase(hdscan: Hdscan) -> None:
    plain = hdscan.ok("derive", "--chain", "sol", "--seed-stdin", "--count", "1", "--print", stdin=MNEMONIC)
    other = hdscan.ok("derive", "--chain", "sol", "--seed-stdin", "--count", "1", "--print", stdin=f"{MNEMONIC}\nTREZOR\n")
    assert plain != other
    done = hdscan("derive", "--chain", "sol", "--seed-stdin", "--print", stdin=f"{MNEMONIC}\na\nb\n")
    assert done.code == 4


def test_a_seed_file_is_for_its_owner_only(hdscan: Hdscan) -> None:
    path = hdscan.home / "seed.txt"
    path.write_text(MNEMONIC)
    path.chmod(0o640)
    call = ("derive", "--chain", "btc", "--seed-file", "seed.txt", "--count", "1", "--print")
    done = hdscan(*call)
    assert done.code == 4
    assert "chmod 600 seed.txt" in done.err
    path.chmod(0o600)
    assert hdscan.ok(*call).startswith(FIRST)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_derivation_at_once_and_adds_nothing(
    hdscan: Hdscan, start: Callable[..., Running], number: signal.Signals
) -> None:
    running = start("derive", "--chain", "btc", "--xpub", ZPUB, "--count", "10000000")
    deadline = time.monotonic() + DEADLINE
    while hdscan("balances").code != 0:  # until there is a database with its tables
        assert running.process.poll() is None
        assert time.monotonic() < deadline
    running.send(number)
    ended = running.end()
    assert ended.code == 130
    assert ended.err in ("", "hdscan: interrupted; run the same command again, nothing is added twice\n")
    assert hdscan.json("balances", "--json") == []


CANARY = "zoo zebra wolf zone yellow youth wrong zero wonder wrist year zoo"


@pytest.mark.parametrize(
    ("call", "code"),
    [
        (("derive", "--chain", "btc", "--xpub", CANARY), 4),
        (("derive", "--chain", "btc", "--xpub", ZPRV), 4),
        (("derive", "--chain", "btc", *CANARY.split()), 4),
        (("derive", "--chain", "btc", "--seed-stdin", CANARY), 4),
        (("derive", "--chain", "btc", "--seed-file", CANARY), 4),
        (("derive", "--chain", "btc", "--count", CANARY), 2),
        (("derive", "--chain", "btc", f"--mnemonic={CANARY}"), 2),
        (("derive", "--chain", CANARY, "--seed-stdin"), 2),
        (("import", "--chain", "btc", CANARY), 2),
        (("import", "--chain", "btc", ZPRV), 2),
        ((CANARY,), 2),
        ((ZPRV,), 2),
        (("scan", *CANARY.split()), 2),
        (("--db", CANARY, "status"), 4),
        (("--config", CANARY, "status"), 4),
    ],
)
def test_a_secret_at_the_wrong_place_is_refused_without_an_echo(hdscan: Hdscan, call: tuple[str, ...], code: int) -> None:
    done = hdscan(*call)
    assert done.code == code, done.err
    for secret in (CANARY, ZPRV):
        assert_absent(secret, done.out + done.err)


@pytest.mark.parametrize("name", ["HDSCAN_MNEMONIC", "HDSCAN_SEED", "HDSCAN_XPUB"])
def test_a_secret_in_the_environment_is_refused(hdscan: Hdscan, name: str) -> None:
    done = hdscan("derive", "--chain", "btc", "--seed-stdin", "--print", stdin=MNEMONIC, **{name: CANARY})
    assert done.code == 4
    assert name in done.err
    assert_absent(CANARY, done.err)


def test_what_is_derived_from_leaves_no_trace(hdscan: Hdscan) -> None:
    hdscan.ok("--log-level", "debug", "derive", "--chain", "btc", "--xpub", "-", stdin=ZPUB)
    hdscan.ok("--log-level", "debug", "derive", "--chain", "sol", "--seed-stdin", stdin=f"{MNEMONIC}\ncanary phrase")
    for directory, _, names in os.walk(hdscan.home):
        for name in names:
            raw = (Path(directory) / name).read_bytes()
            for secret in (ZPUB, MNEMONIC, "canary phrase"):
                assert secret.encode() not in raw


def assert_absent(secret: str, text: str) -> None:
    """Neither all of it nor a telling part."""
    assert secret not in text
    assert secret[:20] not in text
    assert " ".join(secret.split()[:3]) not in text
