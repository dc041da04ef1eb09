import pytest

from hdscan.chains.bitcoin import script_pubkey
from hdscan.keys.checksum import with_checksum
from hdscan.keys.derive import derive
from hdscan.keys.descriptor import of_descriptor
from hdscan.model.chain import Chain
from hdscan.model.errors import HdscanError
from hdscan.model.wallet import Found, Role, WalletKind
from tests.keys.given import BTC, BTC_TESTNET, ZPUB, H, exported, options, repeats, vectors

VECTORS = vectors("descriptors")
ACCOUNT = [H + 84, H, H]
KEY, OTHER = exported(ACCOUNT), exported([H + 86, H, H])
ORIGIN = "[73c5da0a/84h/0h/0h]"
# BIP-84
RECEIVE, CHANGE = "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "bc1q8c6fshw2dlwun7ekn9qwf37cu2rn755upcp6el"


def found(text: str, *chains: Chain, **chosen: object) -> Found:
    return of_descriptor(text, options(*chains, **chosen))


def refusal(text: str, *chains: Chain, **chosen: object) -> str:
    with pytest.raises(HdscanError) as caught:
        found(text, *chains, **chosen)
    assert not repeats(caught.value, text.rsplit("(", maxsplit=1)[-1], 8)
    return str(caught.value)


def firsts(wallet: Found) -> list[tuple[Role, str]]:
    return [(branch.role, branch.addresses[0]) for branch in wallet.branches]


BOTH = [(Role.RECEIVE, RECEIVE), (Role.CHANGE, CHANGE)]


@pytest.mark.parametrize(
    "text",
    [
        f"wpkh({ORIGIN}{KEY}/<0;1>/*)",
        f"wpkh([73C5DA0A/84'/0H/0h]{KEY}/**)",
        f"wpkh({KEY}/0/*)\nwpkh({KEY}/1/*)\n",
        f" wpkh( {KEY}/0/*\n) ",
        with_checksum(f"wpkh({exported(ACCOUNT, ZPUB)}/<0;1>/*)"),
        f"wpkh({ORIGIN}{KEY})",
    ],
)
def test_the_forms_of_a_wallet_s_descriptor_give_its_receiving_and_change_addresses(text: str) -> None:
    wallet = found(text)
    assert (wallet.kind, firsts(wallet)) == (WalletKind.DESCRIPTOR, BOTH)
    for branch in wallet.branches:
        assert branch.source is not None
        assert derive(BTC, branch.source, 0, len(branch.addresses)) == list(branch.addresses)
        assert len(branch.addresses) == branch.gap == 20
        assert branch.source.startswith("wpkh(")
        assert branch.source.endswith("/*)")
    assert [branch.path for branch in wallet.branches] == ["m/84'/0'/0'/0/{}", "m/84'/0'/0'/1/{}"]


@pytest.mark.parametrize(("text", "scripts"), VECTORS["scripts"])
def test_published_descriptors_give_the_published_scripts(text: str, scripts: list[str]) -> None:
    wallet = found(text)
    addresses = [each.address for each in wallet.listed] or wallet.branches[0].addresses[: len(scripts)]
    assert [script_pubkey(BTC, address).hex() for address in addresses] == scripts


@pytest.mark.parametrize(("text", "expanded"), VECTORS["expanded"])
def test_published_multipath_descriptors_are_expanded_as_published(text: str, expanded: list[str]) -> None:
    assert [branch.source for branch in found(text).branches] == expanded


@pytest.mark.parametrize("text", VECTORS["invalid"])
def test_published_invalid_descriptors_and_private_ones_are_refused(text: str) -> None:
    refusal(text)


def test_change_is_looked_at_where_only_receiving_is_described_and_the_other_way_round() -> None:
    receiving, change = found(f"wpkh({ORIGIN}{KEY}/0/*)"), found(f"wpkh({ORIGIN}{KEY}/1/*)")
    assert firsts(receiving) == BOTH
    assert firsts(change) == BOTH[::-1]
    assert "only the receiving" in receiving.said[0]
    assert "only the change" in change.said[0]


def test_a_multisig_descriptor_is_one() -> None:
    wallet = found(f"wsh(sortedmulti(1,{KEY}/<0;1>/*,{OTHER}/<0;1>/*))")
    assert (wallet.kind, wallet.what) == (WalletKind.MULTISIG, "an output descriptor (wsh(1 of 2))")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (with_checksum(f"wpkh({KEY}/0/*)")[:-1] + "x", "checksum of the descriptor is wrong"),
        (f"wpkh({KEY}/0/*h)", "hardened"),
        (f"wpkh({KEY}/0h/*)", "hardened step"),
        (f"tr({KEY}/0/*,pk({KEY}/1/*))", "tree of scripts"),
        (f"tr(musig({KEY},{KEY})/0/*)", "musig()"),
        (f"multi(1,{KEY}/0/*)", "has no address"),
        (f"pk({KEY}/0/*)", "has no address"),
        (f"sh(tr({KEY}/0/*))", "may not stand within"),
        (f"wpkh({KEY}/0/*", "not complete"),
        (f"hello({KEY}/0/*)", "not an output descriptor"),
        (f"wpkh({KEY[:-1]}/0/*)", "wrong checksum"),
        (f"sh(wpkh({exported(ACCOUNT, ZPUB)}/0/*))", "one of the two is wrong"),
    ],
)
def test_what_cannot_be_derived_is_refused_by_name_and_not_repeated(text: str, reason: str) -> None:
    assert reason in refusal(text)


def test_a_multisig_has_at_most_as_many_keys_as_libwally_reads() -> None:
    assert len(found(f"wsh(multi(2,{','.join([KEY + '/0/*'] * 15)}))").branches) == 2
    assert "more than 15 keys" in refusal(f"wsh(multi(2,{','.join([KEY + '/0/*'] * 16)}))")


def test_a_descriptor_is_of_its_network_and_of_bitcoin() -> None:
    assert "an xpub is of mainnet" in refusal(f"wpkh({KEY}/0/*)", BTC_TESTNET)
    assert "bsc is none of them" in refusal(f"wpkh({KEY}/0/*)", only=("bsc",))
