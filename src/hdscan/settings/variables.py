"""What ${NAME} and ${file:PATH} stand for in a row: keys that are kept outside of hdscan.toml."""

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import msgspec

from hdscan.model.errors import ConfigError

LONGEST = 4096  # bytes of a file that holds a key
VARIABLE = re.compile(r"\$\{(?:file:([^{}]+)|([A-Za-z_][A-Za-z0-9_]*))\}")
USER = re.compile(
    r"[a-z0-9]+://(?:\$\{[^{}]*\}|\$(?!\{)|[^/?#$])*@", re.IGNORECASE
)  # a url's beginning, as far as its user and password


class Expander:
    """Fills in keys from `environ` and from files, whose paths are relative to `cwd`; what is missing is collected."""

    def __init__(self, environ: Mapping[str, str], cwd: Path) -> None:
        self._environ = environ
        self._cwd = cwd
        self._unset: list[str] = []
        self._unread: list[str] = []

    @property
    def missing(self) -> str | None:
        """Why the endpoint is off, as a sentence; None where everything was found."""
        unset = [f"off until {' and '.join(self._unset)} is set in the environment"] if self._unset else []
        return "; ".join([*unset, *(f"off: {why}" for why in self._unread)]) or None

    @property
    def unset(self) -> tuple[str, ...]:
        """The variables that were not found."""
        return tuple(dict.fromkeys(self._unset))

    def text(self, template: str, what: str, quoted: int = 0) -> str:
        """The text with its keys; those before the position `quoted` are percent-encoded. ConfigError begins with `what`."""
        if "${" in VARIABLE.sub("", template):
            raise ConfigError(f"{what} has to name keys as ${{NAME}} or ${{file:PATH}}")

        def value(match: re.Match[str]) -> str:
            path, name = match.groups()
            found = self._file(path) if path else self._variable(name)
            return (
                match.group()
                if found is None
                else quote(found, safe="", errors="surrogateescape")
                if match.end() <= quoted
                else found
            )

        return VARIABLE.sub(value, template)

    def url(self, template: str, what: str = "url") -> str:
        """The URL with its keys; in user and password they are percent-encoded, so that none can name another host."""
        user = USER.match(template)
        return self.text(template, what, user.end() if user else 0)

    def _variable(self, name: str) -> str | None:
        if found := self._environ.get(name):
            return found
        self._unset.append(name)
        return None

    def _file(self, path: str) -> str | None:
        try:
            found = content(self._cwd / Path(path).expanduser(), LONGEST).strip()
            why = "" if found else "is empty"
        except ConfigError as error:
            why = str(error)
        if why:
            self._unread.append(f"the file {path} {why}")
            return None
        return found


def names(row: msgspec.Struct) -> set[str]:
    """The environment's variables that a row asks for."""
    return {name for _, name in VARIABLE.findall(str(msgspec.to_builtins(row))) if name}


def content(path: Path, most: int) -> str:
    """The text of a file of at most so many bytes; ConfigError says what is wrong with it, as "cannot be read: …"."""
    try:
        with path.open("rb") as file:
            raw = file.read(most + 1)
    except OSError as error:
        raise ConfigError(f"cannot be read: {error.strerror}") from None
    if len(raw) > most:
        raise ConfigError(f"is larger than {most:,} bytes")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError("is not UTF-8 text") from None
