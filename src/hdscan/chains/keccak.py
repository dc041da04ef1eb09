"""Keccak-256 and the EIP-55 form of an EVM address."""

try:
    from sha3 import keccak_256 as _hash  # 1.3 µs a hash, but no wheel outside of Linux
except ImportError:
    from Crypto.Hash import keccak  # 15 µs

    def _hash(data: bytes) -> keccak.Keccak_Hash:
        return keccak.new(digest_bits=256, data=data)


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 digest as Ethereum uses it (the padding before FIPS 202)."""
    return bytes(_hash(data).digest())


def checksummed(digits: str) -> str:
    """The EIP-55 form, with 0x, of an address given as 40 lower-case hexadecimal digits without it."""
    mask = keccak256(digits.encode()).hex()
    return "0x" + "".join([digit.upper() if nibble > "7" else digit for digit, nibble in zip(digits, mask, strict=False)])
