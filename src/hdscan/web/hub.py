"""Fans events out to subscribers, each with a bounded queue; never waits for one. Pure.

Frames are those of Server-Sent Events (WHATWG HTML, section 9.2), encoded once for all subscribers.
"""

import re
from collections.abc import Callable

import msgspec

from hdscan.model.events import Event, Reason, ScanProgress
from hdscan.web.state import CurrentState

MOST_WAITING = 256  # frames
BYE = b"event: bye\ndata: {}\n\n"
RETRY = b"retry: 2000\n"  # milliseconds

_encode = msgspec.json.Encoder().encode


def frame(event: Event, event_id: bytes) -> bytes:
    """An event as a frame; `data` leaves out the event's name, which is msgspec's tag and therefore the first member."""
    tag = str(type(event).__struct_config__.tag).encode()
    data = b"{" + _encode(event)[len(b'{"event":"",') + len(tag) :]
    return b"id: " + event_id + b"\nevent: " + tag + b"\ndata: " + data + b"\n\n"


class Subscription:
    """One subscriber's queue; `wake` is called when there is something to take."""

    def __init__(self, hub: "Hub", reason: Reason, wake: Callable[[], None]) -> None:
        self._hub = hub
        self._owed: Reason | None = reason
        self._waiting: dict[object, bytes] = {}
        self._wake = wake
        self.closed = False

    def offer(self, key: object, data: bytes) -> None:
        """Queue a frame in place of one with the same key; a full queue is dropped, and a snapshot is owed."""
        if self._owed is not None:
            return  # the snapshot will hold this event
        self._waiting.pop(key, None)
        if len(self._waiting) >= MOST_WAITING:
            self._waiting.clear()
            self._owed = Reason.LAGGED
        else:
            self._waiting[key] = data
        self._wake()

    def take(self) -> bytes:
        """Everything queued, or the snapshot that is owed; may be empty."""
        if self._owed is not None:
            reason, self._owed = self._owed, None
            return self._hub.snapshot(reason)
        data = b"".join(self._waiting.values())
        self._waiting.clear()
        return data

    def end(self) -> None:
        self.closed = True
        self._hub.subscriptions.discard(self)
        self._wake()


class Hub:
    """Numbers the events of this process (`epoch` is random), applies them to the state, and distributes them."""

    def __init__(self, state: CurrentState, epoch: str) -> None:
        self.state = state
        self.epoch = epoch
        self.seq = 0
        self.subscriptions: set[Subscription] = set()
        self.closed = False

    @property
    def head(self) -> bytes:
        """The id of the last event."""
        return f"{self.epoch}-{self.seq}".encode()

    def publish(self, event: Event) -> None:
        self.state.apply(event)
        self.seq += 1
        if self.subscriptions:
            data = frame(event, self.head)
            key: object = event.chain if isinstance(event, ScanProgress) else self.seq
            for subscription in self.subscriptions:
                subscription.offer(key, data)

    def subscribe(self, last_id: str | None, wake: Callable[[], None]) -> Subscription:
        """A subscription whose first frame is the snapshot; no event is missed or repeated in between."""
        subscription = Subscription(self, self.why(last_id), wake)
        subscription.closed = self.closed
        if not self.closed:
            self.subscriptions.add(subscription)
        return subscription

    def why(self, last_id: str | None) -> Reason:
        """Why a client that last saw this id gets a snapshot."""
        if last_id is None:
            return Reason.INITIAL
        found = re.fullmatch(r"([0-9a-f]{16})-([0-9]{1,18})", last_id, re.ASCII)
        if found is None:
            return Reason.MALFORMED
        if found[1] != self.epoch:
            return Reason.RESTARTED
        return Reason.RESUMED if int(found[2]) <= self.seq else Reason.MALFORMED

    def snapshot(self, reason: Reason) -> bytes:
        """The whole state as a frame, with the head as its id."""
        return RETRY + frame(self.state.scan_state(reason), self.head)

    def ping(self) -> bytes:
        """A keep-alive; without an id, so that the client's last id stays."""
        return b'event: ping\ndata: {"head":"%s"}\n\n' % self.head

    def close(self) -> None:
        """Let every subscriber take what is queued, and end."""
        self.closed = True
        for subscription in tuple(self.subscriptions):
            subscription.end()
