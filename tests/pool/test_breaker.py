"""The breaker against its table, as a state machine and row by row."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from hdscan.pool.breaker import Breaker, Permit, State

COOLDOWN, THRESHOLD = 30.0, 3


def fail(breaker: Breaker, now: float) -> None:
    permit = breaker.acquire(now)
    assert permit is not None
    breaker.failure(permit, now)


def opened(at: float = 0.0) -> Breaker:
    breaker = Breaker(THRESHOLD, COOLDOWN)
    for _ in range(THRESHOLD):
        fail(breaker, at)
    assert breaker.state is State.OPEN
    return breaker


def half_open(at: float = 0.0) -> tuple[Breaker, Permit]:
    breaker = opened(at)
    permit = breaker.acquire(at + COOLDOWN)
    assert permit is not None
    return breaker, permit


def test_threshold_failures_in_a_row_open_it():
    breaker = Breaker(THRESHOLD, COOLDOWN)
    for _ in range(THRESHOLD - 1):
        fail(breaker, 0)
    assert breaker.state is State.CLOSED
    fail(breaker, 0)
    assert breaker.state is State.OPEN


def test_a_success_between_failures_begins_the_count_anew():
    breaker = Breaker(THRESHOLD, COOLDOWN)
    for now in (0, 40, 80):
        fail(breaker, now)
        fail(breaker, now)
        permit = breaker.acquire(now)
        assert permit is not None
        breaker.success(permit, now)
    assert breaker.state is State.CLOSED


def mixed(outcomes: str, spacing: float) -> Breaker:
    breaker = Breaker(100, COOLDOWN)
    for i, outcome in enumerate(outcomes):
        permit = breaker.acquire(i * spacing)
        assert permit is not None
        (breaker.failure if outcome == "x" else breaker.success)(permit, i * spacing)
    return breaker


def test_half_of_eight_calls_in_thirty_seconds_open_it():
    assert mixed(".x.x.x.x", 1).state is State.OPEN


def test_half_of_seven_calls_do_not():
    assert mixed("x.x.x.x", 1).state is State.CLOSED


def test_less_than_half_of_many_calls_do_not():
    assert mixed("..x..x..x..x..x..x", 1).state is State.CLOSED


def test_calls_of_more_than_thirty_seconds_ago_do_not_count():
    assert mixed(".x.x.x.x", 5).state is State.CLOSED


def test_an_open_breaker_lets_nobody_through_before_its_cooldown():
    breaker = opened()
    assert breaker.acquire(COOLDOWN - 0.001) is None
    assert breaker.acquire(COOLDOWN) is not None
    assert breaker.state is State.HALF_OPEN


def test_half_open_lets_exactly_one_call_through():
    breaker, _ = half_open()
    assert breaker.acquire(COOLDOWN) is None
    assert breaker.acquire(COOLDOWN + 1000) is None


def test_success_of_the_probe_closes_it():
    breaker, permit = half_open()
    breaker.success(permit, COOLDOWN)
    assert breaker.state is State.CLOSED
    assert breaker.since is None


def test_failure_of_the_probe_opens_it_again():
    breaker, permit = half_open()
    breaker.failure(permit, COOLDOWN)
    assert breaker.state is State.OPEN
    assert breaker.retry_at() == COOLDOWN + 2 * COOLDOWN


def test_a_neutral_end_of_the_probe_leaves_it_half_open_and_gives_the_permit_back():
    breaker, permit = half_open()
    breaker.neutral(permit)
    assert breaker.state is State.HALF_OPEN
    assert breaker.acquire(COOLDOWN) is not None
    assert breaker.acquire(COOLDOWN) is None


def test_what_others_read_of_its_calls_opens_it():
    breaker = Breaker(THRESHOLD, COOLDOWN)
    permit, late = breaker.acquire(0), breaker.acquire(0)
    assert permit is not None
    assert late is not None
    breaker.success(permit, 0)
    assert breaker.disproved(permit, 5)
    assert (breaker.state, breaker.since, breaker.retry_at()) == (State.OPEN, 5, 5 + COOLDOWN)
    assert not breaker.disproved(late, 6), "it is of an older generation"


def test_a_probe_of_which_others_read_something_opens_it_again_for_twice_as_long():
    breaker, permit = half_open()
    breaker.neutral(permit)
    assert breaker.disproved(permit, COOLDOWN)
    assert breaker.retry_at() == COOLDOWN + 2 * COOLDOWN


def test_the_cooldown_doubles_at_each_reopening_up_to_five_minutes_and_starts_small_after_a_success():
    breaker, now, waits = opened(), 0.0, []
    for _ in range(6):
        now = breaker.retry_at()
        permit = breaker.acquire(now)
        assert permit is not None
        breaker.failure(permit, now)
        waits.append(breaker.retry_at() - now)
    assert waits == [60, 120, 240, 300, 300, 300]
    permit = breaker.acquire(breaker.retry_at())
    assert permit is not None
    breaker.success(permit, now)
    for _ in range(THRESHOLD):
        fail(breaker, now)
    assert breaker.retry_at() - now == COOLDOWN


def test_reports_of_calls_begun_before_the_last_transition_are_ignored():
    breaker = Breaker(THRESHOLD, COOLDOWN)
    late = [breaker.acquire(0) for _ in range(6)]
    assert None not in late
    for permit in late[:3]:
        breaker.failure(permit, 1)
    assert breaker.state is State.OPEN
    breaker.success(late[3], 2)
    assert breaker.state is State.OPEN
    probe = breaker.acquire(1 + COOLDOWN)
    breaker.failure(late[4], 40)
    breaker.neutral(late[5])
    assert breaker.state is State.HALF_OPEN
    assert breaker.acquire(50) is None  # the probe still holds the only permit
    assert probe is not None
    breaker.success(probe, 50)
    assert breaker.state is State.CLOSED


def test_where_nobody_else_can_serve_the_wait_is_capped():
    breaker, permit = half_open()
    breaker.failure(permit, 100)
    assert breaker.retry_at() == 160
    assert breaker.retry_at(30) == 130
    assert not breaker.allows(129, 30)
    assert breaker.acquire(130, 30) is not None


def test_a_closed_breaker_waits_for_nothing_though_its_last_cooldown_was_cut_short():
    breaker, permit = half_open()
    breaker.failure(permit, 100)
    probe = breaker.acquire(130, 30)
    assert probe is not None
    breaker.success(probe, 131)
    assert breaker.retry_at() <= 131


class AgainstItsTable(RuleBasedStateMachine):
    """The table of the module's docstring as the model: calls begin, end in any order and way, and time passes."""

    @initialize()
    def begin(self) -> None:
        self.breaker = Breaker(THRESHOLD, COOLDOWN)
        self.now = 0.0
        self.state = "closed"
        self.epoch = 0
        self.row = 0
        self.recent: list[tuple[float, bool]] = []
        self.until = 0.0
        self.cooldown = COOLDOWN
        self.calls: list[tuple[Permit, int]] = []

    def become(self, state: str) -> None:
        self.state = state
        self.epoch += 1
        self.row = 0
        self.recent = []

    def open(self) -> None:
        self.become("open")
        self.until = self.now + self.cooldown

    @property
    def probing(self) -> bool:
        return any(epoch == self.epoch for _, epoch in self.calls)

    @rule(seconds=st.sampled_from([0.0, 0.5, 4.0, 29.0, 31.0, 301.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def ask(self) -> None:
        permit = self.breaker.acquire(self.now)
        if self.state == "open" and self.now >= self.until:
            self.become("half_open")
            assert permit is not None
        elif self.state == "closed" or (self.state == "half_open" and not self.probing):
            assert permit is not None
        else:
            assert permit is None
        if permit is not None:
            self.calls.append((permit, self.epoch))

    @precondition(lambda self: self.calls)
    @rule(data=st.data(), how=st.sampled_from(["success", "failure", "failure", "neutral"]))
    def end(self, data: st.DataObject, how: str) -> None:
        permit, epoch = self.calls.pop(data.draw(st.integers(0, len(self.calls) - 1)))
        if how == "neutral":
            self.breaker.neutral(permit)
            return
        (self.breaker.success if how == "success" else self.breaker.failure)(permit, self.now)
        if epoch != self.epoch:
            return
        if self.state == "half_open":
            self.cooldown = COOLDOWN if how == "success" else min(self.cooldown * 2, 300.0)
            if how == "success":
                self.become("closed")
            else:
                self.open()
            return
        self.row = 0 if how == "success" else self.row + 1
        self.recent = [(t, ok) for t, ok in self.recent if t > self.now - 30] + [(self.now, how == "success")]
        bad = sum(not ok for _, ok in self.recent)
        if how == "failure" and (self.row >= THRESHOLD or (len(self.recent) >= 8 and 2 * bad >= len(self.recent))):
            self.open()

    @invariant()
    def agrees(self) -> None:
        if hasattr(self, "breaker"):
            assert self.breaker.state.value == self.state
            if self.state == "open":
                assert self.breaker.retry_at() == self.until


TestAgainstItsTable = AgainstItsTable.TestCase
TestAgainstItsTable.settings = settings(max_examples=80, stateful_step_count=40, derandomize=True, deadline=None)
