"""Every protocol that can be spoken: the built-in ones, and those that installed packages offer by an entry point."""

from collections.abc import Iterator, Mapping
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from hdscan.model.errors import ConfigError
from hdscan.model.protocol import PROTOCOLS, Protocol

GROUP = "hdscan.protocols"


class Registry(Mapping[str, Protocol]):
    """Protocols by name; a package is imported when its protocol is looked up, and refused in a ConfigError that names it."""

    def __getitem__(self, name: str) -> Protocol:
        return PROTOCOLS[name] if name in PROTOCOLS else _loaded(offered()[name])

    def __iter__(self) -> Iterator[str]:
        yield from PROTOCOLS
        yield from offered()

    def __len__(self) -> int:
        return len(PROTOCOLS) + len(offered())


REGISTRY = Registry()


@cache
def offered() -> Mapping[str, EntryPoint]:
    """The entry points of installed packages by the protocol's name; ConfigError where a name is taken."""
    found: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        if entry.name in PROTOCOLS:
            raise ConfigError(
                f"{_package(entry)} offers a protocol '{entry.name}', which is built in: uninstall it or rename it"
            )
        other = found.setdefault(entry.name, entry)
        if other != entry:
            raise ConfigError(f"{_package(other)} and {_package(entry)} both offer a protocol '{entry.name}': uninstall one")
    return found


def _loaded(entry: EntryPoint) -> Protocol:
    try:
        row = entry.load()
    except Exception as error:
        why = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        raise ConfigError(f"{_package(entry)} offers a protocol '{entry.name}' that cannot be loaded: {why}") from error
    if not isinstance(row, Protocol) or row.name != entry.name:
        raise ConfigError(f"{_package(entry)}: {entry.value} is not a Protocol with the name '{entry.name}'")
    return row


def _package(entry: EntryPoint) -> str:
    return f"the package {entry.dist.name if entry.dist else entry.module}"
