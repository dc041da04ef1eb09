"""Tron's addresses: base58check with 0x41 around the 20 bytes of an EVM chain's, and nothing else is taken for one."""

import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st

from hdscan.chains import family_of
from hdscan.chains.tron import hexadecimal
from hdscan.keys.account import of_key
from hdscan.keys.address import canonical
from hdscan.keys.seed import of_seed
from hdscan.model.errors import ConfigError, InputError
from tests.keys.given import BSC, BTC, MNEMONIC, SOL, TRON, H, exported, options, repeats, vectors

PUBLISHED = vectors("tron")
USDT = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t"
FAMILY = family_of(TRON)


def test_the_published_addresses_are_derived_from_the_mnemonic() -> None:
    branch = of_seed(MNEMONIC, "", options(TRON)).branches[0]
    found = [[address, str(branch.path).format(position)] for position, address in enumerate(branch.addresses)]
    assert found[:3] == PUBLISHED["derived"]


def test_an_account_key_gives_what_the_mnemonic_gives() -> None:
    from_key = of_key(exported([H + 44, H + 195, H]), options(TRON, only=("tron",))).branches[0]
    assert from_key.addresses == of_seed(MNEMONIC, "", options(TRON)).branches[0].addresses


@pytest.mark.parametrize(("text", "address"), PUBLISHED["hexadecimal"].items())
def test_both_published_forms_of_an_address_are_kept_as_one(text: str, address: str) -> None:
    assert canonical(TRON, text) == canonical(TRON, address) == address
    assert hexadecimal(address) == "0x" + text[2:].lower()


@given(st.binary(min_size=20, max_size=20))
def test_every_account_has_one_address(account: bytes) -> None:
    address = canonical(TRON, "41" + account.hex())
    assert FAMILY.form.fullmatch(address)
    assert canonical(TRON, address) == address
    assert hexadecimal(address) == "0x" + account.hex()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is empty"),
        (USDT[:-1], "has a wrong checksum: mistyped or cut off"),
        (USDT[:-1] + "u", "has a wrong checksum: mistyped or cut off"),
        (USDT.lower(), "contains 'l' as character"),
        ("0xa614f803b6fd780986a42c78ec9c7f77e6ded13c", "looks like an EVM address where a Tron address is expected"),
        ("a614f803b6fd780986a42c78ec9c7f77e6ded13c", "contains '0' as character 7"),
        ("41a614f803b6fd780986a42c78ec9c7f77e6ded1", "contains '0' as character 9"),
        ("1LqBGSKuX5yYUonjxT5qGfpUsXKYYWeabA", "looks like a Bitcoin address where a Tron address is expected"),
        ("LUWPbpM43E2p7ZSh8cyTBEkvpHmr3cB8Ez", "is an address of another coin (version byte 0x30)"),
        (wallycore.base58check_from_bytes(b"\x41" + bytes(21)), "holds 22 bytes where a Tron address holds 21"),
    ],
)
def test_anything_else_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(InputError) as caught:
        canonical(TRON, text)
    assert reason in str(caught.value)
    assert not text or not repeats(caught.value, text)


@pytest.mark.parametrize("chain", [BTC, BSC, SOL], ids=lambda chain: chain.id)
def test_a_tron_address_is_none_of_another_family(chain: object) -> None:
    with pytest.raises(InputError, match=r"looks like a Tron address where a\w* \w+ address is expected"):
        canonical(chain, USDT)  # type: ignore[arg-type]  # parametrized


def test_a_chain_is_known_by_its_chain_id_and_a_token_by_its_address() -> None:
    assert FAMILY.identity(728126428, None) == "728126428"
    for given_id, genesis in ((None, None), (1, "00")):
        with pytest.raises(ConfigError, match="a tron chain is known by its chain_id"):
            FAMILY.identity(given_id, genesis)
    FAMILY.check_contract(USDT)
    for text in (USDT[:-1], "0xa614f803b6fd780986a42c78ec9c7f77e6ded13c", "LUWPbpM43E2p7ZSh8cyTBEkvpHmr3cB8Ez", ""):
        with pytest.raises(ConfigError, match="contract has to be the token's address, T… in base58check"):
            FAMILY.check_contract(text)
    with pytest.raises(ConfigError, match="read_at is for EVM chains only"):
        FAMILY.read_at("finalized", "confirmed")
