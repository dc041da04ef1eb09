"""A package adds a protocol by an entry point: the example of the documentation is installed and scanned with."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hdscan.model.errors import ConfigError
from hdscan.model.protocol import PROTOCOLS
from hdscan.provider.build import build
from hdscan.provider.registry import REGISTRY, offered
from hdscan.provider.transport import AioTransport
from hdscan.settings import load
from tests.provider import blockbook
from tests.provider.server import BTC, NOW, endpoint

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "docs" / "blockbook"
ROW = '[[endpoint]]\nname = "mine"\nchain = "btc"\nprotocol = "{}"\nurl = "https://h.example"\nrate = 1.0\n'


class Site:
    """A folder where packages are installed."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, package: str, entry: str, source: str = "") -> None:
        info = self.folder / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[hdscan.protocols]\n{entry}\n")
        if source:
            (self.folder / f"{entry.partition(' = ')[2].partition(':')[0]}.py").write_text(source)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.syspath_prepend(tmp_path)
    offered.cache_clear()
    yield Site(tmp_path)
    offered.cache_clear()


def configured(protocol: str, home: Path) -> tuple[str, ...]:
    (home / "hdscan.toml").write_text(ROW.format(protocol), encoding="utf-8")
    (row,) = [each for each in load(None, {}, {"HOME": str(home)}, home, protocols=REGISTRY).endpoints if each.name == "mine"]
    return row.protocols


def test_the_documented_package_is_installed_and_scans(tmp_path: Path) -> None:
    site = tmp_path / "site"
    options = ["-qq", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(site)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(PACKAGE)], check=True, timeout=120)
    home = tmp_path / "home"
    home.mkdir()
    blockbook.check(blockbook.scan([sys.executable, "-m", "hdscan"], home, {"PYTHONPATH": str(site)}))


def test_the_documentation_shows_the_package_as_it_is() -> None:
    page = (ROOT / "docs" / "providers.md").read_text(encoding="utf-8")
    for name in ("hdscan_blockbook.py", "pyproject.toml"):
        assert (PACKAGE / name).read_text(encoding="utf-8") in page


GOOD = """
from hdscan.provider.plugin import Family, Protocol
PROTOCOL = Protocol("mine", Family.{}, "hdscan.provider.esplora:Esplora")
"""


def test_a_packages_protocol_is_known_by_its_name(site: Site) -> None:
    site.install("hdscan-mine", "mine = module_of_mine:PROTOCOL", GOOD.format("BITCOIN"))
    assert configured("mine", site.folder) == ("mine",)
    (provider,) = build(endpoint("esplora", "https://h"), BTC, AioTransport(1.0), lambda: NOW)
    assert provider.protocol == "esplora"
    assert list(REGISTRY) == [*PROTOCOLS, "mine"]
    assert len(REGISTRY) == len(PROTOCOLS) + 1


def test_a_protocol_of_another_family_is_refused(site: Site) -> None:
    site.install("hdscan-other", "mine = module_of_other:PROTOCOL", GOOD.format("EVM"))
    with pytest.raises(ConfigError, match="protocol 'mine' is not one of a bitcoin chain"):
        configured("mine", site.folder)


@pytest.mark.parametrize(
    ("name", "source", "why"),
    [
        ("a", "import nothing_of_this_name", "cannot be loaded: ModuleNotFoundError: No module named 'nothing_of_this_name'"),
        ("b", "PROTOCOLS = 1", "cannot be loaded: AttributeError"),
        ("c", "PROTOCOL = 1", r"module_c:PROTOCOL is not a Protocol with the name 'mine'"),
        ("d", GOOD.format("BITCOIN").replace('"mine"', '"yours"'), "is not a Protocol with the name 'mine'"),
    ],
)
def test_a_broken_package_is_one_sentence_that_names_it(site: Site, name: str, source: str, why: str) -> None:
    site.install("hdscan-broken", f"mine = module_{name}:PROTOCOL", source)
    with pytest.raises(ConfigError, match=rf"\[\[endpoint]] 1 \(mine\): the package hdscan-broken.*{why}"):
        configured("mine", site.folder)
    assert configured("esplora", site.folder) == ("esplora",)


def test_a_package_that_takes_a_built_in_name_is_refused_even_where_it_is_not_asked_for(site: Site) -> None:
    site.install("hdscan-mine", "esplora = module_of_mine:PROTOCOL")
    with pytest.raises(ConfigError, match="the package hdscan-mine offers a protocol 'esplora', which is built in"):
        build(endpoint("etherscan", "https://h"), BTC, AioTransport(1.0), lambda: NOW)


def test_two_packages_of_one_name_are_refused(site: Site) -> None:
    site.install("hdscan-one", "mine = module_one:PROTOCOL")
    site.install("hdscan-two", "mine = module_two:PROTOCOL")
    with pytest.raises(ConfigError, match=r"hdscan-(one|two) and the package hdscan-(one|two) both offer a protocol 'mine'"):
        configured("mine", site.folder)


def test_packages_are_imported_only_when_they_are_asked_for(site: Site) -> None:
    site.install("hdscan-mine", "mine = module_never:PROTOCOL", "raise AssertionError")
    assert configured("esplora", site.folder) == ("esplora",)
    assert "module_never" not in sys.modules
