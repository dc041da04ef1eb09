"""Extended public keys: which chains, scripts and branches they are looked at for, and what is refused."""

from typing import Any

import pytest

from hdscan.chains import Script
from hdscan.keys.account import of_key
from hdscan.model.chain import Chain, Network
from hdscan.model.errors import HdscanError
from hdscan.model.wallet import Found, Role, WalletKind
from tests.keys.given import (
    BSC,
    BSC_TESTNET,
    BTC,
    BTC_TESTNET,
    SOL,
    TPUB,
    TRON,
    VPUB,
    YPUB,
    ZPUB,
    H,
    exported,
    options,
    repeats,
    vectors,
    versioned,
)

ACCOUNTS = vectors("accounts")["accounts"]
ACCOUNT, EVM_ACCOUNT = [H + 84, H, H], [H + 44, H + 60, H]
ORIGIN = "[73c5da0a/84h/0h/0h]"


def found(expression: str, *chains: Chain, **chosen: Any) -> Found:
    return of_key(expression, options(*(chains or (BTC, BSC, TRON)), **chosen))


def styles(wallet: Found) -> list[str]:
    return [branch.style for branch in wallet.branches]


def paths(wallet: Found) -> list[str | None]:
    return [branch.path for branch in wallet.branches]


def refusal(expression: str, *chains: Chain, **chosen: Any) -> str:
    with pytest.raises(HdscanError) as caught:
        found(expression, *chains, **chosen)
    assert not repeats(caught.value, expression.partition("]")[2] or expression, 8)
    return str(caught.value)


@pytest.mark.parametrize("account", ACCOUNTS, ids=lambda account: account["script"])
def test_published_addresses_follow_from_the_published_account_key(account: dict[str, Any]) -> None:
    chain = BTC_TESTNET if account["network"] == Network.TESTNET else BTC
    wallet = found(account["account"], chain, script=Script(account["script"]))
    ours = {branch.path: branch.addresses for branch in wallet.branches}
    for path, address in account["addresses"]:
        before, _, position = path.rpartition("/")
        assert ours[f"{before}/{{}}"][int(position)] == address
    assert "private" in refusal(account["private"], chain)


@pytest.mark.parametrize(
    "text",
    [
        exported(ACCOUNT, ZPUB),
        f"{ORIGIN}{exported(ACCOUNT)}",
        f"[73C5DA0A/84'/0H/0h]{exported(ACCOUNT)}/0/*",
        f"{ORIGIN}{exported(ACCOUNT)}/<0;1>/*",
        f"{ORIGIN}{exported(ACCOUNT)}/**",
    ],
)
def test_a_key_gives_the_receiving_and_change_addresses_of_its_script(text: str) -> None:
    wallet = found(text)
    assert wallet.kind is WalletKind.KEY
    assert len(wallet.said) == (not text.startswith("["))
    published = [address for path, address in ACCOUNTS[1]["addresses"] if path.endswith("/0")]
    assert [branch.addresses[0] for branch in wallet.branches] == published
    assert [branch.role for branch in wallet.branches] == [Role.RECEIVE, Role.CHANGE]
    assert all(len(branch.addresses) == branch.gap == 20 for branch in wallet.branches)


def test_a_key_without_script_is_looked_at_in_all_of_them_and_that_is_said() -> None:
    wallet = found(exported(ACCOUNT))
    assert styles(wallet) == [style for style in ("bip84", "bip49", "bip44", "bip86") for _ in range(2)]
    assert paths(wallet)[:2] == ["m/?'/0'/0'/0/{}", "m/?'/0'/0'/1/{}"]
    assert "taken for btc" in wallet.said[0]
    assert "an xpub without its origin does not say its kind of address: all are looked at" in wallet.said[1]
    assert "an xpub of this origin does not say its kind" in found(f"[73c5da0a/0h/0h/0h]{exported(ACCOUNT)}").said[-1]


def test_the_prefix_the_origin_and_the_user_say_the_script() -> None:
    assert set(styles(found(exported(ACCOUNT, YPUB)))) == {"bip49"}
    assert set(styles(found(exported(ACCOUNT, VPUB), BTC_TESTNET))) == {"bip84"}
    assert set(styles(found(f"[73c5da0a/86h/0h/0h]{exported(ACCOUNT)}"))) == {"bip86"}
    assert set(styles(found(f"[73c5da0a/49h/0h/0h]{exported(ACCOUNT)}", script=Script.P2PKH))) == {"bip44"}
    assert set(styles(found(exported(ACCOUNT), path="bip49"))) == {"bip49"}
    assert set(styles(found(f"[73c5da0a/48h/0h/0h/2h]{exported([H, H, H, H])}", script=Script.P2TR))) == {"bip86"}
    assert paths(found(f"{ORIGIN}{exported(ACCOUNT)}/{{0,1}}/*")) == paths(found(f"{ORIGIN}{exported(ACCOUNT)}"))


def test_the_account_number_of_the_key_stands_in_the_path() -> None:
    wallet = found(exported([H + 84, H, H + 7], ZPUB))
    assert (paths(wallet)[1], wallet.branches[0].account) == ("m/84'/0'/7'/1/{}", 7)
    assert paths(found(exported([H + 44, H + 60, H + 2]), only=("bsc",))) == ["m/44'/60'/2'/0/{}"]
    assert paths(found(f"[73c5da0a/84h/0h/5h]{exported([H + 84, H, H + 5])}"))[0] == "m/84'/0'/5'/0/{}"


def test_the_coin_of_the_origin_says_the_chain() -> None:
    for coin, chain in ((60, "bsc"), (195, "tron"), (0, "btc")):
        wallet = found(f"[73c5da0a/44h/{coin}h/0h]{exported([H + 44, H + coin, H])}")
        assert {branch.chain for branch in wallet.branches} == {chain}
        assert wallet.said == ()
    assert "a key of coin type 145 is of no chain that is configured" in refusal(f"[73c5da0a/44h/145h/0h]{exported(ACCOUNT)}")


def test_every_chain_that_is_asked_for_gets_its_branches() -> None:
    wallet = found(exported(EVM_ACCOUNT), BTC, BSC, TRON, only=("tron", "evm"))
    assert [(branch.chain, branch.role) for branch in wallet.branches] == [("bsc", Role.RECEIVE), ("tron", Role.RECEIVE)]
    assert "is not configured: there are btc, bsc" in refusal(exported(EVM_ACCOUNT), BTC, BSC, only=("tron",))


@pytest.mark.parametrize(("chain", "account"), [(BTC, ACCOUNT), (BSC, EVM_ACCOUNT)], ids=["btc", "bsc"])
def test_a_branch_key_gives_the_addresses_of_its_branch(chain: Chain, account: list[int]) -> None:
    for number, role in enumerate(Role):
        below = found(exported([*account, number]), chain, only=(chain.id,)).branches[0]
        above = found(f"{exported(account)}/{number}/*", chain, only=(chain.id,))
        assert below.addresses == next(branch.addresses for branch in above.branches if branch.role is role)
        assert (below.role, str(below.path)[-8:]) == (role, f"/?'/{number}/{{}}")


def test_keys_of_electrum_are_taken_when_the_script_is_known() -> None:
    assert "--script" in refusal(exported([]))
    assert "--script" in refusal(exported([H]))
    assert paths(found(exported([]), script=Script.P2PKH)) == ["m/0/{}", "m/1/{}"]
    assert paths(found(exported([H], ZPUB))) == ["m/0'/0/{}", "m/0'/1/{}"]


@pytest.mark.parametrize("path", [[], [H + 44], [H + 44, H], [H + 84, H, 0], [*ACCOUNT, 2], [*ACCOUNT, H], [*ACCOUNT, 0, 0]])
def test_keys_of_other_depths_are_refused(path: list[int]) -> None:
    for chain in ("btc", "bsc"):
        assert f"of depth {len(path)}" in refusal(exported(path), only=(chain,))


def test_ledgers_old_path_is_taken_when_it_is_named_and_its_new_one_cannot_be() -> None:
    key = f"[73c5da0a/44h/60h/0h]{exported(EVM_ACCOUNT)}"
    assert paths(found(key, path="ledger-legacy")) == ["m/44'/60'/0'/{}"]
    assert found(key, path="metamask") == found(key)
    assert "an account for every address" in refusal(key, path="ledger-live")
    assert "--path is one of bip44, metamask, ledger-live, ledger-legacy on bsc" in refusal(key, path="bip84")
    assert "--path is one of bip84, bip49, bip44, bip86 on btc" in refusal(exported(EVM_ACCOUNT), path="metamask")


@pytest.mark.parametrize(
    ("chain", "text", "chosen", "reason"),
    [
        (BTC, exported(ACCOUNT, ZPUB), {"script": Script.P2PKH}, "a zpub is of p2wpkh addresses"),
        (BTC, exported(ACCOUNT, YPUB), {"script": Script.P2WPKH}, "a ypub is of p2sh-p2wpkh addresses"),
        (BTC, exported(ACCOUNT, TPUB), {}, "is of testnet, and btc is of mainnet: set HDSCAN_NETWORK=testnet for it"),
        (BTC_TESTNET, exported(ACCOUNT, ZPUB), {}, "a zpub is of mainnet, and btc is of testnet"),
        (BSC, exported(EVM_ACCOUNT, TPUB), {}, "a tpub is not of an EVM chain"),
        (BSC, exported(EVM_ACCOUNT, ZPUB), {}, "a zpub is not of an EVM chain"),
        (TRON, exported(EVM_ACCOUNT, ZPUB), {}, "a zpub is not of a Tron chain: give the xpub of the account m/44'/195'/0'"),
        (BSC, exported(EVM_ACCOUNT), {"script": Script.P2WPKH}, "for Bitcoin only"),
        (SOL, exported(ACCOUNT), {}, "sol has no extended public keys"),
        (BTC, exported(ACCOUNT) + "/0", {}, "does not end in /*"),
        (BTC, exported(ACCOUNT) + "/0/*h", {}, "hardened"),
        (BTC, exported(ACCOUNT) + "/x/*", {}, "path of the xpub is not valid"),
        (BTC, "[73c5da0a/84h" + exported(ACCOUNT), {}, "not an extended public key"),
        (BTC, f"[73c5da0a/48h/0h/0h/2h]{exported([H + 48, H, H, H + 2])}", {}, "is one key of a multisig wallet: give"),
        (BTC, f"[73c5da0a/87h/0h/0h]{exported([H + 87, H, H])}/<0;1>/*", {}, "is one key of a multisig wallet: give"),
        (
            BTC,
            versioned(exported(ACCOUNT), 0x02AA7ED3),
            {},
            "one key of a multisig wallet: give the wallet's descriptor",
        ),
    ],
)
def test_what_contradicts_itself_or_cannot_be_derived_is_refused(
    chain: Chain, text: str, chosen: dict[str, Any], reason: str
) -> None:
    assert reason in refusal(text, chain, only=(chain.id,), **chosen)


def test_a_key_of_another_network_is_refused_where_no_chain_is_named() -> None:
    assert "a tpub is of testnet, and this is mainnet" in refusal(exported(ACCOUNT, TPUB), BTC)
    assert "a zpub is of mainnet, and this is testnet" in refusal(exported(ACCOUNT, ZPUB), BTC_TESTNET)


def test_an_evm_testnet_takes_the_same_key_as_its_mainnet() -> None:
    key = exported(EVM_ACCOUNT)
    assert found(key, BSC_TESTNET, only=("bsc",)) == found(key, BSC, only=("bsc",))


def test_an_origin_that_does_not_fit_its_key_is_said() -> None:
    assert "the origin has 2 steps, and the key is of depth 3" in found(f"[73c5da0a/84h/0h]{exported(ACCOUNT)}").said[0]


def test_nothing_that_more_addresses_follow_from_is_kept_where_that_is_asked() -> None:
    kept, forgotten = found(exported(ACCOUNT, ZPUB)), found(exported(ACCOUNT, ZPUB), forget=True, count=30)
    assert all(branch.source for branch in kept.branches)
    assert all(branch.source is None and len(branch.addresses) == 30 for branch in forgotten.branches)
    assert forgotten.branches[0].addresses[:20] == kept.branches[0].addresses


@pytest.mark.parametrize(("chosen", "count"), [({"gap": 5}, 20), ({"gap": 30}, 30), ({"gap": 30, "count": 3}, 3)])
def test_a_branch_begins_with_a_gap_of_addresses_and_at_least_twenty(chosen: dict[str, Any], count: int) -> None:
    wallet = found(ORIGIN + exported(ACCOUNT, ZPUB), **chosen)
    assert [(branch.role, len(branch.addresses), branch.gap) for branch in wallet.branches] == [
        (role, count, chosen["gap"]) for role in Role
    ]
