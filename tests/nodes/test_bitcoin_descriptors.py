"""Descriptors of every kind beside bitcoind's `deriveaddresses` and BDK: 200 receiving and 200 change addresses of each."""

from collections.abc import Iterator
from typing import Any

import pytest
import wallycore

from hdscan.keys.checksum import with_checksum
from hdscan.keys.derive import derive
from hdscan.keys.descriptor import of_descriptor
from hdscan.keys.export import exported
from hdscan.keys.options import Options
from hdscan.model.chain import Chain, Family, Network
from hdscan.model.errors import KeyFault
from hdscan.model.wallet import Role
from tests.nodes.ask import ask
from tests.nodes.bdk import library
from tests.nodes.bitcoin import command
from tests.nodes.process import free_port, running

COUNT = 200  # addresses of a branch
H = 0x80000000
CHAINS = {
    "main": Chain("btc", Family.BITCOIN, Network.MAINNET, "BTC", 8, "", 1),
    "test": Chain("btc", Family.BITCOIN, Network.TESTNET, "BTC", 8, "", 1),
}
PUBLIC = "02c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"  # twice the generator of secp256k1
KINDS = (  # A, B, C are account keys with their origins, P a public key; the path of a branch follows
    "pkh(A)",
    "wpkh(A)",
    "sh(wpkh(A))",
    "tr(A)",
    "rawtr(A)",
    "sh(pk(A))",
    "sh(pkh(A))",
    "wsh(pk(A))",
    "wsh(pkh(A))",
    "sh(wsh(pkh(A)))",
    "sh(multi(2,A,B,C))",
    "sh(sortedmulti(2,A,B,C))",
    "wsh(multi(1,A,B))",
    "wsh(sortedmulti(2,A,B,C))",
    "sh(wsh(multi(2,A,B)))",
    "sh(wsh(sortedmulti(2,A,B,C)))",
    "wsh(multi(2,P,A))",
    "wsh(or_d(pk(A),and_v(v:pkh(B),older(52560))))",
    "wsh(andor(pk(A),older(1000),and_v(v:pk(B),after(800000))))",
    "wsh(thresh(2,pk(A),s:pk(B),sln:older(4032)))",
    f"wsh(and_v(v:pk(A),sha256({'6c' * 32})))",
    f"wsh(or_i(and_v(v:pkh(A),hash160({'6c' * 20})),pk(B)))",
    "sh(wsh(and_v(v:pk(A),or_d(pk(B),older(12960)))))",
)


def key(letter: str, network: str) -> str:
    """The public key of an account of a seed of its own, with its origin."""
    main = network == "main"
    version = wallycore.BIP32_VER_MAIN_PRIVATE if main else wallycore.BIP32_VER_TEST_PRIVATE
    root = wallycore.bip32_key_from_seed(letter.encode() * 32, version, 0)
    account = wallycore.bip32_key_from_parent_path(root, [H + 48, H + (not main), H, H + 2], wallycore.BIP32_FLAG_KEY_PUBLIC)
    fingerprint = bytes(wallycore.bip32_key_get_fingerprint(root)).hex()
    extended = wallycore.bip32_key_to_base58(account, wallycore.BIP32_FLAG_KEY_PUBLIC)
    return f"[{fingerprint}/48h/{0 if main else 1}h/0h/2h]{extended}"


def written(kind: str, network: str, branch: str) -> str:
    """A descriptor of a kind with the keys of a network, and this path below each."""
    for letter in "ABC":
        kind = kind.replace(f"({letter}", f"({{{letter}}}").replace(f",{letter}", f",{{{letter}}}")
    kind = kind.replace("P", PUBLIC)
    return kind.format(**{letter: f"{key(letter, network)}/{branch}/*" for letter in "ABC"})


@pytest.fixture(scope="module", params=CHAINS)
def node(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str]]:
    """The name of a network, and the URL of a node of it that knows no other."""
    home, port = tmp_path_factory.mktemp("descriptors"), free_port()
    options = ("disablewallet", "rpcuser=test", "rpcpassword=test")
    with running(command(home, port, *options, chain=request.param), home) as process:
        url = f"http://test:test@127.0.0.1:{port}"
        assert process.until(lambda: ask(url, "getblockchaininfo"), "a bitcoind that answers")["chain"] == request.param
        yield request.param, url


def node_derives(url: str, descriptor: str, count: int = COUNT) -> Any:
    checksum = ask(url, "getdescriptorinfo", descriptor)["checksum"]
    assert with_checksum(descriptor) == f"{descriptor}#{checksum}"
    return ask(url, "deriveaddresses", f"{descriptor}#{checksum}", [0, count - 1])


def bdk_derives(network: str, descriptor: str) -> list[str]:
    bdk = library()
    kind, of = ("MAIN", "BITCOIN") if network == "main" else ("TEST", "TESTNET")
    parsed = bdk.Descriptor(descriptor, getattr(bdk.NetworkKind, kind))
    wallet = bdk.Wallet.create_single(parsed, getattr(bdk.Network, of), bdk.Persister.new_in_memory())
    return [str(wallet.peek_address(bdk.KeychainKind.EXTERNAL, position).address) for position in range(COUNT)]


@pytest.mark.parametrize("kind", KINDS)
def test_every_address_is_that_of_bitcoind_and_of_bdk(node: tuple[str, str], kind: str) -> None:
    network, url = node
    chain = CHAINS[network]
    wallet = of_descriptor(written(kind, network, "<0;1>"), Options(chains={chain.id: chain}, count=COUNT))
    assert [branch.role for branch in wallet.branches] == list(Role)
    for number, branch in enumerate(wallet.branches):
        descriptor = written(kind, network, str(number))
        assert list(branch.addresses) == node_derives(url, descriptor)
        if not kind.startswith("rawtr("):  # which rust-miniscript does not have
            assert list(branch.addresses) == bdk_derives(network, descriptor)
        assert branch.source is not None
        far = ask(url, "deriveaddresses", with_checksum(branch.source), [2**31 - 3, 2**31 - 2])
        assert derive(chain, branch.source, 2**31 - 3, 2) == far


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_exported_is_read_back_by_bitcoind_and_here(node: tuple[str, str], kind: str) -> None:
    network, url = node
    options = Options(chains={"btc": CHAINS[network]}, count=3)
    wallet = of_descriptor(written(kind, network, "<0;1>"), options)
    (text,) = exported(wallet.branches)
    assert of_descriptor(text, options) == wallet
    both = ask(url, "deriveaddresses", text, [0, 2])
    assert both == [list(branch.addresses) for branch in wallet.branches]


def test_a_combo_has_the_addresses_of_bitcoind_s(node: tuple[str, str]) -> None:
    network, url = node
    chain = CHAINS[network]
    wallet = of_descriptor(written("combo(A)", network, "<0;1>"), Options(chains={chain.id: chain}, count=20))
    theirs = [node_derives(url, written("combo(A)", network, str(branch)), 20) for branch in (0, 1)]
    for role, addresses in zip(Role, theirs, strict=True):
        ours = {address for branch in wallet.branches if branch.role is role for address in branch.addresses}
        assert ours == set(addresses)


@pytest.mark.parametrize(
    "kind",
    [
        "wsh(and_v(pk(A),pk(B)))",
        "wsh(or_c(pk(A),v:pk(B)))",
        "wsh(pk_k(A))",
        "wsh(thresh(3,pk(A),s:pk(B)))",
        "wsh(or_d(sortedmulti(1,A,B),pk(C)))",
        "wsh(multi_a(1,A,B))",
        "wsh(and_v(v:pk(A),older(2147483648)))",
        "wsh(and_v(v:pk(A),sha256(6c)))",
        "wsh(pk(A),pk(B))",
        "wpkh(A,B)",
        "sh(or_d(pk(A),pk(B)))",
        "sh(multi(4,A,B,C))",
        "wsh(older(0))",
    ],
)
def test_what_bitcoind_refuses_for_its_form_is_refused(node: tuple[str, str], kind: str) -> None:
    network, url = node
    descriptor = written(kind, network, "0")
    with pytest.raises(ValueError, match="getdescriptorinfo"):
        ask(url, "getdescriptorinfo", descriptor)
    with pytest.raises(KeyFault):
        of_descriptor(descriptor, Options(chains={"btc": CHAINS[network]}))
