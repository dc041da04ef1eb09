"""`GET /api/v1/events` as an ASGI response."""

import asyncio
from contextlib import suppress

from hdscan.web.asgi import Receive, Scope, Send
from hdscan.web.hub import BYE, Hub, Subscription
from hdscan.web.idle import IdleTimer
from hdscan.web.problem import Problem

PING_AFTER = 15.0  # seconds
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """Streams events to a client that last saw `last_id`, and a ping after `ping_after` seconds without one."""

    def __init__(self, hub: Hub, last_id: str | None, ping_after: float) -> None:
        self._hub = hub
        self._last_id = last_id
        self._ping_after = ping_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until client or server ends it; the guard cuts off a client that stops reading."""
        awake = asyncio.Event()
        subscription = self._hub.subscribe(self._last_id, awake.set)
        idle = IdleTimer(self._ping_after, awake.set)
        listening = asyncio.create_task(_until_gone(receive, subscription))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while not subscription.closed:
                if data := subscription.take() or (self._hub.ping() if idle.expired else b""):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                    idle.restart()
                else:
                    await awake.wait()
                    awake.clear()
            await send({"type": "http.response.body", "body": subscription.take() + BYE, "more_body": False})
        finally:
            subscription.end()
            idle.cancel()
            listening.cancel()


async def _until_gone(receive: Receive, subscription: Subscription) -> None:
    with suppress(Problem):  # a body that is too large or late
        while (await receive())["type"] != "http.disconnect":
            pass
    subscription.end()
