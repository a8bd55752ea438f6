"""The scripted engine's orders: they rest, fill at once when they cross, and end when told."""

from decimal import Decimal

from spark_tui.domain.health import WeightGauge
from spark_tui.domain.order import TERMINAL, Fill, ListPart, Order, OrderState
from spark_tui.domain.values import Environment, Side, TradingState
from spark_tui.link.messages import (
    CancelAllResult,
    FillRow,
    Fills,
    OrderList,
    OrderUpdate,
    Preview,
    ReplaceOrder,
    Status,
    SubmitList,
    SubmitOrder,
    TestResult,
    VenueRow,
)
from spark_tui.link.service import LinkError
from tests.ui.fake_engine.market import FakeMarket
from tests.ui.fake_engine.previews import preview_order, to_request
from tests.ui.fake_engine.world import VENUE, ManualClock


class FakeOrders(FakeMarket):
    def __init__(self, clock: ManualClock, environment: Environment) -> None:
        super().__init__(clock)
        self.environment = environment
        self.orders: dict[str, Order] = {}
        self.fills: list[FillRow] = []
        self.state = TradingState.ACTIVE
        self.halt_reason = ""
        self.reconciling = False
        self.notes: tuple[str, ...] = ()
        self.test_answer = ("", "")  # the venue's code and text; empty: it would take the order
        self.replace_fails: LinkError | None = None
        self._ids = 40

    def own_prices(self) -> frozenset[float]:
        return frozenset(float(order.request.price or 0) for order in self.open())

    def status(self) -> Status:
        open_orders = [order for order in self.orders.values() if order.state not in TERMINAL]
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

    def preview(self, order: SubmitOrder) -> Preview:
        return preview_order(order, self.prices[order.symbol], self.halt_reason)

    def test(self, order: SubmitOrder) -> TestResult:
        preview = self.preview(order)
        if not preview.ok:
            return TestResult(preview=preview, sent=False, ok=False, code="MAX_NOTIONAL", text=preview.reason)
        code, text = self.test_answer
        return TestResult(preview=preview, sent=True, ok=not code, code=code, text=text)

    def open(self) -> list[Order]:
        return [order for order in self.orders.values() if order.state not in TERMINAL]

    def replace(self, request: ReplaceOrder) -> OrderUpdate:
        if self.replace_fails is not None:
            raise self.replace_fails
        old = self.orders[request.client_order_id]
        fresh = self.put(request.order, OrderState.ACCEPTED)
        self.update(old, state=OrderState.CANCELED, replaced_by=fresh.order.client_order_id)
        return self.update(fresh.order, replaces=old.client_order_id)

    def submit_list(self, request: SubmitList) -> OrderList:
        self._ids += 1
        list_id = f"sprun7-{self._ids}"
        rows = []
        for leg in request.legs:
            put = self.put(leg.order, OrderState.ACCEPTED)
            part = ListPart(list_id=list_id, kind=request.kind, role=leg.role)
            rows.append(self.update(put.order, part=part))
        return OrderList(list_id=list_id, kind=request.kind, legs=tuple(rows))

    def cancel_list(self, list_id: str) -> OrderList:
        legs = [order for order in self.open() if order.part and order.part.list_id == list_id]
        part = legs[0].part
        assert part is not None
        rows = tuple(self.update(order, state=OrderState.CANCELED) for order in legs)
        return OrderList(list_id=list_id, kind=part.kind, legs=rows)

    def submit(self, request: SubmitOrder) -> OrderUpdate:
        for order in self.orders.values():
            if request.key and order.key == request.key:
                return OrderUpdate(order=order, replayed=True)
        preview = self.preview(request)
        if not preview.ok:
            failed = next(verdict for verdict in preview.verdicts if not verdict.ok)
            return self.put(request, OrderState.DENIED, code=failed.code, text=failed.text)
        accepted = self.put(preview.order, OrderState.ACCEPTED)
        price = self.prices[request.symbol]
        crosses = request.price is None or (
            float(request.price) > price if request.side is Side.BUY else float(request.price) < price
        )
        if crosses:
            self.fill(accepted.order)
        return accepted

    def put(self, request: SubmitOrder, state: OrderState, *, code: str = "", text: str = "") -> OrderUpdate:
        self._ids += 1
        order = Order(
            client_order_id=f"sprun7-{self._ids}",
            request=to_request(request),
            state=state,
            created_ms=self.clock.now_ms,
            updated_ms=self.clock.now_ms,
            code=code,
            text=text,
            key=request.key,
        )
        return self.update(order)

    def update(self, order: Order, **changes: object) -> OrderUpdate:
        fields = {name: getattr(order, name) for name in order.__struct_fields__}
        fresh = Order(**{**fields, "updated_ms": self.clock.now_ms, **changes})  # type: ignore[arg-type]
        self.orders[fresh.client_order_id] = fresh
        update = OrderUpdate(order=fresh)
        self.push(update, self.status())
        return update

    def fill(self, order: Order) -> None:
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
        self.update(
            order, state=OrderState.FILLED, filled=quantity, filled_quote=quantity * price, fills=(fill,)
        )
        self.push(Fills(rows=(row,)))

    def cancel(self, key: str) -> OrderUpdate:
        order = self.orders.get(key)
        if order is None:
            raise LinkError("NO_ORDER", f"There is no order {key}.")
        return self.update(order, state=OrderState.CANCELED)

    def cancel_all(self, symbol: str) -> CancelAllResult:
        canceled = [order for order in self.open() if symbol in {"", order.request.symbol}]
        for order in canceled:
            self.update(order, state=OrderState.CANCELED)
        return CancelAllResult(canceled=tuple(order.client_order_id for order in canceled), left=())

    def kill(self, reason: str) -> CancelAllResult:
        self.state, self.halt_reason = TradingState.HALTED, reason
        self.push(self.status())
        return self.cancel_all("")
