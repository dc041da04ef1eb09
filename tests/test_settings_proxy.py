"""Which proxy a host is asked through: of its row, of hdscan.toml or of the environment, and never without a word."""

from pathlib import Path

import pytest

from hdscan.model.endpoint import Proxy
from hdscan.settings import show, shown
from hdscan.settings.proxies import TOP
from tests.test_settings import CANARY, Home, endpoint, of

TOR = "socks5://127.0.0.1:9050"
LINES = endpoint(protocol="'electrum'", url="'ssl://mine.example:50002'")


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def chosen(home: Home, text: str = "", row: str | None = None, **environ: str) -> Proxy | None:
    (found,) = of(home.load(text + (row or endpoint()), **environ), "btc")
    return found.proxy


def test_the_rows_proxy_wins_over_the_files_and_that_over_the_environments(home: Home) -> None:
    everywhere = {"HTTPS_PROXY": "http://env.example:3128"}
    own = endpoint(proxy="'socks5://row.example:1'")
    assert chosen(home, f"proxy = '{TOR}'\n", own, **everywhere) == Proxy("socks5://row.example:1", "its row")
    assert chosen(home, f"proxy = '{TOR}'\n", **everywhere) == Proxy(TOR, "hdscan.toml")
    assert chosen(home, **everywhere) == Proxy("http://env.example:3128", "HTTPS_PROXY")
    assert chosen(home, **everywhere, HDSCAN_PROXY=TOR) == Proxy(TOR, "hdscan.toml")
    assert chosen(home, f"proxy = '{TOR}'\n", endpoint(proxy="'none'"), **everywhere) is None
    assert chosen(home, "proxy = 'none'\n", **everywhere) is None
    assert chosen(home) is None


@pytest.mark.parametrize(
    ("environ", "https", "lines"),
    [
        ({"https_proxy": "http://a:1", "HTTPS_PROXY": "http://b:2"}, "http://a:1", None),
        ({"HTTPS_PROXY": "a.example:3128", "ALL_PROXY": TOR}, "http://a.example:3128", TOR),
        ({"all_proxy": "socks5h://a:9050"}, "socks5://a:9050", "socks5://a:9050"),
        ({"ALL_PROXY": "socks://a/"}, "socks5://a:1080", "socks5://a:1080"),
        ({"ALL_PROXY": "http://a/"}, "http://a:80", None),
        ({"HTTP_PROXY": "http://a:1"}, None, None),
        ({"HTTPS_PROXY": ""}, None, None),
        ({"ALL_PROXY": TOR, "NO_PROXY": "*"}, None, None),
        ({"ALL_PROXY": TOR, "NO_PROXY": "x.example, .example"}, None, None),
        ({"ALL_PROXY": TOR, "no_proxy": "mine.example"}, None, None),
        ({"ALL_PROXY": TOR, "NO_PROXY": "mine.example:50002"}, TOR, None),
        ({"ALL_PROXY": TOR, "NO_PROXY": "ine.example,10.0.0.0/8"}, TOR, TOR),
    ],
)
def test_the_environment_is_understood_as_other_programs_do(
    home: Home, environ: dict[str, str], https: str | None, lines: str | None
) -> None:
    assert (found := chosen(home, **environ)) == (found and Proxy(https or "", found.source))
    assert (found and found.url) == https
    found = chosen(home, row=LINES, **environ)
    assert (found and found.url) == lines


def test_networks_of_no_proxy_are_for_addresses(home: Home) -> None:
    row = endpoint(url="'https://10.1.2.3/api'")
    assert chosen(home, row=row, ALL_PROXY=TOR, NO_PROXY="10.0.0.0/8") is None
    assert chosen(home, row=row, ALL_PROXY=TOR, NO_PROXY="10.2.0.0/16") == Proxy(TOR, "ALL_PROXY")


def test_this_machine_and_hosts_without_tls_are_asked_directly(home: Home) -> None:
    for url, more in (
        ("https://127.0.0.1:8000", {}),
        ("http://localhost", {}),
        ("http://umbrel.local:3006", {"plain": "'private'"}),
    ):
        assert chosen(home, f"proxy = '{TOR}'\n", endpoint(url=f"'{url}'", **more), ALL_PROXY=TOR) is None
        refusal = home.refusal(endpoint(url=f"'{url}'", proxy=f"'{TOR}'", **more))
        assert refusal == "[[endpoint]] 1 (mine): proxy is not for hosts of this machine, or without TLS"


def test_an_onion_service_needs_a_socks_proxy_and_no_tls(home: Home) -> None:
    onion = endpoint(url="'http://abc.onion/api'")
    lines = endpoint(protocol="'electrum'", url="'tcp://abc.onion:50001'")
    for row in (onion, lines):
        assert chosen(home, f"proxy = '{TOR}'\n", row) == Proxy(TOR, "hdscan.toml")
        assert chosen(home, row=row, ALL_PROXY=TOR) == Proxy(TOR, "ALL_PROXY")
        sentence = '[[endpoint]] 1 (mine): url has a .onion name, which needs a SOCKS proxy, such as proxy = "{}" for Tor'
        assert home.refusal(row) == sentence.format(TOR)
        assert home.refusal("proxy = 'http://a:1'\n" + row) == sentence.format(TOR)
    assert chosen(home, row=onion, HTTP_PROXY=TOR) == Proxy(TOR, "HTTP_PROXY")
    assert "needs a SOCKS proxy" in home.refusal(endpoint(url="'https://abc.onion./'"))


@pytest.mark.parametrize(
    "url",
    [
        f"socks4://{CANARY}:1",
        f"https://{CANARY}",
        CANARY,
        "",
        f"http://{CANARY}:x",
        f"socks5://{CANARY}/path",
        f"socks5://{CANARY}@host:1",
        f"socks5://:{CANARY}@host:1",
        f"socks5://{CANARY}:ä@host:1",
        f"socks5://{CANARY}:{'x' * 256}@host:1",
        "socks5://",
    ],
)
def test_a_proxy_that_cannot_be_is_refused_without_being_echoed(home: Home, url: str) -> None:
    refusals = [home.refusal(f"proxy = '{url}'\n"), home.refusal(endpoint(proxy=f"'{url}'"))]
    refusals += [home.refusal(endpoint(), HTTPS_PROXY=url)] if "://" in url else []
    for refusal, what in zip(refusals, (TOP, "[[endpoint]] 1 (mine): proxy", ""), strict=False):
        assert refusal.startswith(f"{what} has to ") or "HTTPS_PROXY has to " in refusal
        assert CANARY not in refusal


def test_a_password_comes_from_outside_and_is_never_shown(home: Home) -> None:
    (home.cwd / "password").write_text(f"{CANARY}@\n")
    text = "proxy = 'socks5://${ME}:${file:password}@127.0.0.1:9050'\n"
    settings = home.load(text + endpoint(), ME="me")
    found = of(settings, "btc")[0]
    assert found.proxy == Proxy(f"socks5://me:{CANARY}%40@127.0.0.1:9050", "hdscan.toml")
    assert CANARY not in show(settings) + repr(shown(settings))
    assert f'proxy = "{TOR}"' in show(settings)
    assert (
        home.refusal(text) == "proxy (at the top of hdscan.toml, or in HDSCAN_PROXY) is off until ME is set in the environment"
    )
    row = endpoint(proxy="'socks5://${ME}:${file:none}@127.0.0.1:9050'")
    off = of(home.load(row, ME="me"), "btc")[0]
    assert (off.disabled, off.proxy) == ("off: the file none cannot be read: No such file or directory", None)
