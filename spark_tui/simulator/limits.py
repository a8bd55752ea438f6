"""Request weight, order counts, connections and raw requests in clock-aligned windows (protocol section
4)."""

from collections import defaultdict
from typing import Any

import msgspec

from spark_tui.simulator.errors import ApiError

_MINUTE = 60_000
_FIRST_BAN_MS = 120_000
_LONGEST_BAN_MS = 3 * 86_400_000
_STRIKES = 20  # refused requests of one window before the address is banned


class Window(msgspec.Struct, frozen=True):
    kind: str
    interval: str
    count: int
    span_ms: int
    limit: int

    def entry(self) -> dict[str, Any]:
        """The limiter as exchangeInfo prints it."""
        return {
            "rateLimitType": self.kind,
            "interval": self.interval,
            "intervalNum": self.count,
            "limit": self.limit,
        }


WEIGHT = Window("REQUEST_WEIGHT", "MINUTE", 1, _MINUTE, 6_000)
ORDERS_10S = Window("ORDERS", "SECOND", 10, 10_000, 100)
ORDERS_DAY = Window("ORDERS", "DAY", 1, 86_400_000, 200_000)
RAW = Window("RAW_REQUESTS", "MINUTE", 5, 5 * _MINUTE, 300_000)
CONNECTIONS = Window("CONNECTIONS", "MINUTE", 5, 5 * _MINUTE, 300)


class Counter:
    """One fixed window per holder, aligned to the clock: it starts again at every multiple of its span."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self._slot: defaultdict[str, int] = defaultdict(int)
        self._used: defaultdict[str, int] = defaultdict(int)

    def used(self, holder: str, now_ms: int) -> int:
        slot = now_ms // self.window.span_ms
        if self._slot[holder] != slot:
            self._slot[holder] = slot
            self._used[holder] = 0
        return self._used[holder]

    def add(self, holder: str, amount: int, now_ms: int) -> int:
        """The new count; never below zero."""
        self._used[holder] = max(0, self.used(holder, now_ms) + amount)
        return self._used[holder]

    def full(self, holder: str, amount: int, now_ms: int) -> bool:
        return self.used(holder, now_ms) + amount > self.window.limit

    def wait_s(self, now_ms: int) -> int:
        """Seconds until the next window, at least 1."""
        return (self.window.span_ms - now_ms % self.window.span_ms + 999) // 1_000

    def report(self, holder: str, now_ms: int) -> dict[str, Any]:
        """The limiter with its count, as the WebSocket API prints it."""
        window = self.window
        return {
            "rateLimitType": window.kind,
            "interval": window.interval,
            "intervalNum": window.count,
            "limit": window.limit,
            "count": self.used(holder, now_ms),
        }


class Limits:
    """Everything that is counted: weight, raw requests and connections an address, unfilled orders an
    account."""

    def __init__(self) -> None:
        self.weight = Counter(WEIGHT)
        self.raw = Counter(RAW)
        self.connections = Counter(CONNECTIONS)
        self.orders = (Counter(ORDERS_10S), Counter(ORDERS_DAY))
        self._strikes: defaultdict[str, int] = defaultdict(int)
        self._bans: defaultdict[str, int] = defaultdict(int)
        self._banned_until: dict[str, int] = {}

    def charge(self, address: str, weight: int, now_ms: int) -> None:
        """Count a request before it runs; ApiError 429 when the window is full, 418 when the address
        keeps on."""
        self._refuse_banned(address, now_ms)
        if self.raw.add(address, 1, now_ms) > RAW.limit or self.weight.full(address, weight, now_ms):
            self._strike(address, now_ms)
            raise ApiError(
                429,
                -1003,
                f"Too much request weight used; current limit is {WEIGHT.limit} request weight per 1 MINUTE. "
                "Please use WebSocket Streams for live updates to avoid polling the API.",
                retry_after_s=self.weight.wait_s(now_ms),
            )
        self._strikes.pop(address, None)
        self.weight.add(address, weight, now_ms)

    def refund(self, address: str, weight: int, now_ms: int) -> None:
        """Successful order calls cost nothing (since 2026-04-02)."""
        self.weight.add(address, -weight, now_ms)

    def connect(self, address: str, now_ms: int) -> None:
        """Count a new WebSocket; ApiError 429 beyond the connection limit."""
        self._refuse_banned(address, now_ms)
        if self.connections.full(address, 1, now_ms):
            raise ApiError(
                429,
                -1034,
                "Too many connection attempts; current limit is 300 per 5 minutes.",
                retry_after_s=self.connections.wait_s(now_ms),
            )
        self.connections.add(address, 1, now_ms)

    def admit_order(self, account: int, now_ms: int, count: int = 1) -> None:
        """ApiError 429 -1015 when `count` more unfilled orders would be too many."""
        for counter in self.orders:
            if counter.full(str(account), count, now_ms):
                window = counter.window
                raise ApiError(
                    429,
                    -1015,
                    f"Too many new orders; current limit is {window.limit} orders per "
                    f"{window.count} {window.interval}.",
                    retry_after_s=counter.wait_s(now_ms),
                )

    def count_order(self, account: int, now_ms: int, count: int = 1) -> None:
        for counter in self.orders:
            counter.add(str(account), count, now_ms)

    def uncount_order(self, account: int, now_ms: int, count: int = 1) -> None:
        """A placement that was refused does not count."""
        for counter in self.orders:
            counter.add(str(account), -count, now_ms)

    def first_fill(self, account: int, now_ms: int, *, maker: bool) -> None:
        """A first fill gives back one count, a maker's five (the documentation's example)."""
        for counter in self.orders:
            counter.add(str(account), -5 if maker else -1, now_ms)

    def headers(self, address: str, now_ms: int) -> dict[str, str]:
        used = str(self.weight.used(address, now_ms))
        return {"X-MBX-USED-WEIGHT": used, "X-MBX-USED-WEIGHT-1M": used}

    def order_headers(self, account: int, now_ms: int) -> dict[str, str]:
        ten, day = (str(counter.used(str(account), now_ms)) for counter in self.orders)
        return {"X-MBX-ORDER-COUNT-10S": ten, "X-MBX-ORDER-COUNT-1D": day}

    def banned_for(self, address: str, now_ms: int) -> int:
        """Milliseconds until the address may come back; 0 when it may."""
        return max(0, self._banned_until.get(address, 0) - now_ms)

    def _refuse_banned(self, address: str, now_ms: int) -> None:
        left = self.banned_for(address, now_ms)
        if left:
            raise ApiError(
                418,
                -1003,
                f"Way too much request weight used; IP banned until {now_ms + left}. "
                "Please use WebSocket Streams for live updates to avoid bans.",
                retry_after_s=(left + 999) // 1_000,
            )

    def _strike(self, address: str, now_ms: int) -> None:
        """Ignoring 429 ends in a ban that doubles each time."""
        self._strikes[address] += 1
        if self._strikes[address] <= _STRIKES:
            return
        self._strikes.pop(address)
        self._bans[address] += 1
        span = min(_FIRST_BAN_MS * 2 ** (self._bans[address] - 1), _LONGEST_BAN_MS)
        self._banned_until[address] = now_ms + span
        self._refuse_banned(address, now_ms)
