"""What the watch over the rules, the losses it looks at and the worst case of open orders say in the cases
that tell one comparison from another. `test_rule_measures_mutations` breaks each against these tables."""

from collections.abc import Iterable, Iterator
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast

import msgspec

from spark_tui.domain.order import ListPart, Order, OrderRequest, OrderState
from spark_tui.domain.risk import Around, Verdict
from spark_tui.domain.rules import KINDS, Rule, RuleEffect, RuleKind, Scope
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TradingState
from spark_tui.engine import exposure
from spark_tui.engine.activity import Activity
from spark_tui.engine.guard import Guard
from spark_tui.engine.holdings import Closing
from spark_tui.engine.losses import FRESH_S, Losses
from spark_tui.engine.records import Record, RuleForgiven, TradingStateChanged
from spark_tui.engine.riskwatch import RiskWatch
from spark_tui.engine.state import State
from spark_tui.wire.clock import ManualClock

D = Decimal
VENUE, SYMBOL = "sim", "BTCUSDT"


# --- the worst case of open orders ---------------------------------------------------------------------


def order(
    number: int = 0,
    state: OrderState = OrderState.UNKNOWN,
    *,
    role: LegRole | None = None,
    list_id: str = "L",
    filled: str = "0",
    symbol: str = SYMBOL,
    **terms: object,
) -> Order:
    request = OrderRequest(venue=VENUE, symbol=symbol, side=Side.BUY, type=OrderType.LIMIT)
    part = None if role is None else ListPart(list_id=list_id, kind=ListKind.OCO, role=role)
    return Order(
        client_order_id=f"o{number}",
        request=msgspec.structs.replace(request, **terms),
        state=state,
        created_ms=0,
        updated_ms=0,
        filled=D(filled),
        part=part,
    )


def _sizes() -> Iterator[Order]:
    for side in Side:
        for state in (OrderState.UNKNOWN, OrderState.ACCEPTED, OrderState.CANCELED):
            yield order(state=state, side=side, quantity=D(2), price=D(100))
            yield order(state=state, side=side, quantity=D(2), price=D(100), filled="0.5")
            yield order(state=state, side=side, quantity=D(2), filled="2")
            yield order(state=state, side=side, quantity=D(2), stop_price=D(90))
            yield order(state=state, side=side, quantity=D(2), stop_price=D(90), price=D(80))
            yield order(state=state, side=side, quote_quantity=D(100))
    yield order(quantity=D(2), price=D("NaN"))
    yield order(quantity=D(2), price=D(0))


def exposure_told() -> Iterator[object]:
    for one in _sizes():
        for price in (None, D(0), D(30), D("NaN")):
            yield str(exposure.claim(one, price))
            yield [str(exposure.open_exposure([one], side, price)) for side in Side]
        yield [str(exposure.ahead(first, side)) for first in (one.request, None) for side in Side]
    for roles in ((LegRole.ABOVE, LegRole.BELOW), (LegRole.WORKING, LegRole.PENDING), (None, None)):
        for other in ("L", "M"):
            legs = [
                order(1, role=roles[0], quantity=D(2), price=D(1)),
                order(2, role=roles[1], quantity=D(3), price=D(1), list_id=other),
            ]
            yield str(exposure.open_exposure(legs, Side.BUY, None))
    yield from _locks()


def _locks() -> Iterator[object]:
    state = State()
    state.assets[VENUE, SYMBOL] = ("BTC", "USDT")
    for working in (OrderState.ACCEPTED, OrderState.FILLED):
        for role in (LegRole.WORKING, LegRole.PENDING, LegRole.ABOVE, None):
            first = order(1, working, role=LegRole.WORKING, quantity=D(1), price=D(9))
            second = order(2, OrderState.ACCEPTED, role=role, quantity=D(2), price=D(7))
            state.orders = cast("Any", {"o1": first, "o2": second})
            state.lists["L"] = ("o1", "o2")
            yield exposure.waits(second, (first, second))
            yield exposure.locks([second], state, lambda venue, symbol: None)
    for one in (*_sizes(), order(symbol="XUSDT", quantity=D(1), price=D(1), state=OrderState.ACCEPTED)):
        amounts, unclear = exposure.locks(
            [one], state, lambda venue, symbol: ("X", "USDT") if symbol == "XUSDT" else None
        )
        yield amounts, sorted(unclear)
    yield exposure.locks([order(symbol="NOSUCH", quantity=D(1))], state, lambda venue, symbol: None)


# --- losses --------------------------------------------------------------------------------------------


class Money:
    """Figures of a portfolio, set by hand."""

    def __init__(self) -> None:
        self.gain: Decimal | None = D(0)
        self.fall: Decimal | None = D(0)
        self.whole: Decimal | None = D(10_000)

    def day_pnl(self) -> Decimal | None:
        return self.gain

    def drawdown(self) -> Decimal | None:
        return self.fall

    def equity(self) -> Decimal | None:
        return self.whole


def rule(kind: RuleKind, limit: str = "100", effect: RuleEffect = RuleEffect.REFUSE, **more: Any) -> Rule:
    rest = 60 if KINDS[kind].windowed else None
    return Rule(id=kind.value, kind=kind, limit=D(limit), window_s=rest, effect=effect, **more)


_KINDS = (
    RuleKind.MAX_DAILY_LOSS,
    RuleKind.MAX_DAILY_LOSS_SHARE,
    RuleKind.MAX_DRAWDOWN,
    RuleKind.LOSS_STREAK,
    RuleKind.MAX_LEVERAGE,
)
_SCOPES = (
    Scope(),
    Scope(symbol=SYMBOL),
    Scope(symbol="ETHUSDT"),
    Scope(strategy="manual"),
    Scope(strategy="twap"),
    Scope(venue="elsewhere"),
)


def losses_told() -> Iterator[object]:
    clock, state, money, day = ManualClock(), State(), Money(), ["monday"]
    losses = Losses(state, cast("Any", money), clock, lambda: day[0])

    def told() -> object:
        figures = [(losses.measure(rule(kind)), losses.whole(rule(kind))) for kind in _KINDS]
        streaks = [losses.measure(rule(RuleKind.LOSS_STREAK, scope=scope)) for scope in _SCOPES]
        return losses.equity(), figures, streaks

    yield told()
    money.gain, money.fall = D(-80), D("0.2")
    yield told()
    money.gain = money.fall = money.whole = None
    yield told()
    clock.advance(FRESH_S)
    yield told()
    clock.advance(1)
    yield told()
    money.gain, money.fall, money.whole = D(30), D("0.1"), D(9_000)
    yield told()
    for forgiven_day in ("monday", "sunday"):
        for kind in _KINDS:
            state.apply(_forgiven(kind, "20", forgiven_day))
        yield told()
    state.forgiven.clear()
    money.gain, day[0] = None, "tuesday"
    yield told()
    state.algos["a"] = cast("Any", SimpleNamespace(start=SimpleNamespace(kind="TWAP")))
    state.orders["child"] = msgspec.structs.replace(order(), parent="a")
    for number, (who, symbol, gain) in enumerate(
        (
            ("hand", SYMBOL, "-1"),
            ("child", SYMBOL, "-1"),
            ("hand", "ETHUSDT", "0"),
            ("hand", SYMBOL, "-0.01"),
            ("child", "ETHUSDT", "-3"),
            ("child", SYMBOL, "-2"),
            ("hand", SYMBOL, "2"),
        )
    ):
        state.closings.append(
            Closing(
                venue=VENUE,
                symbol=symbol,
                client_order_id=who,
                gain=D(gain),
                time_ms=clock.wall_ns() // 1_000_000 - 9_000 + 1_000 * number,
            )
        )
        yield told()


def _forgiven(kind: RuleKind, value: str, day: str) -> RuleForgiven:
    return RuleForgiven(rule_id=kind.value, value=D(value), day=day, operator="me", reason="", at_ms=0)


# --- the watch -----------------------------------------------------------------------------------------


class _Book:
    """A rulebook of these rules."""

    def __init__(self, *rules: Rule) -> None:
        self.rules = rules

    def get(self, rule_id: str) -> Any:
        return next((SimpleNamespace(rule=one) for one in self.rules if one.id == rule_id), None)


class _Desk:
    """A watch over `rules`, with everything it does written down."""

    def __init__(self, *rules: Rule) -> None:
        self.clock, self.state, self.money, self.day = ManualClock(), State(), Money(), "monday"
        self.log: list[object] = []
        self.book = _Book(*rules)
        self.losses = Losses(self.state, cast("Any", self.money), self.clock, lambda: self.day)
        self.guard = Guard(self.clock, on_change=self.log.append)
        self.watch = RiskWatch(
            cast("Any", self.book),
            cast("Any", self),
            self.losses,
            self.guard,
            cast("Any", self),
            cast("Any", lambda level, text: self.log.append((level, text))),
            self.clock,
            kill=self._kill,
            on_broken=self.log.append,
            utc_day=lambda: self.day,
        )

    def _kill(self, reason: str) -> None:
        self.log.append(f"kill: {reason}")
        self.guard.halt_in_memory(reason)

    def around(self, rules: Iterable[Rule]) -> Around:
        """As a view does."""
        measures = {one.id: self.losses.measure(one) for one in rules}
        return Around(now_ms=0, measures=measures, equity=self.losses.equity())

    def note(self, record: Record) -> None:
        """As a journal does."""
        self.log.append(record)
        self.state.apply(record)

    def told(self) -> object:
        log, self.log = self.log, []
        return self.guard.state, self.guard.killed, log, sorted(self.state.forgiven)

    def lost(self, *gains: str | None) -> Iterator[object]:
        """The day's gain goes through these, looked at after each."""
        for gain in gains:
            self.money.gain = None if gain is None else D(gain)
            self.watch.check()
            yield self.told()

    def resume(self) -> object:
        self.guard.resume("go on", "me")
        self.watch.on_resumed(
            TradingStateChanged(
                state=TradingState.ACTIVE, reason="go on", killed=False, operator="me", at_ms=0
            )
        )
        return self.told()


def watch_told() -> Iterator[object]:
    for effect in RuleEffect:
        for scope in (Scope(), Scope(symbol=SYMBOL)):
            desk = _Desk(rule(RuleKind.MAX_DAILY_LOSS, effect=effect, scope=scope))
            yield from desk.lost("-99", "-100", "-101", None, "-99", "-100")
            yield from _denied(effect, scope)
    yield from _recovered()
    yield from _others()


def _denied(effect: RuleEffect, scope: Scope) -> Iterator[object]:
    """Orders that were refused, by rules of several kinds."""
    most = rule(RuleKind.MAX_ORDER_NOTIONAL, effect=effect, scope=scope)
    listed = Rule(id="listed", kind=RuleKind.SYMBOLS, symbols=("A",), effect=effect)
    lost = rule(RuleKind.MAX_DAILY_LOSS, effect=effect)
    for one, ok, used in (
        (most.id, False, D(1)),
        (most.id, False, None),
        (most.id, True, D(1)),
        (listed.id, False, None),
        (lost.id, False, D(1)),
        ("always", False, D(1)),
    ):
        desk = _Desk(most, listed, lost)
        verdict = Verdict(rule=one, label="", ok=ok, code="X", text="no", used=used)
        desk.watch.on_denied([verdict])
        yield desk.told()
        desk.watch.on_denied([verdict, verdict])
        yield desk.told()


def _recovered() -> Iterator[object]:
    """What is forgiven, and what of it is made good."""
    for gains in (
        ("-100", "-91", "-90", "-80", "-1", "-0.99", "-200"),
        ("-100", "-90.01", "-90", "-81.01", "-81", "0", "5", "-3"),
        ("-100", "-1", "-0.9", "-0.5"),
        ("-100", "5", "-3"),
        ("-100", None, "-40"),
    ):
        desk = _Desk(rule(RuleKind.MAX_DAILY_LOSS, effect=RuleEffect.HALT))
        yield from desk.lost(gains[0])
        yield desk.resume()
        yield from desk.lost(*gains[1:])
        desk.day = "tuesday"
        yield from desk.lost("-5", "-120")
        yield desk.resume()
    for gone in (True, False):
        desk = _Desk(rule(RuleKind.MAX_DRAWDOWN, "10", RuleEffect.HALT))
        desk.money.fall = D("0.2")
        desk.watch.check()
        yield desk.resume()
        desk.day = "tuesday"
        desk.book.rules = () if gone else desk.book.rules
        for fall in ("0.19", "0.18", "0.15", "0.001"):
            desk.money.fall = D(fall)
            desk.watch.check()
            yield desk.told()


def _others() -> Iterator[object]:
    """Several at once, one switched off, one changed, one about the venue's refusals, one whole."""
    halts = rule(RuleKind.MAX_DAILY_LOSS, effect=RuleEffect.HALT)
    off = msgspec.structs.replace(halts, id="off", limit=D(1), enabled=False)
    hours = Rule(id="hours", kind=RuleKind.TRADING_HOURS, hours="fri 00:00-01:00")
    desk = _Desk(halts, off, hours, rule(RuleKind.MAX_DRAWDOWN, "10", RuleEffect.REDUCE_ONLY))
    yield from desk.lost("-100", "-100")
    desk.watch.on_changed(halts.id)
    yield from desk.lost("-100")
    desk.guard.activity.rejected(order().request, "manual", "-2010", "no")
    yield desk.resume(), desk.guard.activity.rejections(Scope())
    yield from desk.lost("-100", "-199", "-200")
    desk.book.rules = (msgspec.structs.replace(halts, enabled=False),)
    yield from desk.lost("-300")
    desk.book.rules = (halts,)
    yield from desk.lost("-300")
    desk.money.whole = None
    desk.book.rules = (rule(RuleKind.MAX_DAILY_LOSS_SHARE, "1", RuleEffect.HALT),)
    yield from desk.lost("-300", None)
    desk.clock.advance(FRESH_S + 1)
    desk.book.rules = (halts,)
    yield from desk.lost(None, "-300")


# --- what was done before a restart --------------------------------------------------------------------


def restored_told() -> Iterator[object]:
    for resumed_ms, trading in (
        (0, TradingState.ACTIVE),
        (700_000, TradingState.ACTIVE),
        (700_000, TradingState.HALTED),
    ):
        clock, state = ManualClock(), State()
        now_ms = _LONG_AGO_MS + 1_000_000
        state.algos["a"] = cast("Any", SimpleNamespace(start=SimpleNamespace(kind="TWAP")))
        if resumed_ms:
            state.apply(
                TradingStateChanged(
                    state=trading, reason="", killed=False, operator="", at_ms=_LONG_AGO_MS + resumed_ms
                )
            )
        for number, (one, since_ms, code, text) in enumerate(_HISTORY):
            at_ms = _LONG_AGO_MS + since_ms
            kept = msgspec.structs.replace(
                one,
                client_order_id=f"o{number}",
                created_ms=at_ms - 40_000,
                updated_ms=at_ms,
                cancel_requested_ms=at_ms if number % 2 else 0,
                code=code,
                text=text,
                parent="a" if number % 3 == 0 else "",
            )
            state.orders[kept.client_order_id] = kept
            if kept.part is not None:
                ids = state.lists.get(kept.part.list_id, ())
                state.lists[kept.part.list_id] = (*ids, kept.client_order_id)
        acts = Activity(clock)
        acts.restore(state, now_ms)
        for scope in _SCOPES:
            for window_s in (300, 601, 86_400):
                yield acts.orders(scope, window_s), acts.cancels(scope, window_s)
        while acts._outcomes:
            yield [acts.rejections(scope) for scope in _SCOPES]
            acts._outcomes.pop()


_LONG_AGO_MS = 10**12
_REJECTED = order(state=OrderState.REJECTED, quantity=D(1))
_HISTORY: tuple[tuple[Order, int, str, str], ...] = (
    *((order(state=state), 395_000 + 20_000 * n, "", "") for n, state in enumerate(OrderState)),
    (_REJECTED, 700_000, "-2010", "no"),
    (_REJECTED, 699_000, "-2010", "earlier"),
    (_REJECTED, 701_000, "-1015", "too many"),
    (_REJECTED, 702_000, "-2011", "Not placed: unknown order"),
    (order(state=OrderState.REJECTED, role=LegRole.ABOVE), 703_000, "-2010", "both"),
    (order(state=OrderState.REJECTED, role=LegRole.BELOW), 703_001, "-2010", "both"),
    (order(state=OrderState.CANCELED), 730_000, "", ""),
    (order(state=OrderState.EXPIRED), 745_000, "-2010", "taken first"),
    (_REJECTED, 1_000_000, "-2010", "just now"),
    (_REJECTED, 1_000_001, "-2010", "a clock that stepped back"),
    (_REJECTED, 699_500, "-2010", "before it was resumed"),
)
