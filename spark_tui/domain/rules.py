"""Risk rules as data: what may be limited, where a limit holds, and what follows when it is broken.

What a rule says about an order is in `risk/`; how rules are kept and changed is the engine's rulebook.
"""

import re
from collections.abc import Mapping
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from spark_tui.domain.decimals import usable
from spark_tui.domain.hours import parse_hours

MANUAL: Final = "manual"  # the strategy of an order that was entered by hand
MAX_RULES: Final = 200
MAX_WINDOW_S: Final = 86_400
MAX_COUNT: Final = 10_000


class RuleKind(StrEnum):
    MAX_ORDER_NOTIONAL = "max_order_notional"
    MIN_ORDER_NOTIONAL = "min_order_notional"
    MAX_ORDER_QUANTITY = "max_order_quantity"
    MAX_POSITION_QUANTITY = "max_position_quantity"
    MAX_POSITION_NOTIONAL = "max_position_notional"
    MAX_POSITION_SHARE = "max_position_share"
    MAX_SYMBOL_EXPOSURE = "max_symbol_exposure"
    MAX_GROSS_EXPOSURE = "max_gross_exposure"
    MAX_NET_EXPOSURE = "max_net_exposure"
    MAX_LEVERAGE = "max_leverage"
    MAX_OPEN_ORDERS = "max_open_orders"
    MAX_ORDER_RATE = "max_order_rate"
    MAX_CANCEL_RATE = "max_cancel_rate"
    PRICE_BAND = "price_band"
    MAX_SLIPPAGE = "max_slippage"
    SYMBOLS = "symbols"
    TRADING_HOURS = "trading_hours"
    MAX_DAILY_LOSS = "max_daily_loss"
    MAX_DAILY_LOSS_SHARE = "max_daily_loss_share"
    MAX_DRAWDOWN = "max_drawdown"
    LOSS_STREAK = "loss_streak"
    REJECT_STREAK = "reject_streak"


class RuleEffect(StrEnum):
    """What breaking a rule does, mild to hard. The order that breaks it is refused in any case."""

    REFUSE = "refuse"
    REDUCE_ONLY = "reduce-only"
    HALT = "halt"
    HALT_AND_CANCEL = "halt-and-cancel"


class Unit(StrEnum):
    """Of a rule's limit. ACCOUNT is the currency the account is valued in."""

    QUOTE = "quote"
    BASE = "base"
    ACCOUNT = "account"
    PERCENT = "%"
    BASIS_POINTS = "bp"
    TIMES = "x"
    COUNT = ""
    NONE = "none"


class Scope(msgspec.Struct, frozen=True, kw_only=True):
    """Where a rule holds; an empty field holds anywhere."""

    venue: str = ""
    symbol: str = ""
    strategy: str = ""

    def covers(self, venue: str, symbol: str, strategy: str) -> bool:
        return self.venue in ("", venue) and self.symbol in ("", symbol) and self.strategy in ("", strategy)

    @property
    def whole(self) -> bool:
        return not (self.venue or self.symbol or self.strategy)


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """`id` is a stable slug. `window_s`: the seconds a rate is counted in, or a cool-down lasts."""

    id: str
    kind: RuleKind
    limit: Decimal | None = None
    window_s: int | None = None
    symbols: tuple[str, ...] = ()
    hours: str = ""
    scope: Scope = Scope()
    effect: RuleEffect = RuleEffect.REFUSE
    enabled: bool = True


class Kind(msgspec.Struct, frozen=True):
    """What is said about a kind of rule. `label` fits the ticket; `code` is that of a denial. `standing`:
    it can break without any order, so it is watched. `account`: it knows no scope."""

    label: str
    title: str
    code: str
    unit: Unit
    windowed: bool = False
    standing: bool = False
    account: bool = False


KINDS: Final[Mapping[RuleKind, Kind]] = {
    RuleKind.MAX_ORDER_NOTIONAL: Kind("order cap", "largest order", "MAX_NOTIONAL", Unit.QUOTE),
    RuleKind.MIN_ORDER_NOTIONAL: Kind("order floor", "smallest order", "MIN_NOTIONAL", Unit.QUOTE),
    RuleKind.MAX_ORDER_QUANTITY: Kind("order size", "largest quantity", "MAX_QUANTITY", Unit.BASE),
    RuleKind.MAX_POSITION_QUANTITY: Kind("position", "largest position", "MAX_POSITION", Unit.BASE),
    RuleKind.MAX_POSITION_NOTIONAL: Kind(
        "pos. value", "most valuable position", "MAX_POSITION_NOTIONAL", Unit.QUOTE
    ),
    RuleKind.MAX_POSITION_SHARE: Kind("pos. share", "position of equity", "POSITION_SHARE", Unit.PERCENT),
    RuleKind.MAX_SYMBOL_EXPOSURE: Kind("exposure", "exposure a symbol", "SYMBOL_EXPOSURE", Unit.ACCOUNT),
    RuleKind.MAX_GROSS_EXPOSURE: Kind("gross", "gross exposure", "GROSS_EXPOSURE", Unit.ACCOUNT),
    RuleKind.MAX_NET_EXPOSURE: Kind("net", "net exposure", "NET_EXPOSURE", Unit.ACCOUNT),
    RuleKind.MAX_LEVERAGE: Kind("leverage", "leverage", "LEVERAGE", Unit.TIMES),
    RuleKind.MAX_OPEN_ORDERS: Kind("open orders", "open orders", "OPEN_ORDERS", Unit.COUNT),
    RuleKind.MAX_ORDER_RATE: Kind("order rate", "order rate", "ORDER_RATE", Unit.COUNT, windowed=True),
    RuleKind.MAX_CANCEL_RATE: Kind("cancel rate", "cancel rate", "CANCEL_RATE", Unit.COUNT, windowed=True),
    RuleKind.PRICE_BAND: Kind("price band", "distance from mid", "PRICE_BAND", Unit.PERCENT),
    RuleKind.MAX_SLIPPAGE: Kind("slippage", "slippage", "SLIPPAGE", Unit.BASIS_POINTS),
    RuleKind.SYMBOLS: Kind("symbol", "symbols allowed", "SYMBOL_NOT_ALLOWED", Unit.NONE),
    RuleKind.TRADING_HOURS: Kind("hours", "trading hours", "TRADING_HOURS", Unit.NONE, standing=True),
    RuleKind.MAX_DAILY_LOSS: Kind(
        "day loss", "loss of the day", "DAILY_LOSS", Unit.ACCOUNT, standing=True, account=True
    ),
    RuleKind.MAX_DAILY_LOSS_SHARE: Kind(
        "day loss", "loss of the day", "DAILY_LOSS", Unit.PERCENT, standing=True, account=True
    ),
    RuleKind.MAX_DRAWDOWN: Kind(
        "drawdown", "drawdown from the peak", "DRAWDOWN", Unit.PERCENT, standing=True, account=True
    ),
    RuleKind.LOSS_STREAK: Kind(
        "losses", "losses in a row", "COOL_DOWN", Unit.COUNT, windowed=True, standing=True
    ),
    RuleKind.REJECT_STREAK: Kind(
        "refusals", "equal refusals in a row", "COOL_DOWN", Unit.COUNT, windowed=True, standing=True
    ),
}

UNNAMED: Final = ("base asset", "quote asset")  # of a rule that is about more than one instrument


def unit_words(rule: Rule, assets: tuple[str, str], currency: str) -> str:
    """What its limit is counted in. `assets`: base and quote of the one instrument it is about, or UNNAMED;
    `currency`: that of the account."""
    base, quote = assets
    match KINDS[rule.kind].unit:
        case Unit.BASE:
            return base
        case Unit.QUOTE:
            return quote
        case Unit.ACCOUNT:
            return currency
        case Unit.NONE:
            return ""
        case unit:
            return unit.value


# On from the start: what a typing mistake or a loop breaks, and what no account should lose unwatched. The
# rate stays below the venue's own 100 orders in 10 s, so that we are never the ones it has to stop.
STANDARD: Final[tuple[Rule, ...]] = (
    Rule(id="price-band", kind=RuleKind.PRICE_BAND, limit=Decimal(75)),
    Rule(id="slippage", kind=RuleKind.MAX_SLIPPAGE, limit=Decimal(100)),
    Rule(id="order-rate", kind=RuleKind.MAX_ORDER_RATE, limit=Decimal(90), window_s=10),
    Rule(id="position-share", kind=RuleKind.MAX_POSITION_SHARE, limit=Decimal(10)),
    Rule(
        id="daily-loss",
        kind=RuleKind.MAX_DAILY_LOSS_SHARE,
        limit=Decimal(5),
        effect=RuleEffect.HALT_AND_CANCEL,
    ),
    Rule(id="drawdown", kind=RuleKind.MAX_DRAWDOWN, limit=Decimal(20), effect=RuleEffect.HALT),
    Rule(
        id="reject-streak",
        kind=RuleKind.REJECT_STREAK,
        limit=Decimal(5),
        window_s=60,
        effect=RuleEffect.REDUCE_ONLY,
    ),
)

_SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_NAME = re.compile(r"[A-Za-z0-9_.-]{0,40}")
_MAX_ID = 32


def problem(rule: Rule) -> str:
    """Why this is no rule, as one sentence with the cure; empty when it is one."""
    if len(rule.id) > _MAX_ID or _SLUG.fullmatch(rule.id) is None:
        return f"the id {rule.id[:40]!r} is no name; write it like btc-position"
    for name in (rule.scope.venue, rule.scope.symbol, rule.scope.strategy, *rule.symbols):
        if _NAME.fullmatch(name) is None:
            return f"{name[:40]!r} is no name of a venue, symbol or strategy"
    kind = KINDS[rule.kind]
    if kind.account and not rule.scope.whole:
        return f"{rule.kind} counts the whole account; give it no venue, symbol or strategy"
    return _wrong_number(rule, kind) or _wrong_window(rule, kind) or _wrong_words(rule)


def _wrong_number(rule: Rule, kind: Kind) -> str:
    if kind.unit is Unit.NONE:
        return f"{rule.kind} takes no limit" if rule.limit is not None else ""
    if rule.limit is None or not rule.limit.is_finite() or rule.limit <= 0:
        return f"{rule.kind} needs a limit above 0"
    if not usable(rule.limit):
        return f"the limit of {rule.kind} is beyond anything that is traded; write it with at most 40 digits"
    if kind.unit is Unit.COUNT and (rule.limit != rule.limit.to_integral_value() or rule.limit > MAX_COUNT):
        return f"the limit of {rule.kind} is a whole number up to {MAX_COUNT}"
    lost = rule.kind in (RuleKind.MAX_DAILY_LOSS_SHARE, RuleKind.MAX_DRAWDOWN)
    if lost and rule.limit > 100:
        return f"the limit of {rule.kind} is a percentage up to 100"
    return ""


def _wrong_window(rule: Rule, kind: Kind) -> str:
    if not kind.windowed:
        return f"{rule.kind} takes no window" if rule.window_s is not None else ""
    if rule.window_s is None or not 0 < rule.window_s <= MAX_WINDOW_S:
        return f"{rule.kind} needs a window of 1 to {MAX_WINDOW_S} seconds"
    return ""


def _wrong_words(rule: Rule) -> str:
    if rule.kind is RuleKind.SYMBOLS:
        if not rule.symbols or not all(rule.symbols):
            return f"{rule.kind} needs the symbols that may be traded"
    elif rule.symbols:
        return f"{rule.kind} takes no list of symbols; narrow it with symbol"
    if rule.kind is not RuleKind.TRADING_HOURS:
        return f"{rule.kind} takes no hours" if rule.hours else ""
    try:
        parse_hours(rule.hours)
    except ValueError as error:
        return str(error)
    return ""
