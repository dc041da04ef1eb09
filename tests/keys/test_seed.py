"""Mnemonics: every chain's styles of path, which accounts are looked at, and that nothing private is kept."""

import itertools
from typing import Any

import pytest
import wallycore
from nacl.bindings import crypto_sign_seed_keypair

from hdscan.chains import Script
from hdscan.keys.derive import derive
from hdscan.keys.ed25519 import ed25519_master, hardened_child
from hdscan.keys.seed import of_seed
from hdscan.model.chain import Network
from hdscan.model.errors import HdscanError, KeyFault
from hdscan.model.wallet import Found, Role, WalletKind
from tests.keys.given import BSC, BTC, BTC_TESTNET, MNEMONIC, SOL, TPUB, TRON, H, exported, options, repeats, vectors

CHAINS = {"btc": BTC, "bsc": BSC, "sol": SOL, "tron": TRON}
ACCOUNTS = vectors("accounts")["accounts"]


def found(mnemonic: str = MNEMONIC, passphrase: str = "", **chosen: Any) -> Found:
    return of_seed(mnemonic, passphrase, options(*CHAINS.values(), **chosen))


def refusal(**chosen: Any) -> str:
    with pytest.raises(HdscanError) as caught:
        found(**chosen)
    return str(caught.value)


@pytest.mark.parametrize("vector", vectors("slip10_ed25519")["vectors"], ids=["1", "2"])
def test_published_ed25519_keys(vector: dict[str, Any]) -> None:
    node = (b"", b"")
    for index, code, private, public in vector["chain"]:
        node = ed25519_master(bytes.fromhex(vector["seed"])) if index is None else hardened_child(node, index)
        assert (node[1].hex(), node[0].hex()) == (code, private)
        assert crypto_sign_seed_keypair(node[0])[0].hex() == public


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account["script"])
def test_published_addresses_of_bitcoin_follow_from_the_mnemonic(account: dict[str, Any]) -> None:
    chain = BTC_TESTNET if account["network"] == Network.TESTNET else BTC
    wallet = of_seed(MNEMONIC, "", options(chain, script=Script(account["script"])))
    ours = {branch.path: branch.addresses for branch in wallet.branches}
    for path, address in account["addresses"]:
        before, _, position = path.rpartition("/")
        assert ours[f"{before}/{{}}"][int(position)] == address


@pytest.mark.parametrize(
    "vector", vectors("styles")["styles"], ids=lambda vector: f"{vector['chain']}-{vector['mnemonic'][:7]}"
)
def test_published_addresses_of_the_styles(vector: dict[str, Any]) -> None:
    wallet = found(vector["mnemonic"], only=(vector["chain"],))
    for style, addresses in vector["addresses"].items():
        (branch,) = (branch for branch in wallet.branches if branch.style == style)
        assert list(branch.addresses[: len(addresses)]) == addresses


def test_a_mnemonic_is_looked_at_in_all_styles_of_all_chains() -> None:
    wallet = found()
    assert wallet.kind is WalletKind.SEED
    active = [branch for branch in wallet.branches if not branch.dormant]
    assert [(branch.chain, branch.style, branch.path) for branch in active if branch.role is Role.RECEIVE] == [
        ("btc", "bip84", "m/84'/0'/0'/0/{}"),
        ("btc", "bip49", "m/49'/0'/0'/0/{}"),
        ("btc", "bip44", "m/44'/0'/0'/0/{}"),
        ("btc", "bip86", "m/86'/0'/0'/0/{}"),
        ("bsc", "bip44", "m/44'/60'/0'/0/{}"),
        ("bsc", "ledger-live", "m/44'/60'/{}'/0/0"),
        ("bsc", "ledger-legacy", "m/44'/60'/0'/{}"),
        ("sol", "bip44-change", "m/44'/501'/{}'/0'"),
        ("sol", "bip44", "m/44'/501'/{}'"),
        ("sol", "sollet-legacy", "m/501'/{}'/0/0"),
        ("tron", "bip44", "m/44'/195'/0'/0/{}"),
        ("tron", "ledger-live", "m/44'/195'/{}'/0/0"),
    ]
    assert [branch.chain for branch in active if branch.role is Role.CHANGE] == ["btc"] * 4
    assert all(len(branch.addresses) == 20 for branch in active)


def test_what_is_kept_derives_the_addresses_and_what_is_not_is_said() -> None:
    wallet = found()
    for branch in wallet.branches:
        if branch.source and not branch.dormant:
            assert derive(CHAINS[branch.chain], branch.source, 0, 20) == list(branch.addresses)
    given = {(branch.chain, branch.style) for branch in wallet.branches if branch.source is None}
    hardened = {
        ("bsc", "ledger-live"),
        ("tron", "ledger-live"),
        ("sol", "bip44-change"),
        ("sol", "bip44"),
        ("sol", "sollet-legacy"),
    }
    assert given == hardened
    assert "--count" in wallet.said[0]
    assert {len(branch.addresses) for branch in found(only=("sol",), count=50).branches} == {50}
    assert found(only=("btc",)).said == ()


def test_the_next_accounts_of_bitcoin_wait_for_the_one_before() -> None:
    dormant = [branch for branch in found().branches if branch.dormant]
    assert {branch.chain for branch in dormant} == {"btc"}
    places = [(branch.style, branch.account, branch.role) for branch in dormant]
    assert places == list(itertools.product(("bip84", "bip49", "bip44", "bip86"), range(1, 20), Role))
    assert all(branch.source and not branch.addresses for branch in dormant)
    assert dormant[0].source == f"wpkh([73c5da0a/84h/0h/1h]{exported([H + 84, H, H + 1])}/0/*)"


def test_accounts_that_are_asked_for_are_all_looked_at() -> None:
    wallet = found(accounts=3, only=("btc", "bsc"))
    assert [branch.account for branch in wallet.branches if branch.style == "bip84"] == [0, 0, 1, 1, 2, 2]
    assert [branch.path for branch in wallet.branches if (branch.chain, branch.style) == ("bsc", "bip44")] == [
        f"m/44'/60'/{account}'/0/{{}}" for account in range(3)
    ]
    assert not any(branch.dormant for branch in wallet.branches)
    assert "from 1 to 1,000" in refusal(accounts=0)
    assert "from 1 to 1,000" in refusal(accounts=1001)


def test_a_style_or_a_script_is_looked_at_alone() -> None:
    assert {(branch.chain, branch.style) for branch in found(path="ledger-live").branches} == {
        ("bsc", "ledger-live"),
        ("tron", "ledger-live"),
    }
    assert found(path="metamask") == found(path="bip44", only=("bsc",))
    assert {branch.chain for branch in found(path="bip44").branches} == {"btc", "bsc", "sol", "tron"}
    assert {branch.style for branch in found(script=Script.P2TR, only=("btc",)).branches} == {"bip86"}
    assert "--path is one of bip44-change, bip44, sollet-legacy on sol" in refusal(path="bip84", only=("sol",))
    assert "a script is chosen for Bitcoin only" in refusal(script=Script.P2TR, only=("sol", "bsc"))


def test_whether_there_is_a_passphrase_is_said() -> None:
    assert found().what == "a mnemonic (BIP-39) without a passphrase"
    assert found(passphrase="TREZOR").what == "a mnemonic (BIP-39) with a passphrase"


def test_a_testnet_has_its_coin_type_and_its_keys() -> None:
    branch = of_seed(MNEMONIC, "", options(BTC_TESTNET)).branches[0]
    assert branch.source == f"wpkh([73c5da0a/84h/1h/0h]{exported([H + 84, H + 1, H], TPUB)}/0/*)"


def test_the_passphrase_makes_another_wallet() -> None:
    plain, other = found(), found(passphrase="TREZOR")
    assert not {address for branch in plain.branches for address in branch.addresses} & {
        address for branch in other.branches for address in branch.addresses
    }


def test_nothing_private_is_kept() -> None:
    text = str([(branch.source, branch.addresses, branch.path, repr(branch)) for branch in found(passphrase="horse").branches])
    root = wallycore.bip32_key_from_seed(
        wallycore.bip39_mnemonic_to_seed512(MNEMONIC, "horse"), wallycore.BIP32_VER_MAIN_PRIVATE, 0
    )
    assert not any(secret in text for secret in ("abandon", "about", "horse", "prv"))
    assert bytes(wallycore.bip32_key_get_priv_key(root)).hex() not in text


def test_a_bad_mnemonic_is_refused_without_being_repeated() -> None:
    bad = MNEMONIC.replace("about", "zebra")
    with pytest.raises(KeyFault) as caught:
        found(bad, "correct horse")
    assert not repeats(caught.value, bad, 7)
    assert not repeats(caught.value, "correct horse")
