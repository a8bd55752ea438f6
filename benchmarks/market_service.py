"""A small engine side for cockpits: prices that move as told, behind the shipped hub and the shipped socket.

Run by the benchmarks: `python -m benchmarks.market_service DATA_DIR SYMBOLS PLAN`. It holds the data
directory as an engine does, so `spark-tui attach --data-dir DATA_DIR` finds it. Plans:

all    every symbol, and the focused book, trades and candle, change ten times a second and are pushed so
hub    3 000 changes a second over all symbols, which the hub gathers for each face at the rate it asked for
flood  3 000 changes a second, each pushed as an event of its own: what the hub keeps from a face
row    one row that is not in focus changes every 1.3 s
still  nothing but the status, once a second
"""

import asyncio
import itertools
import random
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import uvloop

from spark_tui.domain.account import Balance
from spark_tui.domain.health import WeightGauge
from spark_tui.domain.instrument import Instrument, LotSize, PriceFilter, SymbolStatus
from spark_tui.domain.market import Candle
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import Environment, OrderType, TradingState
from spark_tui.engine.hub import Face, Hub
from spark_tui.link.messages import (
    AnyRequest,
    Balances,
    BookView,
    CandlesView,
    DepthRow,
    Done,
    Event,
    Focus,
    GetInstruments,
    Instruments,
    Positions,
    Preview,
    PreviewOrder,
    Result,
    Status,
    TickerRow,
    Tickers,
    TradeRow,
    TradesView,
    VenueRow,
)
from spark_tui.link.rendezvous import ENGINE_FILE, DataDirLock, EngineFile, socket_path, write_engine_file
from spark_tui.link.server import serve
from spark_tui.link.service import Attachment, LinkError
from spark_tui.wire.clock import NS_PER_S, SystemClock

VENUE = "binance-spot"
MARKET = (("BTCUSDT", 67_012.3), ("ETHUSDT", 3_412.18), ("BNBUSDT", 611.4), ("SOLUSDT", 241.07))
TICK = 0.01
MINUTE_MS = 60_000
HISTORY = 80  # candles and closes
CHANGES_S = 3_000  # of the plans "hub" and "flood"
STEP_S = 0.01  # they come in steps this long
FULL_HZ = 10.0
LONE_ROW = "ETHUSDT"


class Market:
    """Prices on a seeded walk. `versions` count a symbol's changes."""

    def __init__(self, count: int) -> None:
        more = ((f"C{number:02d}USDT", 10.0 + number) for number in itertools.count(1))
        self.prices = dict(itertools.islice(itertools.chain(MARKET, more), count))
        self.versions = dict.fromkeys(self.prices, 0)
        self._rng = random.Random(7)
        self._trade_ids = itertools.count(1)
        self._sparks = {symbol: self._walk(price, 60) for symbol, price in self.prices.items()}
        self.trades: list[TradeRow] = []
        for _ in range(20):
            self.move(next(iter(self.prices)))

    def move(self, symbol: str) -> None:
        self.prices[symbol] = round(self.prices[symbol] + self._rng.choice((-4, -1, 1, 3)) * TICK, 2)
        self.versions[symbol] += 1
        quantity = round(0.001 + self._rng.random() * 0.3, 3)
        trade = TradeRow(
            trade_id=next(self._trade_ids),
            price=self.prices[symbol],
            quantity=quantity,
            time_ms=_now_ms(),
            buyer_is_maker=self._rng.random() < 0.5,
        )
        self.trades = [trade, *self.trades[:49]]

    def ticker(self, symbol: str) -> TickerRow:
        price = self.prices[symbol]
        return TickerRow(
            venue=VENUE,
            symbol=symbol,
            last=price,
            change_percent=1.21,
            bid=price,
            ask=price + TICK,
            high=price * 1.01,
            low=price * 0.99,
            quote_volume=1e6,
            age_s=0.0,
            usable=True,
            spark=self._sparks[symbol],
        )

    def book(self, symbol: str) -> BookView:
        """Twenty levels a side, their quantities new with every change."""
        price, rng = self.prices[symbol], self._rng

        def side(first: float, direction: int) -> tuple[DepthRow, ...]:
            return tuple(
                DepthRow(price=round(first + direction * k * TICK, 2), quantity=round(rng.random() * 2, 3))
                for k in range(20)
            )

        return BookView(
            venue=VENUE,
            symbol=symbol,
            usable=True,
            why="",
            bids=side(price, -1),
            asks=side(price + TICK, 1),
            update_id=self.versions[symbol],
            age_s=0.0,
        )

    def candles(self, symbol: str, interval: str, *, whole: bool) -> CandlesView:
        closes = self._sparks[symbol]
        first = _now_ms() // MINUTE_MS * MINUTE_MS - len(closes) * MINUTE_MS
        rows = [
            Candle(symbol, interval, first + k * MINUTE_MS, close, close + 3, close - 3, close, 5.0, True)
            for k, close in enumerate(closes)
        ]
        price = self.prices[symbol]
        last = Candle(
            symbol, interval, first + len(closes) * MINUTE_MS, closes[-1], price, price, price, 5.0, False
        )
        return CandlesView(
            venue=VENUE,
            symbol=symbol,
            interval=interval,
            rows=(*rows, last) if whole else (last,),
            whole=whole,
        )

    def _walk(self, price: float, count: int) -> tuple[float, ...]:
        values = [price]
        for _ in range(count - 1):
            values.append(values[-1] + self._rng.gauss(0, 20) * TICK)
        return tuple(reversed(values))


class Cursor:
    """Implements hub.Cursor: what one face has not seen yet."""

    def __init__(self, market: Market) -> None:
        self.symbol, self.interval = next(iter(market.prices)), "1m"
        self._market = market
        self._seen: dict[str, int] = {}
        self._second = 0

    def look_at(self, symbol: str, interval: str) -> None:
        self.symbol, self.interval = symbol, interval
        self._seen.pop(symbol, None)

    def snapshot(self) -> tuple[Event, ...]:
        self._seen.clear()
        return (status(), balances(), Positions(rows=()), *self.changes())

    def changes(self) -> list[Event]:
        market = self._market
        changed = [symbol for symbol, version in market.versions.items() if self._seen.get(symbol) != version]
        events: list[Event] = []
        if changed:
            events.append(Tickers(rows=tuple(market.ticker(symbol) for symbol in changed)))
        if self.symbol in changed:
            whole = self.symbol not in self._seen
            rows = tuple(market.trades)
            events.append(market.book(self.symbol))
            events.append(TradesView(venue=VENUE, symbol=self.symbol, rows=rows))
            events.append(market.candles(self.symbol, self.interval, whole=whole))
        self._seen.update((symbol, market.versions[symbol]) for symbol in changed)
        if int(time.monotonic()) != self._second:
            self._second = int(time.monotonic())
            events.append(status())
        return events


class MarketService:
    """Implements link.service.Service, as far as a cockpit that only looks and types needs it."""

    def __init__(self, market: Market, rate_hz: float) -> None:
        self.hub = Hub(SystemClock())
        self._market = market
        self._rate_hz = rate_hz

    async def handle(self, request: AnyRequest, operator: str, attachment: Attachment | None) -> Result:
        match request:
            case Focus(symbol=symbol, interval=interval):
                if isinstance(attachment, Face) and isinstance(attachment.cursor, Cursor):
                    attachment.cursor.look_at(symbol, interval)
                return Done()
            case PreviewOrder():
                return preview(request)
            case GetInstruments():
                return Instruments(rows=tuple(instrument(symbol) for symbol in self._market.prices))
            case _:
                raise LinkError("UNSUPPORTED", f"This market does not answer {type(request).__name__}.")

    def attach(self, face: str, operator: str, rate_hz: float) -> Face:
        cursor = Cursor(self._market)
        return self.hub.attach(face, operator, self._rate_hz or rate_hz, cursor.snapshot, cursor)


def status() -> Status:
    return Status(
        environment=Environment.SIM,
        data_badge="Mock",
        trading_state=TradingState.ACTIVE,
        halt_reason="",
        reconciling=False,
        venues=(
            VenueRow(
                name=VENUE,
                environment=Environment.SIM,
                state="up",
                age_s=0.1,
                clock_offset_ms=3.0,
                weight=WeightGauge(used=240, limit=6_000),
            ),
        ),
        open_orders=0,
        unknown_orders=0,
        day_pnl=Decimal("12.40"),
        equity=Decimal("10012.40"),
        time_ms=_now_ms(),
        pid=1,
        data_dir="",
        run="bench",
        uptime_s=1.0,
        faces=1,
        metrics_port=0,
    )


def balances() -> Balances:
    rows = (
        Balance(asset="BTC", free=Decimal("0.504"), locked=Decimal("0.01")),
        Balance(asset="USDT", free=Decimal("9330"), locked=Decimal("682.4")),
    )
    return Balances(rows={VENUE: rows}, equity=Decimal("10012.40"), day_pnl=Decimal("12.40"))


def instrument(symbol: str) -> Instrument:
    tick, step = Decimal("0.01"), Decimal("0.001")
    return Instrument(
        venue=VENUE,
        symbol=symbol,
        base=symbol.removesuffix("USDT"),
        quote="USDT",
        status=SymbolStatus.TRADING,
        base_precision=8,
        quote_precision=8,
        order_types=frozenset({OrderType.LIMIT, OrderType.MARKET}),
        filters=(
            PriceFilter(min_price=tick, max_price=Decimal(10_000_000), tick_size=tick),
            LotSize(min_quantity=step, max_quantity=Decimal(9_000_000), step_size=step),
        ),
    )


def preview(request: PreviewOrder) -> Preview:
    order = request.order
    notional = (order.quantity or Decimal(0)) * (order.price or Decimal(0))
    rules = ("order cap", "position", "price band", "order rate")
    verdicts = tuple(
        Verdict(rule=label, label=label, ok=True, code="", text="", used=Decimal(1), allowed=Decimal(10))
        for label in rules
    )
    return Preview(
        ok=True,
        verdicts=verdicts,
        order=order,
        changes=(),
        notional=notional,
        fee=notional / 1_000,
        fee_asset="USDT",
        slippage_bp=0.0,
        reason="",
    )


async def live(service: MarketService, market: Market, plan: str) -> None:
    """Move prices for ever."""
    symbols = list(market.prices)
    pause_s = {"all": 1 / FULL_HZ, "row": 1.3, "still": 3_600.0}.get(plan, STEP_S)
    moving = itertools.cycle(symbols)
    while True:
        await asyncio.sleep(pause_s)
        if plan == "all":
            for symbol in symbols:
                market.move(symbol)
        elif plan == "row":
            market.move(LONE_ROW)
        elif plan in ("hub", "flood"):
            for symbol in itertools.islice(moving, int(CHANGES_S * STEP_S)):
                market.move(symbol)
                if plan == "flood":
                    service.hub.publish(Tickers(rows=(market.ticker(symbol),)))


async def run(data_dir: Path, count: int, plan: str) -> None:
    ended = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, ended.set)
    market = Market(count)
    service = MarketService(market, 0.0 if plan == "hub" else FULL_HZ)
    lock = DataDirLock.acquire(data_dir)
    path = socket_path(data_dir)
    async with serve(service, path):
        moving = asyncio.create_task(live(service, market, plan))
        write_engine_file(data_dir / ENGINE_FILE, EngineFile(socket=str(path), pid=1, data_dir=str(data_dir)))
        await ended.wait()
        moving.cancel()
        service.hub.close()
    lock.release()


def _now_ms() -> int:
    return time.time_ns() // (NS_PER_S // 1_000)


if __name__ == "__main__":
    uvloop.run(run(Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]))
