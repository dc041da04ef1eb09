"""The settings in force without secrets, and the template of hdscan.toml."""

import json
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import msgspec

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint
from hdscan.model.url import origin
from hdscan.settings.load import Settings


def shown(settings: Settings) -> dict[str, Any]:
    """The settings as JSON-ready values; urls are cut to their origin, passwords left out."""
    return {
        "files": list(settings.files),
        "network": str(settings.network),
        "db": _database(settings.db),
        "log_level": settings.log_level,
        "log_json": settings.log_json,
        "scan": msgspec.to_builtins(settings.scan),
        "chain": [_chain(chain) for chain in settings.chains.values()],
        "token": [msgspec.to_builtins(asset) for assets in settings.assets.values() for asset in assets if not asset.is_native],
        "endpoint": [_endpoint(each) for each in settings.endpoints],
    }


def show(settings: Settings) -> str:
    """`shown` as TOML."""
    values = shown(settings)
    lines = [f"# read from {path}" for path in values.pop("files")]
    lines += [_line(key, value) for key, value in values.items() if not isinstance(value, dict | list)]
    for table, value in values.items():
        for row in value if isinstance(value, list) else [value] if isinstance(value, dict) else []:
            lines += ["", f"[[{table}]]" if isinstance(value, list) else f"[{table}]"]
            lines += [_line(key, each) for key, each in row.items() if each is not None and each != {}]
    return "\n".join(lines) + "\n"


def template() -> str:
    """The hdscan.toml that `config init` writes: every key, explained and commented out."""
    return files("hdscan").joinpath("settings/template.toml").read_text(encoding="utf-8")


def _endpoint(endpoint: Endpoint) -> dict[str, Any]:
    """An endpoint without its keys."""
    headers = dict.fromkeys((name for name, _ in endpoint.headers), "[key]")
    row: dict[str, Any] = msgspec.to_builtins(endpoint)
    return row | {"url": origin(endpoint.url), "headers": headers, "proxy": endpoint.proxy and origin(endpoint.proxy.url)}


def _chain(chain: Chain) -> dict[str, Any]:
    """A chain, with its parameters as its row states them."""
    row: dict[str, Any] = msgspec.to_builtins(chain)
    params = row.pop("params")
    if params is None:
        return row
    row["slip44"], supply = params.pop("coin_type"), params.pop("supply")
    return row | params | {"supply": supply and supply // 10**chain.decimals} if params["p2pkh"] else row


def _line(key: str, value: Any) -> str:
    """A key and its value as TOML; JSON's strings, numbers, booleans and lists are TOML's too."""
    if isinstance(value, dict):
        return f"{key} = {{ {', '.join(_line(json.dumps(name), each) for name, each in value.items())} }}"
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"


def _database(url: str) -> str:
    """A database url without password and options."""
    if url.startswith("sqlite:"):
        return url
    parts = urlsplit(url)
    user = f"{parts.username}@" if parts.username else ""
    return f"{parts.scheme}://{user}{parts.netloc.rpartition('@')[2]}{parts.path}"
