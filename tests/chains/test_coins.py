"""Another coin is a row, built in or not: what it takes, derives and keeps is what its own wallets show."""

import re
from pathlib import Path
from typing import Any

import pytest
import wallycore

from hdscan.chains import Script, family_of
from hdscan.chains.bitcoin import script_pubkey
from hdscan.keys.account import of_key
from hdscan.keys.address import canonical
from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.secret import recognise
from hdscan.keys.seed import of_seed
from hdscan.model.chain import Chain
from hdscan.model.errors import ConfigError, HdscanError, InputError, KeyFault
from hdscan.settings import load, show
from hdscan.settings.load import Places
from tests.keys.given import BSC, BTC, MNEMONIC, SOL, TPUB, ZPUB, H, exported, options, vectors

COINS = vectors("coins")
LITECOIN = """[[chain]]
id = "own-ltc"
family = "bitcoin"
symbol = "LTC"
genesis = "12a765e31ffd4059bada1e25190f6e98c99d9714d334efa41a195a7e7e04bfe2"
slip44 = 2
hrps = ["ltc"]
p2pkh = [0x30]
p2sh = [0x32, 0x05]
supply = 84_000_000
"""
DOGECOIN = """[[chain]]
id = "own-doge"
family = "bitcoin"
symbol = "DOGE"
genesis = "1a91e3dace36e2be3bf030a65679fe821aa1d6ef92e7c9902eb318182c355691"
slip44 = 3
hrps = []
p2pkh = [0x1e]
p2sh = [0x16]
"""
EVM = '[[chain]]\nid = "etc"\nfamily = "evm"\nchain_id = 61\nsymbol = "ETC"\n'


def row(tmp_path: Path, text: str) -> Chain:
    (tmp_path / "hdscan.toml").write_text(text, encoding="utf-8")
    settings = load(None, {}, {}, tmp_path, Places(data=tmp_path))
    return list(settings.chains.values())[-1]


def built_in(chain: str, network: str = "mainnet") -> Chain:
    return load(None, {"network": network}, {}, Path("/nowhere"), Places(data=Path("/nowhere"))).chains[chain]


@pytest.fixture(params=["ltc", "doge"])
def coin(request: pytest.FixtureRequest) -> Chain:
    return built_in(request.param)


def test_what_is_built_in_is_what_a_row_says(tmp_path: Path) -> None:
    for chain, text in (("ltc", LITECOIN), ("doge", DOGECOIN)):
        own = row(tmp_path, text)
        assert (own.params, own.identity) == (built_in(chain).params, built_in(chain).identity)


def derived(chain: Chain, script: Script | None = None, count: int = 1) -> dict[str, tuple[str, ...]]:
    """The first addresses by the path of their branch, of the mnemonic's first account."""
    wallet = of_seed(MNEMONIC, "", options(chain, script=script, count=count, accounts=1))
    return {str(branch.path): branch.addresses for branch in wallet.branches}


def test_a_coin_derives_the_published_addresses(coin: Chain) -> None:
    for script, (path, address) in COINS[coin.id]["derived"].items():
        assert derived(coin, Script(script))[f"{path.rpartition('/')[0]}/{{}}"] == (address,)
        assert canonical(coin, address) == address


@pytest.mark.parametrize("key", COINS["keys"], ids=lambda key: f"{key['chain']}-{key['network']}-{key['script']}")
def test_a_coin_s_own_extended_keys_are_read(key: Any) -> None:
    chain, script = built_in(key["chain"], key["network"]), Script(key["script"])
    public, addresses = key["public"], tuple(key["addresses"])
    branch = of_key(public, options(chain, script=script, count=2, only=(chain.id,))).branches[0]
    assert (branch.path, branch.addresses) == (key["path"], addresses)
    assert derived(chain, script, 2)[key["path"]] == addresses == tuple(canonical(chain, address) for address in addresses)
    for other in (BTC, BSC) if public.startswith(("L", "M", "d", "t")) else ():
        with pytest.raises(KeyFault, match=f"an? {public[:4]} is of another coin than {other.id}"):
            of_key(public, options(other, only=(other.id,)))
    with pytest.raises(KeyFault, match="extended private key"):
        of_key(key["private"], options(chain))
    assert "private key" in str(recognise(key["private"]))
    assert "extended public key" in str(recognise(public))


def test_a_coin_s_key_is_of_the_coin_and_of_the_scripts_that_it_has() -> None:
    keys = {each["public"][:4]: each["public"] for each in COINS["keys"]}
    chains = options(BTC, BSC, built_in("ltc"), built_in("doge"))
    for prefix, chain, styles in (
        ("Ltub", "ltc", {"bip84", "bip49", "bip44", "bip86"}),
        ("Mtub", "ltc", {"bip49"}),
        ("dgub", "doge", {"bip44"}),
    ):
        branches = of_key(keys[prefix], chains).branches
        assert {(branch.chain, branch.style) for branch in branches} == {(chain, style) for style in styles}


def test_a_coin_s_descriptors_have_its_addresses_and_no_other_coin_s() -> None:
    ltc, doge = built_in("ltc"), built_in("doge")
    key, other = exported([H + 84, H + 2, H]), exported([H + 49, H + 2, H])
    kinds = ("pkh({0})", "wpkh({0})", "sh(wpkh({0}))", "tr({0})", "wsh(multi(1,{0},{1}))", "sh(multi(2,{0},{1}))")
    for kind in (*kinds, "wsh(or_d(pk({0}),pkh({1})))"):
        text = kind.format(f"{key}/<0;1>/*", f"{other}/<0;1>/*")
        ours, theirs = (of_descriptor(text, options(BTC, chain, only=(chain.id,))) for chain in (ltc, BTC))
        for one, two in zip(ours.branches, theirs.branches, strict=True):
            assert [script_pubkey(ltc, each) for each in one.addresses] == [script_pubkey(BTC, each) for each in two.addresses]
            assert all(address.startswith(("ltc1", "L", "M")) for address in one.addresses)
        alone = options(doge, only=("doge",))
        if "w" in kind or "tr(" in kind:
            with pytest.raises(KeyFault, match="doge has no segwit"):
                of_descriptor(text, alone)
        else:
            addresses = of_descriptor(text, alone).branches[0].addresses
            assert all(address.startswith(("D", "A", "9")) for address in addresses)
    assert [branch.style for branch in of_descriptor(f"combo({key}/0/*)", alone).branches] == ["bip44", "bip44"]


def test_the_coin_type_of_a_descriptor_s_keys_says_the_coin() -> None:
    chains = options(BTC, built_in("ltc"), built_in("doge"))
    for coin, chain in ((0, "btc"), (2, "ltc"), (3, "doge")):
        wallet = of_descriptor(f"pkh([73c5da0a/44h/{coin}h/0h]{exported([H + 44, H + coin, H])}/<0;1>/*)", chains)
        assert ({branch.chain for branch in wallet.branches}, wallet.said) == ({chain}, ())


def test_an_address_of_both_is_read_as_the_chain_s_own() -> None:
    address = "3MSvaVbVFFLML86rt5eqgA9SvW23upaXdY"
    assert canonical(built_in("ltc"), address) != canonical(BTC, address) == address
    assert script_pubkey(built_in("ltc"), address) == script_pubkey(BTC, address)


def test_the_test_networks_of_bitcoin_are_chains_of_their_own() -> None:
    chains = [built_in(name, "testnet") for name in ("btc", "btc-testnet4", "btc-signet")]
    assert len({chain.identity for chain in chains}) == 3
    assert derived(chains[0]) == derived(chains[1]) == derived(chains[2])
    wallet = of_descriptor(f"wpkh({exported([H + 84, H + 1, H], TPUB)}/**)", options(*chains))
    assert {branch.chain for branch in wallet.branches} == {"btc"}
    signet = of_descriptor(f"wpkh({exported([H + 84, H + 1, H], TPUB)}/**)", options(*chains, only=("btc-signet",)))
    assert {branch.chain for branch in signet.branches} == {"btc-signet"}


def test_a_coin_keeps_one_form_of_an_address(coin: Chain) -> None:
    for text, kept in COINS[coin.id]["canonical"].items():
        assert canonical(coin, text) == kept
        assert canonical(coin, kept) == kept


def test_a_coin_has_the_scripts_that_its_row_allows(tmp_path: Path) -> None:
    litecoin, dogecoin = row(tmp_path, LITECOIN), row(tmp_path, DOGECOIN)
    assert next(iter(derived(litecoin))) == "m/84'/2'/0'/0/{}"
    assert list(derived(dogecoin)) == ["m/44'/3'/0'/0/{}", "m/44'/3'/0'/1/{}"]
    with pytest.raises(InputError, match="no chain here has p2wpkh addresses"):
        derived(dogecoin, Script.P2WPKH)
    with pytest.raises(KeyFault, match="own-doge has no p2wpkh addresses"):
        of_key(exported([H + 84, H, H], ZPUB), options(dogecoin, only=("own-doge",)))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "has the prefix bc1, but this coin has only ltc1"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "another coin"),
        ("DBus3bamQjgJULBJtYXpEzDWQRwF5iwxgC", "another coin"),
        ("ltc1qjmxnz78nmc8nq77wuxh25n2es7rzm5c2rkk4wg", "wrong checksum"),
        ("ltcmweb1qqf2evs9", "is not|contains|prefix"),
    ],
)
def test_another_coin_s_address_is_refused(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        canonical(row(tmp_path, LITECOIN), text)


def test_a_coin_without_segwit_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="has the prefix bc1, but this coin has no segwit addresses"):
        canonical(row(tmp_path, DOGECOIN), "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu")


def test_an_address_that_begins_like_a_prefix_is_still_read(tmp_path: Path) -> None:
    # about one base58 address in 200,000 of Litecoin begins with Ltc1 in some case
    litecoin = row(tmp_path, LITECOIN)
    low, high = 0, 2**160
    while high - low > 1:  # the first hash whose address is not below LTC1
        middle = (low + high) // 2
        text = wallycore.base58check_from_bytes(b"\x30" + middle.to_bytes(20))
        low, high = (middle, high) if text < "LTC1" else (low, middle)
    text = wallycore.base58check_from_bytes(b"\x30" + (high + 2**100).to_bytes(20))
    assert text.startswith("LTC1")
    assert canonical(litecoin, text) == text


def test_an_evm_row_has_the_coin_type_that_it_states(tmp_path: Path) -> None:
    plain, own = row(tmp_path, EVM), row(tmp_path, EVM + "slip44 = 61\n")
    assert next(iter(derived(plain))) == "m/44'/60'/0'/0/{}"
    assert next(iter(derived(own))) == "m/44'/61'/0'/0/{}"
    assert (plain.params, plain.identity, plain.decimals) == (None, "61", 18)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        (EVM + 'hrps = ["bc"]\n', "hrps is for chains of the bitcoin family only"),
        (EVM + "supply = 1\n", "supply is for chains of the bitcoin family only"),
        (LITECOIN.replace("slip44 = 2\n", ""), "needs hrps, p2pkh, p2sh and slip44: slip44 is missing"),
        (DOGECOIN.replace("hrps = []\n", ""), "needs hrps, p2pkh, p2sh and slip44: hrps is missing"),
        (LITECOIN.replace("[0x30]", "[]"), "at least one version byte each, and none in common"),
        (LITECOIN.replace("[0x30]", "[0x05]"), "at least one version byte each, and none in common"),
        (LITECOIN.replace("[0x30]", "[256]"), "p2pkh: expected int <= 255"),
        (LITECOIN.replace('"ltc"]', '"LTC"]'), "hrps: holds characters that cannot stand there"),
    ],
)
def test_parameters_that_do_not_fit_are_refused(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError, match=r"\[\[chain\]\] 1 \(") as caught:
        row(tmp_path, text)
    assert sentence in str(caught.value)


def test_the_parameters_are_shown_as_they_are_stated(tmp_path: Path) -> None:
    (tmp_path / "hdscan.toml").write_text(LITECOIN + EVM + "slip44 = 61\n", encoding="utf-8")
    text = show(load(None, {}, {}, tmp_path, Places(data=tmp_path)))
    assert 'slip44 = 2\nhrps = ["ltc"]\np2pkh = [48]\np2sh = [50, 5]\nsupply = 84000000\n' in text
    assert "slip44 = 61" in text
    assert len(re.findall(r'id = "own-ltc"', text)) == 1


@pytest.mark.parametrize("chain", [BTC, BSC, SOL], ids=["btc", "bsc", "sol"])
def test_a_family_recognises_its_own_addresses_by_their_form(chain: Chain) -> None:
    (address,) = next(iter(derived(chain).values()))
    assert family_of(chain).form.fullmatch(address)
    for other in (BTC, BSC, SOL):
        if other is not chain:
            with pytest.raises(HdscanError, match=f"looks like {family_of(chain).article} address"):
                canonical(other, address)
