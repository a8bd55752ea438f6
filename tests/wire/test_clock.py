"""The server clock (F33), deadlines, and the clock tests drive by hand."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Expired, ManualClock, ServerClock, SystemClock, within


class Server:
    """A server whose clock is `ahead_ms` ahead of our wall clock at the start and drifts by `ppm`."""

    def __init__(self, clock: ManualClock, ahead_ms: float = 0.0, ppm: float = 0.0) -> None:
        self.clock = clock
        self.ppm = ppm
        self.base_ns = clock.wall_ns() + round(ahead_ms * NS_PER_MS)
        self.start_ns = clock.mono_ns()

    def true_ns(self) -> int:
        passed = self.clock.mono_ns() - self.start_ns
        return self.base_ns + passed + round(passed * self.ppm / 1e6)

    def ask(self, estimate: ServerClock, there_ms: float = 10.0, back_ms: float = 10.0) -> None:
        """One time request through a network that takes `there_ms` and `back_ms`."""
        t0 = self.clock.mono_ns()
        self.clock.advance(there_ms / 1000)
        stamp_ms = self.true_ns() // NS_PER_MS
        self.clock.advance(back_ms / 1000)
        estimate.sample(t0, self.clock.mono_ns(), stamp_ms)

    def behind_ms(self, estimate: ServerClock) -> float:
        """How far the estimate lags the truth."""
        return self.true_ns() / NS_PER_MS - estimate.now_ms()


@given(
    ahead_ms=st.floats(-5_000, 5_000),
    legs=st.lists(st.tuples(st.floats(0.01, 900), st.floats(0.01, 900)), min_size=1, max_size=12),
)
def test_the_estimate_is_never_ahead_and_never_later_than_one_round_trip(ahead_ms, legs):
    clock = ManualClock()
    server, estimate = Server(clock, ahead_ms), ServerClock(clock)
    for there_ms, back_ms in legs:
        server.ask(estimate, there_ms, back_ms)
        assert 0 <= server.behind_ms(estimate) <= estimate.round_trip_ms + 2  # 1 ms of stamp, 1 ms of reading


def test_an_unsynced_clock_reads_our_own_wall_clock():
    clock = ManualClock()
    estimate = ServerClock(clock)
    assert not estimate.synced
    assert estimate.now_ms() == clock.wall_ns() // NS_PER_MS
    assert estimate.offset_ms == 0
    assert estimate.round_trip_ms is None
    assert estimate.age_s is None


def test_the_sample_with_the_shortest_round_trip_counts():
    clock = ManualClock()
    server, estimate = Server(clock, ahead_ms=1_500), ServerClock(clock)
    server.ask(estimate, 400, 400)
    server.ask(estimate, 2, 2)
    server.ask(estimate, 300, 900)
    assert estimate.round_trip_ms == pytest.approx(4)
    assert server.behind_ms(estimate) <= 6
    assert estimate.offset_ms == pytest.approx(1_500, abs=6)


def test_a_good_but_old_sample_gives_way_before_drift_spoils_it():
    clock = ManualClock()
    server, estimate = Server(clock), ServerClock(clock, max_age_s=600)
    server.ask(estimate, 1, 1)
    clock.advance(601)
    server.ask(estimate, 20, 20)
    assert estimate.round_trip_ms == pytest.approx(40)
    assert estimate.age_s == 0


@pytest.mark.parametrize("step_s", [3.0, -3.0, 3600.0, -86_400.0])
def test_f33_a_step_of_our_wall_clock_moves_no_timestamp(step_s):
    clock = ManualClock()
    server, estimate = Server(clock, ahead_ms=700), ServerClock(clock)
    server.ask(estimate)
    before = estimate.now_ms()
    clock.step_wall(step_s)
    assert estimate.now_ms() == before
    assert estimate.suspect
    server.ask(estimate)
    assert not estimate.suspect
    assert estimate.offset_ms == pytest.approx(700 - step_s * 1000, abs=25)


@given(steps=st.lists(st.one_of(st.floats(0, 100), st.floats(-10_000, 10_000).map(lambda s: ("step", s)))))
def test_f33_between_syncs_server_time_never_goes_back(steps):
    clock = ManualClock()
    estimate = ServerClock(clock)
    Server(clock).ask(estimate)
    last = estimate.now_ms()
    for step in steps:
        if isinstance(step, tuple):
            clock.step_wall(step[1])
        else:
            clock.advance(step)
        assert estimate.now_ms() >= last
        last = estimate.now_ms()


@pytest.mark.parametrize("ppm", [50, -50])
def test_f33_fifty_ppm_of_drift_over_nine_hours_stays_within_a_round_trip(ppm):
    clock = ManualClock()
    server, estimate = Server(clock, ppm=ppm), ServerClock(clock)
    for _ in range(9 * 12):
        server.ask(estimate, 20, 20)
        clock.advance(300)
        assert -50 < server.behind_ms(estimate) < 100  # far inside what servers allow: -1000 .. recvWindow


def test_f33_after_a_suspend_the_monotonic_clock_missed_one_request_recovers():
    clock = ManualClock()
    server, estimate = Server(clock), ServerClock(clock)
    for _ in range(8):
        server.ask(estimate, 1, 1)
    server.base_ns += 8 * 3600 * NS_PER_S  # eight hours passed for the server and the wall clock only
    clock.step_wall(8 * 3600)
    assert estimate.suspect
    server.ask(estimate, 200, 200)
    assert 0 <= server.behind_ms(estimate) <= 402


@pytest.mark.parametrize("step_s", [2.0, -2.0])
def test_f33_a_step_of_the_servers_clock_is_followed_with_the_first_sample(step_s):
    clock = ManualClock()
    server, estimate = Server(clock), ServerClock(clock)
    for _ in range(8):
        server.ask(estimate, 1, 1)
    server.base_ns += round(step_s * NS_PER_S)
    server.ask(estimate, 80, 80)
    assert 0 <= server.behind_ms(estimate) <= 162


def test_reset_forgets_what_led_to_a_refused_timestamp():
    clock = ManualClock()
    server, estimate = Server(clock, ahead_ms=5_000), ServerClock(clock)
    server.ask(estimate)
    estimate.reset()
    assert not estimate.synced
    server.ask(estimate, 50, 50)
    assert estimate.round_trip_ms == pytest.approx(100)


async def test_within_gives_the_result_or_expires_and_cancels():
    clock = ManualClock()
    cancelled = asyncio.Event()

    async def stuck() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            cancelled.set()

    async def quick() -> int:
        return 7

    assert await within(clock, 5, quick()) == 7
    waiting = asyncio.create_task(within(clock, 5, stuck()))
    await clock.asleep(5)
    clock.advance(4.9)
    await asyncio.sleep(0)
    assert not waiting.done()
    clock.advance(0.2)
    with pytest.raises(Expired, match="5 s"):
        await waiting
    await cancelled.wait()


async def test_within_lets_errors_and_the_callers_cancellation_through():
    clock = ManualClock()

    async def broken() -> None:
        raise OSError("no route")

    with pytest.raises(OSError, match="no route"):
        await within(clock, 5, broken())
    waiting = asyncio.create_task(within(clock, 5, asyncio.Event().wait()))
    await clock.asleep(5)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_manual_clock_wakes_sleepers_in_order_and_only_when_due():
    clock = ManualClock()
    woken: list[int] = []

    async def sleeper(seconds: int) -> None:
        await clock.sleep(seconds)
        woken.append(seconds)
        await clock.sleep(10)
        woken.append(seconds + 10)

    tasks = [asyncio.create_task(sleeper(s)) for s in (3, 1, 2)]
    await clock.run_for(2)
    assert woken == [1, 2]
    await clock.run_for(10.5)
    assert woken == [1, 2, 3, 11, 12]
    await clock.run_for(1)
    await asyncio.gather(*tasks)


def test_the_system_clock_tells_wall_time_and_a_monotonic_one():
    clock = SystemClock()
    first = clock.mono_ns()
    assert clock.wall_ns() > 1_700_000_000 * NS_PER_S
    assert clock.mono_ns() >= first


async def test_the_next_to_wake_is_the_first_that_still_sleeps():
    clock = ManualClock()
    assert clock.next_s() is None
    short, long = (asyncio.ensure_future(clock.sleep(seconds)) for seconds in (2.0, 5.0))
    await asyncio.sleep(0)
    assert clock.next_s() == 2.0
    short.cancel()
    await asyncio.gather(short, return_exceptions=True)
    clock.advance(1.0)
    assert clock.next_s() == 4.0
    clock.advance(4.0)
    await long
    assert clock.next_s() is None
