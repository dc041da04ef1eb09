import re

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from hdscan.keys.address import canonical
from hdscan.model.chain import Chain, Network
from hdscan.model.errors import InputError
from tests.keys.given import BSC, BTC, BTC_TESTNET, SOL, repeats, vectors

SEGWIT = vectors("segwit")
EIP55 = vectors("eip55")["addresses"]
BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
BECH32 = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
P2PKH = "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa"
P2SH_TESTNET = "2Mww8dCYPUpKHofjgcXcBCEGmniw9CoaiD2"
USDC = "EPjFWdd5AufqSSqeM2qN1xzybapC8G4wEGGkZwyTDt1v"
WIF = "KyZpNDKnfs94vbrwhJneDi77V6jF64PWPF8x5cdJb8ifgg2DUc9d"  # BIP-84, first receiving address


def bitcoin(network: str) -> Chain:
    return BTC if network == "mainnet" else BTC_TESTNET


def refusal(chain: Chain, text: str) -> str:
    with pytest.raises(InputError) as caught:
        canonical(chain, text)
    assert not repeats(caught.value, text)
    return str(caught.value)


@st.composite
def bitcoin_addresses(draw: st.DrawFn) -> tuple[Chain, str]:
    network = draw(st.sampled_from(Network))
    mainnet = network is Network.MAINNET
    version = draw(st.sampled_from([0, 1, 2, 16, None]))
    if version is None:
        prefix = draw(st.sampled_from([0x00, 0x05] if mainnet else [0x6F, 0xC4]))
        return bitcoin(network), wallycore.base58check_from_bytes(bytes([prefix]) + draw(st.binary(min_size=20, max_size=20)))
    size = draw(st.sampled_from([20, 32]) if version == 0 else st.just(32) if version == 1 else st.integers(2, 40))
    program = draw(st.binary(min_size=size, max_size=size))
    hrp = "bc" if mainnet else draw(st.sampled_from(["tb", "bcrt"]))
    opcode = bytes([version and version + 0x50, size])
    text = wallycore.addr_segwit_from_bytes(opcode + program, hrp, 0)
    return bitcoin(network), draw(st.sampled_from([text, text.upper()]))


@pytest.mark.parametrize(("network", "text"), SEGWIT["valid"])
def test_published_segwit_addresses_become_lower_case(network: str, text: str) -> None:
    assert canonical(bitcoin(network), text) == text.lower()


@pytest.mark.parametrize(("text", "reason"), SEGWIT["invalid"])
@pytest.mark.parametrize("network", Network)
def test_published_invalid_segwit_addresses_are_refused_with_their_reason(network: Network, text: str, reason: str) -> None:
    assert reason in refusal(bitcoin(network), text)


def test_witness_version_1_holds_32_bytes() -> None:
    for text in next(value for key, value in SEGWIT.items() if key.startswith("well formed")):
        assert "where witness version 1 holds 32" in refusal(BTC, text)


def test_base58_bitcoin_addresses_stay_as_they_are() -> None:
    assert canonical(BTC, P2PKH) == P2PKH
    assert canonical(BTC_TESTNET, P2SH_TESTNET) == P2SH_TESTNET


def test_regtest_and_signet_addresses_are_taken_on_a_testnet_only() -> None:
    regtest = wallycore.addr_segwit_from_bytes(b"\x00\x14" + bytes(20), "bcrt", 0)
    assert canonical(BTC_TESTNET, regtest) == regtest
    assert "another network than mainnet, which HDSCAN_NETWORK chooses" in refusal(BTC, regtest)


@pytest.mark.parametrize(
    ("chain", "text", "reason"),
    [
        (BTC, "", "is empty"),
        (BTC, P2SH_TESTNET, "another network than mainnet"),
        (BTC_TESTNET, P2PKH, "another network than testnet"),
        (BTC_TESTNET, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu", "another network than testnet"),
        (BTC, wallycore.base58check_from_bytes(b"\x30" + bytes(20)), "another coin (version byte 0x30)"),
        (BTC, wallycore.base58check_from_bytes(bytes(20)), "holds 20 bytes where a Bitcoin address holds 21"),
        (BTC, P2PKH[:-1] + "b", "wrong checksum"),
        (BTC, P2PKH[:-1], "wrong checksum"),
        (BTC, P2PKH.replace("z", "0"), "contains '0' as character 4, which base58 does not have"),
        (BTC, P2PKH + "\0", "contains U+0000 as character 35"),
        (BTC, P2PKH[:5] + "\u200b" + P2PKH[5:], "contains U+200B as character 6"),
        (BTC, "ltc1qw508d6qejxtdg4y5r3zarvary0c5xw7kgmn4n9", "has the prefix ltc1"),
        (BTC, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu\0", "contains U+0000 as character 43"),
        (BTC, "bc1qcr8te4kr609gcawutmrza0j4xv80jy8z306fyu,x", "contains ',' as character 43"),
        (BTC, "bc1" + "q" * 88, "longer than the 90 characters"),
        (BTC, EIP55[0], "looks like an EVM address where a Bitcoin address"),
        (BTC, USDC, "looks like a Solana address where a Bitcoin address"),
        (BSC, "", "is empty"),
        (BSC, EIP55[0][2:], "does not begin with 0x"),
        (BSC, "0X" + EIP55[0][2:], "does not begin with 0x"),
        (BSC, EIP55[0][:-1], "has 39 hexadecimal digits"),
        (BSC, EIP55[0] + "00", "has 42 hexadecimal digits"),
        (BSC, EIP55[0][:-1] + "g", "contains 'g' as character 42"),
        (BSC, EIP55[0][:-1] + "D", "wrong EIP-55 checksum"),
        (BSC, EIP55[0] + "\n", "contains U+000A as character 43"),
        (BSC, P2PKH, "looks like a Bitcoin address where an EVM address"),
        (SOL, "", "is empty"),
        (SOL, USDC[:-2], "32 bytes"),
        (SOL, USDC + "1", "32 bytes"),
        (SOL, "1" * 36, "32 bytes"),
        (SOL, USDC[:-1] + "l", "contains 'l' as character 44"),
        (SOL, EIP55[0], "looks like an EVM address where a Solana address"),
    ],
)
def test_a_refusal_says_what_is_wrong(chain: Chain, text: str, reason: str) -> None:
    assert reason in refusal(chain, text)


@pytest.mark.parametrize("chain", [BTC, BTC_TESTNET, BSC, SOL], ids=["btc", "testnet", "bsc", "sol"])
@pytest.mark.parametrize(
    ("secret", "name"),
    [
        (WIF, "private key (WIF)"),
        (vectors("accounts")["accounts"][1]["private"], "extended private key"),
        (vectors("accounts")["accounts"][1]["account"], "extended public key"),
        (vectors("accounts")["mnemonic"], "mnemonic"),
        (vectors("bip39")["vectors"][-1][0], "mnemonic"),
        ("e8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35", "64 hexadecimal digits"),
        ("0xe8f32e723decf4051aefac8e2c93c9c5b214313817cdb01a1494b917c8436b35", "64 hexadecimal digits"),
        ("6PRVWUbkzzsbcVac2qwfssoUJAN1Xhrg6bNk8J7Nzm5H7kxEbn2Nh2ZoGg", "BIP-38"),
        (wallycore.base58_from_bytes(bytes(range(150, 214)), 0), "64 bytes of base58"),
        (str(list(range(64))), "list of bytes"),
    ],
)
def test_a_secret_is_recognised_and_not_repeated(chain: Chain, secret: str, name: str) -> None:
    assert name in refusal(chain, secret)


@pytest.mark.parametrize("text", EIP55)
def test_evm_addresses_get_their_published_checksum(text: str) -> None:
    assert canonical(BSC, text) == text
    assert canonical(BSC, text.lower()) == text
    assert canonical(BSC, "0x" + text[2:].upper()) == text


@given(bitcoin_addresses())
def test_canonical_bitcoin_addresses_are_fixed_points(given: tuple[Chain, str]) -> None:
    chain, text = given
    once = canonical(chain, text)
    assert once == (text.lower() if re.match("(?i)bc1|tb1|bcrt1", text) else text)
    assert canonical(chain, once) == once


@given(bitcoin_addresses(), st.data())
def test_a_changed_character_is_never_accepted(given: tuple[Chain, str], data: st.DataObject) -> None:
    chain, text = given
    base58 = not re.match("(?i)bc1|tb1|bcrt1", text)
    position = data.draw(st.integers(0 if base58 else text.index("1") + 1, len(text) - 1))
    alphabet = BASE58 if base58 else BECH32.upper() if text.isupper() else BECH32
    other = data.draw(st.sampled_from(alphabet.replace(text[position], "")))
    refusal(chain, text[:position] + other + text[position + 1 :])


@given(bitcoin_addresses(), st.data())
def test_a_cut_or_doubled_character_is_never_accepted(given: tuple[Chain, str], data: st.DataObject) -> None:
    chain, text = given
    if text.startswith("1"):
        return  # base58check cannot tell leading ones of too long a text apart from it; its length of 21 bytes can, below
    position = data.draw(st.integers(0, len(text) - 1))
    with pytest.raises(InputError):
        canonical(chain, text[:position] + text[position + 1 :])
    with pytest.raises(InputError):
        canonical(chain, text[:position] + text[position] + text[position:])


def test_a_base58_address_has_exactly_21_bytes() -> None:
    with pytest.raises(InputError):
        canonical(BTC, "1" + P2PKH)
    with pytest.raises(InputError):
        canonical(BTC, P2PKH[1:])


@given(st.binary(min_size=20, max_size=20))
def test_every_form_of_an_evm_address_has_one_canonical(body: bytes) -> None:
    once = canonical(BSC, "0x" + body.hex())
    assert once.lower() == "0x" + body.hex()
    assert canonical(BSC, once) == canonical(BSC, "0x" + body.hex().upper()) == once


@given(st.binary(min_size=20, max_size=20), st.data())
def test_a_wrong_case_is_never_accepted(body: bytes, data: st.DataObject) -> None:
    right = canonical(BSC, "0x" + body.hex())
    letters = [position for position in range(2, 42) if right[position].isalpha()]
    if letters:
        at = data.draw(st.sampled_from(letters))
        wrong = right[:at] + right[at].swapcase() + right[at + 1 :]
        if wrong[2:] not in (wrong[2:].lower(), wrong[2:].upper()):
            assert "EIP-55" in refusal(BSC, wrong)


@given(st.binary(min_size=32, max_size=32))
def test_any_32_bytes_are_a_solana_address_also_off_the_curve(key: bytes) -> None:
    text = str(Pubkey(key))
    assert canonical(SOL, text) == text


@given(st.binary(max_size=64).filter(lambda key: len(key) != 32))
def test_no_other_number_of_bytes_is_a_solana_address(key: bytes) -> None:
    with pytest.raises(InputError):
        canonical(SOL, wallycore.base58_from_bytes(key, 0) if key else "")


@given(
    st.text(max_size=120),
    st.sampled_from([BTC, BTC_TESTNET, BSC, SOL]),
    st.sampled_from(["", "bc1", "tb1q", "0x", "1", "xpub"]),
)
def test_no_text_makes_anything_but_an_input_error(text: str, chain: Chain, prefix: str) -> None:
    said = ""
    try:
        said = canonical(chain, prefix + text)
    except InputError as error:
        said = str(error)
    assert said.isascii()
    assert said.isprintable()
