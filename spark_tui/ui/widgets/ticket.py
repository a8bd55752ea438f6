"""The ticket: keys, the debounced preview, and sending. How it looks is in `ticket_view`.

Every change asks the engine for a preview; nothing is sent unless the preview of exactly this draft passed.
The engine's gate is asked again when the order arrives there.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from decimal import Decimal

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import Order
from spark_tui.domain.values import Side, TradingState
from spark_tui.link.messages import (
    AlgoRow,
    DepthRow,
    OrderList,
    OrderUpdate,
    SubmitOrder,
    TestOrder,
    TestResult,
)
from spark_tui.link.service import LinkError
from spark_tui.ui.actions import ACTIONS, keymap
from spark_tui.ui.ahead import Ahead, look_ahead
from spark_tui.ui.context import Context
from spark_tui.ui.draft import MAX_TEXT, Draft
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Key, Topic
from spark_tui.ui.shapes import ENTRY, FIELDS, LISTS, PRICE, WHOLE, Shape
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.pane import Pane
from spark_tui.ui.widgets.ticket_narrow import TALL, narrow
from spark_tui.ui.widgets.ticket_parts import TicketState
from spark_tui.ui.widgets.ticket_view import wide
from spark_tui.ui.workers import latest

DEBOUNCE_S = 0.12
_MAY_BE_SENT = frozenset({"NO_ANSWER", "ENGINE_GONE", "CUT_OFF", "INTERNAL"})
RENEW_S = 1.0  # the market moves under an unchanged draft

PASTED = re.compile(r"\d+(\.\d+)?|\d+,(?!\d{3}$)\d+", re.ASCII)  # `66,000` may be either of two numbers
_ABOUT_ORDERS = {action.id for action in ACTIONS if action.trades and not action.id.startswith("ticket.")}
ORDER_KEYS = frozenset(
    key for key, action in keymap("trade").items() if action in _ABOUT_ORDERS and not key.startswith("ctrl+")
)
"""Printed keys that do something to orders; while a number is typed they are taken for a slip of it."""
_SLIP = "{} is no part of a number, so it is empty again: Backspace, then type it plainly, e.g. 0.001"

_CHANGED = "the ticket changed after ctrl+o; look at it, then send again"

Confirm = Callable[[Ahead], Awaitable[bool]]
Said = tuple[int, Key]  # a draft's version and the instrument looked at


class Ticket(Pane, can_focus=True):
    topics = frozenset({Topic.LOOK, Topic.BOOK, Topic.ORDERS, Topic.LINK, Topic.STATUS, Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.draft = Draft(context.session)
        self.state = TicketState(self.draft)
        self._look = context.model.look
        self._asked_s = 0.0
        self._trading: TradingState | None = None
        self._slip = ""  # what made the number none; the rest of it is not taken for another

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
        if self._slipped(name, character):
            return True
        if name == "backspace":
            self.draft.backspace()
        elif not (character and self.draft.type_character(character)):
            return False
        self.edited()
        return True

    def _slipped(self, name: str, character: str | None) -> bool:
        """`1e-9` is neither 1 nor 9, and its e replaces no order. Backspace, another field or a key of the
        ticket begins anew."""
        digit = character is not None and character in "0123456789.,"
        point = character in {".", ","}
        if self._slip and (digit or name in ORDER_KEYS or name in {"+", "-"}):
            self._say(_SLIP.format(self._slip))
            return True
        self._slip = ""
        if (point and not self.draft.takes_point()) or (self.draft.typing and name in ORDER_KEYS):
            self._slip = name
            self.draft.spoil()
            self.edited()
            self._say(_SLIP.format(name))
            return True
        return False

    def take_paste(self, text: str) -> None:
        """A whole number or nothing: half of one is another amount."""
        text = text.strip()
        parted = FIELDS[self.draft.field].unit in WHOLE and not text.isdecimal()
        if len(text) > MAX_TEXT or parted or not PASTED.fullmatch(text):
            self._say("what was pasted is no plain number; nothing of it was taken")
            return
        self.draft.set(self.draft.field, Decimal(text.replace(",", ".")))
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

    async def test(self) -> None:
        """Ask the venue whether it would take the order; nothing is placed."""
        if self.draft.shape is not Shape.ORDER:
            self._say("the venue tests single orders only; the rules are checked above")
            return
        if missing := self.draft.missing():
            self._say(missing)
            return
        version, (venue, symbol) = self.draft.version, self.context.model.look
        self._answer("testing", "warn")
        try:
            result = await self.context.call(TestOrder(order=self.draft.order(venue, symbol)))
        except LinkError as error:
            answer = (f"not tested: {error.text}", "warn")
        else:
            answer = _test_words(result) if isinstance(result, TestResult) else ("not tested", "warn")
        self.context.say("good" if answer[1] == "up" else "warn", f"Dry run: {answer[0]}")
        if version == self.draft.version:
            self.state.message = answer
        self.pull()

    # --- sending -------------------------------------------------------------------------------------------

    @property
    def said(self) -> Said:
        """What the ticket says now; take it at the key press that is to send it."""
        return self.draft.version, self.context.model.look

    async def send(self, said: Said, confirm: Confirm) -> None:
        """Send what the ticket `said`, once, and nothing it says since: keys typed after the sending key come
        in the same breath over a slow line. `confirm` may put a dialog between; every refusal says why."""
        refusal = self._since(said) or await self._refusal() or self._since(said)
        ahead = self.state.ahead
        if refusal or ahead is None:
            self._answer(refusal or "no preview yet; try again", "down")
            return
        if not await confirm(ahead) or said != self.said:
            self._answer("not sent", "dim")
            return
        version, _ = said
        self.state.sending = True
        self._answer("sending", "warn")
        try:
            result = await self.context.call(ahead.request)
        except LinkError as error:
            self._failed(error)
            return
        finally:
            self.state.sending = False
        rows = result.legs if isinstance(result, OrderList) else (result,)
        updates = [row for row in rows if isinstance(row, OrderUpdate)]
        for update in updates:
            self.context.model.apply(update)
        self.draft.sent()
        if isinstance(result, AlgoRow):
            self.context.model.apply(result)
            self.state.sent_id, self.state.sent_version = result.algo_id, version
            self.state.message = ("", "dim")
        if updates:
            self.state.sent_id, self.state.sent_version = updates[0].order.client_order_id, version
            self.state.message = ("", "dim")
        self.pull()

    def _since(self, said: Said) -> str:
        return _CHANGED if said != self.said else ""

    async def _refusal(self) -> str:
        """Why the draft cannot be sent now; empty when it can."""
        model = self.context.model
        if self.context.read_only:
            return "this cockpit is read-only"
        if model.lost_because:
            return "the engine is lost: nothing can be sent"
        if self.state.sending:
            return "still sending"
        if missing := self.draft.missing():
            return missing
        if self.state.sent_version == self.draft.version:
            return f"already sent as {short_id(self.state.sent_id)}; b or s begins another"
        await self.ask()
        if not self.state.answered or self.state.ahead is None:
            return self.state.message[0] or "the draft changed; try again"
        if not self.state.ahead.ok:
            return f"refused: {self.state.ahead.reason}"
        return ""

    def _failed(self, error: LinkError) -> None:
        """Never "not sent" where that is not known: whoever believes it orders twice."""
        if error.code in _MAY_BE_SENT:
            text = f"no answer: {error.text} ctrl+o again asks about the same order"
            self.context.say("bad", f"perhaps sent: {text}")
            self.state.message = (text, "down")
            self.pull()
        else:
            self._answer(error.text, "down")

    def _answer(self, text: str, tone: str) -> None:
        self.state.message = (text, tone)
        if tone == "down":
            self.context.say("bad", f"not sent: {text}")
        self.pull()


def _test_words(result: TestResult) -> tuple[str, str]:
    """(text, tone) of a dry run's answer."""
    if not result.sent:
        return f"the gate refuses it: {result.preview.reason}", "down"
    if result.ok:
        return "the venue would take it; nothing was placed", "up"
    return f"the venue would refuse it: {result.code} {result.text}", "down"
