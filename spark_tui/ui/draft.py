"""The ticket's draft: what the operator typed so far, and the order it amounts to. Pure, no Textual."""

from decimal import Decimal

from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import SubmitOrder
from spark_tui.ui.format import group

MAX_TEXT = 16

_PRICED = frozenset(
    {OrderType.LIMIT, OrderType.LIMIT_MAKER, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT}
)
_STOPPED = frozenset(
    {OrderType.STOP_LOSS, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT, OrderType.TAKE_PROFIT_LIMIT}
)
_TIMED = frozenset({OrderType.LIMIT, OrderType.STOP_LOSS_LIMIT, OrderType.TAKE_PROFIT_LIMIT})

QUANTITY, STOP, PRICE = "quantity", "stop", "price"


class Draft:
    """`version` rises with every change: an answer about an older draft is never taken for this one."""

    def __init__(self, session: str) -> None:
        self.side = Side.BUY
        self.type = OrderType.LIMIT
        self.time_in_force = TimeInForce.GTC
        self.in_quote = False
        self.texts = {QUANTITY: "", STOP: "", PRICE: ""}
        self.field = QUANTITY
        self.version = 0
        self._fresh = True  # the next digit replaces the field, as after selecting all of it
        self._session = session

    @property
    def fields(self) -> tuple[str, ...]:
        stop = (STOP,) if self.type in _STOPPED else ()
        price = (PRICE,) if self.type in _PRICED else ()
        return (QUANTITY, *stop, *price)

    @property
    def timed(self) -> bool:
        """The type takes a time in force."""
        return self.type in _TIMED

    @property
    def quote_allowed(self) -> bool:
        return self.type is OrderType.MARKET

    def _changed(self) -> None:
        self.version += 1
        if self.field not in self.fields:
            self.field = QUANTITY

    # --- edits ---------------------------------------------------------------------------------------------

    def set_side(self, side: Side) -> None:
        self.side = side
        self.field, self._fresh = QUANTITY, True
        self._changed()

    def next_type(self, allowed: frozenset[OrderType]) -> None:
        """The next type the instrument takes."""
        kinds = [kind for kind in OrderType if not allowed or kind in allowed]
        self.type = kinds[(kinds.index(self.type) + 1) % len(kinds)] if self.type in kinds else kinds[0]
        if not self.quote_allowed:
            self.in_quote = False
        self._changed()

    def load(self, order: SubmitOrder) -> None:
        """Take over what a command said; what it left out is empty."""
        self.side, self.type = order.side, order.type
        self.time_in_force = order.time_in_force or TimeInForce.GTC
        self.in_quote = order.quote_quantity is not None and self.quote_allowed
        amounts = {
            QUANTITY: order.quote_quantity if self.in_quote else order.quantity,
            PRICE: order.price,
            STOP: order.stop_price,
        }
        self.texts = {field: "" if amount is None else f"{amount:f}" for field, amount in amounts.items()}
        self.field, self._fresh = QUANTITY, True
        self._changed()

    def next_time_in_force(self) -> None:
        kinds = list(TimeInForce)
        self.time_in_force = kinds[(kinds.index(self.time_in_force) + 1) % len(kinds)]
        self._changed()

    def toggle_unit(self) -> None:
        if self.quote_allowed:
            self.in_quote = not self.in_quote
            self.texts[QUANTITY] = ""
            self._changed()

    def go(self, by: int) -> bool:
        """To the next or previous field; False at either end."""
        at = self.fields.index(self.field) + by
        if not 0 <= at < len(self.fields):
            return False
        self.field, self._fresh = self.fields[at], True
        return True

    def set(self, field: str, value: Decimal) -> None:
        self.texts[field] = f"{value:f}"
        self._fresh = True
        self._changed()

    def type_character(self, character: str) -> bool:
        """A digit or a point; False when it does not belong into a number."""
        character = "." if character == "," else character
        text = "" if self._fresh else self.texts[self.field]
        digit = character.isascii() and character.isdecimal()
        if not digit and character != ".":
            return False
        if character == "." and "." in text:
            return True
        if len(text) < MAX_TEXT:
            self.texts[self.field] = text + character
        self._fresh = False
        self._changed()
        return True

    def backspace(self) -> None:
        self.texts[self.field] = self.texts[self.field][:-1]
        self._fresh = False
        self._changed()

    def clear(self) -> None:
        self.texts = dict.fromkeys(self.texts, "")
        self.field, self._fresh = QUANTITY, True
        self._changed()

    def nudge(self, by: int, step: Decimal | None) -> None:
        """Move the number under the cursor by whole ticks or steps, never below zero."""
        if step:
            now = self.number(self.field) or Decimal(0)
            self.set(self.field, max(Decimal(0), (now // step) * step + by * step))

    # --- reading -------------------------------------------------------------------------------------------

    def number(self, field: str) -> Decimal | None:
        text = self.texts[field].rstrip(".")
        return Decimal(text) if text else None

    def shown(self, field: str) -> str:
        return group(self.texts[field])

    def missing(self) -> str:
        """What still has to be typed, as a sentence; empty when the order is whole."""
        for field in self.fields:
            value = self.number(field)
            if value is None or value <= 0:
                return {QUANTITY: "type a quantity", STOP: "type a stop price", PRICE: "type a price"}[field]
        return ""

    def order(self, venue: str, symbol: str) -> SubmitOrder:
        """Only meaningful while nothing is `missing`. The key is the draft's own: sending the same draft
        again answers the same order, never a second one."""
        amount = self.number(QUANTITY)
        return SubmitOrder(
            venue=venue,
            symbol=symbol,
            side=self.side,
            type=self.type,
            quantity=None if self.in_quote else amount,
            quote_quantity=amount if self.in_quote else None,
            price=self.number(PRICE) if self.type in _PRICED else None,
            stop_price=self.number(STOP) if self.type in _STOPPED else None,
            time_in_force=self.time_in_force if self.timed else None,
            key=f"{self._session}-{self.version}",
        )
