"""What the scripted engine trades: four instruments, one venue, and a clock that stands still."""

from decimal import Decimal

from spark_tui.domain.instrument import Instrument, LotSize, PriceFilter, SymbolStatus
from spark_tui.domain.values import OrderType

START_MS = 1_732_111_402_000  # 14:03:22 UTC
VENUE = "binance-spot"
# symbol: price, tick, step, base, quote, day's change
MARKET = {
    "BTCUSDT": (67_012.3, "0.1", "0.001", "BTC", "USDT", 1.21),
    "ETHUSDT": (3_412.18, "0.01", "0.001", "ETH", "USDT", -0.40),
    "BNBUSDT": (611.40, "0.1", "0.01", "BNB", "USDT", 0.12),
    "BTCTRY": (2_745_100.0, "1", "0.00001", "BTC", "TRY", 0.90),
}
INTERVAL_MS = {
    "1m": 60_000,
    "5m": 300_000,
    "15m": 900_000,
    "1h": 3_600_000,
    "4h": 14_400_000,
    "1d": 86_400_000,
}
ORDER_TYPES = frozenset(
    {
        OrderType.LIMIT,
        OrderType.MARKET,
        OrderType.LIMIT_MAKER,
        OrderType.STOP_LOSS_LIMIT,
        OrderType.TAKE_PROFIT_LIMIT,
    }
)


class ManualClock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now_ms = START_MS

    def wall_ms(self) -> int:
        return self.now_ms

    def mono_s(self) -> float:
        return (self.now_ms - START_MS) / 1_000 + 1_000.0

    def advance(self, seconds: float) -> None:
        self.now_ms += int(seconds * 1_000)


def instrument(symbol: str) -> Instrument:
    _, tick, step, base, quote, _ = MARKET[symbol]
    return Instrument(
        venue=VENUE,
        symbol=symbol,
        base=base,
        quote=quote,
        status=SymbolStatus.TRADING,
        base_precision=8,
        quote_precision=8,
        order_types=ORDER_TYPES,
        filters=(
            PriceFilter(min_price=Decimal(tick), max_price=Decimal(10_000_000), tick_size=Decimal(tick)),
            LotSize(min_quantity=Decimal(step), max_quantity=Decimal(9_000), step_size=Decimal(step)),
        ),
    )
