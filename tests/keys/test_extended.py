import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from hdscan.chains import Script
from hdscan.keys.extended import HARDENED, parse
from hdscan.model.chain import Network
from hdscan.model.errors import KeyFault
from tests.keys.given import repeats, vectors, versioned

BIP32 = vectors("bip32")
CHAINS = [(vector["seed"], *key) for vector in BIP32["vectors"] for key in vector["keys"]]
ACCOUNTS = vectors("accounts")["accounts"]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


def refusal(text: str) -> str:
    with pytest.raises(KeyFault) as caught:
        parse(text)
    assert not repeats(caught.value, text)
    return str(caught.value)


def steps(path: str) -> list[int]:
    return [int(step.rstrip("'")) + (HARDENED if step.endswith("'") else 0) for step in path.split("/")[1:]]


@pytest.mark.parametrize(("seed", "path", "public", "private"), CHAINS)
def test_published_keys_are_read_and_are_those_of_their_seed(seed: str, path: str, public: str, private: str) -> None:
    key = parse(f" {public}\n")
    assert (key.prefix, key.network, key.script, key.depth) == ("xpub", Network.MAINNET, None, len(steps(path)))
    assert key.child == (steps(path) or [0])[-1]
    assert wallycore.bip32_key_to_base58(key.wally, wallycore.BIP32_FLAG_KEY_PUBLIC) == public
    root = wallycore.bip32_key_from_seed(bytes.fromhex(seed), wallycore.BIP32_VER_MAIN_PRIVATE, 0)
    derived = wallycore.bip32_key_from_parent_path(root, steps(path), 0) if steps(path) else root
    assert wallycore.bip32_key_to_base58(derived, wallycore.BIP32_FLAG_KEY_PUBLIC) == public
    assert wallycore.bip32_key_to_base58(derived, 0) == private


def test_unhardened_published_children_follow_from_the_public_parent() -> None:
    for vector in BIP32["vectors"]:
        for (_, parent, _), (path, child, _) in zip(vector["keys"], vector["keys"][1:], strict=False):
            if steps(path)[-1] < HARDENED:
                below = wallycore.bip32_key_from_parent(parse(parent).wally, steps(path)[-1], wallycore.BIP32_FLAG_KEY_PUBLIC)
                assert wallycore.bip32_key_to_base58(below, wallycore.BIP32_FLAG_KEY_PUBLIC) == child


@pytest.mark.parametrize(("reason", "text"), BIP32["invalid"])
def test_published_invalid_keys_are_refused(reason: str, text: str) -> None:
    said = refusal(text)
    assert ("extended private key" in said) == (text[1:4] == "prv")
    assert ("not valid" in said) == (text[1:4] == "pub")


@pytest.mark.parametrize("private", [key[3] for key in CHAINS] + [account["private"] for account in ACCOUNTS])
def test_private_keys_are_refused_whole_or_damaged(private: str) -> None:
    assert "extended private key" in refusal(private)
    assert "extended private key" in refusal(private[:-1])
    assert "extended private key" in refusal(f'  {private}"')


@pytest.mark.parametrize(
    ("version", "prefix", "network", "script"),
    [  # SLIP-0132, section 'Registered HD version bytes'
        (0x0488B21E, "xpub", Network.MAINNET, None),
        (0x049D7CB2, "ypub", Network.MAINNET, Script.P2SH_P2WPKH),
        (0x04B24746, "zpub", Network.MAINNET, Script.P2WPKH),
        (0x043587CF, "tpub", Network.TESTNET, None),
        (0x044A5262, "upub", Network.TESTNET, Script.P2SH_P2WPKH),
        (0x045F1CF6, "vpub", Network.TESTNET, Script.P2WPKH),
    ],
)
def test_the_version_says_network_and_script(version: int, prefix: str, network: Network, script: Script | None) -> None:
    text = versioned(CHAINS[0][2], version)
    key = parse(text)
    assert text.startswith(prefix)
    assert (key.prefix, key.network, key.script) == (prefix, network, script)


@pytest.mark.parametrize(
    ("version", "prefix"), [(0x0295B43F, "Ypub"), (0x02AA7ED3, "Zpub"), (0x024289EF, "Upub"), (0x02575483, "Vpub")]
)
def test_keys_of_multisig_wallets_say_so(version: int, prefix: str) -> None:
    text = versioned(CHAINS[0][2], version)
    assert text.startswith(prefix)
    assert str(parse(text).multisig).endswith("wsh")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("", "not an extended public key"),
        ("1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa", "not an extended public key"),
        ("KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d", "private key (WIF)"),
        (vectors("accounts")["mnemonic"], "mnemonic"),
        (CHAINS[0][2][:-1], "wrong checksum"),
        (CHAINS[0][2] + "\0", "wrong checksum"),
        (wallycore.base58check_from_bytes(bytes.fromhex("0488b21e") + bytes(73)), "not an extended public key"),
        (versioned(CHAINS[0][2], 0x02FDA926), "of another coin"),  # dpub, Decred
    ],
)
def test_what_is_no_extended_key_is_refused(text: str, name: str) -> None:
    assert name in refusal(text)


def test_a_key_does_not_print_itself() -> None:
    assert repr(parse(CHAINS[0][2])) == "<extended public key of depth 0>"


@given(st.sampled_from(CHAINS), st.integers(0, 110), st.sampled_from(BASE58))
def test_a_changed_character_is_never_accepted(key: tuple[str, ...], position: int, other: str) -> None:
    public = key[2]
    if public[position] != other:
        refusal(public[:position] + other + public[position + 1 :])
