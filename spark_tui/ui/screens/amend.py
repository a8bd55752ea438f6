"""Shrinks an order in its place: the new total is typed, ctrl+o sends it, Enter does not."""

from collections.abc import Sequence
from decimal import Decimal

from spark_tui.domain import risk
from spark_tui.domain.amends import check_amend
from spark_tui.domain.filter_subject import FilterContext
from spark_tui.domain.filters import quantity_step
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import TERMINAL, Order
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import Environment
from spark_tui.ui import format as fmt
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line
from spark_tui.ui.number_field import NumberField
from spark_tui.ui.offers import amount, asked_words, total
from spark_tui.ui.screens.dialog import FRAME, LABEL, WIDTH, DialogScreen, fact_lines
from spark_tui.ui.story import short_id

FIELD = 14


class AmendScreen(DialogScreen):
    """Answered with the new total as text. The order is judged as it is now, not as it was when asked."""

    tone = "warn"

    def __init__(
        self, context: Context, order: Order, instrument: Instrument, environment: Environment
    ) -> None:
        super().__init__(context)
        self.title_text = f"Amend {short_id(order.client_order_id)} · {environment}"
        self._key = order.client_order_id
        self._order = order
        self._instrument = instrument
        self._new = NumberField()
        self._said = ""

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(0.2, self.tick)

    def tick(self) -> None:
        """It may fill or end, or trading be halted, while the number is typed."""
        update = self.context.model.orders.get(self._key)
        same = update is None or update.order is self._order
        if update is not None:
            self._order = update.order
        if not same or self.refusal() != self._said:
            self.frame.pull()

    def wanted_size(self) -> tuple[int, int]:
        width = min(WIDTH, self.app.size.width - 2)
        return width, len(fact_lines(self._facts(), width - FRAME)) + 11

    def _facts(self) -> list[tuple[str, str, str]]:
        order = self._order
        filled = f", {fmt.exact(order.filled)} of it filled" if order.filled else ""
        return [
            ("will shrink", f"{asked_words(order, self.context.model)}{filled}", "b ink"),
            ("then", "it keeps its place in the queue; what is filled stays filled", "ink"),
            ("if refused", "the order stays as large as it is", "ink"),
            ("if no answer", "it counts at its old size until the venue has told", "ink"),
        ]

    def refusal(self) -> str:
        """Why the number cannot be sent, as a sentence; empty when it can."""
        if missing := self._missing():
            return missing
        return "; ".join(verdict.text for verdict in self._verdicts() if not verdict.ok)

    def _missing(self) -> str:
        if self._order.state in TERMINAL:
            return f"the order is {self._order.state}"
        if self.context.model.status is None:
            return "no engine has said yet whether trading is halted"
        return "" if self._new.text.strip(".") else self._new.said or "type the new total"

    def _verdicts(self) -> tuple[Verdict, ...]:
        """The gate's own, of the number as typed."""
        status = self.context.model.status
        assert status is not None  # _missing says so before
        context = FilterContext(average_price=self._order.request.price)
        failures = check_amend(self._instrument, self._order, self._quantity(), context)
        return risk.check_amend(status.trading_state, status.halt_reason, failures)

    def _quantity(self) -> Decimal:
        return amount(self._new.text)

    def lines(self, width: int, height: int) -> Sequence[Line]:
        refusal = self._said = self.refusal()
        step = quantity_step(self._instrument)
        unit = f" {self._instrument.base}" + (f", in steps of {fmt.exact(step)}" if step else "")
        new: Line = (
            (f" {'new total':<{LABEL}}", "dim"),
            (f"{fmt.group(self._new.text) + '▏':>{FIELD}}", "b ink on background"),
            (unit, "dim"),
        )
        told = [("", refusal, "warn" if self._new.text or self._new.said else "dim")]
        if not refusal:
            passed = [("", one.text, "dim") for one in self._verdicts()]
            told = [("", self._change(), "up"), ("the rules", *passed[0][1:]), *passed[1:]]
        says = fact_lines(told, width)
        foot: Line = (
            (" ", "ink"),
            (" Esc  Cancel ", "b background on accent"),
            ("   ctrl+o", "b accent" if not refusal else "dim"),
            (" amend it", "ink" if not refusal else "dim"),
            ("   Enter never does", "dim"),
        )
        return [
            (),
            *fact_lines(self._facts(), width),
            (),
            new,
            *says[:3],
            *([()] * (4 - len(says[:3]))),
            foot,
        ]

    def _change(self) -> str:
        before = total(self._order)
        left = self._quantity() - self._order.filled
        return f"{fmt.exact(before)} becomes {fmt.exact(self._quantity())}; {fmt.exact(left)} stays open"

    def take_key(self, name: str, character: str | None) -> None:
        if name == "escape":
            self.finish("")
        elif name == "ctrl+o":
            if not self.refusal():
                self.finish(self._new.text)
        else:
            self._new.key(name, character)
        self.frame.pull()

    def take_paste(self, text: str) -> None:
        """It fills the number; ctrl+o sends it."""
        self._new.paste(text)
        self.frame.pull()
