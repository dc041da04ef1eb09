"""`add` and `addresses`: what is added, what is refused, and that nothing secret is ever repeated."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from tests.cli.conftest import DEADLINE, Hdscan, Running, Terminal
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
    assert "2 addresses added on btc\n" in hdscan.ok("add", "list.txt")
    assert "0 addresses added on btc, 2 known already\n" in hdscan.ok("add", "list.txt")
    assert "0 addresses added on btc, 2 known already\n" in hdscan.ok("add", *GOOD, "--name", "list")
    assert hdscan.database.stat().st_mode & 0o077 == 0


def test_a_key_is_named_for_what_it_was_taken_and_shows_its_first_addresses(hdscan: Hdscan) -> None:
    said = hdscan.ok("add", ZPUB, "--name", "savings")
    assert said.startswith("savings: ")
    assert "40 addresses added on btc" in said
    assert f"m/84'/0'/0'/0/*  receive  {FIRST}\n" in said
    assert f"m/84'/0'/0'/1/*  change   {FIRST_CHANGE}\n" in said
    assert "Compare these first addresses" in said
    assert_absent(ZPUB, said)


def test_the_style_stands_where_the_path_does_not_tell(hdscan: Hdscan) -> None:
    key = hdscan.ok("export", hdscan.json("add", ZPUB, "--json")[0]["name"], "--descriptor")
    assert "style" not in hdscan.ok("wallets", "show", "btc key")
    hdscan.ok("remove", "btc key", "--yes")
    xpub = key.partition("xpub")[2].partition("/")[0]
    for said in (hdscan.ok("add", f"xpub{xpub}"), hdscan.ok("wallets", "show", "btc key")):
        assert "style" in said
        assert (
            f"m/?'/0'/0'/0/*  bip84  receive  {'' if 'used to' not in said else 'none of 20, 20 not known  '}{FIRST}\n" in said
        )
        assert all(f"  {style}  change " in said for style in ("bip84", "bip49", "bip44", "bip86"))


def test_added_wallets_are_json_too(hdscan: Hdscan) -> None:
    (wallet,) = hdscan.json("add", ZPUB, "--name", "savings", "--json")
    assert (wallet["name"], wallet["kind"], wallet["chains"], wallet["added"]) == ("savings", "key", ["btc"], 40)
    assert [branch["first"] for branch in wallet["branches"]] == [FIRST, FIRST_CHANGE]


def test_an_address_with_labels_is_a_csv(hdscan: Hdscan) -> None:
    hdscan.ok("add", "-", "--name", "list", stdin=f"label,address\nrent,{GOOD[0]}\n")
    assert '"label":"rent"' in hdscan.ok("export", "list", "--labels")


def test_with_a_bad_line_nothing_is_added(hdscan: Hdscan) -> None:
    bad = [GOOD[0], "nonsense", *("x" for _ in range(30)), GOOD[1]]
    done = hdscan("add", "-", stdin="\n".join(bad))
    assert done.code == 2
    told = done.err.splitlines()
    assert told[0].startswith("line 2: ")
    assert told[20] == "and 11 more bad lines"
    assert told[21].startswith("hdscan: 31 bad lines, so nothing was added")
    assert hdscan("balances").out.startswith("There are no addresses")


def test_bad_lines_can_be_left_out(hdscan: Hdscan) -> None:
    stdin = "\n".join([*GOOD, "nonsense"])
    done = hdscan("add", "-", "--skip-invalid", "--json", stdin=stdin)
    assert done.code == 0
    assert done.err.startswith("line 3: ")
    (wallet,) = msgspec.json.decode(done.out)
    assert (wallet["added"], wallet["bad"][0]["number"]) == (2, 3)


@pytest.mark.parametrize("name", [(), ("--name", "mine")])
def test_of_several_sources_all_are_added_or_none(hdscan: Hdscan, name: tuple[str, ...]) -> None:
    (hdscan.home / "good.txt").write_text(GOOD[0])
    (hdscan.home / "bad.txt").write_text(f"{GOOD[1]}\nnonsense")
    done = hdscan("add", "good.txt", "bad.txt", *name)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("bad, line 2: ")
    assert "hdscan: 1 bad line, so nothing was added" in done.err
    assert hdscan.json("wallets", "--json") == []
    (hdscan.home / "bad.txt").write_text(ZPRV)
    done = hdscan("add", "good.txt", "bad.txt", *name)
    assert done.code == 4
    assert done.err.startswith("hdscan: 'bad.txt': this looks like an extended private key")
    assert hdscan.json("wallets", "--json") == []
    (hdscan.home / "bad.txt").write_text(GOOD[1])
    assert "good: " in hdscan.ok("add", "good.txt", "bad.txt")


def test_an_empty_list_is_no_success(hdscan: Hdscan) -> None:
    done = hdscan("add", "-", stdin="\n\n")
    assert done.code == 2
    assert done.err.startswith("hdscan: ")


@pytest.mark.parametrize("secret", [MNEMONIC, ZPRV, f"wpkh({ZPRV}/0/*)"])
def test_a_secret_in_a_file_is_refused_and_not_repeated(hdscan: Hdscan, secret: str) -> None:
    done = hdscan("add", "-", stdin=secret)
    assert done.code in (2, 4)
    assert_absent(secret, done.out + done.err)
    assert_absent(ZPRV, done.out + done.err)
    assert not hdscan.database.exists() or hdscan.json("wallets", "--json") == []


@pytest.mark.skipif(not hasattr(os, "openpty"), reason="needs a pseudo-terminal")
def test_a_key_that_is_typed_at_a_terminal_is_not_shown(hdscan: Hdscan) -> None:
    terminal = Terminal(hdscan, "add", "-")
    terminal.answer("not shown", ZPUB)
    ended = terminal.end()
    assert ended.code == 0
    assert FIRST in ended.out
    assert_absent(ZPUB, ended.out)


def test_derived_addresses_are_printed_and_not_stored(hdscan: Hdscan) -> None:
    text = hdscan.ok("addresses", "--derive", ZPUB, "--count", "2")
    assert [line.split("\t")[0] for line in text.splitlines()][:3] == [FIRST, SECOND, FIRST_CHANGE]
    assert text.splitlines()[0] == f"{FIRST}\tm/84'/0'/0'/0/0\tbtc"
    assert hdscan.ok("addresses", "--derive", "-", "--count", "2", stdin=ZPUB) == text
    assert not hdscan.database.exists()


def test_derived_addresses_are_all_or_none_and_what_was_decided_is_said(hdscan: Hdscan) -> None:
    done = hdscan("addresses", "--derive", "-", stdin=f"{GOOD[0]}\nnonsense\n")
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("line 2: ")
    assert "nothing is printed" in done.err
    done = hdscan("addresses", "--derive", ZPUB)
    assert (done.code, done.err) == (0, "a zpub does not say which coin it is of: taken for btc (--chain for another)\n")


@pytest.mark.parametrize("key", vectors("coins")["keys"], ids=lambda key: f"{key['chain']}-{key['network']}-{key['script']}")
def test_a_coin_s_own_key_gives_its_addresses(hdscan: Hdscan, key: dict[str, Any]) -> None:
    (hdscan.home / "hdscan.toml").write_text(f'network = "{key["network"]}"\n')
    options = ("--chain", key["chain"], "--script", key["script"], "--count", "2")
    printed = hdscan.ok("addresses", "--derive", "-", *options, stdin=key["public"]).splitlines()
    assert printed[:2] == [
        f"{address}\t{key['path'].format(at)}\t{key['chain']}" for at, address in enumerate(key["addresses"])
    ]
    assert f"4 addresses added on {key['chain']}\n" in hdscan.ok("add", "-", *options, stdin=key["public"])
    again = hdscan.ok("add", "--chain", key["chain"], "-", stdin="\n".join(key["addresses"]))
    assert f"0 addresses added on {key['chain']}, 2 known already\n" in again


def test_a_coin_s_private_key_is_refused_without_an_echo(hdscan: Hdscan) -> None:
    for key in vectors("coins")["keys"]:
        done = hdscan("addresses", "--derive", "-", "--chain", key["chain"], stdin=key["private"])
        assert done.code == 4
        assert "private" in done.err
        assert key["private"][4:12] not in done.err + done.out


def test_derived_addresses_keep_their_path(hdscan: Hdscan) -> None:
    hdscan.ok("add", ZPUB)
    row = hdscan.lines("balances", "--jsonl")[1]
    assert row["address"] == SECOND
    assert row["path"].endswith("0/1")


def test_a_mnemonic_comes_from_standard_input(hdscan: Hdscan) -> None:
    call = ("addresses", "--seed-stdin", "--chain", "btc", "--path", "bip84", "--count", "1", "--jsonl")
    first = msgspec.json.decode(hdscan.ok(*call, stdin=MNEMONIC + "\n").splitlines()[0])
    assert (first["address"], first["path"], first["role"]) == (FIRST, "m/84'/0'/0'/0/0", "receive")


def test_the_second_line_is_the_passphrase(hdscan: Hdscan) -> None:
    call = ("addresses", "--seed-stdin", "--chain", "sol", "--count", "1")
    assert hdscan.ok(*call, stdin=MNEMONIC) != hdscan.ok(*call, stdin=f"{MNEMONIC}\nTREZOR\n")
    assert hdscan(*call, stdin=f"{MNEMONIC}\na\nb\n").code == 4


def test_a_seed_file_is_for_its_owner_only(hdscan: Hdscan) -> None:
    path = hdscan.home / "seed.txt"
    path.write_text(MNEMONIC)
    path.chmod(0o640)
    call = ("add", "--chain", "btc", "--path", "bip84", "--seed-file", "seed.txt")
    done = hdscan(*call)
    assert done.code == 4
    assert "chmod 600 seed.txt" in done.err
    path.chmod(0o600)
    assert FIRST in hdscan.ok(*call)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_an_addition_at_once_and_adds_nothing(
    hdscan: Hdscan, start: Callable[..., Running], number: signal.Signals
) -> None:
    running = start("add", ZPUB, "--count", "1000000")
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
        (("add", CANARY), 4),
        (("add", ZPRV), 4),
        (("add", f"wpkh({ZPRV}/0/*)"), 4),
        (("add", *CANARY.split()), 4),
        (("add", FIRST, CANARY), 4),
        (("add", f"{CANARY}.txt"), 2),
        (("add", "--seed-stdin", CANARY), 2),
        (("add", "--seed-file", CANARY), 4),
        (("add", "--count", CANARY), 2),
        (("add", "--name", "a", f"--mnemonic={CANARY}"), 2),
        (("add", "--chain", CANARY, "--seed-stdin"), 4),
        (("add", FIRST, "--chain", CANARY), 2),
        (("addresses", "--derive", CANARY), 4),
        (("addresses", "--derive", ZPRV), 4),
        (("addresses", *CANARY.split()), 2),
        (("derive", "--xpub", CANARY), 2),
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


@pytest.mark.parametrize("call", [("add", CANARY), ("add", ZPRV), ("addresses", "--derive", ZPRV)])
def test_a_secret_on_a_command_line_is_said_to_be_exposed(hdscan: Hdscan, call: tuple[str, ...]) -> None:
    assert "treat it as exposed" in hdscan(*call).err


@pytest.mark.parametrize("name", ["HDSCAN_MNEMONIC", "HDSCAN_SEED", "HDSCAN_XPUB"])
def test_a_secret_in_the_environment_is_refused(hdscan: Hdscan, name: str) -> None:
    done = hdscan("addresses", "--chain", "btc", "--seed-stdin", stdin=MNEMONIC, **{name: CANARY})
    assert done.code == 4
    assert name in done.err
    assert_absent(CANARY, done.err)


def test_of_a_seed_and_a_forgotten_key_no_trace_is_left(hdscan: Hdscan) -> None:
    hdscan.ok("--log-level", "debug", "add", "-", "--forget-key", stdin=ZPUB)
    hdscan.ok("--log-level", "debug", "add", "--chain", "sol", "--seed-stdin", stdin=f"{MNEMONIC}\ncanary phrase")
    for directory, _, names in os.walk(hdscan.home):
        for name in names:
            raw = (Path(directory) / name).read_bytes()
            for secret in (ZPUB, MNEMONIC, "canary phrase"):
                assert secret.encode() not in raw


@pytest.mark.parametrize("command", ["import", "derive"])
def test_what_was_import_and_derive_names_add(hdscan: Hdscan, command: str) -> None:
    done = hdscan(command, "--chain", "btc", "list.txt")
    assert done.code == 2
    assert "hdscan add" in done.err
    assert done.err.count("\n") == 1


def assert_absent(secret: str, text: str) -> None:
    """Neither all of it nor a telling part."""
    assert secret not in text
    assert secret[:20] not in text
    assert " ".join(secret.split()[:3]) not in text
