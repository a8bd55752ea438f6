"""A market for a paper account: the fake venue's, with a round trip to measure."""

from spark_tui.domain.health import StreamHealth
from spark_tui.domain.market import DepthDiff, Trade
from tests.engine.fake_venue import SYMBOL, FakeVenue


class FakeSource(FakeVenue):
    """Its orders, trades and balances are of no account: whoever asks for them has made a mistake."""

    round_trip_ms = 80.0
    line = ""  # of its streams' connection; empty: it says nothing

    def health(self) -> tuple[StreamHealth, ...]:
        if not self.line:
            return ()
        return (
            StreamHealth(
                venue=self.name,
                name="market",
                state=self.line,
                age_s=0.0,
                rate=0.0,
                lag_ms=None,
                messages=1,
                gaps=0,
                reconnects=0,
            ),
        )

    async def ping(self) -> float:
        self._maybe_fail("ping")
        return self.round_trip_ms

    def book(self, bids: list[tuple[float, float]], asks: list[tuple[float, float]]) -> None:
        self._update_id += 1
        self.market(DepthDiff(SYMBOL, self._update_id, self._update_id, bids, asks, self.server_time_ms()))

    def trade(self, price: float, quantity: float, *, sells: bool) -> None:
        self._trade_ids += 1
        self.market(Trade(SYMBOL, self._trade_ids, price, quantity, self.server_time_ms(), sells))
