"""Keys that stand outside of hdscan.toml: in variables, in files, in headers; what is missing switches one endpoint off."""

import tomllib
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.endpoint import Endpoint
from hdscan.model.url import host
from hdscan.settings import show, shown
from hdscan.settings.variables import Expander
from tests.test_settings import CANARY, Home, endpoint, of


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def only(home: Home, row: str, **environ: str) -> Endpoint:
    (found,) = of(home.load(row, **environ), "btc")
    return found


def test_a_header_takes_its_key_from_the_environment_and_is_never_shown(home: Home) -> None:
    row = endpoint(headers="{ 'X-Api-Key' = '${MY_KEY}', Accept = 'text/plain' }")
    assert only(home, row).disabled == "off until MY_KEY is set in the environment"
    settings = home.load(row, MY_KEY=CANARY)
    found = of(settings, "btc")[0]
    assert (found.headers, found.disabled) == ((("X-Api-Key", CANARY), ("Accept", "text/plain")), None)
    assert CANARY in found.secrets
    assert CANARY not in show(settings) + repr(shown(settings))
    (shown_row,) = (each for each in tomllib.loads(show(settings))["endpoint"] if each["name"] == "mine")
    assert shown_row["headers"] == {"X-Api-Key": "[key]", "Accept": "[key]"}


def test_the_key_of_a_bearer_is_a_key_without_that_word_too(home: Home) -> None:
    assert CANARY in only(home, endpoint(headers=f"{{ Authorization = 'Bearer {CANARY}' }}")).secrets


def test_another_key_in_a_header_is_another_endpoint_and_the_same_one_is_not(home: Home) -> None:
    rows = "".join(
        endpoint(name, chain, protocol=f"'{protocol}'", url="'https://one.example/x'", headers=f"{{ X-Key = '{key}' }}")
        for name, chain, protocol, key in (
            ("a", "btc", "esplora", "first-key"),
            ("b", "btc", "esplora", "other-key"),
            ("c", "bsc", "evm-rpc", "first-key"),
        )
    )
    settings = home.load(rows)
    first, other = (each.identity for each in of(settings, "btc"))
    assert first != other
    assert of(settings, "bsc")[0].identity == first
    assert "first-key" not in first


def test_a_file_holds_a_key_wherever_a_variable_may(home: Home) -> None:
    (home.cwd / "key").write_text(f" {CANARY}\n")
    row = endpoint(url="'https://x.example/${file:key}?a=${A}'", headers=f"{{ X-Key = '${{file:{home.cwd}/key}}' }}")
    found = only(home, row, A="a")
    assert (found.url, found.headers) == (f"https://x.example/{CANARY}?a=a", (("X-Key", CANARY),))


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (None, "cannot be read: No such file or directory"),
        (b" \n", "is empty"),
        (b"k" * 4097, "is larger than 4,096 bytes"),
        (b"\xff\xfe", "is not UTF-8 text"),
    ],
)
def test_a_file_without_a_key_switches_its_endpoint_off_and_is_named(home: Home, content: bytes | None, why: str) -> None:
    if content is not None:
        (home.cwd / "key").write_bytes(content)
    assert only(home, endpoint(url="'https://x.example/${file:key}'")).disabled == f"off: the file key {why}"
    both = only(home, endpoint(url="'https://${USER}:${file:key}@x.example/${KEY}'"))
    assert both.disabled == f"off until USER and KEY is set in the environment; off: the file key {why}"
    assert both.url == "https://${USER}:${file:key}@x.example/${KEY}"


def test_user_and_password_cannot_name_another_host(home: Home) -> None:
    (home.cwd / "password").write_text("p@evil.example/?#%40")
    found = only(home, endpoint(url="'https://${ME}:${file:password}@x.example/a'"), ME="u:ser")
    assert found.url == "https://u%3Aser:p%40evil.example%2F%3F%23%2540@x.example/a"
    assert found.operated_by == "x.example"
    assert "p@evil.example/?#%40" in found.secrets


@given(password=st.text(min_size=1).filter(lambda text: "\0" not in text), user=st.sampled_from(["me", "m$e", "${ME}", "m@e"]))
def test_whatever_a_password_holds_the_host_stays_the_same(password: str, user: str) -> None:
    url = Expander({"ME": "me", "PASSWORD": password}, Path()).url(f"https://{user}:${{PASSWORD}}@x.example:1/api")
    assert host(url) == "x.example:1"
    assert unquote(urlsplit(url).password or "") == password


@pytest.mark.parametrize(
    ("headers", "sentence"),
    [
        ("{ Host = 'x' }", "headers cannot set Host, which hdscan sends by itself"),
        ("{ content-length = '5' }", "headers cannot set content-length, which hdscan sends by itself"),
        ("{ Proxy-Authorization = 'x' }", "headers cannot set Proxy-Authorization, which hdscan sends by itself"),
        (f"{{ '{CANARY}: ' = 'x' }}", "headers has a name with characters that cannot stand in one"),
        ("{ X-A = 'x', x-a = 'y' }", "headers has a name twice, in another case of letters"),
        (f'{{ X-A = "{CANARY}\\r\\nHost: x" }}', "headers: the value of X-A has to be one line of printable ASCII text"),
        ("{ X-A = '${LINES}' }", "headers: the value of X-A has to be one line of printable ASCII text"),
        ("{ X-A = '' }", "headers: the value of X-A has to be one line of printable ASCII text"),
        (f"{{ X-A = '${{{CANARY}}}' }}", "headers: the value of X-A has to name keys as ${NAME} or ${file:PATH}"),
        ("{ X-A = 5 }", "headers: expected str, got int"),
        ("{ authorization = 'x' }", "headers cannot set Authorization where the url has a user and password"),
    ],
)
def test_a_header_that_cannot_be_is_refused_without_its_value(home: Home, headers: str, sentence: str) -> None:
    row = endpoint(headers=headers, url="'https://u:password@x.example'")
    assert home.refusal(row, LINES=f"{CANARY}\n{CANARY}") == f"[[endpoint]] 1 (mine): {sentence}"


def test_lines_take_no_headers(home: Home) -> None:
    row = endpoint(protocol="'electrum'", url="'ssl://x.example:50002'", headers="{ X-A = 'x' }")
    assert home.refusal(row).endswith("headers are for hosts that speak HTTP only")


# certificates, hosts without TLS, and hosts of one's own alone


def test_a_file_of_authorities_is_read_at_once(home: Home) -> None:
    (home.cwd / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    assert only(home, endpoint(ca="'ca.pem'")).ca == str(home.cwd / "ca.pem")
    (home.cwd / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    at = f"[[endpoint]] 1 (mine): ca: the file {home.cwd}"
    assert home.refusal(endpoint(ca="'key.pem'")) == f"{at}/key.pem holds no certificate in the form PEM"
    assert home.refusal(endpoint(ca="'none.pem'")) == f"{at}/none.pem cannot be read: No such file or directory"
    for row in (
        endpoint(ca="'ca.pem'", url="'http://127.0.0.1'"),
        endpoint(ca="'ca.pem'", protocol="'electrum'", url="'ssl://x.example:1'", tls="'pin'"),
    ):
        assert home.refusal(row).endswith('ca is for a url with TLS, and for tls = "system" only')


NEAR = [
    "umbrel.local:3006",
    "192.168.1.20",
    "10.1.2.3:1",
    "172.31.0.1",
    "169.254.1.1",
    "[fd00::2]",
    "[fe80::1]",
    "nas",
    "a.lan",
]
FAR = ["x.example", "8.8.8.8", "172.32.0.1", "192.0.2.1", "100.64.0.1", "[2001:db8::1]", "[::ffff:8.8.8.8]", "local.x.example"]


@pytest.mark.parametrize("host", NEAR)
def test_private_hosts_may_do_without_tls_where_their_row_says_so(home: Home, host: str) -> None:
    assert only(home, endpoint(url=f"'http://{host}/api'", plain="'private'")).plain == "private"
    assert "has to begin with https://" in home.refusal(endpoint(url=f"'http://{host}/api'"))


@pytest.mark.parametrize("host", FAR)
def test_public_hosts_may_never(home: Home, host: str) -> None:
    assert "has to begin with https://" in home.refusal(endpoint(url=f"'http://{host}/api'", plain="'private'"))
    lines = endpoint(protocol="'electrum'", url=f"'tcp://{host}:50001'", plain="'private'")
    assert "url has to " in home.refusal(lines)


def test_with_the_catalogue_off_there_are_hosts_of_ones_own_only(home: Home) -> None:
    assert not home.load("catalogue = 'off'").endpoints
    settings = home.load(
        "catalogue = 'off'\n" + endpoint("home"), user=endpoint("other") + endpoint("sol-node", "sol", protocol="'solana-rpc'")
    )
    assert {each.name for each in settings.endpoints} == {"home", "other", "sol-node"}
    assert settings.assets == home.load().assets
    settings = home.load("catalogue = 'also'\n" + endpoint("home"), user="catalogue = 'off'")
    assert {each.name for each in settings.endpoints} == {"home"}
