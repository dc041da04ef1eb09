"""Authentication: a bearer token for programs; a one-time link, then a signed cookie, for browsers."""

import hashlib
import hmac
import os
import re
import secrets
from pathlib import Path

from hdscan.model.errors import ConfigError

COOKIE_SECONDS = 30 * 24 * 3600
SECRET_BYTES = 32


def load_secret(path: Path) -> bytes:
    """The secret that signs cookies, created on first use; kept beside the database so that a restart logs nobody out."""
    try:
        try:
            handle = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        except FileExistsError:
            secret = path.read_bytes()
        else:
            secret = secrets.token_bytes(SECRET_BYTES)
            with os.fdopen(handle, "wb") as file:
                file.write(secret)
        if os.name == "posix" and path.stat().st_mode & 0o077:
            raise ConfigError(f"{path} signs the cookies and is readable by others; delete it and restart to get a new one")
    except OSError as error:
        raise ConfigError(f"{path}, which signs the cookies, cannot be used: {error.strerror}") from None
    if len(secret) != SECRET_BYTES:
        raise ConfigError(f"{path} does not hold the secret that hdscan wrote; delete it and restart to get a new one")
    return secret


class Access:
    """Checks credentials; times are unix seconds. The cookie names its port, since browsers share cookies between ports."""

    def __init__(self, secret: bytes, token: str | None, port: int) -> None:
        self._secret = secret
        self._token = token
        self.code = secrets.token_urlsafe(24)  # in the printed link
        self._redeemed = False
        self.cookie = f"hdscan_{port}"

    def redeem(self, code: str, now: float) -> str | None:
        """The Set-Cookie value in exchange for the code; None if it is wrong or used."""
        if self._redeemed or not hmac.compare_digest(code.encode(), self.code.encode()):
            return None
        self._redeemed = True
        until = str(int(now) + COOKIE_SECONDS)
        value = f"{until}.{self._signature(until)}"
        return f"{self.cookie}={value}; Path=/; Max-Age={COOKIE_SECONDS}; HttpOnly; SameSite=Strict"

    def knows_bearer(self, authorization: bytes) -> bool:
        """Whether an Authorization header (RFC 6750, section 2.1) carries the token."""
        scheme, _, given = authorization.partition(b" ")
        return (
            self._token is not None and scheme.lower() == b"bearer" and hmac.compare_digest(given.strip(), self._token.encode())
        )

    def knows_cookie(self, header: bytes, now: float) -> bool:
        """Whether a Cookie header holds a cookie that was signed here and has not expired."""
        for pair in header.decode("latin-1").split(";"):
            name, _, value = pair.strip().partition("=")
            until, _, signature = value.partition(".")
            current = name == self.cookie and re.fullmatch(r"[0-9]{1,12}", until) and int(until) > now
            if current and hmac.compare_digest(signature.encode(), self._signature(until).encode()):
                return True
        return False

    def _signature(self, until: str) -> str:
        return hmac.new(self._secret, f"{self.cookie}.{until}".encode(), hashlib.sha256).hexdigest()
