"""One instrument's order book: kept by the venue's sync rule, readable as a price only while it is right.

The rule is Binance's (protocol 10.6), stricter in one way: once live, a diff must continue exactly where the
last one ended. A gap, a repetition and an old diff alike prove a disordered stream, and the book asks for a
snapshot. Levels beyond the snapshot are unknown until they change, as at the venue. Prices are float (DESIGN
3.5): a venue's text of up to 15 digits survives the round trip.
"""

from collections import deque
from collections.abc import Iterator
from enum import StrEnum
from math import inf
from typing import Final

import msgspec

from spark_tui.domain.book_levels import Levels
from spark_tui.domain.market import DepthDiff, DepthSnapshot, Level, Top


class Sync(StrEnum):
    """What became of a diff or snapshot."""

    APPLIED = "APPLIED"
    BUFFERED = "BUFFERED"  # kept until the snapshot comes
    IGNORED = "IGNORED"  # older than the snapshot, or a snapshot nobody waits for
    NEED_SNAPSHOT = "NEED_SNAPSHOT"  # fetch one; said once per loss of sync


class Quote(msgspec.Struct, frozen=True, gc=False):
    """Best bid and ask of a live, uncrossed book that is young enough. `age_ns`: since its last update that
    carried a new venue time."""

    bid: float
    bid_quantity: float
    ask: float
    ask_quantity: float
    update_id: int
    age_ns: int


class Depth(msgspec.Struct, frozen=True):
    """The best levels of each side, best first, under the same conditions as Quote."""

    bids: list[Level]
    asks: list[Level]
    update_id: int
    age_ns: int


class Unusable(msgspec.Struct, frozen=True):
    """The book cannot be read as a price, and why: one phrase for the operator."""

    why: str


TRUST_S: Final = 150  # how long the top may speak for the rest of a book that no update reached


class OrderBook:
    """One instrument's book, by one writer. All times are nanoseconds of our monotonic clock.

    `max_levels`: bound on levels a side; beyond it the worse half is let go, and a top that ever retreats
    that far asks for a new snapshot. `max_buffer`: bound on diffs waiting for one; the oldest go first.
    """

    def __init__(self, symbol: str, *, max_levels: int = 4000, max_buffer: int = 1024) -> None:
        self.symbol = symbol
        self.resyncs = 0  # times a live book lost sync
        self.gaps = 0  # diffs that proved a missing one
        self.update_id = 0
        self._levels = Levels(max_levels)
        self._buffer: deque[DepthDiff] = deque(maxlen=max_buffer)
        self._live = False
        self._bridging = False  # a snapshot is in, its first diff is not
        self._asked = False
        self._why = "no snapshot yet"
        self._at_ns = 0
        self._whole_ns = 0  # as `_at_ns`, of every level: by an update or the venue's update number
        self._since_ns = 0  # when the stream of its updates began
        self._event_ms = 0  # the venue's time of the last diff

    # --- writing -------------------------------------------------------------------------------------------

    def on_diff(self, diff: DepthDiff, now_ns: int) -> Sync:
        """Apply, buffer or refuse one diff. ValueError if it is another instrument's."""
        if diff.symbol != self.symbol:
            raise ValueError(f"a diff of {diff.symbol} was handed to the book of {self.symbol}")
        if self._live:
            if diff.first_id != self.update_id + 1 or diff.last_id < diff.first_id:
                return self._disordered(diff)
            return self._apply(diff, now_ns)
        if self._bridging:
            return self._bridge(diff, now_ns)
        self._buffer.append(diff)
        return self._ask()

    def on_snapshot(self, snapshot: DepthSnapshot, now_ns: int) -> Sync:
        """Start from a snapshot and the diffs buffered meanwhile. NEED_SNAPSHOT if it is too old for them."""
        if snapshot.symbol != self.symbol:
            raise ValueError(f"a snapshot of {snapshot.symbol} was handed to the book of {self.symbol}")
        if self._live or self._bridging:
            return Sync.IGNORED
        last_id = snapshot.last_id
        waiting = [diff for diff in self._buffer if diff.last_id > last_id]
        if waiting and waiting[0].first_id > last_id + 1:
            self._why = "the snapshot is older than the stream"
            return Sync.NEED_SNAPSHOT
        if not all(_is_level(level) for level in (*snapshot.bids, *snapshot.asks)):
            return self._lose("the snapshot carries a price or quantity that is no number", None)
        continued = bool(self._buffer) and not waiting and self._buffer[-1].last_id == last_id
        self._buffer.clear()
        crossed = self._levels.load(snapshot.bids, snapshot.asks) is not None
        self.update_id = last_id
        self._asked = False
        self._bridging = True
        self._why = "waiting for the first update after the snapshot"
        if crossed:
            return self._lose("the snapshot is crossed", None)
        if continued:
            self._bridging, self._live = False, True
            self._at_ns = self._whole_ns = now_ns
        outcome = Sync.APPLIED
        for diff in waiting:
            if self.on_diff(diff, now_ns) is Sync.NEED_SNAPSHOT:
                outcome = Sync.NEED_SNAPSHOT  # the rest is buffered for the next snapshot
        return outcome

    def confirm(self, last_id: int, asked_ns: int) -> bool:
        """The venue, asked at `asked_ns`, stands at update `last_id`. A book that stands there too is right
        as of then: a quiet market sends no diffs. Any other is as old as it was."""
        if not (self._live or self._bridging) or last_id != self.update_id:
            return False
        self._bridging, self._live = False, True
        self._at_ns = max(self._at_ns, asked_ns)
        self._whole_ns = max(self._whole_ns, asked_ns)
        return True

    def confirm_top(self, top: Top, asked_ns: int) -> bool:
        """The venue, asked at `asked_ns`, has this top. A book with the same one is young again, if all of it
        was proved right within TRUST_S before: what lies behind the top is not told."""
        unproved_ns = self.unproved_ns(asked_ns)
        if unproved_ns is None or unproved_ns > TRUST_S * 1_000_000_000:
            return False
        if self.top() != (top.bid, top.bid_quantity, top.ask, top.ask_quantity):
            return False
        self._at_ns = max(self._at_ns, asked_ns)
        return True

    def restart(self, now_ns: int) -> None:
        """The stream began anew, and may have missed an update: the next one shows it, but a quiet market
        sends none. Until then only the venue's number makes the book young again."""
        self._since_ns = now_ns
        self._buffer.clear()  # it continues no snapshot any more

    def invalidate(self, reason: str) -> None:
        """Forget everything: the stream was lost. The next diff asks for a snapshot."""
        if self._live:
            self.resyncs += 1
        self._buffer.clear()
        self._asked = False
        self._forget(reason)

    # --- reading -------------------------------------------------------------------------------------------

    def read(self, now_ns: int, max_age_ns: int) -> Quote | Unusable:
        """The best bid and ask, or why there is none to be trusted."""
        age_ns = now_ns - self._at_ns
        if not self._live or age_ns > max_age_ns:
            return self._unusable(age_ns)
        top = self._levels.top()
        if top is None:
            return Unusable("one side of the book is empty")
        return Quote(*top, self.update_id, age_ns if age_ns > 0 else 0)

    def levels(self, count: int, now_ns: int, max_age_ns: int) -> Depth | Unusable:
        """Up to `count` levels a side, best first."""
        age_ns = now_ns - self._at_ns
        if not self._live or age_ns > max_age_ns:
            return self._unusable(age_ns)
        bids, asks = (list(self._levels.best(count, bids=side)) for side in (True, False))
        return Depth(bids, asks, self.update_id, max(age_ns, 0))

    def best_first(
        self, count: int, now_ns: int, max_age_ns: int, *, bids: bool
    ) -> Iterator[Level] | Unusable:
        """Up to `count` levels of one side, for whoever stops where he has enough: what is not read is not
        looked up. To be read before the next update."""
        age_ns = now_ns - self._at_ns
        if not self._live or age_ns > max_age_ns:
            return self._unusable(age_ns)
        return self._levels.best(count, bids=bids)

    def top(self) -> tuple[float, float, float, float] | None:
        """(bid, quantity, ask, quantity) whatever the age, or None while not live or one-sided. For checks of
        a recording against its own ticker, where no clock runs."""
        return self._levels.top() if self._live else None

    def quantity_at(self, price: float, *, bids: bool) -> float | None:
        """What is shown at one price: 0.0 where nothing is, None beyond the levels that are known. The caller
        has asked first whether the book can be read at all."""
        return self._levels.quantity_at(price, bids=bids)

    @property
    def live(self) -> bool:
        return self._live

    @property
    def blank(self) -> bool:
        """There is no snapshot, and no update came that asked for one."""
        return not (self._live or self._bridging or self._asked)

    @property
    def bridging(self) -> bool:
        """There is a snapshot, and neither an update nor the venue's word that continues it."""
        return self._bridging

    def older_than(self, age_ns: int, now_ns: int) -> bool:
        """Not confirmed for so long; a book that never was is older than any age."""
        return not self._live or now_ns - self._at_ns > age_ns

    def unproved_ns(self, now_ns: int) -> int | None:
        """Since every level was proved right; None for a book that never was since its stream began."""
        return now_ns - self._whole_ns if self._live and self._whole_ns > self._since_ns else None

    @property
    def level_count(self) -> int:
        """Levels held on both sides: for the bound's metric."""
        return len(self._levels)

    # --- the sync rule -------------------------------------------------------------------------------------

    def _bridge(self, diff: DepthDiff, now_ns: int) -> Sync:
        if diff.last_id <= self.update_id:
            return Sync.IGNORED
        if diff.first_id > self.update_id + 1:
            return self._disordered(diff)
        self._bridging, self._live = False, True
        return self._apply(diff, now_ns)

    def _apply(self, diff: DepthDiff, now_ns: int) -> Sync:
        trouble = self._levels.change(diff.bids, diff.asks)
        if trouble is not None:
            return self._lose(trouble, None)
        self.update_id = diff.last_id
        if (
            diff.time_ms != self._event_ms or not diff.time_ms
        ):  # frames from a producer that is stuck age (F28)
            self._event_ms = diff.time_ms
            self._at_ns = self._whole_ns = now_ns
        return Sync.APPLIED

    def _disordered(self, diff: DepthDiff) -> Sync:
        if diff.first_id > self.update_id + 1:
            self.gaps += 1
            return self._lose(f"updates {self.update_id + 1} to {diff.first_id - 1} are missing", diff)
        return self._lose(f"update {diff.last_id} came after {self.update_id}", diff)

    def _lose(self, why: str, diff: DepthDiff | None) -> Sync:
        """Throw the book away and ask for a snapshot; `diff` starts the new buffer."""
        self.resyncs += 1
        self._buffer.clear()
        if diff is not None:
            self._buffer.append(diff)
        self._forget(why)
        self._asked = True
        return Sync.NEED_SNAPSHOT

    def _ask(self) -> Sync:
        if self._asked:
            return Sync.BUFFERED
        self._asked = True
        return Sync.NEED_SNAPSHOT

    def _forget(self, why: str) -> None:
        self._live = self._bridging = False
        self._why = why
        self._levels.clear()

    def _unusable(self, age_ns: int) -> Unusable:
        if not self._live:
            return Unusable(f"resyncing: {self._why}" if self.resyncs else f"syncing: {self._why}")
        return Unusable(f"stale: last update {age_ns / 1e9:.1f} s ago")


def _is_level(level: Level) -> bool:
    """Quantity 0 is a level that is not there."""
    price, quantity = level
    return 0.0 < price < inf and 0.0 <= quantity < inf
