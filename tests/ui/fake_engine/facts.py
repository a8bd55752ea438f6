"""What the scripted engine says of itself: account, streams, condition."""

from decimal import Decimal

from spark_tui.domain.account import Balance, Position
from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.link.messages import Balances, Health, PositionRow, Positions
from tests.ui.fake_engine.world import VENUE


def balances() -> Balances:
    rows = (
        Balance(asset="BTC", free=Decimal("0.504"), locked=Decimal("0.01")),
        Balance(asset="ETH", free=Decimal(8), locked=Decimal("0.5")),
        Balance(asset="USDT", free=Decimal("9330"), locked=Decimal("682.4")),
    )
    return Balances(rows={VENUE: rows}, equity=Decimal("10012.40"), day_pnl=Decimal("12.40"))


def positions() -> Positions:
    position = Position(
        venue=VENUE,
        symbol="BTCUSDT",
        quantity=Decimal("0.014"),
        average_price=Decimal("66900.0"),
        realised=Decimal("3.20"),
        fees={"BNB": Decimal("0.0012")},
    )
    row = PositionRow(position=position, mark=67_012.3, unrealised=Decimal("1.57"), quote="USDT")
    return Positions(rows=(row,))


def health() -> Health:
    names = ("btcusdt@depth@100ms", "btcusdt@trade", "ethusdt@bookTicker", "user", "ws-api")
    streams = tuple(
        StreamHealth(
            venue=VENUE,
            name=name,
            state="stale" if name == "ethusdt@bookTicker" else "live",
            age_s=7.4 if name == "ethusdt@bookTicker" else 0.1 * index,
            rate=10.0 * index,
            lag_ms=3.0 + index,
            messages=1_000 * (index + 1),
            gaps=index % 2,
            reconnects=1 if name == "user" else 0,
        )
        for index, name in enumerate(names)
    )
    return Health(
        streams=streams,
        weights={VENUE: WeightGauge(used=240, limit=6_000)},
        ledger_entries=1_204,
        ledger_lag_ms=0.42,
        tape_frames=88_120,
        tape_lag_ms=3.1,
        tape_queue=0,
        tape_dropped=0,
        tape_bytes=48_000_000,
        rss_bytes=71_000_000,
        loop_lag_ms=0.8,
    )
