"""The ticket: keys and the debounced preview. How it looks is in `ticket_view`, sending in `ticket_sending`.

Every change asks the engine for a preview; nothing is sent unless the preview of exactly this draft passed.
The engine's gate is asked again when the order arrives there.
"""

import asyncio
from decimal import Decimal

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import Order
from spark_tui.domain.values import Side, TradingState
from spark_tui.link.messages import DepthRow, SubmitOrder
from spark_tui.link.service import LinkError
from spark_tui.ui.ahead import look_ahead
from spark_tui.ui.context import Context
from spark_tui.ui.draft import Draft
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.number_typing import NumberTyping
from spark_tui.ui.shapes import ENTRY, FIELDS, LISTS, PRICE, Shape
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.ticket_narrow import TALL, narrow
from spark_tui.ui.widgets.ticket_parts import TicketState
from spark_tui.ui.widgets.ticket_sending import Sending
from spark_tui.ui.widgets.ticket_view import wide
from spark_tui.ui.workers import latest

DEBOUNCE_S = 0.12
RENEW_S = 1.0  # the market moves under an unchanged draft


class Ticket(Pane, can_focus=True):
    topics = frozenset({Topic.LOOK, Topic.BOOK, Topic.ORDERS, Topic.LINK, Topic.STATUS, Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.draft = Draft(context.session)
        self.state = TicketState(self.draft)
        self._look = context.model.look
        self._asked_s = 0.0
        self._trading: TradingState | None = None
        self._typing = NumberTyping(self.draft)
        self.sending = Sending(context, self.state, self.ask, self.pull)

    # --- the look ------------------------------------------------------------------------------------------

    def heading(self, width: int) -> Line:
        hints: Line = (("b", "b accent"), (" buy  ", "dim"), ("s", "b accent"), (" sell ", "dim"))
        return self.rule(self.name_span("Ticket"), hints, width)

    def body(self, width: int, height: int) -> list[Line]:
        compose = narrow if self.has_class("narrow") else wide
        return compose(self.state, self.context.model, width, height, focused=self.has_focus)

    def pull(self) -> None:
        if self.context.model.look != self._look:
            self._look = self.context.model.look
            self.draft.clear()
            self.state.forget()
        instrument = self.context.model.instrument
        if instrument is not None and self.draft.fit(instrument):
            self._ask_soon()
        self._make_room()
        status = self.context.model.status
        if status is not None and status.trading_state is not self._trading:
            self._trading = status.trading_state  # what was said under the other state no longer holds
            self.state.ahead, self.state.ahead_of = None, -1
            self.state.message = ("", "dim")
            if not self.draft.missing():
                self._ask_soon()
        now = self.context.clock.mono_s()
        sent = self.state.sent_version == self.draft.version  # what it said then is what counted
        if self.state.answered and not sent and now - self._asked_s >= RENEW_S and not self.draft.missing():
            self._ask_soon()
        super().pull()

    def _make_room(self) -> None:
        """In the narrow layout what does not fit on a line takes one line more."""
        if self.has_class("narrow") and self.size.width:
            lines = narrow(self.state, self.context.model, self.size.width, TALL, focused=self.has_focus)
            self.set_class(len(lines) == TALL, "tall")

    @property
    def _instrument(self) -> Instrument | None:
        return self.context.model.instrument

    # --- edits ---------------------------------------------------------------------------------------------

    def take_side(self, side: Side) -> None:
        self.draft.set_side(side)
        self.at_touch()
        self.screen.set_focus(self)

    def load(self, order: SubmitOrder) -> None:
        """What a command line said, to be looked at and sent by hand."""
        self.draft.load(order)
        self.screen.set_focus(self)
        self.edited()

    def at_touch(self) -> None:
        """The best price of our own side, as far as a usable book has one."""
        book = self.context.model.book
        steps = self.context.model.steps(self.context.model.look)
        levels: tuple[DepthRow, ...] = ()
        if book is not None and book.usable:
            levels = book.bids if self.draft.side is Side.BUY else book.asks
        own = ENTRY if ENTRY in self.draft.fields else PRICE
        if (
            own in self.draft.fields
            and levels
            and (own == ENTRY or self.draft.shape in (Shape.ORDER, Shape.ICEBERG))
        ):
            self.draft.set(own, Decimal(f"{levels[0].price:.{steps.price}f}"))
        self.edited()

    def replace(self, order: Order) -> None:
        """The order's own terms, to be changed; sending then puts the new one in its place."""
        self.draft.load_replacement(order)
        self.screen.set_focus(self)
        self.edited()

    def next_type(self) -> None:
        self.draft.next_type(self._instrument)
        if PRICE in self.draft.fields and not self.draft.texts[PRICE]:
            self.at_touch()
        self.edited()

    def next_shape(self) -> None:
        before = self.draft.shape
        self.draft.next_shape(self._instrument)
        self.edited()
        if self.draft.shape is before:
            self._say("this instrument takes no order lists")

    def next_algo(self) -> None:
        self.draft.next_algo(self._instrument)
        if self.draft.shape is Shape.ICEBERG and not self.draft.texts[PRICE]:
            self.at_touch()
        self.edited()

    def next_time_in_force(self) -> None:
        if self.draft.timed and not self.draft.iceberg:
            self.draft.next_time_in_force()
            self.edited()
        elif self.draft.iceberg:
            self._say("an iceberg is always GTC; v takes it away")
        else:
            self._say(f"{self._what()} takes no time in force")

    def next_prevention(self) -> None:
        if self._instrument is None or not self._instrument.allowed_stp_modes:
            self._say("the venue does not say which self-trade preventions it has here")
            return
        self.draft.next_prevention(self._instrument)
        self.edited()

    def toggle_unit(self) -> None:
        if not self.draft.quote_allowed:
            self._say("only MARKET takes an amount in the quote asset; t changes the type")
        elif self._instrument is not None and not self._instrument.quote_quantity_market_allowed:
            self._say("this instrument takes no amount in the quote asset")
        else:
            self.draft.toggle_unit()
            self.edited()

    def toggle_trailing(self) -> None:
        if not self.draft.takes("trailing_delta"):
            self._say(f"{self._what()} has no stop to trail; t changes the type")
        elif self._instrument is not None and not self._instrument.trailing_stop_allowed:
            self._say("this instrument takes no trailing stops")
        else:
            self.draft.next_trigger()
            self.edited()

    def toggle_iceberg(self) -> None:
        if not self.draft.takes("iceberg_quantity"):
            self._say(f"{self._what()} cannot be an iceberg; t changes the type")
        elif self._instrument is not None and not self._instrument.iceberg_allowed:
            self._say("this instrument takes no icebergs")
        else:
            self.draft.toggle_iceberg()
            self.edited()

    def _what(self) -> str:
        draft = self.draft
        if draft.shape is Shape.ORDER:
            return draft.type.replace("_", " ")
        return f"an {draft.shape} list" if draft.shape in LISTS else f"a {draft.shape} algo"

    def _say(self, text: str) -> None:
        """An answer to a key that changed nothing."""
        self.state.message = (text, "warn")
        self.pull()

    def nudge(self, by: int) -> None:
        steps = self.context.model.steps(self.context.model.look)
        unit = FIELDS[self.draft.field].unit
        step = {"quantity": steps.step, "price": steps.tick}.get(unit, Decimal(1))
        self.draft.nudge(by, step)
        self.edited()

    def clear(self) -> None:
        self.draft.clear()
        self.edited()

    def move(self, by: int) -> bool:
        """To another field; False at the ticket's edge."""
        moved = self.draft.go(by)
        self.pull()
        return moved

    def edited(self) -> None:
        self.state.message = ("", "dim")
        self.state.sent_id = ""
        self._ask_soon()
        self.pull()

    def take_key(self, name: str, character: str | None) -> bool:
        said = self._typing.key(name, character)
        if said is None:
            return False
        self.edited()
        if said:
            self._say(said)
        return True

    def take_paste(self, text: str) -> None:
        if said := self._typing.paste(text):
            self._say(said)
        else:
            self.edited()

    # --- preview -------------------------------------------------------------------------------------------

    def _ask_soon(self) -> None:
        self._asked_s = self.context.clock.mono_s()
        latest(self, self._ask_later, "preview")

    async def _ask_later(self) -> None:
        """Not by a timer of Textual's, which a busy machine may drop."""
        await asyncio.sleep(DEBOUNCE_S)
        if not self.draft.missing():
            await self.ask()

    async def ask(self) -> None:
        """One answer about the draft as it is now; one about an older draft is dropped."""
        version, model = self.draft.version, self.context.model
        try:
            ahead = await look_ahead(self.context.call, self.draft, model.look)
        except LinkError as error:
            if version == self.draft.version:
                self.state.ahead, self.state.ahead_of = None, -1
                self.state.message = (error.text, "down")
        else:
            if version == self.draft.version:
                self.state.ahead, self.state.ahead_of = ahead, version
        self.pull()
