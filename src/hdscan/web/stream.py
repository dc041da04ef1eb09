"""Sends a subscription to its client: `GET /api/v1/events` as an ASGI response."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

from hdscan.web.asgi import Receive, Scope, Send
from hdscan.web.hub import BYE, Hub, Subscription
from hdscan.web.problem import Problem

PING_AFTER = 15.0  # seconds
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),
]


class EventStream:
    """The events from now on, for one client that last saw `last_id`; `ping_after` seconds without any end in a ping."""

    def __init__(self, hub: Hub, last_id: str | None, ping_after: float) -> None:
        self._hub = hub
        self._last_id = last_id
        self._ping_after = ping_after

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the client or the server goes; a client that takes nothing is cut off by `guard`'s deadline."""
        awake = asyncio.Event()
        subscription = self._hub.subscribe(self._last_id, awake.set)
        quiet = Quiet(self._ping_after, awake.set)
        listening = asyncio.create_task(_until_gone(receive, subscription))
        try:
            await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
            while not subscription.closed:
                if data := subscription.take() or (self._hub.ping() if quiet.over else b""):
                    await send({"type": "http.response.body", "body": data, "more_body": True})
                    quiet.begin()
                else:
                    await awake.wait()
                    awake.clear()
            await send({"type": "http.response.body", "body": subscription.take() + BYE, "more_body": False})
        finally:
            subscription.end()
            quiet.end()
            listening.cancel()


class Quiet:
    """Calls `wake` when nothing was sent for so many seconds; one timer that is moved on, where one each would cost more."""

    def __init__(self, seconds: float, wake: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._seconds = seconds
        self._wake = wake
        self.begin()
        self._timer = self._loop.call_later(seconds, self._look)

    @property
    def over(self) -> bool:
        """Whether it has lasted."""
        return self._loop.time() - self._since >= self._seconds

    def begin(self) -> None:
        """Something was sent."""
        self._since = self._loop.time()

    def end(self) -> None:
        """Nothing will be sent any more."""
        self._timer.cancel()

    def _look(self) -> None:
        if self.over:
            self._wake()
        left = self._since + self._seconds - self._loop.time()
        self._timer = self._loop.call_later(left if left > 0 else self._seconds, self._look)


async def _until_gone(receive: Receive, subscription: Subscription) -> None:
    with suppress(Problem):  # a body that does not come, or does not end
        while (await receive())["type"] != "http.disconnect":
            pass
    subscription.end()
