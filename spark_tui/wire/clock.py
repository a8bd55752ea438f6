"""Time as an argument: the real clock, a clock tests drive by hand, and our estimate of a server's clock."""

import asyncio
import heapq
import itertools
import time
from collections import deque
from collections.abc import Awaitable
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

NS_PER_S = 1_000_000_000
NS_PER_MS = 1_000_000


class Clock(Protocol):
    """Where time comes from. Wall time may step; measure every age and deadline with `mono_ns`."""

    def wall_ns(self) -> int:
        """Nanoseconds since the Unix epoch."""

    def mono_ns(self) -> int:
        """Nanoseconds that never step back and, where the system can tell, go on during a suspend."""

    async def sleep(self, seconds: float) -> None: ...


# The clock that counts a suspended laptop's hours (Linux: boot time; macOS: CLOCK_MONOTONIC, which Python's
# own monotonic() does not use there): without them a book from before the suspend would look a second old.
_MONO_ID: int | None = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))


class SystemClock:
    """The machine's clock."""

    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns() if _MONO_ID is None else time.clock_gettime_ns(_MONO_ID)

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that moves only when told, for tests."""

    def __init__(self, wall_ns: int = 1_760_000_000 * NS_PER_S, mono_ns: int = 1_000 * NS_PER_S) -> None:
        self._wall_ns = wall_ns
        self._mono_ns = mono_ns
        self._order = itertools.count()
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._changed: asyncio.Future[None] | None = None

    def wall_ns(self) -> int:
        return self._wall_ns

    def mono_ns(self) -> int:
        return self._mono_ns

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._mono_ns + round(seconds * NS_PER_S), next(self._order), woken))
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
        await woken

    def sleeping(self) -> list[float]:
        """Seconds each present sleeper has left, shortest first."""
        return [
            (due - self._mono_ns) / NS_PER_S for due, _, woken in sorted(self._sleepers) if not woken.done()
        ]

    def next_s(self) -> float | None:
        """Seconds until the first of them wakes; None while nobody sleeps."""
        while self._sleepers and self._sleepers[0][2].done():  # cancelled
            heapq.heappop(self._sleepers)
        return (self._sleepers[0][0] - self._mono_ns) / NS_PER_S if self._sleepers else None

    async def asleep(self, seconds: float, *, count: int = 1) -> None:
        """Wait (in real time) until `count` tasks sleep with at most `seconds` left."""
        while sum(left <= seconds for left in self.sleeping()) < count:
            self._changed = asyncio.get_running_loop().create_future()
            await self._changed

    def advance(self, seconds: float) -> None:
        """Move both clocks at once and wake whoever is due; they run when the caller next awaits."""
        step = round(seconds * NS_PER_S)
        self._wall_ns += step
        self._mono_ns += step
        while self._sleepers and self._sleepers[0][0] <= self._mono_ns:
            woken = heapq.heappop(self._sleepers)[2]
            if not woken.done():
                woken.set_result(None)

    async def run_for(self, seconds: float, *, turns: int = 20) -> None:
        """Move sleeper by sleeper, giving woken tasks `turns` loop turns each to sleep again."""
        end = self._mono_ns + round(seconds * NS_PER_S)
        await _turns(turns)
        while self._sleepers and self._sleepers[0][0] <= end:
            self.advance(max(0, self._sleepers[0][0] - self._mono_ns) / NS_PER_S)
            await _turns(turns)
        self.advance((end - self._mono_ns) / NS_PER_S)
        await _turns(turns)

    def step_wall(self, seconds: float) -> None:
        """Step the wall clock alone, as NTP or an operator would."""
        self._wall_ns += round(seconds * NS_PER_S)


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def first_of(*futures: "asyncio.Future[Any]") -> None:
    """Return when one of them is done, whatever its outcome; cancels and raises nothing."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)


class Expired(TimeoutError):
    """Our own deadline passed (the operating system's ETIMEDOUT is a plain TimeoutError)."""


async def within(clock: Clock, seconds: float, work: Awaitable[T]) -> T:
    """Await `work` for at most `seconds` of `clock`; cancels it and raises Expired after that."""
    task = asyncio.ensure_future(work)
    timer = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await first_of(task, timer)
        if task.done():
            return task.result()
        raise Expired(f"no answer within {seconds:g} s")
    finally:
        timer.cancel()
        drop(task)


def drop(task: "asyncio.Future[Any]") -> None:
    """Cancel work nobody waits for any more; its outcome is taken, so asyncio does not report it as lost."""
    task.cancel()
    task.add_done_callback(lambda done: done.cancelled() or done.exception())


def being_cancelled() -> bool:
    """Someone cancels the current task; false when a library raised CancelledError by itself."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class ServerClock:
    """A server's clock, estimated from its time replies and carried on by our monotonic clock.

    A reply's stamp is taken to be the server's time when the reply *arrived*: half a round trip in the past
    of the usual midpoint. The estimate is therefore never ahead of the server and behind it by at most one
    round trip (servers refuse a timestamp of the future, but tolerate an old one). Of the last `keep` samples
    no older than `max_age_s` the one with the shortest round trip counts; a sample that contradicts another
    (either clock stepped, or the machine slept where the monotonic clock cannot tell) throws all older ones
    away, so one request recovers.
    """

    def __init__(self, clock: Clock, *, keep: int = 8, max_age_s: float = 600.0) -> None:
        self._clock = clock
        self._max_age_ns = round(max_age_s * NS_PER_S)
        self._samples: deque[_Sample] = deque(maxlen=keep)
        self._best: _Sample | None = None
        self._wall_less_mono_ns = 0

    def sample(self, t0_mono_ns: int, t1_mono_ns: int, server_ms: int) -> None:
        """Learn from one time reply: our `mono_ns` before the request and after the reply, and its stamp."""
        fresh = _Sample(t0_mono_ns, max(t0_mono_ns, t1_mono_ns), server_ms * NS_PER_MS)
        if any(fresh.contradicts(old) for old in self._samples):
            self._samples.clear()
        self._samples.append(fresh)
        while fresh.t1_ns - self._samples[0].t1_ns > self._max_age_ns:
            self._samples.popleft()
        self._best = min(reversed(self._samples), key=lambda s: s.round_trip_ns)
        self._wall_less_mono_ns = self._clock.wall_ns() - self._clock.mono_ns()

    def reset(self) -> None:
        """Forget every sample, as after the server refused our timestamp; ask for a new one at once."""
        self._samples.clear()
        self._best = None

    def now_ms(self) -> int:
        """Server time in ms since the epoch; our own wall clock while `synced` is false."""
        if self._best is None:
            return self._clock.wall_ns() // NS_PER_MS
        return (self._clock.mono_ns() + self._best.offset_ns) // NS_PER_MS

    @property
    def synced(self) -> bool:
        return self._best is not None

    @property
    def offset_ms(self) -> float:
        """Server time less our wall clock, in ms, now; 0 while not synced."""
        if self._best is None:
            return 0.0
        return (self._clock.mono_ns() + self._best.offset_ns - self._clock.wall_ns()) / NS_PER_MS

    @property
    def round_trip_ms(self) -> float | None:
        """Round trip of the sample that counts; the estimate is behind the server by at most this."""
        return None if self._best is None else self._best.round_trip_ns / NS_PER_MS

    @property
    def age_s(self) -> float | None:
        """Seconds since the newest sample."""
        return (self._clock.mono_ns() - self._samples[-1].t1_ns) / NS_PER_S if self._samples else None

    @property
    def suspect(self) -> bool:
        """The wall clock stepped against the monotonic one by 0.5 s since the last sample (step, or a suspend
        that the monotonic clock missed): sample again before signing anything."""
        drift = self._clock.wall_ns() - self._clock.mono_ns() - self._wall_less_mono_ns
        return self._best is not None and abs(drift) > NS_PER_S // 2


class _Sample:
    """One time reply; all in ns, t0 and t1 on our monotonic clock."""

    __slots__ = ("round_trip_ns", "server_ns", "t0_ns", "t1_ns")

    def __init__(self, t0_ns: int, t1_ns: int, server_ns: int) -> None:
        self.t0_ns = t0_ns
        self.t1_ns = t1_ns
        self.server_ns = server_ns
        self.round_trip_ns = t1_ns - t0_ns

    @property
    def offset_ns(self) -> int:
        """Server less monotonic time, biased into the past: the stamp was made no later than t1."""
        return self.server_ns - self.t1_ns

    def contradicts(self, old: "_Sample") -> bool:
        """The true offsets these two samples allow do not meet, even with 200 ppm of drift between them."""
        slack = NS_PER_MS + abs(self.t1_ns - old.t1_ns) // 5_000
        low, high = self.server_ns - self.t1_ns, self.server_ns + NS_PER_MS - self.t0_ns
        old_low, old_high = old.server_ns - old.t1_ns, old.server_ns + NS_PER_MS - old.t0_ns
        return low > old_high + slack or high < old_low - slack
