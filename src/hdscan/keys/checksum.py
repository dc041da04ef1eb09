"""The checksum of an output descriptor (BIP-380)."""

INPUT = "0123456789()[],'/*abcdefgh@:$%{}IJKLMNOPQRSTUVWXYZ&+-.;<=>?!^_|~ijklmnopqrstuvwxyzABCDEFGH`#\"\\ "
CHECKSUM = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_GENERATOR = (0xF5DEE51989, 0xA9FDCA3312, 0x1BAB10E32D, 0x3706B1677A, 0x644D626FFD)


def checksum(descriptor: str) -> str:
    """The eight characters of a descriptor without `#`; ValueError if it has a character that none may have."""
    symbols: list[int] = []
    groups: list[int] = []
    for character in descriptor:
        value = INPUT.index(character)
        symbols.append(value & 31)
        groups.append(value >> 5)
        if len(groups) == 3:
            symbols.append(groups[0] * 9 + groups[1] * 3 + groups[2])
            groups = []
    if groups:
        symbols.append(groups[0] if len(groups) == 1 else groups[0] * 3 + groups[1])
    rest = 1
    for symbol in (*symbols, *[0] * 8):
        top = rest >> 35
        rest = (rest & 0x7FFFFFFFF) << 5 ^ symbol
        for bit, generator in enumerate(_GENERATOR):
            rest ^= generator if top >> bit & 1 else 0
    rest ^= 1
    return "".join(CHECKSUM[rest >> 5 * (7 - position) & 31] for position in range(8))


def with_checksum(descriptor: str) -> str:
    """A descriptor as other programs read it back: with `#` and its checksum."""
    return f"{descriptor}#{checksum(descriptor)}"
