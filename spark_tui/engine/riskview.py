"""What the rules look at, gathered at one instant: exposures at the worst, counts, and the day's losses."""

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import Final, Protocol

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import ONE, add
from spark_tui.domain.order import Order, OrderRequest
from spark_tui.domain.risk import EXPOSURE_KINDS, Around, Exposure, Measure
from spark_tui.domain.rules import KINDS, Rule, RuleKind
from spark_tui.domain.values import Side
from spark_tui.engine.activity import Activity, strategy_of
from spark_tui.engine.exposure import ahead, open_exposure
from spark_tui.engine.portfolio import ACCOUNT_CURRENCY, Portfolio
from spark_tui.engine.state import State

Pair = tuple[str, str]  # (venue, symbol)

_OF_EQUITY: Final = frozenset(
    {RuleKind.MAX_POSITION_SHARE, RuleKind.MAX_LEVERAGE, RuleKind.MAX_DAILY_LOSS_SHARE}
)
_SINGLE: Final = frozenset(
    {RuleKind.MAX_POSITION_QUANTITY, RuleKind.MAX_POSITION_NOTIONAL, RuleKind.MAX_POSITION_SHARE}
)


class Ledgers(Protocol):
    """Measures of the standing rules: losses, drawdown, streaks."""

    def measure(self, rule: Rule) -> Measure:
        """What was counted for `rule`, forgiveness taken off."""

    def equity(self) -> Decimal | None:
        """Of the account, recent enough to judge by."""


class RiskView:
    """Reads, never writes. `others`: open orders at a venue that are not ours; they count like ours."""

    def __init__(
        self,
        state: State,
        portfolio: Portfolio,
        activity: Activity,
        ledgers: Ledgers,
        now_ms: Callable[[], int],
        *,
        venues: Iterable[str],
        assets: Callable[[str, str], tuple[str, str] | None],
        others: Callable[[str], list[Order]],
    ) -> None:
        self._state = state
        self._portfolio = portfolio
        self._activity = activity
        self._ledgers = ledgers
        self._now_ms = now_ms
        self._venues = tuple(venues)
        self._assets = assets
        self._others = others

    def around(
        self,
        rules: Iterable[Rule],
        own: OrderRequest | None = None,
        *,
        gone: Order | None = None,
        beside: tuple[OrderRequest, ...] = (),
        first: OrderRequest | None = None,
        strategy: str = "",
    ) -> Around:
        """For `own`, an order under judgement, or (None) for a look at everything. `gone`, `beside` and
        `first` are the gate's `Scenario`."""
        asked = [rule for rule in rules if rule.enabled or own is None]
        kinds = {rule.kind for rule in asked}
        orders = self._orders(gone)
        exposures: tuple[Exposure, ...] = ()
        if kinds & EXPOSURE_KINDS:
            narrow = own is not None and not kinds & (EXPOSURE_KINDS - _SINGLE)
            exposures = self._exposures(orders, own, first, narrow=narrow)
        return Around(
            now_ms=self._now_ms(),
            exposures=exposures,
            equity=self._ledgers.equity() if kinds & _OF_EQUITY else None,
            currency=ACCOUNT_CURRENCY,
            measures={
                rule.id: self._measure(rule, orders, beside, strategy)
                for rule in asked
                if rule.kind not in EXPOSURE_KINDS
            },
            assets={} if own is not None else self._named(asked),
        )

    def assets(self, rule: Rule) -> tuple[str, str] | None:
        """Base and quote of the instrument a rule is about; None when it is about more than one, or nobody
        has told yet."""
        symbol = rule.scope.symbol
        if not symbol:
            return None
        found = {
            names
            for one in self._venues
            if rule.scope.venue in ("", one)
            and (names := self._assets(one, symbol) or self._state.assets.get((one, symbol))) is not None
        }
        return found.pop() if len(found) == 1 else None

    def _named(self, rules: Iterable[Rule]) -> dict[str, tuple[str, str]]:
        return {rule.id: names for rule in rules if (names := self.assets(rule)) is not None}

    # --- counts --------------------------------------------------------------------------------------------

    def _measure(
        self, rule: Rule, orders: list[Order], beside: tuple[OrderRequest, ...], strategy: str
    ) -> Measure:
        scope = rule.scope
        with_it = sum(scope.covers(one.venue, one.symbol, strategy) for one in beside)
        match rule.kind:
            case RuleKind.MAX_OPEN_ORDERS:
                count = sum(
                    lifecycle.is_open(order.state)
                    and scope.covers(order.request.venue, order.request.symbol, self._strategy(order))
                    for order in orders
                )
                return Measure(value=Decimal(count + with_it))
            case RuleKind.MAX_ORDER_RATE:
                sent = self._activity.orders(scope, rule.window_s or 0)
                return Measure(value=None if sent is None else Decimal(sent + with_it))
            case RuleKind.MAX_CANCEL_RATE:
                asked = self._activity.cancels(scope, rule.window_s or 0)
                return Measure(value=None if asked is None else Decimal(asked))
            case RuleKind.REJECT_STREAK:
                found = self._activity.rejections(scope)
                why = f"{found.code}: {found.text}" if found.count else ""
                return Measure(value=Decimal(found.count), why=why, age_s=found.age_s)
        return self._ledgers.measure(rule) if KINDS[rule.kind].standing else Measure(value=None)

    def _strategy(self, order: Order) -> str:
        return strategy_of(self._state, order.parent)

    # --- exposures -----------------------------------------------------------------------------------------

    def _orders(self, gone: Order | None) -> list[Order]:
        """Everything that may still trade or has traded unheard, ours or not."""
        state = self._state
        ours = (*state.open_orders(), *(state.orders[one] for one in state.unheard))
        others = (order for venue in self._venues for order in self._others(venue))
        return [order for order in (*ours, *others) if order is not gone]

    def _exposures(
        self, orders: list[Order], own: OrderRequest | None, first: OrderRequest | None, *, narrow: bool
    ) -> tuple[Exposure, ...]:
        by_pair: dict[Pair, list[Order]] = {}
        if own is not None:
            by_pair[own.venue, own.symbol] = []
        if not narrow:
            held = (pair for pair, one in self._state.positions.items() if one.quantity != 0)
            by_pair |= {pair: [] for pair in held if pair not in by_pair}
        for order in orders:
            pair = (order.request.venue, order.request.symbol)
            if not narrow or pair in by_pair:
                by_pair.setdefault(pair, []).append(order)
        return tuple(
            self._exposure(pair, some, first if own is not None and pair == (own.venue, own.symbol) else None)
            for pair, some in by_pair.items()
        )

    def _exposure(self, pair: Pair, orders: list[Order], first: OrderRequest | None) -> Exposure:
        venue, symbol = pair
        price = self._portfolio.mark(venue, symbol)
        names = self._state.assets.get(pair) or self._assets(venue, symbol)
        position = self._state.positions.get(pair)
        return Exposure(
            venue=venue,
            symbol=symbol,
            quantity=position.quantity if position else Decimal(0),
            buys=add(open_exposure(orders, Side.BUY, price), ahead(first, Side.BUY)),
            sells=add(open_exposure(orders, Side.SELL, price), ahead(first, Side.SELL)),
            price=price,
            rate=self._portfolio.worth(venue, names[1], ONE) if names else None,
        )
