"""A URL is shown without its key, and told apart by host and key."""

import pytest

from hdscan.model.errors import ConfigError
from hdscan.model.url import check_url, endpoint_identity, origin, secrets, without_user

KEY = "0123456789abcdef"
WITH_KEYS = [
    f"https://h.example/v2/{KEY}",
    f"https://h.example/?api-key={KEY}",
    f"https://h.example/api?APIKEY={KEY}&chainid=56",
    f"https://h.example/?token={KEY}",
    f"https://{KEY}@h.example/",
    f"https://user:{KEY}@h.example/",
    f"https://h.example/?api_key={KEY}",
    f"https://h.example/?network=bsc&dkey={KEY}",
    f"https://h.example/?access_token={KEY}",
    f"https://h.example/?project={KEY}",
]


@pytest.mark.parametrize("url", WITH_KEYS)
def test_a_key_is_found_and_never_shown(url: str) -> None:
    assert KEY in secrets(url)
    assert origin(url) == "https://h.example"
    identity = endpoint_identity(url)
    assert identity.startswith("h.example#")
    assert KEY not in identity
    assert identity != endpoint_identity(url.replace(KEY, "fedcba9876543210"))


def test_a_key_is_found_however_it_is_written() -> None:
    found = secrets("https://h.example/?token=ab%2Fcd+ef%3D")
    assert {"ab/cd ef=", "ab%2Fcd%20ef%3D", "ab%2Fcd+ef%3D"} <= set(found)
    assert r"ab\/cd ef=" in found, "as some hosts write it into JSON"
    assert "dXNlcjpwYXNzd29yZA==" in secrets("https://user:password@h.example")


def test_rows_of_one_host_and_key_are_one_endpoint() -> None:
    assert endpoint_identity(f"https://h/a?apikey={KEY}") == endpoint_identity(f"https://h/b?chainid=1&apikey={KEY}")
    assert endpoint_identity("https://blockstream.info/api") == endpoint_identity("https://blockstream.info/testnet/api")
    assert endpoint_identity("https://blockstream.info/api") == "blockstream.info"
    assert endpoint_identity("http://127.0.0.1:8001") != endpoint_identity("http://127.0.0.1:8002")
    assert origin("http://[::1]:8001/x") == "http://[::1]:8001"


def test_short_path_segments_and_other_queries_are_no_keys() -> None:
    assert secrets("https://public.1rpc.io/bnb?chainid=56") == ()


def test_what_stands_in_many_a_reply_by_chance_is_no_key() -> None:
    assert secrets("https://a:b@h.example/?authuser=0") == ()


def test_user_and_password_become_a_header_in_utf_8() -> None:
    assert without_user("https://us%3Aer:p%C3%A4ss%40@h.example:1/x?y=1") == (
        "https://h.example:1/x?y=1",
        "Basic dXM6ZXI6cMOkc3NA",
    )
    assert without_user("https://user@h.example/") == ("https://h.example/", "Basic dXNlcjo=")
    assert without_user("https://h.example/@x") == ("https://h.example/@x", None)


@pytest.mark.parametrize(
    "url", ["https://h", "https://10.0.0.1:8545", "http://localhost:1", "http://127.8.8.8:1", "http://[::1]:1"]
)
def test_https_and_this_machine_are_allowed(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    "url", ["http://h", "http://10.0.0.1", "ftp://localhost", "h", "", "https://", "https://h:x", "http://localhost.evil.com"]
)
def test_anything_else_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        check_url(url)
    with pytest.raises(ConfigError) as caught:
        check_url(f"http://h.example/{KEY}?key={KEY}")
    assert KEY not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://a.example/key", "https://a.example"),
        ("http://u:p@[::1]:80/", "http://[::1]:80"),
        ("${URL}", "(not set)"),
        ("https://a:b:c/", "(not set)"),
    ],
)
def test_origin_is_scheme_host_and_port(url: str, expected: str) -> None:
    assert origin(url) == expected
