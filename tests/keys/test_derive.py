"""Addresses by position from a branch's source."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hdscan.keys.address import canonical
from hdscan.keys.derive import derive
from hdscan.model.chain import Chain
from hdscan.model.errors import InputError, KeyFault
from tests.keys.given import BSC, BTC, BTC_TESTNET, TPUB, TRON, H, exported

KEY, TEST_KEY, EVM_KEY = exported([H + 84, H, H]), exported([H + 84, H + 1, H], TPUB), exported([H + 44, H + 60, H])
SOURCES = [
    *((BTC, kind.format(f"{KEY}/0/*")) for kind in ("pkh({})", "sh(wpkh({}))", "wpkh({})", "tr({})")),
    (BTC_TESTNET, f"wpkh([73c5da0a/84h/1h/0h]{TEST_KEY}/1/*)"),
    (BTC, f"wsh(sortedmulti(1,{KEY}/0/*,{EVM_KEY}/0/*))"),
    (BTC_TESTNET, f"sh(multi(1,{TEST_KEY}/0/*,{TEST_KEY}/1/*))"),
    (BSC, f"[73c5da0a/44h/60h/0h]{EVM_KEY}/0/*"),
    (TRON, f"{EVM_KEY}/*"),
]


@pytest.mark.parametrize(("start", "count"), [(-1, 1), (0, -1), (2**31, 1), (2**31 - 1, 2), (0, 2**31 + 1)])
@pytest.mark.parametrize(("chain", "source"), SOURCES)
def test_positions_out_of_bounds_are_refused(chain: Chain, source: str, start: int, count: int) -> None:
    with pytest.raises(InputError, match="2147483647"):
        derive(chain, source, start, count)


@pytest.mark.parametrize(("chain", "source"), SOURCES)
def test_the_highest_position_is_derived(chain: Chain, source: str) -> None:
    (address,) = derive(chain, source, 2**31 - 1, 1)
    assert canonical(chain, address) == address
    assert derive(chain, source, 2**31, 0) == []


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31 - 20), st.integers(0, 19), st.sampled_from(SOURCES))
def test_derived_addresses_are_canonical_and_their_order_does_not_matter(
    start: int, count: int, branch: tuple[Chain, str]
) -> None:
    chain, source = branch
    derived = derive(chain, source, start, count)
    assert len(derived) == count
    for offset, address in enumerate(derived):
        assert canonical(chain, address) == address
        assert derive(chain, source, start + offset, 1) == [address]


@pytest.mark.parametrize("source", ["", "wpkh()", f"wpkh({KEY}/0/*", "wpkh(x/*)", f"{KEY}/0/*", f"wsh({KEY}/*)"])
def test_what_is_no_source_is_refused(source: str) -> None:
    with pytest.raises(KeyFault):
        derive(BTC, source, 0, 1)
