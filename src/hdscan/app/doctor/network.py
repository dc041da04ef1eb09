"""Says through which proxies hosts are asked, which are asked without TLS, and whether certificates can be checked."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from hdscan.app.doctor.finding import Finding, Level
from hdscan.model.endpoint import Endpoint
from hdscan.model.url import origin

FEW = 6  # hosts that are named; more are counted


def network(endpoints: Sequence[Endpoint], environ: Mapping[str, str]) -> Iterator[Finding]:
    """Findings about the way to the hosts that are on; no password of a proxy is shown."""
    asked = [endpoint for endpoint in endpoints if endpoint.disabled is None]
    ways: dict[str, list[str]] = {}
    for endpoint in asked:
        proxy = endpoint.proxy
        ways.setdefault(f"{origin(proxy.url)} ({proxy.source})" if proxy else "", []).append(endpoint.name)
    direct = ways.pop("", [])
    for way, names in ways.items():
        yield Finding("proxy", Level.OK, f"{way} is used for {_listed(names)}")
    if ways and direct:
        yield Finding("proxy", Level.OK, f"none is used for {_listed(direct)}")
    if plain := [each.name for each in asked if each.plain and each.url.startswith(("http:", "tcp:"))]:
        risk = "whoever is on that network can read what is asked, and change what is answered"
        yield Finding("plain", Level.OK, f"without TLS, at private addresses only: {_listed(plain)}; {risk}")
    for name, exists in (("SSL_CERT_FILE", Path.is_file), ("SSL_CERT_DIR", Path.is_dir)):
        if (text := environ.get(name)) and not exists(Path(text)):
            missing = f"{name} names {text}, which is not there, so that no host's certificate may be trusted"
            yield Finding("certificates", Level.WARN, missing, f"correct or unset {name}")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= FEW else f"{len(names)} hosts"
