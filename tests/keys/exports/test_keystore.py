"""Ethereum's keystore files."""

import json

import pytest

from tests.keys.given import BTC
from tests.keys.wallets import Options, only, refusal

ADDRESS = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed"
CIPHER = "d172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c"


def keystore(address: object = ADDRESS[2:].lower(), crypto: str = "crypto") -> str:
    return json.dumps({"address": address, crypto: {"ciphertext": CIPHER, "cipher": "aes-128-ctr"}, "version": 3, "id": "x"})


@pytest.mark.parametrize("text", [keystore(), keystore(ADDRESS), keystore(crypto="Crypto")])
def test_a_keystore_is_its_address(text: str) -> None:
    assert [(entry.chain, entry.address) for entry in only(text).listed] == [("bsc", ADDRESS)]


@pytest.mark.parametrize(("address", "sentence"), [(None, "is missing"), (7, "is not text"), ("12", "no chain")])
def test_a_keystore_without_an_address_is_refused(address: object, sentence: str) -> None:
    assert sentence in refusal(keystore(address), CIPHER)


def test_a_keystore_of_no_configured_chain_is_refused() -> None:
    assert "no chain that is configured" in refusal(keystore(), CIPHER, options=Options(chains={"btc": BTC}))
