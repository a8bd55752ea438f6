"""What is checked of every order and cannot be switched off."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import ZERO, short, usable
from spark_tui.domain.filter_subject import FilterFailure
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk.common import is_price, quantity_of, reduces, reducible, worth
from spark_tui.domain.risk.context import RiskContext
from spark_tui.domain.risk.verdict import NO_FIGURE, Verdict
from spark_tui.domain.values import Environment, Side, TradingState

_VERB: Final = {Side.BUY: "bought", Side.SELL: "sold"}


def trading_state(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("trading_state", "trading state")
    if context.trading_state is TradingState.ACTIVE:
        return _ok(*rule, "trading is active")
    if context.trading_state is TradingState.REDUCING:
        if reduces(request, context):
            return _ok(*rule, "trading is reducing, and this order opens no risk")
        room = short(reducible(request, context))
        text = f"trading is reducing: at most {room} {context.base} may be {_VERB[request.side]}"
        return _no(*rule, "REDUCING", text)
    why = f" ({context.halt_reason})" if context.halt_reason else ""
    return _no(*rule, "HALTED", f"trading is halted{why}; resume before ordering")


def reconciling(context: RiskContext) -> Verdict:
    rule = ("reconciling", "reconciled")
    if context.reconciling:
        text = "orders and balances are being compared with the venue; try again when it is done"
        if context.venue_trouble:
            text = f"{context.venue_trouble}; new orders wait until the venue is back and compared with"
        return _no(*rule, "RECONCILING", text)
    return _ok(*rule, "in step with the venue")


def live_armed(context: RiskContext) -> Verdict:
    rule = ("live_armed", "environment")
    if context.environment is Environment.LIVE and not context.live_armed:
        return _no(*rule, "LIVE_NOT_ARMED", "this is real money and live trading is not armed; arm it first")
    return _ok(*rule, f"{context.environment} may trade")


def symbol_trading(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("symbol_trading", "market")
    if context.instrument_status is not SymbolStatus.TRADING:
        text = f"the venue says {request.symbol} is {context.instrument_status}; wait until it trades"
        return _no(*rule, "SYMBOL_NOT_TRADING", text)
    return _ok(*rule, f"{request.symbol} trades")


def book(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("book", "book")
    top = context.ask if request.side is Side.BUY else context.bid
    if not is_price(context.mid) or (top is not None and not is_price(top)):
        why = context.book_why or "no price is known"
        text = f"the book of {request.symbol} cannot be priced from: {why}; wait for it"
        return _no(*rule, "BOOK_UNUSABLE", text)
    return _ok(*rule, "the book is live")


def of_filters(failures: tuple[FilterFailure, ...]) -> Iterator[Verdict]:
    if not failures:
        yield _ok("filters", "venue filters", "every filter of the venue passes")
    for failure in failures:
        name = failure.filter
        yield _no(f"filter_{name.lower()}", name, f"FILTER_{name}", failure.text, allowed=failure.nearest)


def balance(request: OrderRequest, context: RiskContext) -> Verdict:
    rule = ("balance", "balance")
    buys = request.side is Side.BUY
    asset = context.quote if buys else context.base
    need = worth(request, context) if buys else quantity_of(request, context)
    free = context.balances_free.get(asset)
    if need is None:
        return _no(*rule, "INSUFFICIENT_BALANCE", "what the order takes cannot be told; wait for a price")
    if asset in context.balances_untold:
        return _no(*rule, NO_FIGURE, context.balances_untold[asset], need, None, asset)
    if free is None or not usable(free):
        text = f"the account has no {asset} that is known to be free; deposit some, or order another symbol"
        return _no(*rule, "INSUFFICIENT_BALANCE", text, need, ZERO, asset)
    if need > free:
        text = f"the order takes {short(need)} {asset}, free are {short(free)}; order less"
        return _no(*rule, "INSUFFICIENT_BALANCE", text, need, free, asset)
    return _ok(*rule, "covered", need, free, asset)


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
