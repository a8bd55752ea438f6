"""Budgets a server enforces: request weight, connection attempts, messages on one connection.

Every client of the same address shares one budget object: the server counts per address, not per client.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock, within

LONGEST_PAUSE_S = (
    3 * 86_400.0
)  # the longest ban a venue documents; a garbled header must not stop us for longer


class BudgetError(Exception):
    """A budget refused; nothing was sent. `retry_after_s`: when asking again may help; None: never."""

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.text = text
        self.retry_after_s = retry_after_s


class ImpossibleWeight(BudgetError):
    """The ask is larger than the budget can ever give."""


class Paused(BudgetError):
    """The server told us to stop for longer than the caller can wait."""


class TooManyWaiting(BudgetError):
    """The line is full: the caller asks faster than the budget lets out."""


class _Waiter:
    __slots__ = ("granted", "weight")

    def __init__(self, weight: int) -> None:
        self.weight = weight
        self.granted: asyncio.Future[int] = asyncio.get_running_loop().create_future()


class WeightLimiter:
    """Request weight per fixed window aligned to the server's clock (a minute starts at :00).

    Ordinary calls may use `limit` less the `reserve` share; priority calls (cancels, what decides an unknown
    order) all of it. Waiters are served first in, first out within their priority, priority first; a
    cancelled waiter takes nothing. A priority call that fits never waits: a cancel weighs 1 and must not
    stand behind a query of 80 that waits for the next window. The count is ours, raised to what the server
    reports through `observe`.
    """

    def __init__(
        self,
        limit: int,
        *,
        clock: Clock,
        now_ms: Callable[[], int] | None = None,
        window_s: int = 60,
        reserve: float = 0.2,
        max_waiting: int = 1024,
    ) -> None:
        """`now_ms`: the server's time (`ServerClock.now_ms`), by default our wall clock."""
        if limit < 1 or window_s < 1 or not 0 <= reserve < 1:
            raise ValueError("a weight limit wants limit >= 1, window_s >= 1 and 0 <= reserve < 1")
        self._clock = clock
        self._now_ms = now_ms or (lambda: clock.wall_ns() // NS_PER_MS)
        self._window_ms = window_s * 1000
        self._reserve = reserve
        self._max_waiting = max_waiting
        self.limit = limit
        self.on_pause: Callable[[float, str], None] = (
            _nobody  # told of every pause that is longer than before
        )
        self._window = self._now_ms() // self._window_ms
        self._used = 0
        self._paused_until_ns = 0
        self._pause_reason = ""
        self._urgent: deque[_Waiter] = deque()
        self._ordinary: deque[_Waiter] = deque()
        self._serving: asyncio.Task[None] | None = None

    async def acquire(self, weight: int, *, priority: bool = False, max_wait_s: float | None = None) -> int:
        """Wait until `weight` may be spent, spend it, and return the number of the window it was spent in.

        Raises ImpossibleWeight at once when the ask can never be met; Paused at once when the server's pause
        lasts longer than `max_wait_s`; TooManyWaiting when the line is full; TimeoutError after `max_wait_s`.
        """
        most = self._most(priority)
        if weight < 0 or weight > most:
            raise ImpossibleWeight(
                f"This call weighs {weight}, but the budget never gives more than {most}; ask for less."
            )
        line = self._urgent if priority else self._ordinary
        if (priority or not (self._urgent or self._ordinary)) and self._fits(weight, priority):
            self._used += weight
            return self._window
        pause_s = self.paused_s
        if max_wait_s is not None and pause_s > max_wait_s:
            raise Paused(
                f"The server asked us to pause ({self._pause_reason}); {pause_s:.0f} s left.", pause_s
            )
        if len(line) >= self._max_waiting:
            raise TooManyWaiting(
                f"{len(line)} calls already wait for request weight; slow down.", self._next_s()
            )
        waiter = _Waiter(weight)
        line.append(waiter)
        if self._serving is None or self._serving.done():
            self._serving = asyncio.get_running_loop().create_task(self._serve(), name="weight limiter")
        try:
            if max_wait_s is None:
                return await waiter.granted
            return await within(self._clock, max_wait_s, waiter.granted)
        finally:
            waiter.granted.cancel()  # no effect when granted
            if waiter.granted.cancelled():  # it gave up: whoever stood behind it may fit now
                self._advance()

    def observe(self, used: int, window: int | None = None) -> None:
        """Take the server's own count. `window` (from `acquire`) says which window the counted call began in;
        the count of a window that is over is ignored."""
        self._roll()
        if window is None or window == self._window:
            self._used = max(self._used, used)

    def pause(self, seconds: float, reason: str) -> None:
        """Let nothing out for `seconds` (429, 418), priority or not; never shortens a pause under way."""
        seconds = min(max(seconds, 0.0), LONGEST_PAUSE_S)
        until = self._clock.mono_ns() + round(seconds * NS_PER_S)
        if until > self._paused_until_ns:
            self._paused_until_ns = until
            self._pause_reason = reason
            self.on_pause(seconds, reason)

    def pause_until(self, epoch_ms: int, reason: str) -> None:
        """As `pause`, until a moment of the server's clock."""
        self.pause((epoch_ms - self._now_ms()) / 1000, reason)

    def set_limit(self, limit: int) -> None:
        """Adopt the limit the server publishes."""
        if limit < 1:
            raise ValueError("a weight limit wants limit >= 1")
        self.limit = limit

    @property
    def used(self) -> int:
        """Weight spent in the current window, ours or the server's count, whichever is higher."""
        self._roll()
        return self._used

    @property
    def window(self) -> int:
        """Number of the current window."""
        self._roll()
        return self._window

    @property
    def paused_s(self) -> float:
        """Seconds the server's pause still lasts; 0 when there is none."""
        return max(0, self._paused_until_ns - self._clock.mono_ns()) / NS_PER_S

    @property
    def window_left_s(self) -> float:
        """Seconds until the next window begins."""
        return (self._window_ms - self._now_ms() % self._window_ms) / 1000

    @property
    def pause_reason(self) -> str:
        return self._pause_reason if self.paused_s else ""

    @property
    def waiting(self) -> int:
        return sum(not w.granted.done() for line in (self._urgent, self._ordinary) for w in line)

    def _most(self, priority: bool) -> int:
        return self.limit if priority else max(1, int(self.limit * (1 - self._reserve)))

    def _roll(self) -> None:
        window = self._now_ms() // self._window_ms
        if window > self._window:
            self._used = 0
        self._window = window  # a clock that stepped back keeps what was used, until the next window

    def _fits(self, weight: int, priority: bool) -> bool:
        if self._clock.mono_ns() < self._paused_until_ns:
            return False
        self._roll()
        return self._used + weight <= self._most(priority)

    def _next_s(self) -> float:
        """Seconds until waiting may help: the end of the pause, else the next window."""
        return self.paused_s or self.window_left_s

    async def _serve(self) -> None:
        """Grant waiters in order; lives only while there are any."""
        while True:
            self._advance()
            if not self._urgent and not self._ordinary:
                return
            await self._clock.sleep(max(0.001, self._next_s()))

    def _advance(self) -> None:
        self._grant(self._urgent, priority=True)
        if not self._urgent:
            self._grant(self._ordinary, priority=False)

    def _grant(self, line: deque[_Waiter], *, priority: bool) -> None:
        while line:
            waiter = line[0]
            if not waiter.granted.done():
                if not self._fits(min(waiter.weight, self._most(priority)), priority):
                    return
                self._used += waiter.weight
                waiter.granted.set_result(self._window)
            line.popleft()


class _Sliding:
    """At most `count` events in any `window_s`, on the monotonic clock."""

    def __init__(self, count: int, window_s: float, clock: Clock) -> None:
        self._clock = clock
        self._window_ns = round(window_s * NS_PER_S)
        self.count = count
        self._times: deque[int] = deque(maxlen=count)

    def used(self) -> int:
        horizon = self._clock.mono_ns() - self._window_ns
        while self._times and self._times[0] <= horizon:
            self._times.popleft()
        return len(self._times)

    def wait_s(self, allowed: int) -> float:
        """Seconds until fewer than `allowed` events lie in the window; 0 when that is so now."""
        used = self.used()
        if used < allowed:
            return 0.0
        freed = self._times[used - allowed]
        return max(1, freed + self._window_ns - self._clock.mono_ns()) / NS_PER_S

    def spend(self) -> None:
        self._times.append(self._clock.mono_ns())


class ConnectionBudget:
    """Connection attempts of one address: at most `attempts` in any `per_s`, shared by all its sockets."""

    def __init__(self, *, clock: Clock, attempts: int = 300, per_s: float = 300.0) -> None:
        self._clock = clock
        self._sliding = _Sliding(attempts, per_s, clock)

    async def acquire(self) -> None:
        """Wait until an attempt is allowed and count it. One caller per socket, so no line is kept."""
        while wait_s := self._sliding.wait_s(self._sliding.count):
            await self._clock.sleep(wait_s)
        self._sliding.spend()

    @property
    def used(self) -> int:
        """Attempts in the window that ends now."""
        return self._sliding.used()


class MessageLimiter:
    """Outgoing messages of one connection: at most `per_second` in any second, pings counted.

    The last slot of each second is kept for priority (pings, and the pong the library may send by itself), so
    that a burst of subscriptions cannot starve the heartbeat. Ordinary senders are served in order.
    """

    def __init__(self, *, clock: Clock, per_second: int = 5, max_waiting: int = 256) -> None:
        if per_second < 1:
            raise ValueError("per_second must be at least 1")
        self._clock = clock
        self._sliding = _Sliding(per_second, 1.0, clock)
        self._ordinary = max(1, per_second - 1)
        self._max_waiting = max_waiting
        self._waiting = 0
        self._turn = asyncio.Lock()

    async def acquire(self, *, priority: bool = False) -> None:
        """Wait for a slot and take it. Raises TooManyWaiting when the line is full."""
        if priority:
            await self._take(self._sliding.count)
            return
        if self._waiting >= self._max_waiting:
            raise TooManyWaiting(
                f"{self._waiting} messages already wait to be sent; send fewer, larger ones.", 1.0
            )
        self._waiting += 1
        try:
            async with self._turn:
                await self._take(self._ordinary)
        finally:
            self._waiting -= 1

    async def _take(self, allowed: int) -> None:
        while wait_s := self._sliding.wait_s(allowed):
            await self._clock.sleep(wait_s)
        self._sliding.spend()


def _nobody(seconds: float, reason: str) -> None:
    """Nobody listens."""
