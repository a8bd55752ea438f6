"""The one gate: a pure check of an order against the rules, called by the engine and by the ticket alike.

Every rule answers, in a fixed order, and none hides another. What cannot be judged is refused: a missing
price, a NaN, a zero where a price should be (F28, F61).
"""

from collections.abc import Iterator
from decimal import ROUND_UP, Decimal
from typing import Final

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, ceil_to, divide_down, multiply, short, usable
from spark_tui.domain.filter_rules import FilterFailure, notional
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Environment, Side, TradingState


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """What one rule says. `used` and `allowed` are in the rule's own unit and feed the ticket's bar."""

    rule: str  # stable id: "max_notional"
    label: str  # as shown: "order cap"
    ok: bool
    code: str  # stable denial code when not ok: "MAX_NOTIONAL"
    text: str  # one clear sentence with the cure
    used: Decimal | None = None
    allowed: Decimal | None = None
    unit: str = ""


class RiskLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's rules. None is no limit; `symbols` empty admits every instrument. Money in quote."""

    symbols: frozenset[str] = frozenset()
    min_notional: Decimal | None = None
    max_notional: Decimal | None = None
    price_band_percent: Decimal | None = None  # distance from mid, either way
    orders_per_10s: int | None = None


class RiskContext(msgspec.Struct, frozen=True, kw_only=True):
    """What the rules need to know, at one instant.

    `bid`, `ask`, `mid`: from a usable book, None with `book_why` otherwise. `position`: signed base quantity
    of the instrument, `open_exposure`: base quantity open on the order's own side; both judge REDUCING.
    """

    trading_state: TradingState
    halt_reason: str
    reconciling: bool
    venue_trouble: str = ""  # why the venue cannot be traded with now, when that is known
    environment: Environment
    live_armed: bool
    instrument_status: SymbolStatus
    base: str
    quote: str
    mid: Decimal | None
    bid: Decimal | None = None
    ask: Decimal | None = None
    book_why: str = ""
    recent_orders_10s: int
    filter_failures: tuple[FilterFailure, ...]
    balances_free: dict[str, Decimal]
    position: Decimal = Decimal(0)
    open_exposure: Decimal = Decimal(0)


def check(request: OrderRequest, context: RiskContext, limits: RiskLimits) -> tuple[Verdict, ...]:
    """Every rule's verdict, in the order the ticket shows them. Never raises over what an order carries."""
    return (
        _trading_state(request, context),
        _reconciling(context),
        _live_armed(context),
        _symbol_allowed(request, limits),
        _symbol_trading(request, context),
        _book(request, context),
        *_filters(context),
        _min_notional(request, context, limits),
        _max_notional(request, context, limits),
        _price_band(request, context, limits),
        _order_rate(context, limits),
        _balance(request, context),
    )


def passes(verdicts: tuple[Verdict, ...]) -> bool:
    """Whether the order may leave. No verdict at all is no permission."""
    return bool(verdicts) and all(verdict.ok for verdict in verdicts)


def expected_price(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """The price the order is judged at: its own limit, else its trigger, else the top it would meet; None
    where that is no price."""
    top = context.ask if request.side is Side.BUY else context.bid
    for price in (request.price, request.stop_price, top):
        if price is not None:
            return price if _is_price(price) else None
    return None


# --- one function a rule ---------------------------------------------------------------------------------


def _trading_state(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("trading_state", "trading state")
    if context.trading_state is TradingState.ACTIVE:
        return _ok(*rule, "trading is active")
    if context.trading_state is TradingState.REDUCING:
        room = _reducible(request, context)
        if usable(request.quantity) and request.quantity is not None and request.quantity <= room:
            return _ok(*rule, "trading is reducing, and this order opens no risk")
        text = f"trading is reducing: at most {short(room)} {context.base} may be {_VERB[request.side]}"
        return _no(*rule, "REDUCING", text)
    why = f" ({context.halt_reason})" if context.halt_reason else ""
    return _no(*rule, "HALTED", f"trading is halted{why}; resume before ordering")


_VERB: Final = {Side.BUY: "bought", Side.SELL: "sold"}


def _reducible(request: OrderRequest, context: RiskContext) -> Decimal:
    """Base quantity this side may trade without opening risk: what closes the position; with none, what is
    held may be sold. What is open on the same side has its share already."""
    held, sells = context.position, request.side is Side.SELL
    if not (usable(held) and usable(context.open_exposure)):
        return ZERO
    if held == 0 and sells:
        free = context.balances_free.get(context.base, ZERO)
        return free if usable(free) and free > 0 else ZERO  # free already excludes what open orders hold
    room = EXACT.subtract(held.copy_abs(), context.open_exposure) if (held > 0) is sells else ZERO
    return max(room, ZERO)


def _reconciling(context: RiskContext) -> Verdict:
    rule = ("reconciling", "reconciled")
    if context.reconciling:
        text = "orders and balances are being compared with the venue; try again when it is done"
        if context.venue_trouble:
            text = f"{context.venue_trouble}; new orders wait until the venue is back and compared with"
        return _no(*rule, "RECONCILING", text)
    return _ok(*rule, "in step with the venue")


def _live_armed(context: RiskContext) -> Verdict:
    rule = ("live_armed", "environment")
    if context.environment is Environment.LIVE and not context.live_armed:
        return _no(*rule, "LIVE_NOT_ARMED", "this is real money and live trading is not armed; arm it first")
    return _ok(*rule, f"{context.environment} may trade")


def _symbol_allowed(request: OrderRequest, limits: RiskLimits) -> Verdict:
    rule = ("symbol_allowed", "symbol")
    if limits.symbols and request.symbol not in limits.symbols:
        allowed = ", ".join(sorted(limits.symbols))
        return _no(*rule, "SYMBOL_NOT_ALLOWED", f"{request.symbol} is not on the list of symbols: {allowed}")
    return _ok(*rule, f"{request.symbol} may be traded")


def _symbol_trading(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("symbol_trading", "market")
    if context.instrument_status is not SymbolStatus.TRADING:
        text = f"the venue says {request.symbol} is {context.instrument_status}; wait until it trades"
        return _no(*rule, "SYMBOL_NOT_TRADING", text)
    return _ok(*rule, f"{request.symbol} trades")


def _book(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("book", "book")
    top = context.ask if request.side is Side.BUY else context.bid
    if not _is_price(context.mid) or (top is not None and not _is_price(top)):
        why = context.book_why or "no price is known"
        text = f"the book of {request.symbol} cannot be priced from: {why}; wait for it"
        return _no(*rule, "BOOK_UNUSABLE", text)
    return _ok(*rule, "the book is live")


def _filters(context: RiskContext) -> Iterator[Verdict]:
    if not context.filter_failures:
        yield _ok("filters", "venue filters", "every filter of the venue passes")
    for failure in context.filter_failures:
        name = failure.filter
        yield _no(f"filter_{name.lower()}", name, f"FILTER_{name}", failure.text, allowed=failure.nearest)


def _min_notional(request: OrderRequest, context: RiskContext, limits: RiskLimits) -> Verdict:
    rule = ("min_notional", "order floor")
    if limits.min_notional is None:
        return _ok(*rule, "no floor is set")
    worth, least = _worth(request, context), limits.min_notional
    if worth is None or not usable(least):
        return _no(*rule, "MIN_NOTIONAL", _NO_WORTH, allowed=least, unit=context.quote)
    if worth < least:
        text = f"the order is worth {short(worth)} {context.quote}, the floor is {short(least)}; order more"
        return _no(*rule, "MIN_NOTIONAL", text, worth, least, context.quote)
    return _ok(*rule, "above the floor", worth, least, context.quote)


def _max_notional(request: OrderRequest, context: RiskContext, limits: RiskLimits) -> Verdict:
    rule = ("max_notional", "order cap")
    if limits.max_notional is None:
        return _ok(*rule, "no cap is set")
    worth, most = _worth(request, context), limits.max_notional
    if worth is None or not usable(most):
        return _no(*rule, "MAX_NOTIONAL", _NO_WORTH, allowed=most, unit=context.quote)
    if worth > most:
        text = f"the order is worth {short(worth)} {context.quote}, the cap is {short(most)}; order less"
        return _no(*rule, "MAX_NOTIONAL", text, worth, most, context.quote)
    return _ok(*rule, "below the cap", worth, most, context.quote)


def _price_band(request: OrderRequest, context: RiskContext, limits: RiskLimits) -> Verdict:
    rule = ("price_band", "price band")
    band, mid = limits.price_band_percent, context.mid
    if band is None:
        return _ok(*rule, "no band is set")
    price = expected_price(request, context)
    if mid is None or not _is_price(mid) or price is None or not usable(band) or band < 0:
        text = "the distance from the market cannot be told; wait for a price"
        return _no(*rule, "PRICE_BAND", text, allowed=band, unit="%")
    distance = divide_down(multiply(EXACT.subtract(price, mid).copy_abs(), Decimal(100)), mid)
    shown = distance.quantize(Decimal("0.01"), ROUND_UP, EXACT)  # never onto the band
    if distance > band:
        text = f"price {short(price)} is {short(shown)} % from mid {short(mid)}, the band is {short(band)} %"
        return _no(*rule, "PRICE_BAND", f"{text}; move it closer", shown, band, "%")
    return _ok(*rule, "within the band", shown, band, "%")


def _order_rate(context: RiskContext, limits: RiskLimits) -> Verdict:
    rule = ("order_rate", "order rate")
    if limits.orders_per_10s is None:
        return _ok(*rule, "no rate is set")
    used, allowed = Decimal(context.recent_orders_10s + 1), Decimal(limits.orders_per_10s)
    if used > allowed:
        text = f"{context.recent_orders_10s} orders in the last 10 s, the most is {allowed}; wait a moment"
        return _no(*rule, "ORDER_RATE", text, used, allowed, "/10 s")
    return _ok(*rule, "below the rate", used, allowed, "/10 s")


def _balance(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("balance", "balance")
    asset = context.quote if request.side is Side.BUY else context.base
    need, free = _need(request, context), context.balances_free.get(asset)
    if need is None:
        return _no(*rule, "INSUFFICIENT_BALANCE", "what the order takes cannot be told; wait for a price")
    if free is None or not usable(free):
        return _no(
            *rule, "INSUFFICIENT_BALANCE", f"no free {asset} is known on this account", need, ZERO, asset
        )
    if need > free:
        text = f"the order takes {short(need)} {asset}, free are {short(free)}; order less"
        return _no(*rule, "INSUFFICIENT_BALANCE", text, need, free, asset)
    return _ok(*rule, "covered", need, free, asset)


# --- arithmetic ------------------------------------------------------------------------------------------

_SMALLEST: Final = Decimal("1e-8")
_NO_WORTH: Final = "what the order is worth cannot be told; give a quantity and wait for a price"


def _worth(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """Quote money, None unless it is a positive number."""
    if not all(value is None or _is_price(value) for value in (request.quantity, request.quote_quantity)):
        return None
    price = expected_price(request, context)
    return None if price is None else notional(request, price)


def _need(request: OrderRequest, context: RiskContext) -> Decimal | None:
    """What the order takes from the free balance: quote for a BUY, base for a SELL."""
    worth = _worth(request, context)
    if request.side is Side.BUY or worth is None:
        return worth
    if request.quantity is not None:
        return request.quantity
    price = expected_price(request, context)
    return None if price is None else ceil_to(divide_down(worth, price), _SMALLEST)


def _is_price(value: Decimal | None) -> bool:
    return value is not None and usable(value) and value > 0


def _ok(
    rule: str,
    label: str,
    text: str,
    used: Decimal | None = None,
    allowed: Decimal | None = None,
    unit: str = "",
) -> Verdict:
    return Verdict(rule=rule, label=label, ok=True, code="", text=text, used=used, allowed=allowed, unit=unit)


def _no(
    rule: str,
    label: str,
    code: str,
    text: str,
    used: Decimal | None = None,
    allowed: Decimal | None = None,
    unit: str = "",
) -> Verdict:
    return Verdict(
        rule=rule, label=label, ok=False, code=code, text=text, used=used, allowed=allowed, unit=unit
    )
