"""The orders, trades and balances of a venue small enough to reason about; it fails on command."""

import asyncio
from collections import deque
from collections.abc import Callable
from decimal import Decimal

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.health import Call
from spark_tui.domain.order import Fill, OrderRequest
from spark_tui.domain.values import LegRole, ListKind, Side
from spark_tui.venues.port import (
    BalancesReport,
    HalfOutcome,
    ListLeg,
    OrderReport,
    OrderStatus,
    Reaction,
    ReplaceHalf,
    ReplaceMode,
    ReplaceOutcome,
    TradeReport,
    UserEvent,
    UserSink,
    VenueError,
)
from spark_tui.wire.clock import NS_PER_MS, Clock
from tests.engine.fake_words import LOST, NAME, NOT_SENT, REJECTED, SYMBOL, D, instrument

_OPEN = (OrderStatus.PENDING_NEW, OrderStatus.NEW, OrderStatus.PARTIALLY_FILLED)
_WAITS = (LegRole.PENDING, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW)

_HALF_FAILED = ReplaceHalf(outcome=HalfOutcome.FAILURE, code="-2011", text="Unknown order sent.")


class FakeOrders:
    """The venue's trading half. `plan` says how each following `place`, `replace`, `place_list` or `amend`
    ends; empty: it works. "lost" and "dead" differ in whether it arrived."""

    name = NAME

    def __init__(self, clock: Clock, symbols: tuple[str, ...] = (SYMBOL,)) -> None:
        self.known = {symbol: instrument(symbol) for symbol in symbols}
        # rest | fill | reject | lost | dead | not-sent | broken | hang | slow (it waits before it leaves)
        self.plan: deque[str] = deque()
        self.refusal = REJECTED  # what "refused" raises
        self.reports: dict[str, OrderReport] = {}
        self.account_trades: list[TradeReport] = []
        self.placed: list[str] = []
        self.queries: list[str] = []
        self.cancels: list[str] = []
        self.sent_bytes: list[str] = []  # every trading call, in order
        self.failing: dict[str, VenueError] = {}  # by method name
        self.hidden: set[str] = set()  # queries answer "does not exist" (a replica's lag)
        self.nameless: set[str] = set()  # so do queries by the venue's id
        self.balances_ms: int | None = None  # when the balances changed last; None: just now
        self.extra_locked: dict[str, Decimal] = {}
        self.keep_home: Callable[[], str] = str
        self.on_call: Callable[[Call], None] = lambda call: None
        self.release = asyncio.Event()  # ends a hanging or a slow place
        self.cancel_gate: asyncio.Event | None = None  # cancel_all answers when it is set
        self.holdings = {"USDT": D(1_000_000), "BTC": D(10)}
        self.fees: FeeRates | None = FeeRates(maker=D("0.001"), taker=D("0.001"))
        self.clock = clock
        self.on_user: UserSink = lambda event, receipt_ns: None
        self._ids = 0
        self._trade_ids = 100

    def server_time_ms(self) -> int:
        return self.clock.wall_ns() // NS_PER_MS

    async def place(
        self, client_order_id: str, request: OrderRequest, on_sent: Callable[[], None]
    ) -> OrderReport:
        how = self.plan.popleft() if self.plan else "rest"
        if how == "not-sent":
            raise NOT_SENT
        if how == "slow":
            await self._leave_late()
        self.placed.append(client_order_id)
        self.sent_bytes.append(f"place {client_order_id}")
        on_sent()
        if how == "reject":
            raise REJECTED
        if how == "refused":
            raise self.refusal
        if how == "dead":
            raise LOST
        report = self._accept(client_order_id, request)
        if how == "fill":
            return self.fill(client_order_id, quiet=True)
        if how == "lost":
            raise LOST
        if how == "broken":
            raise RuntimeError("a reply nobody can read")
        if how == "hang":
            await self.release.wait()
            raise LOST
        return report

    async def _leave_late(self) -> None:
        await self.release.wait()
        if why := self.keep_home():
            raise VenueError(Reaction.RETRY_SAFE, "NOT_SENT", why)

    async def test_order(self, client_order_id: str, request: OrderRequest) -> None:
        self.sent_bytes.append(f"test {client_order_id}")
        self._maybe_fail("test_order")

    async def replace(
        self,
        symbol: str,
        client_order_id: str,
        new_client_order_id: str,
        request: OrderRequest,
        mode: ReplaceMode,
        on_sent: Callable[[], None],
    ) -> ReplaceOutcome:
        how = self.plan.popleft() if self.plan else "rest"
        if how == "not-sent":
            raise NOT_SENT
        self.sent_bytes.append(f"replace {client_order_id} {new_client_order_id}")
        on_sent()
        if how == "reject":
            raise REJECTED
        if how == "dead":
            raise LOST
        open_ = self.reports[client_order_id].status in _OPEN and how != "cancel-fails"
        cancel, new = _HALF_FAILED, ReplaceHalf(outcome=HalfOutcome.NOT_ATTEMPTED)
        if open_:
            canceled = self._change(client_order_id, OrderStatus.CANCELED)
            cancel = ReplaceHalf(outcome=HalfOutcome.SUCCESS, report=canceled)
        if open_ or mode is ReplaceMode.ALLOW_FAILURE:
            new = _HALF_FAILED
            if how != "new-fails":
                self.placed.append(new_client_order_id)
                report = self._accept(new_client_order_id, request)
                new = ReplaceHalf(outcome=HalfOutcome.SUCCESS, report=report)
        if how == "lost":
            raise LOST
        if how == "hang":
            await self.release.wait()
            raise LOST
        return ReplaceOutcome(cancel=cancel, new=new)

    async def amend(self, symbol: str, client_order_id: str, quantity: Decimal) -> OrderReport:
        how = self.plan.popleft() if self.plan else "rest"
        self.sent_bytes.append(f"amend {client_order_id} {quantity}")
        if how == "reject":
            raise VenueError(Reaction.DEFINITE_REJECT, "-2038", "Order amend is refused.")
        if how == "dead":
            raise LOST
        report = msgspec.structs.replace(self.reports[client_order_id], quantity=quantity, fills=())
        self.reports[client_order_id] = report
        if how == "lost":
            raise LOST
        return report

    async def place_list(
        self, list_id: str, kind: ListKind, legs: tuple[ListLeg, ...], on_sent: Callable[[], None]
    ) -> tuple[OrderReport, ...]:
        how = self.plan.popleft() if self.plan else "rest"
        if how == "not-sent":
            raise NOT_SENT
        if how == "slow":
            await self._leave_late()
        self.sent_bytes.append(f"list {list_id}")
        on_sent()
        if how == "reject":
            raise REJECTED
        if how == "dead":
            raise LOST
        reports = []
        for leg in legs:
            self.placed.append(leg.client_order_id)
            status = OrderStatus.PENDING_NEW if leg.role in _WAITS else OrderStatus.NEW
            report = self._accept(leg.client_order_id, leg.request)
            report = msgspec.structs.replace(report, list_id=list_id, status=status)
            self.reports[leg.client_order_id] = report
            reports.append(report)
        if how == "lost":
            raise LOST
        return tuple(reports)

    async def cancel_list(self, symbol: str, list_id: str) -> tuple[OrderReport, ...]:
        self.sent_bytes.append(f"cancel-list {list_id}")
        self._maybe_fail("cancel_list")
        legs = [report for report in self.reports.values() if report.list_id == list_id]
        if not any(report.status in _OPEN for report in legs):
            raise VenueError(Reaction.DEFINITE_REJECT, "-2011", "Unknown order list sent.")
        return tuple(
            self._change(report.client_order_id, OrderStatus.CANCELED)
            for report in legs
            if report.status in _OPEN
        )

    async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
        self.cancels.append(client_order_id)
        self.sent_bytes.append(f"cancel {client_order_id}")
        self._maybe_fail("cancel")
        report = self.reports.get(client_order_id)
        if report is None or report.status not in _OPEN:
            raise VenueError(Reaction.DEFINITE_REJECT, "-2011", "Unknown order sent.")
        return self._change(client_order_id, OrderStatus.CANCELED)

    async def cancel_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport:
        for report in self.reports.values():
            if (report.symbol, report.venue_order_id) == (symbol, venue_order_id):
                return await self.cancel(symbol, report.client_order_id)
        return await self.cancel(symbol, "")

    async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
        self.sent_bytes.append(f"cancel-all {symbol}")
        if self.cancel_gate is not None:
            await self.cancel_gate.wait()
        self._maybe_fail("cancel_all")
        return tuple(
            self._change(client_id, OrderStatus.CANCELED)
            for client_id, report in list(self.reports.items())
            if report.symbol == symbol and report.status in _OPEN
        )

    async def query(self, symbol: str, client_order_id: str) -> OrderReport | None:
        self.queries.append(client_order_id)
        self._maybe_fail("query")
        report = None if client_order_id in self.hidden else self.reports.get(client_order_id)
        return msgspec.structs.replace(report, fills=()) if report else None

    async def query_by_venue_id(self, symbol: str, venue_order_id: str) -> OrderReport | None:
        self._maybe_fail("query_by_venue_id")
        for report in self.reports.values():
            named = report.client_order_id not in self.nameless
            if named and (report.symbol, report.venue_order_id) == (symbol, venue_order_id):
                return msgspec.structs.replace(report, fills=())
        return None

    async def open_orders(self, symbol: str | None = None) -> tuple[OrderReport, ...]:
        self._maybe_fail("open_orders")
        return tuple(
            msgspec.structs.replace(report, fills=())
            for report in self.reports.values()
            if report.status in _OPEN
            and (symbol is None or report.symbol == symbol)
            and report.client_order_id not in self.hidden
        )

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]:
        self._maybe_fail("trades")
        if symbol != SYMBOL:
            raise VenueError(Reaction.DEFINITE_REJECT, "-1121", "Invalid symbol.")
        found = [
            trade
            for trade in self.account_trades
            if trade.symbol == symbol
            and (venue_order_id is None or trade.venue_order_id == venue_order_id)
            and (from_id is None or int(trade.fill.trade_id) >= from_id)
        ]
        return tuple(found[:limit] if from_id is not None else found[-limit:])

    async def balances(self) -> BalancesReport:
        self._maybe_fail("balances")
        return BalancesReport(
            venue=self.name,
            balances=tuple(
                Balance(asset=asset, free=amount, locked=self._locked(asset))
                for asset, amount in self.holdings.items()
            ),
            time_ms=self.server_time_ms() if self.balances_ms is None else self.balances_ms,
            complete=True,
            fees=self.fees,
        )

    # --- what tests make happen ---

    def user(self, event: UserEvent) -> None:
        self.on_user(event, self.clock.wall_ns())

    def external(self, client_order_id: str, request: OrderRequest) -> OrderReport:
        """Somebody else places an order on this account."""
        return self._accept(client_order_id, request)

    def fill(
        self, client_order_id: str, quantity: Decimal | None = None, *, quiet: bool = False
    ) -> OrderReport:
        """Execute some (default: all that is left); tells the stream unless `quiet`."""
        before = self.reports[client_order_id]
        request = before.request
        assert request is not None
        price = request.price or D("60010")
        whole = request.quantity if request.quantity is not None else (request.quote_quantity or D(0)) / price
        left = whole - before.filled
        part = left if quantity is None else quantity
        self._trade_ids += 1
        fill = Fill(
            trade_id=str(self._trade_ids),
            price=price,
            quantity=part,
            commission=D("0.01"),
            commission_asset="USDT",
            maker=False,
            time_ms=self.server_time_ms(),
        )
        self.account_trades.append(
            TradeReport(
                venue=self.name,
                symbol=request.symbol,
                venue_order_id=before.venue_order_id,
                side=request.side.value,
                fill=fill,
            )
        )
        report = msgspec.structs.replace(
            before,
            status=OrderStatus.FILLED if part == left else OrderStatus.PARTIALLY_FILLED,
            filled=before.filled + part,
            filled_quote=before.filled_quote + part * price,
            fills=(fill,),
        )
        self.reports[client_order_id] = report
        if not quiet:
            self.user(report)
        return report

    def _locked(self, asset: str) -> Decimal:
        """What open orders lock, one of two legs that exclude each other."""
        total = self.extra_locked.get(asset, D(0))
        lists = set()
        for report in self.reports.values():
            request = report.request
            if report.status not in _OPEN or request is None or report.status is OrderStatus.PENDING_NEW:
                continue
            if report.list_id and report.list_id in lists:
                continue
            lists.add(report.list_id)
            left = (report.quantity or request.quantity or D(0)) - report.filled
            if request.side is Side.SELL and request.symbol.removesuffix("USDT") == asset:
                total += left
            elif request.side is Side.BUY and asset == "USDT":
                total += left * (request.price or D(0))
        return total

    def _accept(self, client_order_id: str, request: OrderRequest) -> OrderReport:
        self._ids += 1
        report = OrderReport(
            venue=self.name,
            symbol=request.symbol,
            client_order_id=client_order_id,
            venue_order_id=str(self._ids),
            status=OrderStatus.NEW,
            filled=D(0),
            filled_quote=D(0),
            time_ms=self.server_time_ms(),
            request=request,
            quantity=request.quantity,
        )
        self.reports[client_order_id] = report
        return report

    def _change(self, client_order_id: str, status: OrderStatus) -> OrderReport:
        report = msgspec.structs.replace(self.reports[client_order_id], status=status, fills=())
        self.reports[client_order_id] = report
        return report

    def _maybe_fail(self, method: str) -> None:
        if method in self.failing:
            raise self.failing[method]
