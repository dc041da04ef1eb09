"""What users and hosts write by hand: configuration, address lists, keys, words, headers."""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

import wallycore

from hdscan.keys.deriver import from_extended, from_mnemonic
from hdscan.keys.listing import Listing
from hdscan.model.chain import BadLine, Chain
from hdscan.model.errors import ConfigError, HdscanError, InputError, KeyFault
from hdscan.model.events import Reason
from hdscan.model.wallet import Listed
from hdscan.pool.retry_after import LONGEST, retry_after
from hdscan.settings import load, template
from hdscan.settings.load import Places
from hdscan.web.hub import Hub
from hdscan.web.state import CurrentState
from tests.fuzz.target import Target, refused
from tests.provider.server import BSC, BTC, NOW, SOLANA, TRON

DOCS = Path(__file__).parent.parent.parent / "docs"
_XPUB = (  # BIP-32, vector 1
    "xpub661MyMwAqRbcFtXgS5sYJABqqG9YLmC4Q1Rdap9gSE8NqtwybGhePY2gZ29ESFjqJoCu1Rupje8YtGqsefD265TMg7usUDFdp6W1EGMcet8"
)
_ZPUB = (  # BIP-84
    "zpub6rFR7y4Q2AijBEqTUquhVz398htDFrtymD9xYYfG1m4wAcvPhXNfE3EfH1r1ADqtfSdVCToUG868RvUUkgDKf31mGDtKsAYz2oz2AGutZYs"
)
_WORDS = " ".join(["abandon"] * 11 + ["about"])  # BIP-39, vector 1
_ADDRESSES = {
    BTC: (
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "1BvBMSEYstWetqTFn5Au4m4GFg7xJaNVN2",
        "3J98t1WpEZ73CNmQviecrnyiWrnqRhWNLy",
    ),
    BSC: ("0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed", "0xde709f2102306220921060314715629080e2fb77"),
    SOLANA: ("9WzDXwBbmkg8ZTbNMqUxvQRAyrZzDsGYdLVL9zYtAWWM", "Vote111111111111111111111111111111111111111"),
    TRON: ("TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "41e91a7411e56ce79e83570570f49b9fc35b7727c5"),
}


def _refusing(run: Callable[[bytes], str], *kinds: type[HdscanError]) -> Callable[[bytes], str]:
    def guarded(data: bytes) -> str:
        try:
            return run(data)
        except kinds as error:
            return refused(error, plain=False)  # the command line cleans what a user's own words are in

    return guarded


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def _configuration(data: bytes) -> str:
    with tempfile.TemporaryDirectory() as home:
        Path(home, "hdscan.toml").write_bytes(data)
        settings = load(None, {}, {"KEY": "k" * 32}, Path(home), Places(data=Path(home)))
    assert settings.chains
    assert all(endpoint.rate > 0 for endpoint in settings.endpoints)
    assert set(settings.assets) == set(settings.chains)
    return f"{len(settings.chains)} chains"


def _environment(data: bytes) -> str:
    pairs = [line.partition(b"=")[::2] for line in data.split(b"\n") if line and b"\0" not in line]
    environ = {os.fsdecode(name): os.fsdecode(value) for name, value in pairs}
    load(None, {}, environ, Path("/nowhere"), Places(data=Path("/nowhere")))
    return "settings"


def _listing(*chains: Chain) -> Callable[[bytes], str]:
    def run(data: bytes) -> str:
        words = []
        for lines in (data.splitlines(keepends=True), [_text(line) for line in data.split(b"\n")]):
            for number, entry in enumerate(Listing(chains).read(lines)):
                if isinstance(entry, BadLine):
                    assert 0 < entry.number <= len(lines)
                    assert entry.reason.isprintable(), repr(entry.reason)
                    assert len(entry.reason) < 300
                    words.append(" ".join(entry.reason.split()[:2]))
                elif number < 20:
                    own = [chain for chain in chains if chain.id == entry.chain]
                    (again,) = Listing(own).read([entry.address])
                    assert isinstance(again, Listed)
                    assert again.address == entry.address, "canonical twice is canonical"
                    words.append("address")
        return " ".join(sorted(set(words))[:2])

    return run


def _extended(data: bytes) -> str:
    """A key as it is written, or as bytes in hexadecimal, which get the checksum that lets them in."""
    text = _text(data)
    if re.fullmatch("([0-9a-f]{2}){1,200}", text):
        text = str(wallycore.base58check_from_bytes(bytes.fromhex(text)))
    words = []
    for chain in (BTC, BSC, SOLANA, TRON):
        try:
            ((address, path),) = from_extended(chain, text, None, 0).addresses(0, 1)
        except (KeyFault, InputError) as error:
            words.append(refused(error))
            _keeps(text.strip(), str(error))
        else:
            assert list(Listing([chain]).read([address])) == [Listed(chain.id, address)]
            words.append(path)
    return " ".join(words)


def _mnemonic(data: bytes) -> str:
    text, _, passphrase = _text(data).partition("\n")
    try:
        ((address, _),) = from_mnemonic(BTC, text, passphrase, None, 0).addresses(0, 1)
    except KeyFault as error:
        for word in text.split():
            _keeps(word, str(error))
        return refused(error)
    assert address.startswith("bc1q")
    return "address"


def _keeps(secret: str, sentence: str) -> None:
    """A sentence that repeats nothing of a secret; what is short may be there by chance."""
    assert len(secret) < 12 or secret not in sentence


def _retry_after(data: bytes) -> str:
    value, found, date = data.decode("latin-1").partition("\n")
    seconds = retry_after(value, date if found else None, NOW)
    if seconds is None:
        return "none"
    assert 0.0 <= seconds <= LONGEST
    assert any(character in "0123456789" for character in value)
    return "seconds" if value.strip(" \t").isdigit() else "date"


_HUB = Hub(CurrentState([], [], []), epoch="0123456789abcdef")
_HUB.seq = 41


def _last_event_id(data: bytes) -> str:
    text = data.decode("latin-1")
    why = _HUB.why(text)
    if why is Reason.RESUMED:
        epoch, _, seq = text.partition("-")
        assert epoch == _HUB.epoch
        assert seq.isascii()
        assert int(seq) <= _HUB.seq
    return str(why)


_DATES = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994")


def _examples() -> list[bytes]:
    """The TOML that the documentation shows."""
    return [found.encode() for found in re.findall(r"(?s)```toml\n(.*?)```", (DOCS / "configuration.md").read_text("utf-8"))]


TARGETS = (
    Target("configuration", [template().encode(), *_examples()], _refusing(_configuration, ConfigError)),
    Target(
        "environment",
        [b"HDSCAN_SCAN_CHUNK=20\nHDSCAN_DB=sqlite:///x.db", b"HDSCAN_LOG_JSON=true\nHDSCAN_NETWORK=testnet"],
        _refusing(_environment, ConfigError),
    ),
    *(
        Target(
            f"listing-{chain.id}",
            [
                "\n".join(addresses).encode(),
                f'\ufeffpath,"address";x\n# c\nm/0,{addresses[0]},"a"\n"{addresses[1]}'.encode(),
                _WORDS.encode(),
                _XPUB.encode(),
            ],
            _listing(chain),
        )
        for chain, addresses in _ADDRESSES.items()
    ),
    Target(
        "listing",
        [
            *(f"{scheme}:{_ADDRESSES[chain][0]}?label=a".encode() for scheme, chain in (("bitcoin", BTC), ("ethereum", BSC))),
            "\n".join(address for addresses in _ADDRESSES.values() for address in addresses).encode(),
            f"chain;Label;Public Address\nbnb;mine;{_ADDRESSES[BSC][0]}".encode("utf-16"),
        ],
        _listing(*_ADDRESSES),
    ),
    Target(
        "extended-key",
        [
            *(bytes(wallycore.base58check_to_bytes(key)).hex().encode() for key in (_XPUB, _ZPUB)),
            _XPUB.encode(),
            _WORDS.encode(),
        ],
        _extended,
        1 << 10,
    ),
    Target("mnemonic", [_WORDS.encode(), f"{_WORDS}\nTREZOR".encode()], _mnemonic),
    Target("retry-after", [b"120", *(f"{one}\n{_DATES[0]}".encode() for one in _DATES)], _retry_after, 1 << 10),
    Target("last-event-id", [b"0123456789abcdef-41", b"0123456789abcdef-42", b"fedcba9876543210-1"], _last_event_id, 1 << 10),
)
