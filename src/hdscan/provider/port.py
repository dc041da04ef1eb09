"""What a provider needs of the network."""

from collections.abc import Callable
from typing import Protocol

from hdscan.provider.connection import Connection
from hdscan.wire.http import Request, Response


class Transport(Protocol):
    """What a provider needs of the network.

    An exchange may take `seconds`; `pins` are certificate fingerprints by endpoint, kept over restarts.
    """

    seconds: float
    pins: dict[str, str]

    async def send(self, base_url: str, request: Request, sent: Callable[[], None] | None = None) -> Response:
        """Exchange one request below a base URL for its reply; raises CallError where there is none.

        `sent` is called when the request goes out, which is later than now where a connection has to be made.
        """

    async def dial(self, url: str, tls: str) -> Connection:
        """Connect to ssl://host:port or tcp://host:port; raises CallError UNREACHABLE, also for a refused certificate."""
