"""Self-signed certificates (X.509, RFC 5280; Ed25519, RFC 8410), as most Electrum hosts have."""

import base64
import ssl
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from tempfile import TemporaryDirectory

from nacl.signing import SigningKey

SEQUENCE, SET, INTEGER, BITS, OCTETS, BOOLEAN, UTF8, TIME = 0x30, 0x31, 0x02, 0x03, 0x04, 0x01, 0x0C, 0x17


def certificate(seed: bytes, host: str = "127.0.0.1", name: str = "") -> tuple[bytes, bytes]:
    """Make the PEM of a certificate, for an address and perhaps a name, and its key from a seed of 32 bytes."""
    key = SigningKey(seed)
    public = bytes(key.verify_key)
    issuer = _der(SEQUENCE, _der(SET, _der(SEQUENCE, bytes.fromhex("0603550403"), _der(UTF8, b"hdscan simulator"))))
    algorithm = _der(SEQUENCE, bytes.fromhex("06032b6570"))  # Ed25519
    named = (_der(0x82, name.encode()),) if name else ()
    extensions = (
        _extension("551d13", _der(SEQUENCE, _der(BOOLEAN, b"\xff")), critical=True),  # it may sign itself
        _extension("551d0f", _der(BITS, b"\x01\x86"), critical=True),  # for signatures, also of certificates
        _extension("551d0e", _der(OCTETS, sha256(public).digest()[:20])),
        _extension("551d11", _der(SEQUENCE, _der(0x87, ip_address(host).packed), *named)),
    )
    signed = _der(
        SEQUENCE,
        _der(0xA0, _der(INTEGER, b"\x02")),
        _der(INTEGER, b"\x01" + sha256(public).digest()[:8]),
        algorithm,
        issuer,
        _der(SEQUENCE, _der(TIME, b"200101000000Z"), _der(TIME, b"491231235959Z")),  # valid from 2020 to 2049
        issuer,
        _der(SEQUENCE, algorithm, _der(BITS, b"\x00" + public)),
        _der(0xA3, _der(SEQUENCE, *extensions)),
    )
    whole = _der(SEQUENCE, signed, algorithm, _der(BITS, b"\x00" + key.sign(signed).signature))
    private = _der(SEQUENCE, _der(INTEGER, b"\x00"), algorithm, _der(OCTETS, _der(OCTETS, seed)))
    return _pem(b"CERTIFICATE", whole), _pem(b"PRIVATE KEY", private)


def server_context(seed: bytes, name: str = "") -> ssl.SSLContext:
    """Make a TLS server's context."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with TemporaryDirectory(prefix="hdscan-sim-") as directory:  # OpenSSL reads them from files only
        path = Path(directory) / "both.pem"
        path.write_bytes(b"".join(certificate(seed, name=name)))
        context.load_cert_chain(path)
    return context


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    flag = _der(BOOLEAN, b"\xff") if critical else b""
    return _der(SEQUENCE, _der(0x06, bytes.fromhex(oid)), flag, _der(OCTETS, value))


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 128:
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _pem(label: bytes, der: bytes) -> bytes:
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label, base64.encodebytes(der), label)
