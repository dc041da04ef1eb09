"""What users and hosts write by hand: configuration, address lists, headers."""

import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from hdscan.keys.listing import Listing
from hdscan.model.chain import BadLine, Chain
from hdscan.model.errors import ConfigError, HdscanError
from hdscan.model.events import Reason
from hdscan.model.wallet import Listed
from hdscan.pool.retry_after import LONGEST, retry_after
from hdscan.settings import load, template
from hdscan.settings.load import Places
from hdscan.web.hub import Hub
from hdscan.web.state import CurrentState
from tests.fuzz.target import Target, refused
from tests.keys.given import MNEMONIC, exported
from tests.provider.server import BSC, BTC, NOW, SOLANA, TRON

DOCS = Path(__file__).parent.parent.parent / "docs"
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
                MNEMONIC.encode(),
                exported(()).encode(),
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
    Target("retry-after", [b"120", *(f"{one}\n{_DATES[0]}".encode() for one in _DATES)], _retry_after, 1 << 10),
    Target("last-event-id", [b"0123456789abcdef-41", b"0123456789abcdef-42", b"fedcba9876543210-1"], _last_event_id, 1 << 10),
)
