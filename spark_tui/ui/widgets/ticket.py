"""The ticket: keys, the debounced preview, and sending. How it looks is in `ticket_view`.

Every change asks the engine for a preview; nothing is sent unless the preview of exactly this draft passed.
The engine's gate is asked again when the order arrives there.
"""

from collections.abc import Awaitable, Callable
from decimal import Decimal

from textual.timer import Timer

from spark_tui.domain.values import OrderType, Side, TradingState
from spark_tui.link.messages import DepthRow, OrderUpdate, Preview, PreviewOrder, SubmitOrder
from spark_tui.link.service import LinkError
from spark_tui.ui.context import Context
from spark_tui.ui.draft import PRICE, QUANTITY, Draft
from spark_tui.ui.lines import Line
from spark_tui.ui.model import Topic
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets import ticket_view
from spark_tui.ui.widgets.pane import Pane

DEBOUNCE_S = 0.12
RENEW_S = 1.0  # the market moves under an unchanged draft

Confirm = Callable[[Preview], Awaitable[bool]]


class Ticket(Pane, can_focus=True):
    topics = frozenset({Topic.LOOK, Topic.BOOK, Topic.ORDERS, Topic.LINK, Topic.STATUS, Topic.SECOND})

    def __init__(self, context: Context, *, id: str | None = None) -> None:
        super().__init__(context, id=id)
        self.draft = Draft(context.session)
        self.state = ticket_view.TicketState(self.draft)
        self._timer: Timer | None = None
        self._look = context.model.look
        self._asked_s = 0.0
        self._trading: TradingState | None = None

    # --- the look ------------------------------------------------------------------------------------------

    def heading(self, width: int) -> Line:
        hints: Line = (("b", "b accent"), (" buy  ", "dim"), ("s", "b accent"), (" sell ", "dim"))
        return self.rule(self.name_span("Ticket"), hints, width)

    def body(self, width: int, height: int) -> list[Line]:
        compose = ticket_view.narrow if self.has_class("narrow") else ticket_view.wide
        return compose(self.state, self.context.model, width, height, focused=self.has_focus)

    def pull(self) -> None:
        if self.context.model.look != self._look:
            self._look = self.context.model.look
            self.draft.clear()
            self.state.forget()
        status = self.context.model.status
        if status is not None and status.trading_state is not self._trading:
            self._trading = status.trading_state  # what was said under the other state no longer holds
            self.state.preview, self.state.preview_of = None, -1
            if not self.draft.missing():
                self._ask_soon()
        now = self.context.clock.mono_s()
        if self.state.answered and now - self._asked_s >= RENEW_S and not self.draft.missing():
            self._ask_soon()
        super().pull()

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
        if PRICE in self.draft.fields and levels:
            self.draft.set(PRICE, Decimal(f"{levels[0].price:.{steps.price}f}"))
        self.edited()

    def next_type(self) -> None:
        instrument = self.context.model.instrument
        self.draft.next_type(instrument.order_types if instrument else frozenset(OrderType))
        if PRICE in self.draft.fields and not self.draft.texts[PRICE]:
            self.at_touch()
        self.edited()

    def next_time_in_force(self) -> None:
        if self.draft.timed:
            self.draft.next_time_in_force()
        self.edited()

    def toggle_unit(self) -> None:
        if not self.draft.quote_allowed:
            self.state.message = (
                "only MARKET takes an amount in the quote asset; t changes the type",
                "warn",
            )
            self.pull()
            return
        self.draft.toggle_unit()
        self.edited()

    def nudge(self, by: int) -> None:
        steps = self.context.model.steps(self.context.model.look)
        self.draft.nudge(by, steps.step if self.draft.field == QUANTITY else steps.tick)
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
        if name == "backspace":
            self.draft.backspace()
        elif not (character and self.draft.type_character(character)):
            return False
        self.edited()
        return True

    def take_paste(self, text: str) -> None:
        for character in text.strip():
            if not self.draft.type_character(character):
                break
        self.edited()

    # --- preview -------------------------------------------------------------------------------------------

    def _ask_soon(self) -> None:
        if self._timer is not None:
            self._timer.stop()
        self._asked_s = self.context.clock.mono_s()
        self._timer = self.set_timer(DEBOUNCE_S, self._ask)

    def _ask(self) -> None:
        if not self.draft.missing():
            self.run_worker(self.ask(), group="preview", exclusive=True)

    async def ask(self) -> None:
        """One preview of the draft as it is now; an answer about an older draft is dropped."""
        version, (venue, symbol) = self.draft.version, self.context.model.look
        try:
            answer = await self.context.call(PreviewOrder(order=self.draft.order(venue, symbol)))
        except LinkError as error:
            if version == self.draft.version:
                self.state.preview, self.state.preview_of = None, -1
                self.state.message = (error.text, "down")
        else:
            if version == self.draft.version and isinstance(answer, Preview):
                self.state.preview, self.state.preview_of = answer, version
        self.pull()

    # --- sending -------------------------------------------------------------------------------------------

    async def send(self, confirm: Confirm) -> None:
        """Send the draft, once. `confirm` may put a dialog between; every refusal says why."""
        refusal = await self._refusal()
        preview = self.state.preview
        if refusal or preview is None:
            self._answer(refusal or "no preview yet; try again", "down")
            return
        version = self.draft.version
        if not await confirm(preview) or version != self.draft.version:
            self._answer("not sent", "dim")
            return
        self.state.sending = True
        self._answer("sending", "warn")
        try:
            venue, symbol = self.context.model.look
            result = await self.context.call(self.draft.order(venue, symbol))
        except LinkError as error:
            self._answer(f"no answer: {error.text} ctrl+o again asks about the same order", "down")
            return
        finally:
            self.state.sending = False
        if isinstance(result, OrderUpdate):
            self.context.model.apply(result)
            self.state.sent_id, self.state.sent_version = result.order.client_order_id, version
            self.state.message = ("", "dim")
        self.pull()

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
        preview = self.state.preview
        if preview is not None and self.state.preview_of == self.draft.version and not preview.ok:
            return f"refused: {preview.reason}"
        if preview is None or self.state.preview_of != self.draft.version:
            return self.state.message[0] or "the draft changed; try again"
        return ""

    def _answer(self, text: str, tone: str) -> None:
        self.state.message = (text, tone)
        if tone == "down":
            self.context.say("bad", f"not sent: {text}")
        self.pull()
