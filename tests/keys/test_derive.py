from itertools import islice

import pytest
import wallycore
from hypothesis import given, settings
from hypothesis import strategies as st
from nacl.bindings import crypto_sign_seed_keypair

from hdscan.chains import Script
from hdscan.keys.address import canonical
from hdscan.keys.deriver import Deriver, from_extended, from_mnemonic
from hdscan.keys.ed25519 import ed25519_master, hardened_child
from hdscan.keys.extended import HARDENED
from hdscan.model.chain import Chain, Network
from hdscan.model.errors import HdscanError, InputError, KeyFault
from tests.keys.given import BSC, BSC_TESTNET, BTC, BTC_TESTNET, SOL, repeats, vectors

MNEMONIC = vectors("accounts")["mnemonic"]
ACCOUNTS = vectors("accounts")["accounts"]
XPUB, TPUB = wallycore.BIP32_VER_MAIN_PUBLIC, wallycore.BIP32_VER_TEST_PUBLIC
ZPUB, YPUB, VPUB = 0x04B24746, 0x049D7CB2, 0x045F1CF6


def exported(path: list[int], version: int = XPUB) -> str:
    """The extended public key of a path below the mnemonic, as a wallet exports it; h + n is a hardened step."""
    seed = bytearray(64)
    wallycore.bip39_mnemonic_to_seed(MNEMONIC, "", seed)
    root = wallycore.bip32_key_from_seed(bytes(seed), wallycore.BIP32_VER_MAIN_PRIVATE, 0)
    key = wallycore.bip32_key_from_parent_path(root, path, 0) if path else root
    data = bytes(wallycore.bip32_key_serialize(key, wallycore.BIP32_FLAG_KEY_PUBLIC))
    return str(wallycore.base58check_from_bytes(version.to_bytes(4) + data[4:]))


H = HARDENED
ACCOUNT = [H + 84, H, H]
EVM_ACCOUNT = [H + 44, H + 60, H]


def refusal(chain: Chain, key: str, script: Script | None = None, branch: int = 0) -> str:
    with pytest.raises(HdscanError) as caught:
        from_extended(chain, key, script, branch)
    assert not repeats(caught.value, key)
    return str(caught.value)


def first(deriver: Deriver, count: int = 3) -> list[tuple[str, str]]:
    return list(deriver.addresses(0, count))


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account["script"])
def test_published_addresses_follow_from_the_published_account_key_and_from_the_mnemonic(account: dict[str, object]) -> None:
    chain = BTC_TESTNET if account["network"] == Network.TESTNET else BTC
    key, private, script = str(account["account"]), str(account["private"]), Script(str(account["script"]))
    wanted = account["addresses"]
    assert isinstance(wanted, list)
    for path, address in wanted:
        branch, index = (int(step) for step in path.split("/")[-2:])
        assert list(from_extended(chain, key, script, branch).addresses(index, 1)) == [(address, path)]
        assert list(from_mnemonic(chain, MNEMONIC, "", script, branch).addresses(index, 1)) == [(address, path)]
    assert "private" in refusal(chain, private, script)


def test_the_published_account_keys_are_the_mnemonic_s() -> None:
    assert ACCOUNTS[1]["account"] == exported(ACCOUNT, ZPUB)
    assert ACCOUNTS[2]["account"] == exported([H + 86, H, H])


@pytest.mark.parametrize("vector", vectors("slip10_ed25519")["vectors"], ids=["1", "2"])
def test_published_ed25519_keys(vector: dict[str, object]) -> None:
    seed, chain = vector["seed"], vector["chain"]
    assert isinstance(seed, str)
    assert isinstance(chain, list)
    node = ed25519_master(bytes.fromhex(seed))
    for index, code, private, public in chain:
        node = node if index is None else hardened_child(node, index)
        assert (node[1].hex(), node[0].hex()) == (code, private)
        assert crypto_sign_seed_keypair(node[0])[0].hex() == public


def test_well_known_addresses_of_the_well_known_mnemonic() -> None:
    # as shown by the wallets of the field (MetaMask, Phantom, Ledger) for "abandon ... about"
    assert first(from_mnemonic(BSC, MNEMONIC, "", None, 0), 2) == [
        ("0x9858EfFD232B4033E47d90003D41EC34EcaEda94", "m/44'/60'/0'/0/0"),
        ("0x6Fac4D18c912343BF86fa7049364Dd4E424Ab9C0", "m/44'/60'/0'/0/1"),
    ]
    assert first(from_mnemonic(SOL, MNEMONIC, "", None, 0), 2) == [
        ("HAgk14JpMQLgt6rVgv7cBQFJWFto5Dqxi472uT3DKpqk", "m/44'/501'/0'/0'"),
        ("Hh8QwFUA6MtVu1qAoq12ucvFHNwCcVTV7hpWjeY1Hztb", "m/44'/501'/1'/0'"),
    ]
    assert first(from_mnemonic(BTC, MNEMONIC, "", Script.P2PKH, 0), 1) == [
        ("1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA", "m/44'/0'/0'/0/0")
    ]


def test_the_passphrase_makes_another_wallet() -> None:
    assert first(from_mnemonic(BTC, MNEMONIC, "TREZOR", None, 0)) != first(from_mnemonic(BTC, MNEMONIC, "", None, 0))


@pytest.mark.parametrize("branch", [0, 1])
@pytest.mark.parametrize("script", Script)
def test_an_account_key_gives_what_the_mnemonic_gives(script: Script, branch: int) -> None:
    purpose = {Script.P2PKH: 44, Script.P2SH_P2WPKH: 49, Script.P2WPKH: 84, Script.P2TR: 86}[script]
    for chain, version, coin in ((BTC, XPUB, 0), (BTC_TESTNET, TPUB, 1)):
        from_key = from_extended(chain, exported([H + purpose, H + coin, H], version), script, branch)
        assert from_key.script is script
        assert first(from_key) == first(from_mnemonic(chain, MNEMONIC, "", script, branch))


def test_the_default_script_is_that_of_the_prefix_and_else_p2wpkh() -> None:
    assert from_extended(BTC, exported(ACCOUNT), None, 0).script is Script.P2WPKH
    assert from_extended(BTC, exported(ACCOUNT, ZPUB), None, 0).script is Script.P2WPKH
    assert from_extended(BTC, exported(ACCOUNT, YPUB), None, 0).script is Script.P2SH_P2WPKH
    assert from_extended(BTC_TESTNET, exported(ACCOUNT, VPUB), None, 0).script is Script.P2WPKH
    assert from_mnemonic(BTC, MNEMONIC, "", None, 0).script is Script.P2WPKH
    assert from_extended(BSC, exported(EVM_ACCOUNT), None, 0).script is None


def test_the_account_number_of_the_key_stands_in_the_path() -> None:
    assert from_extended(BTC, exported([H + 84, H, H + 7]), None, 1).path == "m/84'/0'/7'/1/{}"
    assert from_extended(BSC, exported([H + 44, H + 60, H + 2]), None, 0).path == "m/44'/60'/2'/0/{}"


@pytest.mark.parametrize(("chain", "account"), [(BTC, ACCOUNT), (BSC, EVM_ACCOUNT)], ids=["btc", "bsc"])
def test_a_branch_key_gives_the_addresses_of_its_branch(chain: Chain, account: list[int]) -> None:
    for branch in (0, 1):
        below = from_extended(chain, exported([*account, branch]), None, branch)
        above = from_extended(chain, exported(account), None, branch)
        assert [address for address, _ in first(below)] == [address for address, _ in first(above)]
        assert f"/?'/{branch}/{{}}" in below.path
    assert "of branch 1 already" in refusal(chain, exported([*account, 1]), branch=0)


def test_keys_of_electrum_are_taken_when_the_script_is_said() -> None:
    assert "--script" in refusal(BTC, exported([]))
    assert "--script" in refusal(BTC, exported([H], ZPUB))
    assert from_extended(BTC, exported([]), Script.P2PKH, 0).path == "m/0/{}"
    assert from_extended(BTC, exported([H], ZPUB), Script.P2WPKH, 1).path == "m/0'/1/{}"


@pytest.mark.parametrize("path", [[], [H + 44], [H + 44, H], [H + 84, H, 0], [*ACCOUNT, 2], [*ACCOUNT, H], [*ACCOUNT, 0, 0]])
def test_keys_of_other_depths_are_refused(path: list[int]) -> None:
    assert f"of depth {len(path)}" in refusal(BSC, exported(path))
    assert f"of depth {len(path)}" in refusal(BTC, exported(path))


@pytest.mark.parametrize(
    ("chain", "key", "script", "reason"),
    [
        (BTC, exported(ACCOUNT, ZPUB), Script.P2PKH, "a zpub is of p2wpkh addresses"),
        (BTC, exported(ACCOUNT, YPUB), Script.P2WPKH, "a ypub is of p2sh-p2wpkh addresses"),
        (BTC, exported(ACCOUNT, TPUB), None, "a tpub is of testnet, and this is mainnet"),
        (BTC_TESTNET, exported(ACCOUNT, ZPUB), None, "a zpub is of mainnet, and this is testnet"),
        (BSC, exported(EVM_ACCOUNT, TPUB), None, "a tpub is not of an EVM chain"),
        (BSC, exported(EVM_ACCOUNT, ZPUB), None, "a zpub is not of an EVM chain"),
        (BSC, exported(EVM_ACCOUNT), Script.P2WPKH, "for Bitcoin only"),
        (SOL, exported(ACCOUNT), None, "Solana has no extended public keys"),
    ],
)
def test_what_contradicts_itself_is_refused(chain: Chain, key: str, script: Script | None, reason: str) -> None:
    assert reason in refusal(chain, key, script)


def test_an_evm_testnet_takes_the_same_key_as_its_mainnet() -> None:
    key = exported(EVM_ACCOUNT)
    assert first(from_extended(BSC_TESTNET, key, None, 0)) == first(from_extended(BSC, key, None, 0))


@pytest.mark.parametrize("branch", [-1, 2, 2**31])
def test_other_branches_are_refused(branch: int) -> None:
    assert "the branch is 0" in refusal(BTC, exported(ACCOUNT), branch=branch)
    with pytest.raises(InputError, match="the branch is 0"):
        from_mnemonic(BSC, MNEMONIC, "", None, branch)


def test_solana_has_neither_branch_nor_script() -> None:
    with pytest.raises(InputError, match="no branch"):
        from_mnemonic(SOL, MNEMONIC, "", None, 1)
    with pytest.raises(InputError, match="for Bitcoin only"):
        from_mnemonic(SOL, MNEMONIC, "", Script.P2TR, 0)


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, -1), (2**31, 1), (2**31 - 1, 2), (0, 2**31 + 1)])
@pytest.mark.parametrize("chain", [BTC, BSC, SOL], ids=["btc", "bsc", "sol"])
def test_indices_out_of_bounds_are_refused_before_the_first_address(chain: Chain, start: int, count: int) -> None:
    deriver = from_mnemonic(chain, MNEMONIC, "", None, 0)
    with pytest.raises(InputError, match="2147483647"):
        deriver.addresses(start, count)


@pytest.mark.parametrize("chain", [BTC, BSC, SOL], ids=["btc", "bsc", "sol"])
def test_the_highest_index_is_derived(chain: Chain) -> None:
    deriver = from_mnemonic(chain, MNEMONIC, "", None, 0)
    ((address, path),) = deriver.addresses(2**31 - 1, 1)
    assert canonical(chain, address) == address
    assert "2147483647" in path
    assert list(deriver.addresses(2**31, 0)) == []


def test_addresses_are_derived_as_they_are_needed() -> None:
    assert len(list(islice(from_mnemonic(BTC, MNEMONIC, "", None, 0).addresses(0, 2**31), 2))) == 2


@pytest.mark.parametrize("chain", [BTC, BTC_TESTNET, BSC, SOL], ids=["btc", "testnet", "bsc", "sol"])
def test_a_bad_mnemonic_is_refused_without_being_repeated(chain: Chain) -> None:
    bad = MNEMONIC.replace("about", "zebra")
    with pytest.raises(KeyFault) as caught:
        from_mnemonic(chain, bad, "correct horse", None, 0)
    assert not repeats(caught.value, bad, 7)
    assert not repeats(caught.value, "correct horse")


@pytest.mark.parametrize("chain", [BTC, BSC, SOL], ids=["btc", "bsc", "sol"])
def test_a_deriver_does_not_print_or_keep_the_mnemonic(chain: Chain) -> None:
    deriver = from_mnemonic(chain, MNEMONIC, "correct horse", None, 0)
    held = [repr(deriver), str(vars(deriver)), *(repr(cell.cell_contents) for cell in deriver._address.__closure__ or ())]
    assert not any(word in text for text in held for word in ("abandon", "about", "correct", "horse"))


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 20), st.integers(0, 19), st.sampled_from([BTC, BTC_TESTNET, BSC, SOL]), st.data())
def test_derived_addresses_are_canonical_and_their_order_does_not_matter(
    start: int, count: int, chain: Chain, data: st.DataObject
) -> None:
    script = data.draw(st.sampled_from([None, *Script])) if chain in (BTC, BTC_TESTNET) else None
    deriver = from_mnemonic(chain, MNEMONIC, "", script, 0)
    derived = list(deriver.addresses(start, count))
    assert [path for _, path in derived] == [deriver.path.format(index) for index in range(start, start + count)]
    for offset, (address, path) in enumerate(derived):
        assert canonical(chain, address) == address
        assert list(deriver.addresses(start + offset, 1)) == [(address, path)]
