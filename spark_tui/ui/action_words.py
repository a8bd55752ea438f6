"""What an action is, and words turned into requests: what `spark-tui do` and the palette understand."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import TypeVar

from spark_tui.domain.decimals import parse
from spark_tui.domain.values import OrderType, SelfTradePrevention, Side, TimeInForce
from spark_tui.link.messages import AnyRequest, SubmitOrder

EVERYWHERE = "everywhere"


class ActionError(ValueError):
    """A parameter is missing, unknown or malformed; the text is one sentence with the cure."""


@dataclass(frozen=True, slots=True)
class Param:
    name: str
    help: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Action:
    """One thing an operator can do. `screens` names where its keys work.

    `request` turns `do`-style parameters into what the engine is asked (None: only the cockpit knows the
    action); call it through `build_request`, which checks the names first. `trades`: refused by a read-only
    cockpit. `safe`: it only takes orders or permissions away, so the palette offers it before others that
    are named as well. `footer` is the label on the key line (after `|` a shorter one, or none to leave it
    out where room is short), empty when not shown there.
    """

    id: str
    title: str
    help: str
    keys: tuple[str, ...] = ()
    screens: tuple[str, ...] = (EVERYWHERE,)
    params: tuple[Param, ...] = ()
    request: Callable[[Mapping[str, str]], AnyRequest] | None = None
    group: str = "Cockpit"
    footer: str = ""
    trades: bool = False
    safe: bool = False

    @property
    def changes(self) -> bool:
        """It may change more than what this cockpit shows."""
        return self.trades or self.request is not None


_Kind = TypeVar("_Kind", bound=StrEnum)


def word(kind: type[_Kind], params: Mapping[str, str], name: str) -> _Kind:
    try:
        return kind(params[name].strip().upper())
    except ValueError:
        allowed = ", ".join(member.value for member in kind)
        raise ActionError(f"{name}={params[name]} is not one of {allowed}.") from None


def number(params: Mapping[str, str], name: str) -> Decimal | None:
    if name not in params:
        return None
    try:
        return parse(params[name])
    except ValueError:
        raise ActionError(f"{name}={params[name][:64]} is not a plain number such as 0.01.") from None


def whole(params: Mapping[str, str], name: str) -> int | None:
    value = number(params, name)
    if value is None:
        return None
    if value != value.to_integral_value():
        raise ActionError(f"{name}={params[name]} is not a whole number.")
    return int(value)


def flag(params: Mapping[str, str], name: str) -> bool:
    text = params.get(name, "no").strip().lower()
    if text not in ("yes", "no"):
        raise ActionError(f"{name}={params[name]} is neither yes nor no.")
    return text == "yes"


def maybe(kind: type[_Kind], params: Mapping[str, str], name: str) -> _Kind | None:
    return word(kind, params, name) if name in params else None


def submit(params: Mapping[str, str]) -> SubmitOrder:
    """`symbol`, `side` and `type` must be there."""
    return SubmitOrder(
        symbol=params["symbol"].upper(),
        side=word(Side, params, "side"),
        type=word(OrderType, params, "type"),
        venue=params.get("venue", ""),
        quantity=number(params, "quantity"),
        quote_quantity=number(params, "quote_quantity"),
        price=number(params, "price"),
        stop_price=number(params, "stop_price"),
        trailing_delta=whole(params, "trailing_delta"),
        iceberg_quantity=number(params, "iceberg_quantity"),
        time_in_force=maybe(TimeInForce, params, "time_in_force"),
        self_trade_prevention=maybe(SelfTradePrevention, params, "self_trade_prevention"),
        key=params.get("key", ""),
    )


SYMBOL = Param("symbol", "instrument, e.g. BTCUSDT", required=True)
VENUE = Param("venue", "venue name; only needed when two list the symbol")
KEY = Param("key", "idempotency key: the same key and body answer the same order again")
# what a leg of a list may say for itself; an order says it after symbol and side
TERMS = (
    Param("type", "LIMIT, MARKET, LIMIT_MAKER, STOP_LOSS_LIMIT, ...", required=True),
    Param("quantity", "amount in the base asset"),
    Param("quote_quantity", "amount in the quote asset (MARKET only)"),
    Param("price", "limit price"),
    Param("stop_price", "trigger price"),
    Param("trailing_delta", "distance of a trailing stop in basis points"),
    Param("iceberg_quantity", "amount shown at a time"),
    Param("time_in_force", "GTC, IOC or FOK"),
    Param("self_trade_prevention", "NONE, EXPIRE_MAKER, EXPIRE_TAKER, EXPIRE_BOTH, DECREMENT, TRANSFER"),
)
ORDER = (SYMBOL, Param("side", "BUY or SELL", required=True), *TERMS, VENUE, KEY)
