"""What both layouts of the ticket are made of. Pure."""

from dataclasses import dataclass
from decimal import Decimal

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.values import Side
from spark_tui.link.messages import Preview
from spark_tui.ui import format as fmt
from spark_tui.ui.ahead import Ahead
from spark_tui.ui.draft import Draft
from spark_tui.ui.lines import Line, Span, wrapped
from spark_tui.ui.model import Model
from spark_tui.ui.shapes import LISTS, Shape
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.desk import state_words

MARKS = {True: ("✓ ", "dim"), False: ("✗ ", "down"), None: ("", "dim")}


@dataclass(slots=True)
class TicketState:
    """What the ticket shows beside the draft itself."""

    draft: Draft
    ahead: Ahead | None = None
    ahead_of: int = -1  # the draft's version it is about
    message: tuple[str, str] = ("", "dim")  # answer to the last key, until the draft changes
    sent_id: str = ""
    sent_version: int = -1
    sending: bool = False

    @property
    def answered(self) -> bool:
        return self.ahead is not None and self.ahead_of == self.draft.version

    @property
    def current(self) -> Ahead | None:
        """The answer about the draft as it is."""
        return self.ahead if self.answered else None

    @property
    def steady(self) -> Ahead | None:
        """The last answer, also while the next one is on its way, so that the bars do not flicker; none once
        the draft is no order any more."""
        return None if self.draft.missing() else self.ahead

    def forget(self) -> None:
        self.ahead, self.ahead_of = None, -1
        self.message, self.sent_id = ("", "dim"), ""


def side_chip(draft: Draft) -> Line:
    tone = "up" if draft.side is Side.BUY else "down"
    return ((" ", "ink"), (f" {draft.side} ", f"b background on {tone}"))


def hints_of(draft: Draft, instrument: Instrument | None) -> Line:
    """The keys that change what this draft is, as far as they do something here."""
    keys = [("t", "type")]
    if draft.shape in LISTS:
        keys = [("t", "leg")]
    elif draft.shape is not Shape.ORDER:
        return ((" w", "b accent"), (" next algo, or an order", "dim"))
    elif instrument is not None:
        offered = (
            ("f", "time", draft.timed and not draft.iceberg),
            ("u", "unit", draft.quote_allowed and instrument.quote_quantity_market_allowed),
            ("d", "trail", draft.takes("trailing_delta") and instrument.trailing_stop_allowed),
            ("v", "ice", draft.takes("iceberg_quantity") and instrument.iceberg_allowed),
            ("p", "stp", bool(instrument.allowed_stp_modes)),
        )
        keys += [(key, word) for key, word, there in offered if there]
    keys += [("l", "list")] if draft.shape in LISTS else [("l", "list"), ("w", "algo")]
    return tuple(span for key, word in keys for span in ((f" {key}", "b accent"), (f" {word}", "dim")))


def entry_of(draft: Draft, field: str, focused: bool, width: int) -> Span:
    active = focused and draft.field == field
    shown = draft.shown(field) + ("▏" if active else "")
    return (
        f"{shown:>{width}} " if not active else f"{shown:>{width + 1}}",
        "b ink on ink15" if active else "b ink on ink6",
    )


def fee_words(fees: tuple[tuple[Decimal, str], ...]) -> str:
    """0.67 USDT, but 0.0000104 BTC."""
    return " + ".join(
        f"{fmt.exact(amount) if amount < 1 else fmt.fixed(amount, 2)} {asset}" for amount, asset in fees
    )


def told(ahead: Ahead | None) -> tuple[str, ...]:
    """What quantising changed, and what the venue would not take as the market is now."""
    return () if ahead is None else (*ahead.changes, *ahead.warnings)


def verdict_lines(state: TicketState, model: Model, width: int, most: int) -> list[Line]:
    """One line that says whether it would pass and which key sends it; a refusal may take `most`."""
    text, tone = verdict_words(state, model)
    if tone == "sent":
        algo = model.algos.get(state.sent_id)
        if algo is not None:
            return [((f" algo {short_id(algo.algo_id)} ", "accent"), (algo.state, "b up"))]
        return [_sent(state, model)]
    if tone == "pass":
        every: Line = ((f" ✓ {text}", "b up"), (" r", "b accent"))
        return [(*every, ("  ctrl+o", "b accent"), (" send", "accent"))]
    rows = wrapped(text, max(10, width - 3), most) or [""]
    mark = "✗ " if tone == "down" else ""
    return [((f" {mark if row == rows[0] else ''}{row}", tone),) for row in rows]


def verdict_words(state: TicketState, model: Model) -> tuple[str, str]:
    """(text, tone); the tones `pass` and `sent` ask for a line of their own."""
    if model.lost_because:
        return "engine lost: nothing can be sent", "down"
    if state.message[0]:
        return state.message
    if (
        state.sent_id
        and state.sent_version == state.draft.version
        and (state.sent_id in model.orders or state.sent_id in model.algos)
    ):
        return "", "sent"
    if missing := state.draft.missing():
        return missing, "dim"
    ahead = state.current
    if ahead is None:
        return "checking the rules", "dim"
    if ahead.ok:
        return f"passes {len(ahead.verdicts)} rules", "pass"
    return ahead.reason, "down"


def _sent(state: TicketState, model: Model) -> Line:
    """What became of it; of a list, of each leg."""
    part = model.orders[state.sent_id].order.part
    rows = model.legs(part.list_id) if part is not None else [model.orders[state.sent_id]]
    line: list[Span] = [(f" {part.kind}", "b ink")] if part is not None else []
    said = [state_words(row.order, model.venue_now_ms(), narrow=True) for row in rows]
    for index, row in enumerate(rows):
        line.append((f" {short_id(row.order.client_order_id)}", "accent"))
        if said[index : index + 2] != [said[index]] * 2:  # said once for neighbours that are alike
            words, tone = said[index]
            line.append((f" {words}", tone))
    return tuple(line)


def held(ahead: Ahead | None, instrument: Instrument | None) -> list[tuple[str, str, str]]:
    """What would be held once an order has traded in full; of futures also how far from liquidation that is.
    (label, text, tone) rows."""
    answer = ahead.answer if ahead is not None else None
    if not isinstance(answer, Preview) or answer.position_after is None:
        return []
    base = instrument.base if instrument else ""
    rows = [("held", f"{fmt.exact(answer.position)} → {fmt.exact(answer.position_after)} {base}", "ink")]
    if answer.liquidation is not None and answer.liquidation_distance is not None:
        away = fmt.fixed(answer.liquidation_distance, 1)
        rows.append(("liquidated", f"{fmt.exact(answer.liquidation)}, {away} % away", "warn"))
    return rows
