"""Codes, cookies and tokens without a server, and the file of the secret that signs cookies."""

import os
from pathlib import Path

import pytest

from hdscan.model.errors import ConfigError
from hdscan.web.access import COOKIE_SECONDS, SECRET_BYTES, Access, load_secret

NOW = 1_763_900_000.0
SECRET = b"s" * SECRET_BYTES
TOKEN = "token-0123456789"


def signed(access: Access, now: float = NOW) -> str:
    cookie = access.redeem(access.code, now)
    assert cookie is not None
    return cookie.partition(";")[0]


def test_a_code_works_once() -> None:
    access = Access(SECRET, None, 8480)
    code = access.code
    assert len(code) >= 32
    for wrong in ("", code[:-1], code + "x", code.swapcase(), "ü" * len(code)):
        assert access.redeem(wrong, NOW) is None
    assert access.redeem(code, NOW) is not None
    assert access.redeem(code, NOW) is None


def test_every_server_has_another_code() -> None:
    assert Access(SECRET, None, 8480).code != Access(SECRET, None, 8480).code


def test_a_cookie_is_good_for_thirty_days_whoever_signed_it_with_the_secret() -> None:
    cookie = signed(Access(SECRET, None, 8480)).encode()
    other = Access(SECRET, None, 8480)
    assert other.knows_cookie(cookie, NOW)
    assert other.knows_cookie(b"a=b; " + cookie + b"; c=d", NOW + COOKIE_SECONDS - 1)
    assert not other.knows_cookie(cookie, NOW + COOKIE_SECONDS)
    assert not Access(SECRET, None, 8481).knows_cookie(cookie, NOW)
    assert not Access(b"t" * SECRET_BYTES, None, 8480).knows_cookie(cookie, NOW)


def test_a_cookie_that_was_planted_before_hides_no_good_one() -> None:
    access = Access(SECRET, None, 8480)
    assert access.knows_cookie(b"hdscan_8480=9999999999.planted; " + signed(access).encode(), NOW)


@pytest.mark.parametrize(
    "value", ["", ".", "9999999999", "9999999999.", "٩٩٩٩٩٩٩٩٩٩.x", "-1.x", "1e12.x", "9" * 5000 + ".x", "\xff.\xfe"]
)
def test_what_is_no_cookie_is_not_known(value: str) -> None:
    assert not Access(SECRET, None, 8480).knows_cookie(f"hdscan_8480={value}".encode(), NOW)


def test_a_cookie_is_not_shown_to_scripts_or_sent_by_other_sites() -> None:
    access = Access(SECRET, None, 8480)
    cookie = access.redeem(access.code, NOW)
    assert cookie is not None
    assert cookie.startswith("hdscan_8480=")
    assert cookie.endswith(f"; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict")


def test_a_bearer_is_known_by_the_token_alone() -> None:
    access = Access(SECRET, TOKEN, 8480)
    for good in (f"Bearer {TOKEN}", f"bearer {TOKEN}", f"BEARER  {TOKEN}"):
        assert access.knows_bearer(good.encode())
    for bad in (
        "",
        "Bearer",
        "Bearer ",
        TOKEN,
        f"Basic {TOKEN}",
        f"Bearer {TOKEN}x",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN} x",
    ):
        assert not access.knows_bearer(bad.encode())
    assert not access.knows_bearer(b"Bearer \xff")


def test_without_a_token_no_bearer_is_known() -> None:
    access = Access(SECRET, None, 8480)
    assert not access.knows_bearer(b"Bearer ")
    assert not access.knows_bearer(b"Bearer None")


def test_the_secret_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "hdscan.db.secret"
    before = os.umask(0)
    try:
        secret = load_secret(path)
    finally:
        os.umask(before)
    assert len(secret) == SECRET_BYTES
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(path) == secret
    assert load_secret(tmp_path / "other") != secret


@pytest.mark.parametrize("size", [0, 1, SECRET_BYTES - 1, SECRET_BYTES + 1])
def test_a_secret_of_another_size_is_refused(tmp_path: Path, size: int) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"x" * size)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"secret does not hold the secret that hdscan wrote; delete it"):
        load_secret(path)


@pytest.mark.parametrize("mode", [0o604, 0o640, 0o620, 0o601, 0o644])
def test_a_secret_that_others_can_reach_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "secret"
    load_secret(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="is readable by others; delete it"):
        load_secret(path)


def test_a_place_that_cannot_be_used_is_said(tmp_path: Path) -> None:
    for path in (tmp_path / "none" / "secret", tmp_path):
        with pytest.raises(ConfigError, match="cannot be used"):
            load_secret(path)
