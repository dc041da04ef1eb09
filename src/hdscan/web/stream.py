"""Sends a subscription to its client: `GET /api/v1/events` as an ASGI response."""

import asyncio
from contextlib import suppress

from hdscan.web.asgi import Receive, Scope, Send
from hdscan.web.guard import Refused
from hdscan.web.hub import BYE, Hub, Subscription

SILENCE = 15.0  # seconds before a ping
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """The events from now on, for one client that last saw `last_id`."""

    def __init__(self, hub: Hub, last_id: str | None) -> None:
        self._hub = hub
        self._last_id = last_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client or the server goes; a client that takes nothing is cut off by `guard`'s deadline."""
        awake = asyncio.Event()
        subscription = self._hub.subscribe(self._last_id, awake.set)
        listening = asyncio.create_task(_until_gone(receive, subscription))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while True:
                if not (data := subscription.take()) and not subscription.closed:
                    data = await self._next(subscription, awake)
                if subscription.closed:
                    data += BYE
                await send({"type": "http.response.body", "body": data, "more_body": not subscription.closed})
                if subscription.closed:
                    return
        finally:
            subscription.end()
            listening.cancel()

    async def _next(self, subscription: Subscription, awake: asyncio.Event) -> bytes:
        """What comes next, or a ping."""
        awake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(SILENCE):
                await awake.wait()
            return subscription.take()
        return self._hub.ping()


async def _until_gone(receive: Receive, subscription: Subscription) -> None:
    with suppress(Refused):  # a body that does not come, or does not end
        while (await receive())["type"] != "http.disconnect":
            pass
    subscription.end()
