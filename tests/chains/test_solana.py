import pytest
import wallycore
from hypothesis import given
from hypothesis import strategies as st
from solders.pubkey import Pubkey

from hdscan.chains import FAMILIES
from hdscan.model.chain import Family
from hdscan.model.errors import ConfigError, InputError
from tests.keys.given import SOL

SOLANA = FAMILIES[Family.SOLANA]


@given(st.binary(min_size=32, max_size=32))
def test_base58_of_32_bytes_is_told_from_any_other_length(key: bytes) -> None:
    text = str(Pubkey(key))
    assert SOLANA.canonical(SOL, text) == text
    assert SOLANA.identity(None, text) == text
    SOLANA.check_contract(text)
    shorter, longer = (wallycore.base58_from_bytes(data, 0) for data in (key[1:], key + b"\x01"))
    for other in ("1" + text, shorter, longer, "0" + text[1:]):
        with pytest.raises(InputError):
            SOLANA.canonical(SOL, other)
        with pytest.raises(ConfigError):
            SOLANA.check_contract(other)
