from hdscan.chains.keccak import checksummed, keccak256
from tests.keys.given import vectors


def test_keccak_is_the_one_before_fips_202() -> None:
    # Keccak team, KeccakKAT, ShortMsgKAT_256, Len = 0; SHA3-256 of nothing begins with a7ffc6f8
    assert keccak256(b"").hex() == "c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470"


def test_published_checksums() -> None:
    for address in vectors("eip55")["addresses"]:
        assert checksummed(address[2:].lower()) == address
