"""Why a contract reverted: Solidity's Error(string) and Panic(uint256) (docs.soliditylang.org, control-structures)."""

from hdscan.wire.words import READ, shown

ERROR, PANIC = bytes.fromhex("08c379a0"), bytes.fromhex("4e487b71")
PANICS = {
    0x01: "an assertion failed",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "no value of its enum",
    0x22: "storage that is encoded wrongly",
    0x31: "pop of an empty array",
    0x32: "index out of bounds",
    0x41: "out of memory",
    0x51: "a call of an empty function",
}


def reverted(data: bytes) -> str:
    """Say why a call reverted, from its return data: the contract's own words, as one plain line; "reverted" without any."""
    selector, body = data[:4], data[4:]
    if selector == PANIC and len(body) == 32:
        code = int.from_bytes(body)
        if code > 0xFF:
            return "reverted: panic"
        return f"reverted: panic 0x{code:02x}" + (f", {PANICS[code]}" if code in PANICS else "")
    if selector == ERROR and len(body) >= 64 and int.from_bytes(body[:32]) == 32:
        size = min(int.from_bytes(body[32:64]), READ)
        text = shown(body[64 : 64 + size].decode("utf-8", "replace"))
        return f"reverted: {text}" if text else "reverted"
    return f"reverted: error 0x{selector.hex()}" if len(selector) == 4 else "reverted"
