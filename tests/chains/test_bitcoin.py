"""An address stands for the script that the BIPs say, or for none."""

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from hdscan.chains.bitcoin import script_pubkey
from hdscan.model.errors import InputError
from tests.keys.given import BTC, BTC_TESTNET

MAIN, TEST = wallycore.WALLY_NETWORK_BITCOIN_MAINNET, wallycore.WALLY_NETWORK_BITCOIN_TESTNET


def script(address: str) -> bytes:
    """The script on whichever of the networks the address is of."""
    try:
        return script_pubkey(BTC, address)
    except InputError:
        return script_pubkey(BTC_TESTNET, address)


@given(st.binary(min_size=20, max_size=20), st.sampled_from([(0x00, MAIN), (0x05, MAIN), (0x6F, TEST), (0xC4, TEST)]))
def test_base58_is_what_libwally_says(hashed: bytes, form: tuple[int, int]) -> None:
    version, network = form
    address = wallycore.base58check_from_bytes(bytes([version]) + hashed)
    assert script(address) == bytes(wallycore.address_to_scriptpubkey(address, network))


@given(
    st.sampled_from([b"\x00\x14", b"\x00\x20", b"\x51\x20"]),
    st.binary(min_size=32, max_size=32),
    st.sampled_from(["bc", "tb", "bcrt"]),
)
def test_segwit_is_what_libwally_says(head: bytes, program: bytes, hrp: str) -> None:
    wanted = head + program[: head[1]]
    address = wallycore.addr_segwit_from_bytes(wanted, hrp, 0)
    assert script(address) == script(address.upper()) == wanted


@pytest.mark.parametrize(
    ("address", "wanted"),
    [  # BIP-173 and BIP-350
        ("BC1QW508D6QEJXTDG4Y5R3ZARVARY0C5XW7KV8F3T4", "0014751e76e8199196d454941c45d1b3a323f1433bd6"),
        (
            "tb1qrp33g0q5c5txsp9arysrx4k6zdkfs4nce4xj0gdcccefvpysxf3q0sl5k7",
            "00201863143c14c5166804bd19203356da136c985678cd4d27a1b8c6329604903262",
        ),
        ("BC1SW50QGDZ25J", "6002751e"),
        ("bc1zw508d6qejxtdg4y5r3zarvaryvaxxpcs", "5210751e76e8199196d454941c45d1b3a323"),
        (
            "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqzk5jj0",
            "512079be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
        ),
    ],
)
def test_the_published_addresses(address: str, wanted: str) -> None:
    assert script(address).hex() == wanted


@pytest.mark.parametrize(
    "address",
    [  # BIP-350, invalid addresses
        "tc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq5zuyut",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqh2y7hd",
        "tb1z0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vqglt7rf",
        "BC1S0XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ54WELL",
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kemeawh",
        "tb1q0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq24jc47",
        "bc1p38j9r5y49hruaue7wxjce0updqjuyyx0kh56v8s25huc6995vvpql3jow4",
        "BC130XLXVLHEMJA6C4DQV22UAPCTQUPFHLXM9H8Z3K2E72Q4K9HCZ7VQ7ZWS8R",
        "bc1pw5dgrnzv",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v8n0nx0muaewav253zgeav",
        "BC1QR508D6QEJXTDG4Y5R3ZARVARYV98GJ9P",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vq47Zagq",
        "bc1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7v07qwwzcrf",
        "tb1p0xlxvlhemja6c4dqv22uapctqupfhlxm9h8z3k2e72q4k9hcz7vpggkg4j",
        "bc1gmk9yu",
        "",
        "1",
        "bc1",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNb",
        "11A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "LVg2kJoFNg45Nbpy53h7Fe1wKyeXVRhMH9",
        "0x0000000000000000000000000000000000000001",
    ],
)
def test_what_is_no_address_is_refused_without_being_quoted(address: str) -> None:
    with pytest.raises(InputError, match=r"^(has|holds|is|contains|mixes) ") as caught:
        script(address)
    assert not address or address not in str(caught.value)


@given(st.text(max_size=100) | st.text("bctr1qpzry9x8gf2tvdw0s3jn54khce6mua7l", max_size=95))
def test_any_text_is_a_script_or_an_input_error(text: str) -> None:
    try:
        found = script(text)
    except InputError:
        return
    assert 4 <= len(found) <= 42
