"""What is added is said: files, texts, bytes, lists and mnemonics, and what may not be given."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import hdscan
from hdscan.app import Wallet, configure
from hdscan.app.adding import MOST_BAD
from hdscan.app.source import LARGEST_TEXT
from hdscan.keys.listing import MAX_LINE
from hdscan.model.errors import InputError, KeyFault
from hdscan.model.wallet import AddedWallet, WalletKind

GOOD = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu"  # BIP-84, m/84'/0'/0'/0/0
OTHER = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
CHANGE = "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"  # m/84'/0'/0'/1/0
HEX = "0x9858EfFD232B4033E47d90003D41EC34EcaEda94"  # the first of the words at m/44'/60'/0'/0/0
WORDS = " ".join(["abandon"] * 11 + ["about"])
ZPUB = (  # BIP-84, the account of WORDS
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
)
XPUB = (  # the same key
    "xpub6CatWdiZiodmUeTDp8LT5or8nmbKNcuyvz7WyksVFkKB4RHwCD3XyuvPEbvqAQY3rAPshWcMLoP2fMFMKHPJ4ZeZXYVUhLv1VMrjPC7PW6V"
)
DESCRIPTOR = f"wpkh([73c5da0a/84h/0h/0h]{XPUB}/<0;1>/*)"
ZPRV = "zprvAdG4iTXWBoARxkkzNpNh8r6Qag3irQB8PzEMkAFeTRXxHpbF9z4QgEvBRmfvqWvGp42t42nvgGpNgYSJA9iefm1yYNZKEm7z6qUWCroSQnE"
WIF = "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d"


@pytest.fixture
def wallet(tmp_path: Path) -> Any:
    with Wallet(configure(f"sqlite:///{tmp_path}/wallet.db")) as opened:
        yield opened


def add(wallet: Wallet, source: Any, **choices: Any) -> AddedWallet:
    (added,) = asyncio.run(wallet.add(source, **choices))
    return added


def texts(wallet: Wallet, name: str) -> list[str]:
    return [row.address for row in wallet.addresses(wallet=name)]


def test_a_descriptor_is_a_wallet_with_its_two_branches(wallet: Wallet) -> None:
    added = add(wallet, DESCRIPTOR, name="savings")
    assert (added.name, added.kind, added.chains, added.added, added.known) == (
        "savings",
        WalletKind.DESCRIPTOR,
        ("btc",),
        40,
        0,
    )
    assert [(each.role, each.first, each.path, each.kept) for each in added.branches] == [
        ("receive", GOOD, "m/84'/0'/0'/0/{}", True),
        ("change", CHANGE, "m/84'/0'/0'/1/{}", True),
    ]
    assert len(texts(wallet, "savings")) == 40
    (row,) = wallet.wallets()
    assert (row.name, row.addresses, len(row.branches)) == ("savings", 40, 2)


def test_what_was_added_before_is_known(wallet: Wallet) -> None:
    add(wallet, DESCRIPTOR)
    again = add(wallet, DESCRIPTOR)
    assert (again.added, again.known) == (0, 40)
    assert len(wallet.wallets()) == 1
    with pytest.raises(InputError, match="which was added before"):
        add(wallet, DESCRIPTOR, name="another")


TAPROOT = (  # BIP-86, the account of WORDS
    "xpub6BgBgsespWvERF3LHQu6CnqdvfEvtMcQjYrcRzx53QJjSxarj2afYWcLteoGVky7D3UKDP9QyrLprQ3VCECoY49yfdDEHGCtMMj92pReUsQ"
)
ACCOUNTS = {
    "xfp": "73C5DA0A",
    "bip84": {"deriv": "m/84'/0'/0'", "xpub": XPUB},
    "bip86": {"deriv": "m/86'/0'/0'", "xpub": TAPROOT},
}


def test_of_several_wallets_all_are_added_or_none(wallet: Wallet, tmp_path: Path) -> None:
    add(wallet, DESCRIPTOR, name="savings")
    file = tmp_path / "coldcard.json"
    file.write_text(json.dumps(dict(reversed(ACCOUNTS.items()))))
    refused: tuple[tuple[Any, ...], ...] = ((file,), (f"{OTHER}\n", file), (OTHER, f"{GOOD}\nfoo"))
    for sources in refused[:2]:
        with pytest.raises(InputError, match="p2wpkh: this is the wallet 'savings', which was added before"):
            asyncio.run(wallet.add(*sources, name="cold"))
    (told,) = asyncio.run(wallet.add(*refused[2]))
    assert [bad.number for bad in told.bad] == [2]
    assert [row.name for row in wallet.wallets()] == ["savings"]


def test_the_accounts_of_one_file_are_told_apart_by_their_names(wallet: Wallet, tmp_path: Path) -> None:
    file = tmp_path / "coldcard.json"
    file.write_text(json.dumps(ACCOUNTS))
    for choices, base in (({}, "coldcard"), ({"name": "cold"}, "cold")):
        added = asyncio.run(wallet.add(file, **choices))
        assert [each.name for each in added] == [f"{base} p2wpkh", f"{base} p2tr"]
        for each in added:
            wallet.remove(each.name)
    assert add(wallet, file, script="p2tr").name == "coldcard"


@pytest.mark.parametrize("name", [f"{ZPUB}.txt", f"{'x' * 200}.txt", "\u200b.txt"])
def test_a_file_whose_name_cannot_be_a_wallets_gives_it_none(wallet: Wallet, tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.write_text(GOOD)
    added = add(wallet, file)
    assert added.name in ("btc addresses", "x" * 80)


def test_addresses_go_to_their_chains_and_it_is_said(wallet: Wallet) -> None:
    added = add(wallet, HEX)
    evm = [chain.id for chain in wallet.settings.chains.values() if chain.family == "evm"]
    assert (added.name, added.chains, added.added) == ("evm addresses", tuple(evm), len(evm))
    assert f"are taken for {', '.join(evm)}" in added.said[0]
    one = add(wallet, HEX, chains=["bsc"])
    assert (one.name, one.chains, one.known, one.said) == ("bsc addresses", ("bsc",), 1, ())
    every = add(wallet, HEX, chains=["evm", "BNB Smart Chain"])
    assert (every.name, every.known, every.said) == ("evm addresses", len(evm), ())


def test_addresses_of_files_go_to_their_chains_and_it_is_said(wallet: Wallet) -> None:
    ledger = f"Currency Ticker,Account Name,Account xpub\nETH,Main,{HEX}\n".encode()
    electrum = json.dumps({"wallet_type": "imported", "seed_version": 18, "addresses": {HEX: {}}}).encode()
    for source in (ledger, json.dumps({"address": HEX[2:], "crypto": {}, "version": 3}).encode(), electrum):
        (found,) = wallet.recognise(source)
        assert any("0x… addresses (1) are taken for bsc, eth, " in said for said in found.said)
        (found,) = wallet.recognise(source, chains=["evm"])
        assert not any("0x" in said for said in found.said)


def test_labels_of_addresses_that_no_wallet_has_are_counted(wallet: Wallet) -> None:
    lines = [json.dumps({"type": "addr", "ref": ref, "label": "x"}) for ref in (GOOD, HEX, OTHER, OTHER)]
    add(wallet, [GOOD, HEX], name="list")
    added = add(wallet, "\n".join(lines).encode())
    assert added.said == (
        "2 addresses are labelled",
        "1 labels are of addresses that no wallet has yet, and are left out: add them again after a scan",
    )
    assert add(wallet, lines[0].encode()).said == ("1 address is labelled",)


def test_lines_and_bytes_are_sources_too(wallet: Wallet) -> None:
    assert add(wallet, [GOOD, OTHER]).added == 2
    assert add(wallet, iter([GOOD, OTHER])).known == 2
    added = add(wallet, f"Address\tName\r\n{GOOD}\tRücklage\r\n".encode("utf-16"))
    assert (added.known, added.what) == (1, "a table of addresses (column `address`)")
    assert [json.loads(line) for line in wallet.labels("btc addresses")] == [{"type": "addr", "ref": GOOD, "label": "Rücklage"}]


def test_with_a_bad_line_nothing_is_added_unless_it_is_skipped(wallet: Wallet) -> None:
    lines = [GOOD, "foo", OTHER, WIF]
    added = add(wallet, lines)
    assert ([bad.number for bad in added.bad], added.added) == ([2, 4], 0)
    assert wallet.wallets() == []
    skipped = add(wallet, lines, skip_invalid=True)
    assert ([bad.number for bad in skipped.bad], skipped.added) == ([2, 4], 2)
    assert WIF[:6] not in str(skipped.bad)


def test_a_text_of_many_lines_without_an_address_is_no_list(wallet: Wallet) -> None:
    lines = iter([*["foo"] * MOST_BAD, GOOD])
    with pytest.raises(InputError, match="no list of addresses: its first 10,000 lines"):
        add(wallet, lines, skip_invalid=True)
    assert next(lines) == GOOD, "no more of it was read"
    assert add(wallet, [GOOD, *["foo"] * MOST_BAD], skip_invalid=True).added == 1


def test_a_bad_line_far_behind_leaves_nothing_added(wallet: Wallet) -> None:
    lines = [GOOD] * 12_000 + ["foo"]
    assert [bad.number for bad in add(wallet, lines).bad] == [12_001]
    assert wallet.wallets() == []


def test_a_list_without_addresses_is_refused(wallet: Wallet, tmp_path: Path) -> None:
    for source in ("# none\n", b"", [], "\n"):
        with pytest.raises(InputError, match="no address"):
            add(wallet, source)
    with pytest.raises(InputError, match="no address"):
        add(wallet, ["foo"], skip_invalid=True)
    assert wallet.wallets() == []


def test_a_list_that_is_too_large_for_an_export_is_read_by_lines(wallet: Wallet, tmp_path: Path) -> None:
    file = tmp_path / "large.txt"
    line = b"#" + b"x" * (2 * MAX_LINE) + b"\n"
    file.write_bytes(f"{GOOD}\n".encode() + line * (LARGEST_TEXT // len(line) + 1) + OTHER.encode())
    added = add(wallet, file, skip_invalid=True)
    assert added.added == 2
    assert {bad.reason for bad in added.bad} == {f"is longer than {MAX_LINE:,} characters"}
    assert [bad.number for bad in added.bad] == list(range(2, len(added.bad) + 2))


@pytest.mark.parametrize("secret", [WORDS, ZPRV, WIF, WORDS.replace(" ", "\n"), f"wpkh({ZPRV.replace('zprv', 'xprv')}/0/*)"])
@pytest.mark.parametrize("form", ["text", "bytes", "file"])
def test_a_secret_is_refused_and_never_repeated(wallet: Wallet, tmp_path: Path, secret: str, form: str) -> None:
    file = tmp_path / "secret"
    file.write_text(secret)
    source = {"text": secret, "bytes": secret.encode(), "file": file}[form]
    with pytest.raises((KeyFault, InputError)) as caught:
        add(wallet, source)
    assert not any(secret[at : at + 9] in str(caught.value) for at in range(len(secret) - 8))
    assert ("treat it as exposed" in str(caught.value)) == (form == "text")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"SQLite format 3\0" + bytes(100), "'{}': this is a database"),
        (b'{"a": 1}', "'{}': this is JSON, but no wallet's file that is known"),
        (WORDS.encode(), "'{}': this looks like a mnemonic"),
        (b"# none", "'{}': there is no address in it"),
    ],
)
def test_a_refusal_says_of_which_file_it_is(wallet: Wallet, tmp_path: Path, content: bytes, words: str) -> None:
    file = tmp_path / "source"
    file.write_bytes(content)
    with pytest.raises((InputError, KeyFault)) as caught:
        add(wallet, file)
    assert str(caught.value).startswith(words.format(file))
    with pytest.raises((InputError, KeyFault)) as caught:
        add(wallet, content)
    assert str(caught.value).startswith(words.replace("'{}': ", ""))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("foo", "this is no address of a chain that is configured"),
        (GOOD[:-1] + "q", "this has a wrong checksum"),
        (f"matic2:{HEX}", "this has a prefix that names no chain that is configured"),
        (f"{GOOD},{WIF}", "this holds a private key"),
        (XPUB[:-1] + "x", "the extended public key has a wrong checksum"),
    ],
)
def test_a_text_of_one_line_is_refused_as_such(wallet: Wallet, text: str, reason: str) -> None:
    for refused in (lambda: add(wallet, text), lambda: add(wallet, text, skip_invalid=True), lambda: wallet.recognise(text)):
        with pytest.raises((InputError, KeyFault), match=reason):
            refused()


def test_what_looks_like_a_path_is_not_taken_for_a_text(wallet: Wallet, tmp_path: Path) -> None:
    for path in ("savings.json", "./savings", str(tmp_path / "gone")):
        with pytest.raises(InputError, match="there is no such file"):
            add(wallet, path)
    with pytest.raises(InputError, match="is a folder"):
        add(wallet, str(tmp_path))
    with pytest.raises(InputError) as caught:
        add(wallet, f"./{ZPUB}.txt")
    assert ZPUB[:20] not in str(caught.value)


def test_a_seed_is_added_without_anything_private(wallet: Wallet, tmp_path: Path) -> None:
    (added,) = asyncio.run(wallet.add_seed(WORDS, chains=["btc", "bsc", "sol"]))
    assert (added.name, added.kind) == ("seed", WalletKind.SEED)
    firsts = {(each.chain, each.style, each.role): each.first for each in added.branches if not each.dormant}
    assert firsts["btc", "bip84", "receive"] == GOOD
    assert firsts["bsc", "bip44", "receive"] == HEX
    assert all(each not in (tmp_path / "wallet.db").read_bytes() for each in (b"abandon", b"xprv", b"zprv"))


def test_nothing_is_stored_by_recognising(wallet: Wallet) -> None:
    (found,) = wallet.recognise(DESCRIPTOR, count=5)
    assert [len(branch.addresses) for branch in found.branches] == [5, 5]
    (listed,) = wallet.recognise(f"{GOOD}\nfoo")
    assert [each.address for each in listed.listed] == [GOOD]
    assert [bad.number for bad in listed.bad] == [2]
    (seed,) = wallet.recognise_seed(WORDS, chains=["btc"], path="bip84", accounts=1, count=1)
    assert [branch.addresses for branch in seed.branches] == [(GOOD,), (CHANGE,)]
    assert wallet.wallets() == []


@pytest.mark.parametrize(
    ("choices", "reason"),
    [
        ({"chains": ["dash"]}, "not configured"),
        ({"script": "p2wsh"}, "no such script"),
        ({"gap": 0}, "the gap is from 1"),
        ({"count": 10**7}, "the number of addresses of a branch is from 1 to 1,000,000"),
        ({"accounts": 0}, "the number of accounts"),
        ({"path": "bip99"}, "bip84"),
    ],
)
def test_what_cannot_be_chosen_is_refused(wallet: Wallet, choices: dict[str, Any], reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        add(wallet, XPUB, **choices)
    with pytest.raises(TypeError):
        add(wallet, XPUB, labels=True)


def test_what_is_chosen_in_vain_is_said(wallet: Wallet) -> None:
    for source in (DESCRIPTOR, GOOD):
        said = add(wallet, source, script="p2tr", path="bip49", accounts=2).said
        assert said[-3:] == (
            "--script is not used: it is for a key and a seed",
            "--path is not used: it is for a key and a seed",
            "--accounts is not used: it is for a seed",
        )
    assert add(wallet, TAPROOT, script="p2tr", accounts=2).said[-1] == "--accounts is not used: it is for a seed"
    (seed,) = asyncio.run(wallet.add_seed(WORDS, "TREZOR", chains=["btc"], path="bip84", script="p2wpkh", accounts=1))
    assert seed.said == ()


def test_descriptors_are_exported_as_they_came(wallet: Wallet) -> None:
    add(wallet, DESCRIPTOR, name="savings")
    (text,) = wallet.descriptors("savings")
    assert text.partition("#")[0] == DESCRIPTOR
    add(wallet, [OTHER], name="list")
    wallet.remove("savings")
    add(wallet, ZPUB, name="forgotten", forget_key=True)
    for name in ("list", "forgotten"):
        with pytest.raises(InputError, match="nothing is kept that addresses can be derived from"):
            wallet.descriptors(name)


def test_a_program_opens_a_wallet_by_its_database(tmp_path: Path) -> None:
    async def main() -> None:
        async with hdscan.open(db=f"sqlite:///{tmp_path}/wallet.db") as opened:
            await opened.add(DESCRIPTOR, name="savings")
            assert [row.name for row in opened.wallets()] == ["savings"]

    asyncio.run(main())


def test_a_file_names_its_wallet(wallet: Wallet, tmp_path: Path) -> None:
    file = tmp_path / "cold\tstore.csv"
    file.write_text(f"label,Payment Address,chain\nrent,{GOOD},bitcoin\n,{HEX},BNB Smart Chain\n")
    added = add(wallet, str(file))
    assert (added.name, added.what) == ("cold store", "a table of addresses (column `payment address`)")
    assert (added.chains, added.added) == (("btc", "bsc"), 2)
    assert [(row.address, row.label) for row in wallet.addresses()] == [(GOOD, "rent"), (HEX, None)]


def test_wallets_are_renamed_and_removed(wallet: Wallet) -> None:
    add(wallet, DESCRIPTOR, name="savings")
    add(wallet, [GOOD, OTHER], name="list")
    wallet.rename("savings", "cold")
    assert [row.name for row in wallet.wallets()] == ["cold", "list"]
    wallet.remove("cold")
    assert [(row.address, row.wallets) for row in wallet.addresses()] == [(GOOD, ("list",)), (OTHER, ("list",))]
    for refused in (lambda: wallet.remove("cold"), lambda: wallet.wallets("cold"), lambda: wallet.rename("cold", "x")):
        with pytest.raises(InputError, match="there is no wallet 'cold'"):
            refused()


def test_an_address_is_labelled_in_any_of_its_forms(wallet: Wallet) -> None:
    add(wallet, [GOOD, HEX], chains=["btc", "bsc", "eth"], name="list")
    assert wallet.label(GOOD.upper(), "rent") == 1
    assert wallet.label(HEX.lower(), "main") == 2
    assert wallet.label(HEX, "fees", "bsc") == 1
    assert [row.label for row in wallet.addresses(wallet="list")] == ["rent", "fees", "main"]
    assert wallet.label(GOOD, None) == 1
    with pytest.raises(InputError, match="not among those of the wallets"):
        wallet.label(OTHER, "x")
    with pytest.raises(InputError):
        wallet.label(GOOD, ZPUB)
