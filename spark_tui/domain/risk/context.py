"""What the rules need to know, at one instant, as data."""

from decimal import Decimal

import msgspec

from spark_tui.domain.filter_subject import FilterFailure
from spark_tui.domain.instrument import SymbolStatus
from spark_tui.domain.rules import MANUAL, UNNAMED, Rule, unit_words
from spark_tui.domain.slippage import Taken
from spark_tui.domain.values import Environment, TradingState


class Exposure(msgspec.Struct, frozen=True, kw_only=True):
    """One instrument at one venue: what is held (signed base), and what open orders may still add at the
    worst, every UNKNOWN one alive. `price` in quote money, `rate` from there to the account's currency; None
    while they are not known. `can_short`: selling more than is held opens a position of its own."""

    venue: str
    symbol: str
    quantity: Decimal
    buys: Decimal
    sells: Decimal
    price: Decimal | None
    rate: Decimal | None
    can_short: bool = False


class Measure(msgspec.Struct, frozen=True, kw_only=True):
    """What was counted for one rule. `value` is None, with `why`, while it cannot be told. `age_s`: how long
    ago the latest of what was counted happened."""

    value: Decimal | None
    why: str = ""
    age_s: float | None = None


class Around(msgspec.Struct, frozen=True, kw_only=True):
    """What is, without any order. `measures` by rule id; `assets` too, base and quote, of rules about one
    instrument."""

    now_ms: int
    exposures: tuple[Exposure, ...] = ()
    equity: Decimal | None = None
    currency: str = "USDT"
    measures: dict[str, Measure] = {}
    assets: dict[str, tuple[str, str]] = {}

    def unit(self, rule: Rule) -> str:
        """Of its limit, without any order."""
        return unit_words(rule, self.assets.get(rule.id, UNNAMED), self.currency)


class RiskContext(msgspec.Struct, frozen=True, kw_only=True):
    """Around one order.

    `bid`, `ask`, `mid`: from a usable book, None with `book_why` otherwise. `position`: signed base quantity
    of the instrument, `open_exposure`: base quantity open on the order's own side; both judge what reduces.
    `balances_untold`: why it cannot be told what is free of an asset.
    `taken`: what the order would take from the book at once; None while the book cannot be read.
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
    filter_failures: tuple[FilterFailure, ...]
    balances_free: dict[str, Decimal]
    balances_untold: dict[str, str] = {}
    position: Decimal = Decimal(0)
    open_exposure: Decimal = Decimal(0)
    strategy: str = MANUAL
    taken: Taken | None = None
    around: Around = Around(now_ms=0)
