"""What the ticket's draft becomes: an order sent once, or the venue's word on one that is not placed."""

from collections.abc import Awaitable, Callable

from spark_tui.link.messages import AlgoRow, OrderList, OrderUpdate, TestOrder, TestResult
from spark_tui.link.service import LinkError
from spark_tui.ui.ahead import Ahead
from spark_tui.ui.context import Context
from spark_tui.ui.drafted import order_of
from spark_tui.ui.model import Key
from spark_tui.ui.shapes import Shape
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.ticket_parts import TicketState

_MAY_BE_SENT = frozenset({"NO_ANSWER", "ENGINE_GONE", "CUT_OFF", "INTERNAL"})
_CHANGED = "the ticket changed after ctrl+o; look at it, then send again"

Ask = Callable[[], Awaitable[None]]
Confirm = Callable[[Ahead], Awaitable[bool]]
Said = tuple[int, Key]  # a draft's version and the instrument looked at


class Sending:
    """`ask` brings the preview of the draft as it is; `paint` shows what `state` says now."""

    def __init__(
        self,
        context: Context,
        state: TicketState,
        ask: Callable[[], Awaitable[None]],
        paint: Callable[[], None],
    ) -> None:
        self._context = context
        self._state = state
        self._draft = state.draft
        self._ask = ask
        self._paint = paint

    @property
    def said(self) -> Said:
        """What the ticket says now; take it at the key press that is to send it."""
        return self._draft.version, self._context.model.look

    async def send(self, said: Said, confirm: Confirm) -> None:
        """Send what the ticket `said`, once, and nothing it says since: keys typed after the sending key come
        in the same breath over a slow line. `confirm` may put a dialog between; every refusal says why."""
        refusal = self._since(said) or await self._refusal() or self._since(said)
        ahead = self._state.ahead
        if refusal or ahead is None:
            self._answer(refusal or "no preview yet; try again", "down")
            return
        if not await confirm(ahead) or said != self.said:
            self._answer("not sent", "dim")
            return
        version, _ = said
        self._state.sending = True
        self._answer("sending", "warn")
        try:
            result = await self._context.call(ahead.request)
        except LinkError as error:
            self._failed(error)
            return
        finally:
            self._state.sending = False
        rows = result.legs if isinstance(result, OrderList) else (result,)
        updates = [row for row in rows if isinstance(row, OrderUpdate)]
        for update in updates:
            self._context.model.apply(update)
        self._draft.settle()
        if isinstance(result, AlgoRow):
            self._context.model.apply(result)
            self._state.sent_id, self._state.sent_version = result.algo_id, version
            self._state.message = ("", "dim")
        if updates:
            self._state.sent_id, self._state.sent_version = updates[0].order.client_order_id, version
            self._state.message = ("", "dim")
        self._paint()

    def _since(self, said: Said) -> str:
        return _CHANGED if said != self.said else ""

    async def _refusal(self) -> str:
        """Why the draft cannot be sent now; empty when it can."""
        model = self._context.model
        if self._context.read_only:
            return "this cockpit is read-only"
        if model.lost_because:
            return "the engine is lost: nothing can be sent"
        if self._state.sending:
            return "still sending"
        if missing := self._draft.missing():
            return missing
        if self._state.sent_version == self._draft.version:
            return f"already sent as {short_id(self._state.sent_id)}; b or s begins another"
        await self._ask()
        if not self._state.answered or self._state.ahead is None:
            return self._state.message[0] or "the draft changed; try again"
        if not self._state.ahead.ok:
            return f"refused: {self._state.ahead.reason}"
        return ""

    def _failed(self, error: LinkError) -> None:
        """Never "not sent" where that is not known: whoever believes it orders twice."""
        if error.code in _MAY_BE_SENT:
            text = f"no answer: {error.text} ctrl+o again asks about the same order"
            self._context.say("bad", f"perhaps sent: {text}")
            self._state.message = (text, "down")
            self._paint()
        else:
            self._answer(error.text, "down")

    def _warn(self, text: str) -> None:
        self._state.message = (text, "warn")
        self._paint()

    def _answer(self, text: str, tone: str) -> None:
        self._state.message = (text, tone)
        if tone == "down":
            self._context.say("bad", f"not sent: {text}")
        self._paint()

    async def test(self) -> None:
        """Ask the venue whether it would take the order; nothing is placed."""
        if self._draft.shape is not Shape.ORDER:
            self._warn("the venue tests single orders only; the rules are checked above")
            return
        if missing := self._draft.missing():
            self._warn(missing)
            return
        version, (venue, symbol) = self._draft.version, self._context.model.look
        self._answer("testing", "warn")
        try:
            result = await self._context.call(TestOrder(order=order_of(self._draft, venue, symbol)))
        except LinkError as error:
            answer = (f"not tested: {error.text}", "warn")
        else:
            answer = _test_words(result) if isinstance(result, TestResult) else ("not tested", "warn")
        self._context.say("good" if answer[1] == "up" else "warn", f"Dry run: {answer[0]}")
        if version == self._draft.version:
            self._state.message = answer
        self._paint()


def _test_words(result: TestResult) -> tuple[str, str]:
    """(text, tone) of a dry run's answer."""
    if not result.sent:
        return f"the gate refuses it: {result.preview.reason}", "down"
    if result.ok:
        return "the venue would take it; nothing was placed", "up"
    return f"the venue would refuse it: {result.code} {result.text}", "down"
