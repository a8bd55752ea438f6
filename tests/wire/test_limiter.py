"""Budgets: weight (F34, F37), connection attempts, outgoing messages."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spark_tui.wire.clock import Expired, ManualClock
from spark_tui.wire.limiter import (
    LONGEST_PAUSE_S,
    ConnectionBudget,
    ImpossibleWeight,
    MessageLimiter,
    Paused,
    TooManyWaiting,
    WeightLimiter,
)

MINUTE_START = 1_760_000_040 * 1_000_000_000  # a wall time at :00


def make(limit: int = 100, **settings) -> tuple[ManualClock, WeightLimiter]:
    clock = ManualClock(wall_ns=MINUTE_START)
    return clock, WeightLimiter(limit, clock=clock, **settings)


async def turn() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_ordinary_calls_leave_the_reserve_and_priority_may_use_it():
    clock, limiter = make(100, reserve=0.2)
    await limiter.acquire(80)
    ordinary = asyncio.create_task(limiter.acquire(1))
    await turn()
    assert not ordinary.done()
    await limiter.acquire(20, priority=True)
    assert limiter.used == 100
    await clock.run_for(60)
    await ordinary
    assert limiter.used == 1


async def test_an_ask_that_can_never_be_met_is_refused_at_once():
    _, limiter = make(100, reserve=0.2)
    with pytest.raises(ImpossibleWeight, match="81"):
        await limiter.acquire(81)
    with pytest.raises(ImpossibleWeight, match="101"):
        await limiter.acquire(101, priority=True)
    assert limiter.used == 0


async def test_windows_are_aligned_to_the_servers_minute():
    clock = ManualClock(wall_ns=MINUTE_START + 59 * 1_000_000_000)
    limiter = WeightLimiter(10, clock=clock, reserve=0)
    await limiter.acquire(10)
    assert limiter.window_left_s == 1
    waiting = asyncio.create_task(limiter.acquire(10))
    await clock.run_for(0.9)
    assert not waiting.done()
    await clock.run_for(0.2)
    await waiting


async def test_waiters_are_served_in_order_within_their_priority_and_priority_first():
    clock, limiter = make(10, reserve=0)
    await limiter.acquire(10)
    served: list[str] = []

    async def ask(name: str, weight: int, priority: bool) -> None:
        await limiter.acquire(weight, priority=priority)
        served.append(name)

    tasks = []
    for name, weight, priority in [
        ("a", 6, False),
        ("b", 1, False),
        ("x", 4, True),
        ("c", 1, False),
        ("y", 1, True),
    ]:
        tasks.append(asyncio.create_task(ask(name, weight, priority)))
        await turn()
    assert limiter.waiting == 5
    await clock.run_for(60)
    assert served == ["x", "y"]  # 5 used; "a" does not fit and nobody of its line overtakes it
    await clock.run_for(60)
    assert served == ["x", "y", "a", "b", "c"]
    await asyncio.gather(*tasks)


async def test_a_newcomer_that_would_fit_does_not_overtake_the_line():
    clock, limiter = make(10, reserve=0)
    await limiter.acquire(5)
    first = asyncio.create_task(limiter.acquire(6))
    await turn()
    second = asyncio.create_task(limiter.acquire(1))
    await turn()
    assert not first.done()
    assert not second.done()
    await clock.run_for(60)
    await asyncio.gather(first, second)


async def test_a_cancelled_waiter_takes_nothing_and_blocks_nobody():
    clock, limiter = make(10, reserve=0)
    await limiter.acquire(10)
    gone = asyncio.create_task(limiter.acquire(9))
    await turn()
    stays = asyncio.create_task(limiter.acquire(8))
    await turn()
    gone.cancel()
    await clock.run_for(60)
    await stays
    assert limiter.used == 8
    with pytest.raises(asyncio.CancelledError):
        await gone


@pytest.mark.parametrize("priority", [True, False])
async def test_who_gave_up_waiting_holds_nobody_back(priority: bool):
    """A large call that timed out must not keep a small cancel out until the next window."""
    clock, limiter = make(100, reserve=0.2)
    await limiter.acquire(80)
    if priority:
        await limiter.acquire(15, priority=True)
    else:
        limiter.set_limit(120)
    large = asyncio.create_task(limiter.acquire(40, priority=priority, max_wait_s=1.0))
    await turn()
    behind = asyncio.create_task(limiter.acquire(1, priority=priority, max_wait_s=10.0))
    await clock.run_for(1.5)
    with pytest.raises(Expired):
        large.result()
    await turn()
    assert behind.done()
    await asyncio.wait_for(limiter.acquire(1, priority=priority), 1)


async def test_a_small_priority_call_does_not_stand_behind_a_large_one():
    clock, limiter = make(100, reserve=0.2)
    await limiter.acquire(80)
    large = asyncio.create_task(limiter.acquire(40, priority=True))
    await turn()
    await asyncio.wait_for(limiter.acquire(1, priority=True), 1)
    await clock.run_for(60)
    assert (large.done(), limiter.used) == (True, 40)  # first in the next window


async def test_a_caller_that_cannot_wait_that_long_is_told():
    clock, limiter = make(10, reserve=0)
    await limiter.acquire(10)
    waiting = asyncio.create_task(limiter.acquire(1, max_wait_s=5))
    await clock.run_for(6)
    with pytest.raises(Expired):
        await waiting
    await clock.run_for(60)
    assert limiter.used == 0


async def test_the_line_is_bounded():
    _, limiter = make(10, reserve=0, max_waiting=3)
    await limiter.acquire(10)
    tasks = [asyncio.create_task(limiter.acquire(1)) for _ in range(3)]
    await turn()
    with pytest.raises(TooManyWaiting) as refused:
        await limiter.acquire(1)
    assert refused.value.retry_after_s == 60
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_f37_clients_of_one_address_share_the_servers_count():
    clock, limiter = make(100, reserve=0)
    window = await limiter.acquire(1)  # this client's own call
    limiter.observe(99, window)  # the server has counted the other clients too
    other = asyncio.create_task(limiter.acquire(2))
    await turn()
    assert not other.done()
    await clock.run_for(60)
    await other


async def test_a_count_of_a_window_that_is_over_is_ignored():
    clock, limiter = make(100, reserve=0)
    window = await limiter.acquire(10)
    await clock.run_for(60)
    limiter.observe(95, window)
    assert limiter.used == 0
    limiter.observe(95)
    assert limiter.used == 95
    limiter.observe(40)
    assert limiter.used == 95


async def test_f34_a_pause_lets_nothing_out_not_even_priority_until_it_ends():
    clock, limiter = make(100)
    limiter.pause(120, "banned, HTTP 418")
    limiter.pause(5, "too many requests, HTTP 429")  # never shortens
    assert limiter.paused_s == 120
    assert "418" in limiter.pause_reason
    cancel = asyncio.create_task(limiter.acquire(1, priority=True))
    free = asyncio.create_task(limiter.acquire(0))
    await clock.run_for(119.9)
    assert not cancel.done()
    assert not free.done()
    await clock.run_for(0.2)
    await asyncio.gather(cancel, free)
    assert limiter.pause_reason == ""


async def test_f34_a_call_that_cannot_outwait_the_pause_is_refused_at_once():
    _, limiter = make(100)
    limiter.pause(120, "banned, HTTP 418")
    with pytest.raises(Paused, match="418") as refused:
        await limiter.acquire(1, max_wait_s=10)
    assert refused.value.retry_after_s == 120


async def test_a_pause_may_end_at_a_moment_of_the_servers_clock_and_is_capped():
    clock = ManualClock(wall_ns=MINUTE_START)
    server_ms = MINUTE_START // 1_000_000 + 4_000
    limiter = WeightLimiter(100, clock=clock, now_ms=lambda: server_ms)
    limiter.pause_until(server_ms + 30_000, "too many requests")
    assert limiter.paused_s == 30
    limiter.pause(1e18, "a garbled header")
    assert limiter.paused_s == LONGEST_PAUSE_S


async def test_a_wall_clock_that_steps_back_gives_no_second_budget():
    clock, limiter = make(10, reserve=0)
    await limiter.acquire(10)
    clock.step_wall(-3600)
    assert limiter.used == 10
    await clock.run_for(60)
    assert limiter.used == 0


async def test_the_published_limit_is_adopted_and_nobody_in_line_is_stuck_by_it():
    clock, limiter = make(10, reserve=0)
    await limiter.acquire(10)
    large = asyncio.create_task(limiter.acquire(9))
    await turn()
    limiter.set_limit(5)
    await clock.run_for(60)
    await large
    with pytest.raises(ValueError, match="limit"):
        limiter.set_limit(0)


@given(
    asks=st.lists(
        st.tuples(st.integers(0, 40), st.booleans(), st.floats(0, 30), st.booleans()), min_size=1, max_size=30
    )
)
def test_no_window_ever_gives_more_than_its_limit(asks):
    async def run() -> None:
        clock, limiter = make(50, reserve=0.2)
        spent: dict[int, int] = {}
        ordinary: dict[int, int] = {}

        async def ask(weight: int, priority: bool) -> None:
            window = await limiter.acquire(weight, priority=priority)
            spent[window] = spent.get(window, 0) + weight
            if not priority:
                ordinary[window] = ordinary.get(window, 0) + weight

        tasks = []
        for weight, priority, gap, cancel in asks:
            tasks.append(asyncio.create_task(ask(weight, priority)))
            await clock.run_for(gap)
            if cancel:
                tasks[-1].cancel()
        await clock.run_for(60.0 * len(asks))
        results = await asyncio.gather(*tasks, return_exceptions=True)
        assert all(r is None or isinstance(r, asyncio.CancelledError) for r in results)
        assert all(total <= 50 for total in spent.values())
        assert all(total <= 40 for total in ordinary.values())
        assert limiter.waiting == 0

    asyncio.run(run())


async def test_f22_connection_attempts_of_all_sockets_stay_within_their_budget():
    clock = ManualClock()
    budget = ConnectionBudget(clock=clock)
    times: list[int] = []

    async def hammer() -> None:
        while True:
            await budget.acquire()
            times.append(clock.mono_ns())
            await asyncio.sleep(0)

    sockets = [asyncio.create_task(hammer()) for _ in range(3)]
    await clock.run_for(900, turns=1000)
    for task in sockets:
        task.cancel()
    await asyncio.gather(*sockets, return_exceptions=True)
    assert 900 <= len(times) <= 1200
    assert budget.used <= 300
    for i in range(len(times) - 300):
        assert times[i + 300] - times[i] >= 300 * 1_000_000_000


async def test_messages_keep_their_rate_and_a_burst_leaves_room_for_the_ping():
    clock = ManualClock()
    limiter = MessageLimiter(clock=clock, per_second=5)
    times: list[int] = []

    async def send(priority: bool = False) -> None:
        await limiter.acquire(priority=priority)
        times.append(clock.mono_ns())

    burst = [asyncio.create_task(send()) for _ in range(12)]
    await turn()
    assert len(times) == 4
    await send(priority=True)  # at once, although eight wait
    await clock.run_for(5)
    await asyncio.gather(*burst)
    assert len(times) == 13
    for i in range(len(times) - 5):
        assert times[i + 5] - times[i] >= 1_000_000_000


async def test_a_cancelled_message_frees_its_turn_and_the_line_is_bounded():
    clock = ManualClock()
    limiter = MessageLimiter(clock=clock, per_second=2, max_waiting=2)
    await limiter.acquire()
    first, second = (asyncio.create_task(limiter.acquire()) for _ in range(2))
    await turn()
    with pytest.raises(TooManyWaiting):
        await limiter.acquire()
    first.cancel()
    await clock.run_for(1)
    await second
