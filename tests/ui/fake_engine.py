"""A scripted engine for tests of the cockpit: the pictures' market, orders that fill when they cross, a kill.

Deterministic: time comes from a clock that tests move, the market from a seeded random. Clearing `gate` holds
every answer back, `lose` cuts the line, `restore` lets it be found again.
"""

import asyncio
import random
from collections.abc import AsyncIterator
from decimal import Decimal

from msgspec import structs

from spark_tui.domain.account import Balance, Position
from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.instrument import Instrument, LotSize, PriceFilter, SymbolStatus
from spark_tui.domain.market import Candle
from spark_tui.domain.order import Fill, ListPart, Order, OrderRequest, OrderState
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import Environment, OrderType, Side, TimeInForce, TradingState
from spark_tui.link.messages import (
    AlgoRow,
    Algos,
    AmendOrder,
    AnyRequest,
    Balances,
    BookView,
    CancelAll,
    CancelAllResult,
    CancelList,
    CancelOrder,
    CandlesView,
    DepthRow,
    Difference,
    Differences,
    Done,
    DrillRow,
    Drills,
    Event,
    FillRow,
    Fills,
    Focus,
    GetAlgos,
    GetDifferences,
    GetDrills,
    GetHealth,
    GetInstruments,
    Health,
    Instruments,
    Kill,
    Notice,
    OrderList,
    OrderUpdate,
    PauseAlgo,
    PositionRow,
    Positions,
    Preview,
    PreviewOrder,
    Reconcile,
    ReplaceOrder,
    ResolveDifference,
    Result,
    Resume,
    ResumeAlgo,
    RunDrill,
    StartAlgo,
    Status,
    StopAlgo,
    StopEngine,
    SubmitList,
    SubmitOrder,
    TestOrder,
    TestResult,
    TickerRow,
    Tickers,
    TradeRow,
    TradesView,
    VenueRow,
)
from spark_tui.link.service import LinkError

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


class FakeEngine:
    """A Link with the engine in it. Events wait in a queue until the cockpit takes them."""

    def __init__(
        self, clock: ManualClock, *, environment: Environment = Environment.SIM, orders: bool = True
    ) -> None:
        self.clock = clock
        self.environment = environment
        self.random = random.Random(7)
        self.prices = {symbol: row[0] for symbol, row in MARKET.items()}
        self.orders: dict[str, Order] = {}
        self.fills: list[FillRow] = []
        self.state = TradingState.ACTIVE
        self.halt_reason = ""
        self.focus = Focus(symbol="BTCUSDT", venue=VENUE)
        self.asked: list[AnyRequest] = []
        self.lost = False
        self.mute = False  # takes an order, and never says so
        self.gate = asyncio.Event()
        self.gate.set()
        self.notes: tuple[str, ...] = ()
        self.book_why = ""
        self.reconciling = False
        self.test_answer = ("", "")  # the venue's code and text; empty: it would take the order
        self.algos: dict[str, AlgoRow] = {}
        self.drills = {
            name: DrillRow(name=name, title=title, faults=faults, state="READY")
            for name, title, faults in (
                ("lost-reply", "The reply to an order is lost", ("accept-drop-reply",)),
                ("reordered", "Events overtake the reply", ("reorder-reply", "duplicate-event")),
                ("blackhole", "The line is silent and does not say so", ("blackhole",)),
            )
        }
        self.replace_fails: LinkError | None = None
        self.differences = Differences(rows=(), passes=3, last_ms=START_MS - 12_000, running=False)
        self.stale: frozenset[str] = frozenset()
        self._ids = 40
        self._trade_ids = 100
        self._queue: asyncio.Queue[tuple[Event, ...] | None] = asyncio.Queue()
        self._back = asyncio.Event()
        self.sparks = {symbol: self._walk(symbol, 60) for symbol in MARKET}
        self.candles = {(symbol, "1m"): self._candles(symbol, "1m") for symbol in MARKET}
        self.trades = [self._trade("BTCUSDT", age_s) for age_s in range(20)]
        if orders:
            self._orders_of_the_picture()

    # --- the link ------------------------------------------------------------------------------------------

    async def events(self) -> AsyncIterator[tuple[Event, ...]]:
        await self._attach_again()
        yield self.snapshot()
        while True:
            batch = await self._queue.get()
            if batch is None:
                raise LinkError("ENGINE_GONE", "The engine's line was lost.")
            yield batch

    async def _attach_again(self) -> None:
        while self.lost:
            self._back.clear()
            await self._back.wait()

    async def close(self) -> None:
        return

    async def call(self, request: AnyRequest) -> Result:
        self.asked.append(request)
        await self.gate.wait()
        if self.lost:
            raise LinkError("ENGINE_GONE", "No engine answers.")
        match request:
            case SubmitOrder() if self.mute:
                self._submit(request)
                raise LinkError("NO_ANSWER", "The engine did not answer; it may still happen.")
            case SubmitOrder():
                return self._submit(request)
            case PreviewOrder(order=order):
                return self._preview(order)
            case CancelOrder(client_order_id=key):
                return self._cancel(key)
            case CancelAll(symbol=symbol):
                return self._cancel_all(symbol)
            case Kill(reason=reason):
                return self._kill(reason)
            case Resume():
                self.state, self.halt_reason = TradingState.ACTIVE, ""
                self.push(self.status())
                return Done()
            case Focus():
                self.focus = request
                self.push(self.book(), self.trades_view(), self.candles_view())
                return Done()
            case StopEngine():
                return Done()
            case TestOrder(order=order):
                return self._test(order)
            case AmendOrder(client_order_id=key, quantity=quantity):
                return self._update(self.orders[key], amended_quantity=quantity, amendments=(quantity,))
            case ReplaceOrder():
                return self._replace(request)
            case SubmitList():
                return self._submit_list(request)
            case CancelList(list_id=list_id):
                return self._cancel_list(list_id)
            case GetDrills():
                return Drills(rows=tuple(self.drills.values()))
            case RunDrill(name=key, seed=seed):
                return self.change_drill(key, state="RUNNING", seed=seed)
            case GetAlgos():
                return Algos(rows=tuple(self.algos.values()))
            case StartAlgo():
                return self._start_algo(request)
            case PauseAlgo(algo_id=key):
                return self.change_algo(key, state="PAUSED", text="paused by operator")
            case ResumeAlgo(algo_id=key):
                return self.change_algo(key, state="RUNNING", text="")
            case StopAlgo(algo_id=key):
                return self.change_algo(key, state="STOPPED", text="stopped by operator")
            case GetDifferences() | Reconcile():
                return self.differences
            case ResolveDifference():
                return self._resolve(request)
            case GetInstruments():
                return Instruments(rows=tuple(_instrument(symbol) for symbol in MARKET))
            case GetHealth():
                return self.health()
            case _:
                raise LinkError("UNSUPPORTED", f"The fake engine does not answer {request}.")

    def push(self, *events: Event) -> None:
        self._queue.put_nowait(events)

    def lose(self) -> None:
        self.lost = True
        self._queue.put_nowait(None)

    def restore(self) -> None:
        self.lost = False
        self._back.set()

    # --- the market ----------------------------------------------------------------------------------------

    def tick(self, symbols: tuple[str, ...] = tuple(MARKET)) -> None:
        """Prices move, and everything that follows from it is pushed."""
        for symbol in symbols:
            step = float(MARKET[symbol][1])
            self.prices[symbol] = round(self.prices[symbol] + self.random.choice((-4, -1, 0, 1, 3)) * step, 8)
        if self.focus.symbol in symbols:
            self.trades.insert(0, self._trade(self.focus.symbol, 0))
            self._extend_candle()
        self.push(
            Tickers(rows=tuple(self.ticker(symbol) for symbol in symbols)),
            self.book(),
            self.trades_view(),
            self.candles_view(whole=False),
        )

    def _extend_candle(self) -> None:
        rows = self._candle_rows()
        last, price = rows[-1], self.prices[self.focus.symbol]
        rows[-1] = Candle(
            last.symbol,
            last.interval,
            last.open_ms,
            last.open,
            max(last.high, price),
            min(last.low, price),
            price,
            last.volume + 0.1,
            False,
        )

    def _candle_rows(self) -> list[Candle]:
        key = (self.focus.symbol, self.focus.interval)
        if key not in self.candles:
            self.candles[key] = self._candles(*key)
        return self.candles[key]

    def _walk(self, symbol: str, count: int) -> tuple[float, ...]:
        price, step = self.prices[symbol], float(MARKET[symbol][1])
        values = [price]
        for _ in range(count - 1):
            values.append(values[-1] + self.random.gauss(0, 60) * step)
        return tuple(reversed(values))

    def _candles(self, symbol: str, interval: str) -> list[Candle]:
        width, step = INTERVAL_MS[interval], float(MARKET[symbol][1])
        closes = self._walk(symbol, 80)
        start = self.clock.now_ms // width * width - 79 * width
        rows = []
        for index, close in enumerate(closes):
            opened = closes[index - 1] if index else close
            spread = abs(self.random.gauss(0, 40)) * step
            high, low = max(opened, close) + spread, min(opened, close) - spread
            volume = 1 + self.random.random() * 9
            rows.append(
                Candle(symbol, interval, start + index * width, opened, high, low, close, volume, index < 79)
            )
        return rows

    def _trade(self, symbol: str, age_s: int) -> TradeRow:
        self._trade_ids += 1
        return TradeRow(
            trade_id=self._trade_ids,
            price=self.prices[symbol],
            quantity=round(0.001 + self.random.random() * 0.3, 3),
            time_ms=self.clock.now_ms - age_s * 1_000,
            buyer_is_maker=self.random.random() < 0.5,
        )

    # --- what it says --------------------------------------------------------------------------------------

    def snapshot(self) -> tuple[Event, ...]:
        return (
            self.status(),
            self.balances(),
            self.positions(),
            *(OrderUpdate(order=order) for order in self.orders.values()),
            Fills(rows=tuple(self.fills)),
            Tickers(rows=tuple(self.ticker(symbol) for symbol in MARKET)),
            self.book(),
            self.trades_view(),
            self.candles_view(),
        )

    def status(self) -> Status:
        open_orders = [order for order in self.orders.values() if order.state not in CLOSED]
        return Status(
            environment=self.environment,
            data_badge="Mock",
            trading_state=self.state,
            halt_reason=self.halt_reason,
            reconciling=self.reconciling,
            venues=(
                VenueRow(
                    name=VENUE,
                    environment=self.environment,
                    state="up",
                    age_s=0.1,
                    clock_offset_ms=3.0,
                    weight=WeightGauge(used=240, limit=6_000),
                ),
            ),
            open_orders=len(open_orders),
            unknown_orders=sum(order.state is OrderState.UNKNOWN for order in open_orders),
            day_pnl=Decimal("12.40"),
            equity=Decimal("10012.40"),
            time_ms=self.clock.now_ms,
            pid=4711,
            data_dir="/var/lib/spark-tui",
            run="r1",
            uptime_s=754.0,
            faces=1,
            metrics_port=4001,
            notes=self.notes,
        )

    def balances(self) -> Balances:
        rows = (
            Balance(asset="BTC", free=Decimal("0.504"), locked=Decimal("0.01")),
            Balance(asset="ETH", free=Decimal(8), locked=Decimal("0.5")),
            Balance(asset="USDT", free=Decimal("9330"), locked=Decimal("682.4")),
        )
        return Balances(rows={VENUE: rows}, equity=Decimal("10012.40"), day_pnl=Decimal("12.40"))

    def positions(self) -> Positions:
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

    def ticker(self, symbol: str) -> TickerRow:
        price, tick = self.prices[symbol], float(MARKET[symbol][1])
        return TickerRow(
            venue=VENUE,
            symbol=symbol,
            last=price,
            change_percent=MARKET[symbol][5],
            bid=price,
            ask=price + tick,
            high=price * 1.01,
            low=price * 0.99,
            quote_volume=1e6,
            age_s=42.0 if symbol in self.stale else 0.1,
            usable=symbol not in self.stale,
            spark=self.sparks[symbol],
        )

    def book(self) -> BookView:
        symbol = self.focus.symbol
        price, tick = self.prices[symbol], float(MARKET[symbol][1])
        shape = random.Random(int(price * 10))
        asks, bids = [], []
        at_ask, at_bid = price + tick, price
        for _ in range(20):
            asks.append(DepthRow(price=round(at_ask, 8), quantity=round(0.05 + shape.random() * 2, 3)))
            own = (
                0.01
                if any(float(order.request.price or 0) == round(at_bid, 8) for order in self._open())
                else 0.0
            )
            bids.append(
                DepthRow(price=round(at_bid, 8), quantity=round(0.05 + shape.random() * 2, 3), own=own)
            )
            at_ask += tick * shape.choice((1, 2, 4))
            at_bid -= tick * shape.choice((1, 2, 4))
        usable = not self.book_why
        return BookView(
            venue=VENUE,
            symbol=symbol,
            usable=usable,
            why=self.book_why,
            bids=tuple(bids) if usable else (),
            asks=tuple(asks) if usable else (),
            update_id=1,
            age_s=0.05,
        )

    def trades_view(self) -> TradesView:
        return TradesView(venue=VENUE, symbol=self.focus.symbol, rows=tuple(self.trades[:50]))

    def candles_view(self, *, whole: bool = True) -> CandlesView:
        rows = self._candle_rows()
        return CandlesView(
            venue=VENUE,
            symbol=self.focus.symbol,
            interval=self.focus.interval,
            rows=tuple(rows if whole else rows[-1:]),
            whole=whole,
        )

    def health(self) -> Health:
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

    # --- orders --------------------------------------------------------------------------------------------

    def _open(self) -> list[Order]:
        return [order for order in self.orders.values() if order.state not in CLOSED]

    def _test(self, order: SubmitOrder) -> TestResult:
        preview = self._preview(order)
        if not preview.ok:
            return TestResult(preview=preview, sent=False, ok=False, code="MAX_NOTIONAL", text=preview.reason)
        code, text = self.test_answer
        return TestResult(preview=preview, sent=True, ok=not code, code=code, text=text)

    def _replace(self, request: ReplaceOrder) -> OrderUpdate:
        if self.replace_fails is not None:
            raise self.replace_fails
        old = self.orders[request.client_order_id]
        fresh = self._put(request.order, OrderState.ACCEPTED)
        self._update(old, state=OrderState.CANCELED, replaced_by=fresh.order.client_order_id)
        return self._update(fresh.order, replaces=old.client_order_id)

    def _submit_list(self, request: SubmitList) -> OrderList:
        self._ids += 1
        list_id = f"sprun7-{self._ids}"
        rows = []
        for leg in request.legs:
            put = self._put(leg.order, OrderState.ACCEPTED)
            part = ListPart(list_id=list_id, kind=request.kind, role=leg.role)
            rows.append(self._update(put.order, part=part))
        return OrderList(list_id=list_id, kind=request.kind, legs=tuple(rows))

    def _cancel_list(self, list_id: str) -> OrderList:
        legs = [order for order in self._open() if order.part and order.part.list_id == list_id]
        part = legs[0].part
        assert part is not None
        rows = tuple(self._update(order, state=OrderState.CANCELED) for order in legs)
        return OrderList(list_id=list_id, kind=part.kind, legs=rows)

    def _start_algo(self, request: StartAlgo) -> AlgoRow:
        self._ids += 1
        row = AlgoRow(
            algo_id=f"algo-sprun7-{self._ids}",
            start=request,
            venue=VENUE,
            state="RUNNING",
            filled=Decimal(0),
            average_price=None,
            children=0,
            open_child="",
            next_at_ms=self.clock.now_ms + 24_000,
            trigger_price=None,
            text="the next slice",
            created_ms=self.clock.now_ms,
        )
        self.algos[row.algo_id] = row
        self.push(row)
        return row

    def change_drill(self, key: str, **changes: object) -> DrillRow:
        self.drills[key] = structs.replace(self.drills[key], **changes)
        self.push(self.drills[key])
        return self.drills[key]

    def change_algo(self, key: str, **changes: object) -> AlgoRow:
        self.algos[key] = structs.replace(self.algos[key], **changes)
        self.push(self.algos[key])
        return self.algos[key]

    def _resolve(self, request: ResolveDifference) -> Differences:
        rows = tuple(
            structs.replace(row, choices=(), applied=f"{request.choice} (operator)")
            if row.difference_id == request.difference_id
            else row
            for row in self.differences.rows
        )
        self.differences = structs.replace(self.differences, rows=rows)
        self.push(self.differences)
        return self.differences

    def _preview(self, order: SubmitOrder) -> Preview:
        quantity = order.quantity or Decimal(0)
        step = Decimal(MARKET[order.symbol][2])
        floored = quantity // step * step
        changes = (f"quantity {quantity} becomes {floored} (step {step})",) if floored != quantity else ()
        price = order.price or Decimal(str(self.prices[order.symbol]))
        notional = order.quote_quantity or floored * price
        halted = self.state is TradingState.HALTED
        verdicts = (
            _verdict(
                "trading_state", "state", not halted, "HALTED", f"Trading is halted: {self.halt_reason}."
            ),
            _verdict(
                "max_notional", "order cap", notional <= 1_000, "MAX_NOTIONAL", "", notional, Decimal(1_000)
            ),
            _verdict("position", "position", True, "MAX_POSITION", "", floored, Decimal("0.05")),
            _verdict("price_band", "price band", True, "PRICE_BAND", "", Decimal("0.02"), Decimal(2), "%"),
            _verdict("order_rate", "order rate", True, "ORDER_RATE", "", Decimal(1), Decimal(10)),
        )
        failed = [verdict for verdict in verdicts if not verdict.ok]
        return Preview(
            ok=not failed,
            verdicts=verdicts,
            order=SubmitOrder(
                **{**{name: getattr(order, name) for name in order.__struct_fields__}, "quantity": floored}
            )
            if order.quantity is not None
            else order,
            changes=changes,
            notional=notional,
            fee=notional / 1_000,
            fee_asset=MARKET[order.symbol][4],
            slippage_bp=0.0,
            reason=failed[0].text if failed else "",
        )

    def _submit(self, request: SubmitOrder) -> OrderUpdate:
        for order in self.orders.values():
            if request.key and order.key == request.key:
                return OrderUpdate(order=order, replayed=True)
        preview = self._preview(request)
        if not preview.ok:
            failed = next(verdict for verdict in preview.verdicts if not verdict.ok)
            return self._put(request, OrderState.DENIED, code=failed.code, text=failed.text)
        accepted = self._put(preview.order, OrderState.ACCEPTED)
        price = self.prices[request.symbol]
        crosses = request.price is None or (
            float(request.price) > price if request.side is Side.BUY else float(request.price) < price
        )
        if crosses:
            self._fill(accepted.order)
        return accepted

    def _put(self, request: SubmitOrder, state: OrderState, *, code: str = "", text: str = "") -> OrderUpdate:
        self._ids += 1
        order = Order(
            client_order_id=f"sprun7-{self._ids}",
            request=OrderRequest(
                venue=VENUE,
                symbol=request.symbol,
                side=request.side,
                type=request.type,
                quantity=request.quantity,
                quote_quantity=request.quote_quantity,
                price=request.price,
                stop_price=request.stop_price,
                trailing_delta=request.trailing_delta,
                iceberg_quantity=request.iceberg_quantity,
                time_in_force=request.time_in_force,
            ),
            state=state,
            created_ms=self.clock.now_ms,
            updated_ms=self.clock.now_ms,
            code=code,
            text=text,
            key=request.key,
        )
        return self._update(order)

    def _update(self, order: Order, **changes: object) -> OrderUpdate:
        fields = {name: getattr(order, name) for name in order.__struct_fields__}
        fresh = Order(**{**fields, "updated_ms": self.clock.now_ms, **changes})  # type: ignore[arg-type]
        self.orders[fresh.client_order_id] = fresh
        update = OrderUpdate(order=fresh)
        self.push(update, self.status())
        return update

    def _fill(self, order: Order) -> None:
        price = Decimal(str(self.prices[order.request.symbol]))
        quantity = order.request.quantity or (order.request.quote_quantity or Decimal(0)) / price
        fill = Fill(
            trade_id=str(len(self.fills) + 1),
            price=price,
            quantity=quantity,
            commission=quantity * price / 1_000,
            commission_asset="USDT",
            maker=False,
            time_ms=self.clock.now_ms,
        )
        row = FillRow(
            client_order_id=order.client_order_id,
            venue=VENUE,
            symbol=order.request.symbol,
            side=order.request.side,
            fill=fill,
        )
        self.fills.append(row)
        self._update(
            order, state=OrderState.FILLED, filled=quantity, filled_quote=quantity * price, fills=(fill,)
        )
        self.push(Fills(rows=(row,)))

    def _cancel(self, key: str) -> OrderUpdate:
        order = self.orders.get(key)
        if order is None:
            raise LinkError("NO_ORDER", f"There is no order {key}.")
        return self._update(order, state=OrderState.CANCELED)

    def _cancel_all(self, symbol: str) -> CancelAllResult:
        canceled = [order for order in self._open() if symbol in {"", order.request.symbol}]
        for order in canceled:
            self._update(order, state=OrderState.CANCELED)
        return CancelAllResult(canceled=tuple(order.client_order_id for order in canceled), left=())

    def _kill(self, reason: str) -> CancelAllResult:
        self.state, self.halt_reason = TradingState.HALTED, reason
        self.push(self.status())
        return self._cancel_all("")

    def _orders_of_the_picture(self) -> None:
        """The five orders, the fill and the three notices of the picture at 120x36."""
        limit, force = OrderType.LIMIT, TimeInForce.GTC

        def ask(symbol: str, side: Side, kind: OrderType, price: str, quantity: str) -> SubmitOrder:
            return SubmitOrder(
                symbol=symbol,
                side=side,
                type=kind,
                quantity=Decimal(quantity),
                price=Decimal(price),
                time_in_force=force if kind is limit else None,
            )

        now = self.clock.now_ms
        denied = self._put(
            ask("BTCTRY", Side.BUY, limit, "2700000", "0.002"),
            OrderState.DENIED,
            code="PRICE_BAND",
            text="The price is 1.6 % from the middle; the band is 1.0 %.",
        )
        self._age(denied, 340)
        filled = self._put(ask("BTCUSDT", Side.BUY, limit, "67001.2", "0.010"), OrderState.ACCEPTED)
        self._fill(filled.order)
        self._age(OrderUpdate(order=self.orders[filled.order.client_order_id]), 252)
        self._age(
            self._put(ask("ETHUSDT", Side.SELL, OrderType.LIMIT_MAKER, "3420", "0.5"), OrderState.ACCEPTED),
            171,
        )
        partly = self._put(ask("BTCUSDT", Side.BUY, limit, "66900", "0.010"), OrderState.PARTIALLY_FILLED)
        self._age(partly, 14, filled=Decimal("0.004"), filled_quote=Decimal("267.6"))
        unknown = self._put(
            ask("BTCUSDT", Side.SELL, OrderType.STOP_LOSS_LIMIT, "66000", "0.010"), OrderState.UNKNOWN
        )
        self._age(unknown, 3, decidable_at_ms=now + 7_400)
        while not self._queue.empty():
            self._queue.get_nowait()
        self.push(
            Notice(time_ms=now - 42_000, level="info", text="41 denied: price 1.6 % from mid, band 1.0 %"),
            Notice(
                time_ms=now - 14_000,
                level="info",
                text="44 filled 0.004 @ 66 900.0   fee 0.27 USDT   ack 3 ms",
            ),
            Notice(
                time_ms=now - 3_000,
                level="warn",
                text="45 reply lost: UNKNOWN, decidable in 7.4 s; counted, never re-sent",
            ),
        )

    def _age(self, update: OrderUpdate, seconds: int, **changes: object) -> None:
        created = self.clock.now_ms - seconds * 1_000
        self._update(update.order, created_ms=created, **changes)


CLOSED = frozenset(
    {
        OrderState.DENIED,
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.DEAD,
    }
)


def _verdict(
    rule: str,
    label: str,
    ok: bool,
    code: str,
    text: str,
    used: Decimal | None = None,
    allowed: Decimal | None = None,
    unit: str = "",
) -> Verdict:
    return Verdict(
        rule=rule,
        label=label,
        ok=ok,
        code="" if ok else code,
        text="" if ok else text or f"{label} {used} is more than {allowed}; ask for less.",
        used=used,
        allowed=allowed,
        unit=unit,
    )


def _instrument(symbol: str) -> Instrument:
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


def with_differences(engine: FakeEngine) -> None:
    """One that was settled, and one that asks."""

    def row(key: str, kind: str, choices: tuple[str, ...], applied: str) -> Difference:
        return Difference(
            difference_id=key,
            kind=kind,
            venue=VENUE,
            symbol="USDT",
            client_order_id="",
            local="open orders lock 682.4 USDT",
            remote="702.4 USDT are locked",
            choices=choices,
            applied=applied,
            at_ms=START_MS,
        )

    rows = (row("a", "EXTERNAL_ORDER", (), "shown and counted"), row("b", "BALANCE", ("accept",), ""))
    engine.differences = Differences(rows=rows, passes=2, last_ms=START_MS, running=False)
