"""The hub: snapshot, then live, to any number of subscribers, none of which is waited for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hdscan.model.events import Event, ProviderChanged, Reason, ScanTokenError
from hdscan.model.scan import ProviderState
from hdscan.web.hub import BYE, MOST_WAITING, Hub, Subscription
from hdscan.web.state import CurrentState
from tests.web.reference import State, reduced
from tests.web.streaming import EPOCH, Frame, frames, progress, said

OTHER = "fedcba9876543210"


def hub(events: int = 0) -> Hub:
    """A hub that has said so many events."""
    made = Hub(CurrentState([], [], []), EPOCH)
    for number in range(events):
        made.publish(said(number))
    return made


class Client:
    """A subscriber that counts how often it is woken."""

    def __init__(self, of: Hub, last_id: str | None = None) -> None:
        self.woken = 0
        self.subscription: Subscription = of.subscribe(last_id, self.wake)

    def wake(self) -> None:
        self.woken += 1

    def take(self) -> list[Frame]:
        return frames(self.subscription.take())


def reason(of: Hub, last_id: str | None) -> str:
    (first,) = Client(of, last_id).take()
    assert first.event == "scan_state"
    return str(first.data["reason"])


def test_a_subscriber_begins_with_everything_under_the_last_events_id() -> None:
    of = hub(events=3)
    (first,) = Client(of).take()
    assert (first.event, first.id, first.retry) == ("scan_state", f"{EPOCH}-3", "2000")
    assert [each["error"].split()[0] for each in first.data["errors"]] == ["0", "1", "2"]


@pytest.mark.parametrize("seq", [0, 1, 5])
def test_a_subscriber_that_was_here_is_resumed(seq: int) -> None:
    assert reason(hub(events=5), f"{EPOCH}-{seq}") == "resumed"


def test_a_subscriber_of_another_process_is_restarted() -> None:
    assert reason(hub(), f"{OTHER}-99") == "restarted"
    assert reason(hub(), None) == "initial"


HOSTILE = [
    "",
    " ",
    "-",
    EPOCH,
    f"{EPOCH}-",
    f"-{EPOCH}",
    f"{EPOCH}-6",  # has not been
    f"{EPOCH}--1",
    f"{EPOCH}-+1",
    f"{EPOCH}-1 ",
    f" {EPOCH}-1",
    f"{EPOCH}-1\n",
    f"{EPOCH}-1\x00",
    f"{EPOCH}-0x1",
    f"{EPOCH}-1_0",
    f"{EPOCH}-1.0",
    f"{EPOCH}-1e0",
    f"{EPOCH}-\u0661",  # a digit, but of another script
    f"{EPOCH}-" + "9" * 5_000,  # more digits than Python turns into a number
    f"{EPOCH.upper()}-1",
    f"{EPOCH[:-1]}-1",
    f"{EPOCH}0-1",
    f"{EPOCH}-1-1",
    "null",
    "../../etc/passwd",
    "\ud800",
    "x" * 100_000,
]


@pytest.mark.parametrize("last_id", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_id_is_malformed(last_id: str) -> None:
    assert reason(hub(events=5), last_id) == "malformed"


@given(st.text())
def test_any_text_is_answered_with_a_reason(last_id: str) -> None:
    assert reason(hub(), last_id) in set(Reason)


def test_events_have_ids_that_rise_by_one() -> None:
    of = hub(events=3)
    client = Client(of)
    client.take()
    of.publish(said())
    of.publish(said())
    assert [frame.id for frame in client.take()] == [f"{EPOCH}-4", f"{EPOCH}-5"]
    assert client.take() == []


def test_what_happens_between_subscribing_and_taking_is_in_the_snapshot_alone() -> None:
    of = hub()
    client = Client(of)
    of.publish(said(7))
    (first,) = client.take()
    assert (first.id, len(first.data["errors"])) == (f"{EPOCH}-1", 1)
    assert client.take() == []


def test_a_chains_progress_takes_the_place_of_the_one_that_waits() -> None:
    of = hub()
    client = Client(of)
    client.take()
    for event in (progress("btc", 1), progress("bsc", 1), said(1), progress("btc", 2)):
        of.publish(event)
    waited = client.take()
    assert [(frame.event, frame.data.get("chain"), frame.data.get("read")) for frame in waited] == [
        ("scan_progress", "bsc", 1),
        ("scan_error", "btc", None),
        ("scan_progress", "btc", 2),
    ]
    assert [frame.id for frame in waited] == [f"{EPOCH}-{seq}" for seq in (2, 3, 4)]


def test_a_full_queue_is_dropped_for_one_snapshot() -> None:
    of = hub()
    client, other = Client(of), Client(of)
    client.take()
    other.take()
    for number in range(MOST_WAITING):
        of.publish(said(number))
    assert len(other.take()) == MOST_WAITING
    for number in range(3 * MOST_WAITING):
        of.publish(said(number))
        other.take()
    (only,) = client.take()
    assert (only.event, only.data["reason"], only.id) == ("scan_state", "lagged", f"{EPOCH}-{4 * MOST_WAITING}")
    assert client.take() == []
    of.publish(said())
    assert [frame.event for frame in client.take()] == ["scan_error"], "it goes on as before"


def test_progress_alone_never_fills_a_queue() -> None:
    of = hub()
    client = Client(of)
    client.take()
    for read in range(10 * MOST_WAITING):
        of.publish(progress(("btc", "bsc", "sol")[read % 3], read))
    assert [frame.event for frame in client.take()] == ["scan_progress"] * 3


def test_a_subscriber_is_woken_by_every_event_and_by_the_end() -> None:
    of = hub()
    client = Client(of)
    client.take()
    of.publish(said())
    assert client.woken == 1
    of.close()
    assert client.woken == 2
    assert client.subscription.closed
    assert len(client.take()) == 1, "what waited may still be taken"
    assert of.subscriptions == set()


def test_after_the_end_nobody_is_kept() -> None:
    of = hub()
    of.close()
    late = Client(of)
    assert late.subscription.closed
    assert len(late.take()) == 1
    assert of.subscriptions == set()


def test_who_has_gone_is_offered_nothing() -> None:
    of = hub()
    client = Client(of)
    client.take()
    client.subscription.end()
    client.subscription.end()
    of.publish(said())
    assert client.take() == []


def test_a_ping_says_the_head_and_has_no_id() -> None:
    assert frames(hub(events=2).ping()) == [Frame("ping", {"head": f"{EPOCH}-2"})]
    assert frames(BYE) == [Frame("bye", {})]


def test_data_is_one_line_whatever_is_in_it() -> None:
    of = hub()
    client = Client(of)
    client.take()
    text = 'a\nb\r\nc\u2028 <img src=x onerror=alert(1)> "quoted" event: bye\n\n'
    of.publish(ScanTokenError("bsc", text, text, "http", 1, {text: text}))
    (frame,) = client.take()
    assert frame.data["token"] == frame.data["error"] == text


CHAINS = st.sampled_from(["btc", "bsc", "sol"])
STATES = st.sampled_from(list(ProviderState))
EVENTS = st.one_of(
    st.builds(progress, CHAINS, st.integers(0, 100), st.integers(1, 3)),
    st.builds(said, st.integers(0, 9)),
    st.builds(lambda c, t, n: ScanTokenError(c, t, "why", "http", n, {}), CHAINS, st.sampled_from("UV"), st.integers(0, 2)),
    st.builds(lambda n, s: ProviderChanged(n, "btc", "esplora", s, {}, 1.0, None, 0, 0, 0, 0), st.sampled_from("ab"), STATES),
)
# what a client does now: nothing, takes, or comes again, having kept its last id, with another's, or without one
ACTS = st.sampled_from(["", "", "take", "right", "wrong", "absent"])


@given(st.lists(st.tuples(st.one_of(EVENTS, st.lists(EVENTS, max_size=3), st.just("flood")), ACTS), max_size=40))
def test_whatever_a_client_does_it_ends_with_the_state(story: list[tuple[Event | list[Event] | str, str]]) -> None:
    of = hub()
    client, state, seen = Client(of), State(), None

    def take() -> None:
        nonlocal state, seen
        for frame in client.take():
            state, seen = reduced(state, frame.event, frame.data), frame.id

    for event, act in story:
        flood = [said(number) for number in range(MOST_WAITING + 1)]
        for each in flood if event == "flood" else event if isinstance(event, list) else [event]:
            of.publish(each)  # type: ignore[arg-type]
        if act == "take":
            take()
        elif act:
            client.subscription.end()
            last = {"right": seen, "wrong": f"{OTHER}-1", "absent": None}[act]
            client, state = Client(of, last), State()
    take()
    (fresh,) = Client(of).take()
    assert state == reduced({}, fresh.event, fresh.data)
    assert seen == fresh.id
