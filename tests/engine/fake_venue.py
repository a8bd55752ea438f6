"""A venue small enough to reason about: it keeps orders and trades, and fails on command."""

import asyncio

from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.market import Candle, DepthDiff, DepthSnapshot, MarketEvent, Top
from spark_tui.domain.values import Environment
from spark_tui.venues.port import (
    FrameSink,
    MarketSink,
    UserSink,
    UserStreamUp,
)
from spark_tui.wire.clock import Clock
from tests.engine.fake_orders import FakeOrders
from tests.engine.fake_words import LOST, NAME, NOT_SENT, REJECTED, SYMBOL, UNREACHABLE, D, instrument

__all__ = [
    "LOST",
    "NAME",
    "NOT_SENT",
    "REJECTED",
    "SYMBOL",
    "UNREACHABLE",
    "D",
    "FakeVenue",
    "instrument",
]


class FakeVenue(FakeOrders):
    """Implements venues.port.Venue: its life and its market beside its orders."""

    environment = Environment.SIM

    def __init__(self, clock: Clock, symbols: tuple[str, ...] = (SYMBOL,)) -> None:
        super().__init__(clock, symbols)
        self.snapshots = 0
        self.streams_up = asyncio.Event()
        self.on_market: MarketSink = lambda event, receipt_ns: None
        self.break_streams = asyncio.Event()
        self.runs = 0
        self._update_id = 0
        self._top: tuple[float, float] = (60_000.0, 60_010.0)

    # --- life ---

    async def start(self) -> None:
        self._maybe_fail("start")

    async def close(self) -> None:
        return

    @property
    def decision_window_ms(self) -> int:
        return 17_000

    async def instruments(self) -> tuple[Instrument, ...]:
        return tuple(self.known.values())

    async def run_streams(
        self, symbols: tuple[str, ...], on_market: MarketSink, on_user: UserSink, on_frame: FrameSink
    ) -> None:
        self.runs += 1
        self.on_market, self.on_user = on_market, on_user
        self._maybe_fail("run_streams")
        self.user(UserStreamUp(venue=self.name))
        self.tick()
        self.streams_up.set()
        await self.break_streams.wait()
        self.break_streams.clear()
        raise RuntimeError("the stream task broke")

    async def focus(self, symbol: str, interval: str) -> None:
        return

    # --- market ---

    def market(self, event: MarketEvent) -> None:
        self.on_market(event, self.clock.wall_ns())

    def tick(self, bid: float | None = None, ask: float | None = None) -> None:
        """The next diff of the book, with one level a side."""
        old_bid, old_ask = self._top
        bid, ask = bid or old_bid, ask or old_ask
        gone_bids = [(old_bid, 0.0)] if old_bid != bid else []
        gone_asks = [(old_ask, 0.0)] if old_ask != ask else []
        self._top = (bid, ask)
        self._update_id += 1
        self.market(self.diff(self._update_id, [*gone_bids, (bid, 2.0)], [*gone_asks, (ask, 3.0)]))

    def diff(
        self, update_id: int, bids: list[tuple[float, float]], asks: list[tuple[float, float]]
    ) -> DepthDiff:
        return DepthDiff(SYMBOL, update_id, update_id, bids, asks, self.server_time_ms())

    def skip(self, updates: int) -> None:
        """Lose some diffs."""
        self._update_id += updates

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        self.snapshots += 1
        self._maybe_fail("depth_snapshot")
        bid, ask = self._top
        return DepthSnapshot(symbol, self._update_id, [(bid, 2.0)], [(ask, 3.0)])

    async def tops(self, symbols: tuple[str, ...]) -> tuple[Top, ...]:
        self._maybe_fail("tops")
        bid, ask = self._top
        return tuple(Top(symbol, bid, 2.0, ask, 3.0) for symbol in symbols)

    async def candles(self, symbol: str, interval: str, limit: int = 500) -> tuple[Candle, ...]:
        return ()

    def health(self) -> tuple[StreamHealth, ...]:
        return ()

    def weight(self) -> WeightGauge:
        return WeightGauge(used=0, limit=6000)
