"""The one gate, fed: what `risk.check` needs to know, gathered at one instant. Orders and previews come
through here alike, so their verdicts cannot differ."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec

from spark_tui.domain import filters, lifecycle, risk
from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.decimals import from_float
from spark_tui.domain.filters import FilterContext
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.risk import RiskContext, RiskLimits, Verdict
from spark_tui.domain.values import Environment, OrderType, Side
from spark_tui.engine.guard import Guard
from spark_tui.engine.market import Market
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.state import State

_NOT_LOCKED_YET = frozenset({OrderState.NEW, OrderState.SENT, OrderState.UNKNOWN})
_ALGO = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)


class Assessment(msgspec.Struct, frozen=True, kw_only=True):
    """The gate's answer. `denial` is the first verdict that refuses, None when the order may leave."""

    request: OrderRequest
    verdicts: tuple[Verdict, ...]
    denial: Verdict | None
    instrument: Instrument | None
    mid: Decimal | None

    @property
    def assets(self) -> tuple[str, str]:
        """(base, quote); empty for an instrument nobody knows, whose order never leaves."""
        return (self.instrument.base, self.instrument.quote) if self.instrument else ("", "")


class Desk(msgspec.Struct, kw_only=True):
    """What the gate asks about one venue. `trouble`: why it cannot be traded with now, for the operator."""

    market: Market
    environment: Environment
    instruments: dict[str, Instrument]
    reconciling: bool = True
    trouble: str = ""


class Gate:
    """Assesses; changes nothing."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        state: State,
        guard: Guard,
        portfolio: Portfolio,
        limits: RiskLimits,
        *,
        live_armed: bool,
    ) -> None:
        self.limits = limits
        self._desks = desks
        self._state = state
        self._guard = guard
        self._portfolio = portfolio
        self._live_armed = live_armed

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        return self._desks[venue].instruments.get(symbol)

    def assess(self, request: OrderRequest) -> Assessment:
        """Every rule's verdict on `request` as it stands; nothing is adjusted here."""
        desk = self._desks[request.venue]
        instrument = desk.instruments.get(request.symbol)
        if instrument is None:
            refusal = _unknown_instrument(request, desk)
            return Assessment(request=request, verdicts=(refusal,), denial=refusal, instrument=None, mid=None)
        quote = desk.market.quote(request.symbol)
        mine = self._state.open_orders(request.venue, request.symbol)
        context = self._context(request, desk, instrument, quote, mine)
        verdicts = risk.check(request, context, self.limits)
        denial = None if risk.passes(verdicts) else next(verdict for verdict in verdicts if not verdict.ok)
        return Assessment(
            request=request, verdicts=verdicts, denial=denial, instrument=instrument, mid=context.mid
        )

    def _context(
        self,
        request: OrderRequest,
        desk: Desk,
        instrument: Instrument,
        quote: Quote | Unusable,
        mine: list[Order],
    ) -> RiskContext:
        bid = ask = mid = None
        why = ""
        if isinstance(quote, Unusable):
            why = quote.why
        else:
            bid, ask = from_float(quote.bid), from_float(quote.ask)
            mid = (bid + ask) / 2
        position = self._state.positions.get((request.venue, request.symbol))
        return RiskContext(
            trading_state=self._guard.state,
            halt_reason=self._guard.reason,
            reconciling=desk.reconciling,
            venue_trouble=desk.trouble,
            environment=desk.environment,
            live_armed=self._live_armed,
            instrument_status=instrument.status,
            base=instrument.base,
            quote=instrument.quote,
            mid=mid,
            bid=bid,
            ask=ask,
            book_why=why,
            recent_orders_10s=self._guard.recent_orders(),
            filter_failures=filters.check(
                instrument, request, self._filter_context(request, desk, instrument, mid, mine)
            ),
            balances_free=self._free(request.venue),
            position=position.quantity if position else Decimal(0),
            open_exposure=sum(
                (lifecycle.exposure(order) for order in mine if order.request.side is request.side),
                Decimal(0),
            ),
        )

    def _filter_context(
        self,
        request: OrderRequest,
        desk: Desk,
        instrument: Instrument,
        mid: Decimal | None,
        mine: list[Order],
    ) -> FilterContext:
        """The venue's average price is not streamed: the middle of our book stands for it, and the venue has
        the last word."""
        last = desk.market.last_price(request.symbol)
        everything = self._state.open_orders(request.venue)
        held = self._portfolio.balances.get(request.venue, {}).get(instrument.base)
        return FilterContext(
            average_price=mid,
            last_price=None if last is None else from_float(last),
            open_orders=len(mine),
            open_algo_orders=sum(order.request.type in _ALGO for order in mine),
            open_iceberg_orders=sum(order.request.iceberg_quantity is not None for order in mine),
            account_open_orders=len(everything),
            account_open_algo_orders=sum(order.request.type in _ALGO for order in everything),
            account_open_iceberg_orders=sum(
                order.request.iceberg_quantity is not None for order in everything
            ),
            base_free=held.free if held else Decimal(0),
            base_locked=held.locked if held else Decimal(0),
            open_buy_quantity=sum(
                (lifecycle.leaves(order) for order in mine if order.request.side is Side.BUY), Decimal(0)
            ),
        )

    def _free(self, venue: str) -> dict[str, Decimal]:
        """The venue's free balances less what orders take that it cannot have locked for all we know."""
        free = self._portfolio.free(venue)
        for order in self._state.open_orders(venue):
            if order.state in _NOT_LOCKED_YET:
                base, quote = self._state.assets[venue, order.request.symbol]
                asset, need = _claim(order, base, quote)
                if asset in free:
                    free[asset] -= need
        return free


def _claim(order: Order, base: str, quote: str) -> tuple[str, Decimal]:
    """What an unconfirmed order will lock; a market order sized in base has no price to tell it by."""
    request = order.request
    if request.side is Side.SELL:
        return base, lifecycle.leaves(order)
    if request.quote_quantity is not None:
        return quote, lifecycle.leaves_quote(order)
    return quote, lifecycle.leaves(order) * (request.price or Decimal(0))


def _unknown_instrument(request: OrderRequest, desk: Desk) -> Verdict:
    code, text = "SYMBOL_NOT_ALLOWED", f"{request.venue} lists no {request.symbol}; check the symbol"
    if not desk.instruments:
        code = "VENUE_DOWN"
        why = desk.trouble or "it is still starting"
        text = f"{request.venue} cannot be traded with yet: {why}"
    return Verdict(rule="symbol_known", label="symbol", ok=False, code=code, text=text)
