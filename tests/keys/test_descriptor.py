import pytest

from hdscan.chains.bitcoin import script_pubkey
from hdscan.keys.checksum import with_checksum
from hdscan.keys.derive import derive
from hdscan.keys.descriptor import of_descriptor
from hdscan.model.chain import Chain
from hdscan.model.errors import HdscanError
from hdscan.model.wallet import Found, Role, WalletKind
from tests.keys.given import BTC, BTC_TESTNET, VPUB, YPUB, ZPUB, H, exported, options, repeats, vectors

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
        with_checksum(f"wpkh({ORIGIN}{KEY}/{{0,1}}/*)"),  # as Specter DIY writes it
        f"wpkh({KEY}/1/*) wpkh({KEY}/0/*)",
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
    assert [role for role, _ in firsts(found(f"combo({KEY}/1/*)"))] == [Role.RECEIVE, Role.CHANGE] * 3
    assert firsts(change) == BOTH
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


def test_other_pairs_are_receiving_and_change_too() -> None:
    pair = found(f"wpkh({ORIGIN}{KEY}/<2;3>/*)")
    assert [branch.role for branch in pair.branches] == list(Role)
    assert [branch.path for branch in pair.branches] == ["m/84'/0'/0'/2/{}", "m/84'/0'/0'/3/{}"]
    assert pair.branches == found(f"wpkh({ORIGIN}{KEY}/2/*) wpkh({ORIGIN}{KEY}/3/*)").branches
    assert pair.said == ()


def test_a_branch_whose_sibling_is_not_known_is_taken_alone() -> None:
    for text in (f"wpkh({KEY}/7/*)", f"wsh(multi(2,{KEY}/0/*,{OTHER}/1/*))", f"wpkh({exported([*ACCOUNT, 1])}/*)"):
        assert len(found(text).branches) == 1
    assert found(f"wpkh({exported([*ACCOUNT, 1])}/*)").branches[0].role is Role.CHANGE


def test_keys_of_slip_132_are_converted_where_they_agree_with_the_script() -> None:
    for version, kind in ((ZPUB, "wpkh({})"), (YPUB, "sh(wpkh({}))"), (0x02AA7ED3, "wsh(multi(1,{}))")):
        text = kind.format(f"{exported(ACCOUNT, version)}/<0;1>/*")
        assert found(text).branches == found(kind.format(f"{KEY}/<0;1>/*")).branches
    assert "one of the two is wrong" in refusal(f"wpkh({exported(ACCOUNT, 0x02AA7ED3)}/0/*)")
    assert "one of the two is wrong" in refusal(f"wsh(multi(1,{exported(ACCOUNT, 0x0295B43F)}/0/*))")
    assert found(f"wpkh({exported(ACCOUNT, VPUB)}/**)", BTC_TESTNET).branches[0].addresses[0].startswith("tb1q")


def test_descriptors_without_a_wildcard_are_addresses() -> None:
    for text, addresses in (
        (f"addr({RECEIVE.upper()})", [RECEIVE]),
        (f"wpkh({KEY}/0/0)", [RECEIVE]),
        (f"wpkh({KEY}/<0;1>/0)", [RECEIVE, CHANGE]),
        (f"wpkh({KEY}/0/0) addr({CHANGE}) wpkh({KEY}/0/0)", [RECEIVE, CHANGE]),
        ("raw(0014751e76e8199196d454941c45d1b3a323f1433bd6)", ["bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"]),  # BIP-173
    ):
        wallet = found(text)
        assert [each.address for each in wallet.listed] == addresses
        assert wallet.branches == ()


@pytest.mark.parametrize("number", [0, 2], ids=["compressed", "uncompressed"])
def test_a_combo_has_the_scripts_of_its_key(number: int) -> None:
    text, (script,) = VECTORS["scripts"][number]
    key = text[4:-1]
    scripts = [script_pubkey(BTC, each.address).hex() for each in found(f"combo({key})").listed]
    assert scripts[0] == script
    nested = (
        [next(iter(found(kind.format(key)).listed)).address for kind in ("sh(wpkh({}))", "wpkh({})")] if number == 0 else []
    )
    assert scripts[1:] == [script_pubkey(BTC, address).hex() for address in nested]


def test_the_path_of_several_keys_is_shown_where_it_is_one() -> None:
    same = found(f"wsh(multi(2,[11111111/48h/0h/0h/2h]{KEY}/0/*,[22222222/48h/0h/0h/2h]{OTHER}/0/*))").branches[0]
    other = found(f"wsh(multi(2,[11111111/48h/0h/0h/2h]{KEY}/0/*,[22222222/48h/0h/1h/2h]{OTHER}/0/*))").branches[0]
    assert (same.path, same.style) == ("m/48'/0'/0'/2'/0/{}", "multisig")
    assert other.path is None


def test_what_is_too_much_is_refused() -> None:
    assert "longer than 20,000" in refusal(f"wsh(multi(1,{'0' * 30_000}))")
    assert "longer than 20,000" in refusal(("wpkh( " * 30_000).strip())
    assert "more than 60 functions" in refusal(f"wsh({'and_v(' * 100}")
    assert "more than 1,000 descriptors" in refusal("raw(00) " * 1001)
