"""Load the configuration, lowest precedence first: catalogue, user file, project file, environment, flags."""

import tomllib
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from platformdirs import PlatformDirs

from hdscan.model.chain import Asset, Chain, Network
from hdscan.model.endpoint import Endpoint
from hdscan.model.errors import ConfigError, InputError
from hdscan.model.meant import did_you_mean
from hdscan.model.protocol import PROTOCOLS, Protocol
from hdscan.settings.proxies import Proxies
from hdscan.settings.rows import Register, Rows
from hdscan.settings.schema import ROWS, LogLevel, ScanSettings, TopLevel, parse
from hdscan.settings.variables import names

TABLES = ("scan", *ROWS)
SCAN_VARIABLES = {f"HDSCAN_SCAN_{key.upper()}": key for key in ScanSettings.__struct_fields__}
TOP_VARIABLES = {f"HDSCAN_{key.upper()}": key for key in TopLevel.__struct_fields__ if key != "catalogue"}  # a file's
# where the file is, and the server's secret: no keys of the file
VARIABLES = (*TOP_VARIABLES, *SCAN_VARIABLES, "HDSCAN_CONFIG", "HDSCAN_TOKEN")

T = TypeVar("T", bound=msgspec.Struct)


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Everything configured: `assets` are per chain, its own coin first; `files` are those that were read, the strongest last.

    `token_files` has the file of every token by chain and symbol, None for a built-in one.
    """

    network: Network
    db: str
    log_level: LogLevel
    log_json: bool
    scan: ScanSettings
    chains: Mapping[str, Chain]
    assets: Mapping[str, tuple[Asset, ...]]
    endpoints: tuple[Endpoint, ...]
    files: tuple[str, ...]
    token_files: Mapping[tuple[str, str], str | None] = {}

    def chain(self, name: str) -> Chain:
        """The configured chain of this id; InputError lists those there are."""
        if name not in self.chains:
            raise InputError(f"chain {name!r} is not configured; the chains are {', '.join(self.chains)}")
        return self.chains[name]

    def asset(self, name: str, chains: Sequence[str] | None = None) -> str:
        """The configured symbol that is meant, whatever its case; InputError lists those there are."""
        symbols = {asset.symbol.upper(): asset.symbol for chain in chains or self.chains for asset in self.assets[chain]}
        if name.upper() not in symbols:
            raise InputError(f"asset {name!r} is not configured; the assets are {', '.join(symbols.values())}")
        return symbols[name.upper()]


class Places(msgspec.Struct, frozen=True):
    """This user's directories for hdscan's configuration and data; None where there is no home."""

    config: Path | None = None
    data: Path | None = None


class Layer(msgspec.Struct, frozen=True):
    """What one source sets: top-level keys, keys of [scan], rows."""

    top: Mapping[str, Any]
    scan: Mapping[str, Any]
    rows: Rows = Rows()


def places() -> Places:
    """The directories that this platform has for the user; on Linux and macOS XDG_CONFIG_HOME and XDG_DATA_HOME win."""
    config = PlatformDirs("hdscan", appauthor=False, roaming=True).user_config_path
    data = PlatformDirs("hdscan", appauthor=False).user_data_path
    return Places(*(path if path.is_absolute() else None for path in (config, data)))


def load(
    config: Path | None,
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    cwd: Path,
    user: Places | None = None,
    *,
    protocols: Mapping[str, Protocol] = PROTOCOLS,
) -> Settings:
    """The settings in force, for the user with these directories (by default the current one).

    `config` (or HDSCAN_CONFIG) is read in place of `cwd`/hdscan.toml; `flags` are keys of the top level, None where not given;
    `protocols` are those that an endpoint may speak.
    ConfigError says which file, variable or flag, which key, and what it should be.
    """
    user = places() if user is None else user
    paths = _paths(config, user, environ, cwd)
    catalogue = files("hdscan").joinpath("provider/catalogue.toml").read_text(encoding="utf-8")
    layers = [_layer(tomllib.loads(catalogue), "catalogue.toml"), *(_read(path) for path in paths)]
    if any(layer.rows.catalogue == "off" for layer in layers):
        layers[0] = msgspec.structs.replace(layers[0], rows=msgspec.structs.replace(layers[0].rows, endpoint=()))
    layers.append(_environment(environ, {name for layer in layers for _, row in layer.rows.endpoint for name in names(row)}))
    layers.append(Layer(_given(TopLevel, {key: value for key, value in flags.items() if value is not None}, "flags"), {}))

    top = TopLevel(**{key: value for layer in layers for key, value in layer.top.items()})
    scan = ScanSettings(**{key: value for layer in layers for key, value in layer.scan.items()})
    if scan.backoff_max < scan.backoff_base:
        raise ConfigError("[scan] backoff_max is below backoff_base")
    db = top.db or _default_db(user, top.network)
    if not db.startswith(("sqlite:///", "postgresql://")):  # not repeated, as it may hold a password
        raise ConfigError("db has to be sqlite:///path/to/file or postgresql://…")
    proxies = Proxies(top.proxy, environ, cwd)
    register = Register(top.network, environ, cwd, proxies, protocols, scan.commitment, scan.tokens)
    for layer in layers:
        register.add(layer.rows)
    return Settings(
        network=top.network,
        db=db,
        log_level=top.log_level,
        log_json=top.log_json,
        scan=scan,
        chains=register.known_chains(),
        assets=register.assets(),
        endpoints=register.known_endpoints(),
        files=tuple(str(path) for path in paths),
        token_files=register.token_files,
    )


def _paths(config: Path | None, user: Places, environ: Mapping[str, str], cwd: Path) -> list[Path]:
    """The files to read; one named explicitly must exist."""
    found = [user.config / "hdscan.toml"] if user.config is not None else []
    named = config or (Path(environ["HDSCAN_CONFIG"]) if environ.get("HDSCAN_CONFIG") else None)
    if named is None:
        found.append(cwd / "hdscan.toml")
    return [path for path in found if path.exists()] + ([cwd / named] if named is not None else [])


def _read(path: Path) -> Layer:
    try:
        return _layer(tomllib.loads(path.read_text(encoding="utf-8-sig")), str(path), str(path))
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigError(f"{path}: is not UTF-8 text") from None
    except ValueError as error:
        _, _, place = str(error).rpartition("(at ")  # the text before it may quote the file
        raise ConfigError(f"{path}: is not valid TOML, at {place.rstrip(')')}") from None


def _layer(raw: Mapping[str, Any], where: str, file: str | None = None) -> Layer:
    top = _given(TopLevel, {key: value for key, value in raw.items() if key not in TABLES}, where, known=TABLES)
    rows: dict[str, Any] = {table: _rows(kind, raw, table, where) for table, kind in ROWS.items()}
    scan = _given(ScanSettings, raw.get("scan", {}), f"{where}: [scan]")
    return Layer(top, scan, Rows(file, top.get("catalogue", "replaced"), **rows))


def _rows(kind: type[T], raw: Mapping[str, Any], table: str, where: str) -> tuple[tuple[str, T], ...]:
    """A table's rows, each with its place for errors: table, number from 1, and name."""
    entries = raw.get(table, [])
    if not isinstance(entries, list):
        raise ConfigError(f"{where}: {table} has to be written as [[{table}]], one for each row")
    rows = []
    for number, entry in enumerate(entries, 1):
        names = [entry[key] for key in ("name", "id", "symbol") if key in entry] if isinstance(entry, dict) else []
        place = f"{where}: [[{table}]] {number}" + (f" ({names[0]})" if names else "")
        rows.append((place, parse(kind, entry, place)))
    return tuple(rows)


def _given(kind: type[T], raw: Any, where: str, *, strict: bool = True, known: tuple[str, ...] = ()) -> dict[str, Any]:
    values = parse(kind, raw, where, strict=strict, known=known)
    return {key: getattr(values, key) for key in raw}


def _environment(environ: Mapping[str, str], used_in_rows: set[str]) -> Layer:
    """The HDSCAN_* variables; an unknown one is an error, like an unknown key."""
    top: dict[str, Any] = {}
    scan: dict[str, Any] = {}
    for name, text in environ.items():
        if name in TOP_VARIABLES and text:
            top |= _given(TopLevel, {TOP_VARIABLES[name]: text}, name, strict=False)
        elif name in SCAN_VARIABLES and text:
            scan |= _given(ScanSettings, {SCAN_VARIABLES[name]: text}, name, strict=False)
        elif name.startswith("HDSCAN_") and name not in VARIABLES and name not in used_in_rows:
            raise ConfigError(f"environment: unknown variable {name}{did_you_mean(name, VARIABLES)}")
    return Layer(top, scan)


def _default_db(user: Places, network: Network) -> str:
    """A file of its own per network under the user's data directory, so that test coins never meet real ones."""
    if user.data is None:
        raise ConfigError("there is no home directory to keep the database in: set db, HDSCAN_DB or --db")
    name = "hdscan.db" if network is Network.MAINNET else f"hdscan-{network}.db"
    return f"sqlite:///{(user.data / name).as_posix()}"
