"""The ticket's draft: what the operator typed so far. Pure."""

from decimal import Decimal

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import Order
from spark_tui.domain.values import OrderType, SelfTradePrevention, Side, TimeInForce
from spark_tui.link.messages import SubmitOrder
from spark_tui.ui.choices import after, offered, preventions
from spark_tui.ui.format import group, typed
from spark_tui.ui.shapes import (
    ALGO_FIELDS,
    ALGOS,
    ENTRY,
    FIELDS,
    JITTER,
    LISTS,
    OPTIONAL,
    PRICE,
    QUANTITY,
    SHOWN,
    STOP,
    TRAIL,
    WHOLE,
    Shape,
    Trigger,
    leg_choices,
    list_fields,
    order_fields,
    shapes_of,
    takes,
)

MAX_TEXT = 16


class Draft:
    """`version` rises with every change: an answer about an older draft is never taken for this one.

    `type` is the order's; of a list, `leg_type` is that of its stop leg or of the order that follows.
    `replaces`: client order id of the order this one is to take the place of.
    """

    def __init__(self, session: str) -> None:
        self.side = Side.BUY
        self.shape = Shape.ORDER
        self.type = OrderType.LIMIT
        self.leg_type = OrderType.STOP_LOSS_LIMIT
        self.time_in_force = TimeInForce.GTC
        self.prevention: SelfTradePrevention | None = None  # None: the symbol's default
        self.in_quote = False
        self.trigger = Trigger.STOP
        self.iceberg = False
        self.replaces = ""
        self.texts = dict.fromkeys(FIELDS, "")
        self.field = QUANTITY
        self.version = 0
        self._fresh = True  # the next digit replaces the field, as after selecting all of it
        self._session = session

    @property
    def fields(self) -> tuple[str, ...]:
        if self.shape is Shape.ORDER:
            return order_fields(self.type, trigger=self.trigger, iceberg=self.iceberg)
        if self.shape in ALGO_FIELDS:
            return ALGO_FIELDS[self.shape]
        return list_fields(self.shape, self.leg_type)

    @property
    def timed(self) -> bool:
        """The type takes a time in force."""
        return self.shape is Shape.ORDER and takes(self.type, "time_in_force")

    @property
    def quote_allowed(self) -> bool:
        return self.shape is Shape.ORDER and takes(self.type, "quote_quantity")

    def takes(self, field: str) -> bool:
        """A single order of this type has this field of `OrderRequest`."""
        return self.shape is Shape.ORDER and takes(self.type, field)

    def _changed(self) -> None:
        self.version += 1
        if not self.quote_allowed:
            self.in_quote = False
        if not self.takes("trailing_delta"):
            self.trigger = Trigger.STOP
        if not self.takes("iceberg_quantity"):
            self.iceberg = False
        if self.iceberg:
            self.time_in_force = TimeInForce.GTC  # the only one an iceberg takes
        if self.field not in self.fields:
            self.field, self._fresh = QUANTITY, True

    # --- edits ---------------------------------------------------------------------------------------------

    def set_side(self, side: Side) -> None:
        self.side = side
        self.replaces = ""
        self.field, self._fresh = QUANTITY, True
        self._changed()

    def next_type(self, instrument: Instrument | None) -> None:
        """The next type the instrument takes; in a list, of the leg that may vary."""
        if self.shape is not Shape.ORDER:
            choices = leg_choices(self.shape, instrument) or (self.leg_type,)
            self.leg_type = after(choices, self.leg_type)
        else:
            self.type = after(offered(instrument), self.type)
        self._fresh = True
        self._changed()

    def next_shape(self, instrument: Instrument | None) -> None:
        """One order, then the lists the instrument takes, and round again."""
        begun = self.shape if self.shape in LISTS else Shape.ORDER
        self._take_shape(after(shapes_of(instrument), begun), instrument)

    def next_algo(self, instrument: Instrument | None) -> None:
        """One order, then each algo, and round again."""
        begun = self.shape if self.shape in ALGOS else Shape.ORDER
        self._take_shape(after((Shape.ORDER, *ALGOS), begun), instrument)

    def _take_shape(self, shape: Shape, instrument: Instrument | None) -> None:
        """Nothing but a single order replaces another."""
        before, self.shape = self.shape, shape
        self.replaces = ""
        if self.shape in LISTS and before is Shape.ORDER:
            # an order's price is a list's entry; what a leg asks is another matter
            self.texts[ENTRY], self.texts[PRICE] = self.texts[PRICE], ""
        elif self.shape is Shape.ORDER and before in LISTS:
            self.texts[PRICE] = self.texts[ENTRY]
        elif self.shape in ALGOS:
            self.texts[PRICE] = ""  # the touch an order rests at is no limit to work within
        choices = leg_choices(self.shape, instrument)
        if choices:
            self.leg_type = choices[0]
        self._fresh = True
        self._changed()

    def fit(self, instrument: Instrument) -> bool:
        """Another instrument may lack what was chosen: fall back to what it has. True when it had to."""
        before = (self.shape, self.type, self.trigger, self.iceberg, self.prevention)
        if self.shape in LISTS and self.shape not in shapes_of(instrument):
            self.shape = Shape.ORDER
        choices = leg_choices(self.shape, instrument)
        if choices and self.leg_type not in choices:
            self.leg_type = choices[0]
        types = offered(instrument)
        if self.type not in types:
            self.type = types[0]
        if not instrument.trailing_stop_allowed:
            self.trigger = Trigger.STOP
        self.iceberg = self.iceberg and instrument.iceberg_allowed
        if self.prevention not in preventions(instrument):
            self.prevention = None
        changed = before != (self.shape, self.type, self.trigger, self.iceberg, self.prevention)
        if changed:
            self._changed()
        return changed

    def load(self, order: SubmitOrder) -> None:
        """Take over what a command said; what it left out is empty."""
        self.shape, self.replaces = Shape.ORDER, ""
        self.side, self.type = order.side, order.type
        self.time_in_force = order.time_in_force or TimeInForce.GTC
        self.prevention = order.self_trade_prevention
        self.in_quote = order.quote_quantity is not None and self.quote_allowed
        self.trigger = _trigger_of(order)
        self.iceberg = order.iceberg_quantity is not None
        amounts = {
            QUANTITY: order.quote_quantity if self.in_quote else order.quantity,
            PRICE: order.price,
            STOP: order.stop_price,
            TRAIL: None if order.trailing_delta is None else Decimal(order.trailing_delta),
            SHOWN: order.iceberg_quantity,
        }
        self.texts = dict.fromkeys(FIELDS, "")
        self.texts.update({field: typed(amount) for field, amount in amounts.items() if amount is not None})
        self.field, self._fresh = QUANTITY, True
        self._changed()

    def load_replacement(self, order: Order) -> None:
        """The order as it stands, to be changed and put in its place: what is filled needs no replacing."""
        request = order.request
        total = order.amended_quantity if order.amended_quantity is not None else request.quantity
        self.load(
            SubmitOrder(
                symbol=request.symbol,
                side=request.side,
                type=request.type,
                quantity=None if total is None else total - order.filled,
                price=request.price,
                stop_price=request.stop_price,
                trailing_delta=request.trailing_delta,
                iceberg_quantity=request.iceberg_quantity,
                time_in_force=request.time_in_force,
                self_trade_prevention=request.self_trade_prevention,
            )
        )
        self.replaces = order.client_order_id
        if PRICE in self.fields:
            self.field = PRICE

    def next_time_in_force(self) -> None:
        self.time_in_force = after(tuple(TimeInForce), self.time_in_force)
        self._changed()

    def next_prevention(self, instrument: Instrument | None) -> None:
        self.prevention = after(preventions(instrument), self.prevention)
        self._changed()

    def toggle_unit(self) -> None:
        if self.quote_allowed:
            self.in_quote = not self.in_quote
            self.texts[QUANTITY] = ""
            self._changed()

    def next_trigger(self) -> None:
        """A stop price, a distance that trails, or both: it trails once the price was reached."""
        self.trigger = after(tuple(Trigger), self.trigger)
        self._changed()
        self._enter(TRAIL if self.trigger is Trigger.TRAIL else STOP)

    def toggle_iceberg(self) -> None:
        self.iceberg = not self.iceberg
        self._changed()
        self._enter(SHOWN)

    def _enter(self, field: str) -> None:
        if field in self.fields:
            self.field, self._fresh = field, True

    def settle(self) -> None:
        """The number stands there: what is typed next replaces it."""
        self._fresh = True

    def go(self, by: int) -> bool:
        """To the next or previous field; False at either end."""
        self.settle()
        at = self.fields.index(self.field) + by
        if not 0 <= at < len(self.fields):
            return False
        self.field = self.fields[at]
        return True

    def set(self, field: str, value: Decimal) -> None:
        self.texts[field] = typed(value)
        self._fresh = True
        self._changed()

    @property
    def typing(self) -> bool:
        """A number is being typed: the next character goes on with it."""
        return not self._fresh and bool(self.texts[self.field])

    def takes_point(self) -> bool:
        return FIELDS[self.field].unit not in WHOLE and not (self.typing and "." in self.texts[self.field])

    def spoil(self) -> None:
        """What was typed is no number: nothing of it stays."""
        self.texts[self.field] = ""
        self._fresh = True
        self._changed()

    def type_character(self, character: str) -> bool:
        """A digit or a point; False when it does not belong into a number."""
        character = "." if character == "," else character
        text = "" if self._fresh else self.texts[self.field]
        digit = character.isascii() and character.isdecimal()
        if not digit and character != ".":
            return False
        if character == "." and ("." in text or FIELDS[self.field].unit in WHOLE):
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
        self.replaces = ""
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
            if value is None and field in OPTIONAL.get(self.shape, ()):
                continue
            if value is None or (value <= 0 and field != JITTER):
                return FIELDS[field].ask
        return ""

    def given(self, field: str) -> Decimal | None:
        """None too for a field that the shape does not have."""
        return self.number(field) if field in self.fields else None

    @property
    def key(self) -> str:
        """The draft's own: sending the same draft again answers the same order, never a second one."""
        return f"{self._session}-{self.version}"


def _trigger_of(order: SubmitOrder) -> Trigger:
    if order.trailing_delta is None:
        return Trigger.STOP
    return Trigger.TRAIL if order.stop_price is None else Trigger.BOTH
