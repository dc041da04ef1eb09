"""Make the providers of an endpoint."""

from pkgutil import resolve_name

from hdscan.model.chain import Chain
from hdscan.model.endpoint import Endpoint
from hdscan.provider.canaries import Canaries
from hdscan.provider.registry import REGISTRY, offered
from hdscan.provider.remote import Clock, Link, Remote, Transport


def build(
    endpoint: Endpoint, chain: Chain, transport: Transport, clock: Clock, canaries: Canaries | None = None
) -> list[Remote]:
    """Make one provider per protocol of an endpoint, in its order; each fits the pool's port `Provider`.

    `clock` gives unix seconds, `canaries` are those of the chain, to be shared by all its providers. Raises ConfigError for a
    URL without TLS that its row does not allow, and for a package whose protocol cannot be used.
    """
    offered()  # refuses a package that takes a built-in name, though nobody asks for it
    canaries = Canaries(chain) if canaries is None else canaries
    made = []
    for name in endpoint.protocols:
        row = REGISTRY[name]
        endpoint.check(lines=row.lines)
        maker = resolve_name(row.provider) if isinstance(row.provider, str) else row.provider
        made.append(maker(Link(name, endpoint, chain, transport, clock, canaries)))
    return made
