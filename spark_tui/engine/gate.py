"""The one gate, fed: what `risk.check` needs to know, gathered at one instant. Orders and previews come
through here alike, so their verdicts cannot differ."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from functools import partial

import msgspec

from spark_tui.domain import filters, risk
from spark_tui.domain.account import Position
from spark_tui.domain.amends import check_amend
from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import EXACT, add, from_float, total
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.filters import FilterContext
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.lists import check_list
from spark_tui.domain.order import Order, OrderRequest
from spark_tui.domain.risk import RiskContext, Verdict
from spark_tui.domain.rules import MANUAL, Rule, RuleKind
from spark_tui.domain.values import Environment, LegRole, ListKind, OrderType, Side
from spark_tui.engine.bookwalk import walked
from spark_tui.engine.exposure import WAITING, ahead, open_exposure
from spark_tui.engine.funds import funds
from spark_tui.engine.guard import Guard
from spark_tui.engine.market import Market
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.riskview import RiskView
from spark_tui.engine.rulebook import Rulebook
from spark_tui.engine.state import State
from spark_tui.engine.witness import saw

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
    position: Position | None = None  # as it is now
    fees: FeeRates | None = None  # of the account; None until the venue told

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


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """What else happens with the order that is judged. `gone`: the order it takes the place of. `beside`:
    orders that leave in the same call. `first`: the order whose fill lets this one work. `strategy`: whose
    order it is."""

    gone: Order | None = None
    beside: tuple[OrderRequest, ...] = ()
    first: OrderRequest | None = None
    strategy: str = MANUAL


ALONE = Scenario()


class Gate:
    """Assesses; changes nothing. `live`: why an order worth so much quote money may not leave for real money.
    `others`: open orders at a venue that are not ours; they count like ours."""

    def __init__(
        self,
        desks: Mapping[str, Desk],
        state: State,
        guard: Guard,
        portfolio: Portfolio,
        rulebook: Rulebook,
        view: RiskView,
        *,
        live: Callable[[OrderRequest, Decimal | None], str],
        others: Callable[[str], list[Order]],
    ) -> None:
        self._rulebook = rulebook
        self._view = view
        self._others = others
        self._desks = desks
        self._state = state
        self._guard = guard
        self._portfolio = portfolio
        self._live = live

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        return self._desks[venue].instruments.get(symbol)

    def assess(self, request: OrderRequest, scenario: Scenario = ALONE) -> Assessment:
        """Every rule's verdict on `request` as it stands; nothing is adjusted here."""
        desk = self._desks[request.venue]
        instrument = desk.instruments.get(request.symbol)
        if instrument is None:
            refusal = _unknown_instrument(request, desk)
            return Assessment(request=request, verdicts=(refusal,), denial=refusal, instrument=None, mid=None)
        rules = self._concerning(request, scenario.strategy)
        context = self._context(request, desk, instrument, scenario, rules)
        not_live = self._live_refusal(request, context, scenario, desk.market)
        context = msgspec.structs.replace(context, live_armed=not not_live)
        verdicts = (*self._venue_pause(), *risk.check(request, context, rules))
        verdicts = tuple(_saying(not_live, verdict) for verdict in verdicts)
        saw(verdicts)
        denial = None if risk.passes(verdicts) else next(verdict for verdict in verdicts if not verdict.ok)
        return Assessment(
            request=request,
            verdicts=verdicts,
            denial=denial,
            instrument=instrument,
            mid=context.mid,
            position=self._state.positions.get((request.venue, request.symbol)),
            fees=self._portfolio.fees.get(request.venue),
        )

    def assess_list(
        self, kind: ListKind, legs: Sequence[tuple[LegRole, OrderRequest]]
    ) -> tuple[Assessment, ...]:
        """Each leg's own assessment. Legs that exclude each other are judged each as the one that executes,
        a pending one as after the working one's fill."""
        found = []
        for index, (role, request) in enumerate(legs):
            beside = tuple(other for _, other in legs[:index])
            first = legs[0][1] if role in WAITING else None
            found.append(self.assess(request, Scenario(beside=beside, first=first)))
        return tuple(found)

    def assess_amend(self, order: Order, quantity: Decimal) -> tuple[Verdict, ...]:
        """Every rule's verdict on shrinking `order` to `quantity`. It opens no risk, so only a halt and the
        venue's own rules may speak against it."""
        instrument = self.instrument(order.request.venue, order.request.symbol)
        if instrument is None:
            return (_unknown_instrument(order.request, self._desks[order.request.venue]),)
        context = FilterContext(average_price=order.request.price)
        failures = check_amend(instrument, order, quantity, context)
        return risk.check_amend(self._guard.state, self._guard.reason, failures)

    def refuse_list(
        self, kind: ListKind, legs: Sequence[tuple[LegRole, OrderRequest]]
    ) -> tuple[str, str] | None:
        """Code and text of what the venue would refuse about the list as a whole; its legs are assessed one
        by one."""
        venue, symbol = legs[0][1].venue, legs[0][1].symbol
        desk, instrument = self._desks[venue], self.instrument(venue, symbol)
        if instrument is None:
            return None  # each leg is refused for that
        last = desk.market.last_price(symbol)
        lists = {
            order.part.list_id: order.request.symbol
            for order in self._state.open_orders(venue)
            if order.part is not None
        }
        context = FilterContext(
            last_price=None if last is None else from_float(last),
            open_lists=list(lists.values()).count(symbol),
            account_open_lists=len(lists),
        )
        failures = check_list(instrument, kind, legs, context)
        return (f"FILTER_{failures[0].filter}", failures[0].text) if failures else None

    def _met(self, venue: str, request: OrderRequest) -> Decimal | None:
        """The top of the book an order would meet; None while that is unusable."""
        quote = self._desks[venue].market.quote(request.symbol)
        if isinstance(quote, Unusable):
            return None
        return from_float(quote.ask if request.side is Side.BUY else quote.bid)

    def _concerning(self, request: OrderRequest, strategy: str) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._rulebook.rules if risk.concerns(rule, request, strategy))

    def _venue_pause(self) -> tuple[Verdict, ...]:
        seconds, why = self._guard.paused()
        if seconds <= 0:
            return ()
        text = f"the venue takes no new orders for another {seconds:.0f} s ({why}); cancels still work"
        return (Verdict(rule="venue_pause", label="venue", ok=False, code="VENUE_ORDER_LIMIT", text=text),)

    def _live_refusal(
        self, request: OrderRequest, context: RiskContext, scenario: Scenario, market: Market
    ) -> str:
        """What leaves in the same call takes its share of what live trading is armed for, too."""
        if context.environment is not Environment.LIVE:
            return ""
        amounts = [
            risk.most_worth(one, msgspec.structs.replace(context, taken=walked(one, market)))
            for one in (request, *scenario.beside)
        ]
        known = [amount for amount in amounts if amount is not None]
        return self._live(request, total(known) if len(known) == len(amounts) else None)

    def _context(
        self,
        request: OrderRequest,
        desk: Desk,
        instrument: Instrument,
        scenario: Scenario,
        rules: tuple[Rule, ...],
    ) -> RiskContext:
        quote = desk.market.quote(request.symbol)
        bid = ask = mid = None
        why = ""
        if isinstance(quote, Unusable):
            why = quote.why
        else:
            bid, ask = from_float(quote.bid), from_float(quote.ask)
            mid = EXACT.divide(add(bid, ask), 2)
        everything = [
            order
            for order in (*self._state.open_orders(request.venue), *self._others(request.venue))
            if order is not scenario.gone
        ]
        here = [order for order in everything if order.request.symbol == request.symbol]
        position = self._state.positions.get((request.venue, request.symbol))
        spendable = funds(
            request.venue,
            instrument,
            self._state,
            self._portfolio.free(request.venue),
            partial(self._met, request.venue),
            gone=scenario.gone,
            first=scenario.first,
        )
        return RiskContext(
            trading_state=self._guard.state,
            halt_reason=self._guard.reason,
            reconciling=desk.reconciling,
            venue_trouble=desk.trouble,
            environment=desk.environment,
            live_armed=False,
            instrument_status=instrument.status,
            base=instrument.base,
            quote=instrument.quote,
            mid=mid,
            bid=bid,
            ask=ask,
            book_why=why,
            filter_failures=filters.check(
                instrument,
                request,
                self._filter_context(request, desk, instrument, mid, here, everything, scenario),
            ),
            balances_free=spendable.free,
            balances_untold=spendable.untold,
            position=position.quantity if position else Decimal(0),
            open_exposure=add(open_exposure(here, request.side, mid), ahead(scenario.first, request.side)),
            strategy=scenario.strategy,
            taken=walked(request, desk.market) if _asks_the_book(request, rules) else None,
            around=self._view.around(
                rules,
                request,
                gone=scenario.gone,
                beside=scenario.beside,
                first=scenario.first,
                strategy=scenario.strategy,
            ),
        )

    def _filter_context(
        self,
        request: OrderRequest,
        desk: Desk,
        instrument: Instrument,
        mid: Decimal | None,
        here: list[Order],
        everything: list[Order],
        scenario: Scenario,
    ) -> FilterContext:
        """The venue's average price is not streamed: the middle of our book stands for it, and the venue has
        the last word."""
        last = desk.market.last_price(request.symbol)
        held = self._portfolio.balances.get(request.venue, {}).get(instrument.base)
        mine = [*(order.request for order in here), *scenario.beside]
        all_of_them = [*(order.request for order in everything), *scenario.beside]
        return FilterContext(
            average_price=mid,
            last_price=None if last is None else from_float(last),
            open_orders=len(mine),
            open_algo_orders=_algos(mine),
            open_iceberg_orders=_icebergs(mine),
            account_open_orders=len(all_of_them),
            account_open_algo_orders=_algos(all_of_them),
            account_open_iceberg_orders=_icebergs(all_of_them),
            base_free=held.free if held else Decimal(0),
            base_locked=held.locked if held else Decimal(0),
            open_buy_quantity=add(open_exposure(here, Side.BUY, mid), ahead(scenario.first, Side.BUY)),
        )


def _asks_the_book(request: OrderRequest, rules: tuple[Rule, ...]) -> bool:
    """Whether it is judged by what it would take from it."""
    sold_for_money = request.side is Side.SELL and request.quote_quantity is not None
    return sold_for_money or any(
        rule.kind in (RuleKind.MAX_SLIPPAGE, RuleKind.MAX_ORDER_NOTIONAL) for rule in rules
    )


def _saying(why: str, verdict: Verdict) -> Verdict:
    """The rule knows that live trading is not armed for an order, the arming knows why."""
    if verdict.ok or verdict.rule != "live_armed":
        return verdict
    text = f"this is real money and may not leave: {why}; see: spark-tui canary status"
    return msgspec.structs.replace(verdict, text=text)


def _algos(requests: Iterable[OrderRequest]) -> int:
    return sum(request.type in _ALGO for request in requests)


def _icebergs(requests: Iterable[OrderRequest]) -> int:
    return sum(request.iceberg_quantity is not None for request in requests)


def _unknown_instrument(request: OrderRequest, desk: Desk) -> Verdict:
    code, text = "SYMBOL_NOT_ALLOWED", f"{request.venue} lists no {request.symbol}; check the symbol"
    if not desk.instruments:
        code = "VENUE_DOWN"
        why = desk.trouble or "it is still starting"
        text = f"{request.venue} cannot be traded with yet: {why}"
    return Verdict(rule="symbol_known", label="symbol", ok=False, code=code, text=text)
