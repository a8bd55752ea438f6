"""How the ticket looks: top to bottom a sentence, then each rule's bar, then the verdict. Pure."""

import textwrap
from dataclasses import dataclass
from decimal import Decimal

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.values import Side
from spark_tui.ui import format as fmt
from spark_tui.ui.ahead import Ahead
from spark_tui.ui.course import course
from spark_tui.ui.draft import Draft
from spark_tui.ui.lines import Line, Span, clip, width_of
from spark_tui.ui.model import Model
from spark_tui.ui.shapes import FIELDS, LISTS, QUANTITY, Shape, label, short_label
from spark_tui.ui.story import TYPE_WORDS, short_id
from spark_tui.ui.widgets.desk import state_words
from spark_tui.ui.widgets.ticket_rules import LABEL, bar, meter, ticks, with_bars

FIELD = 12  # cells of a number field
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

    def forget(self) -> None:
        self.ahead, self.ahead_of = None, -1
        self.message, self.sent_id = ("", "dim"), ""


def wide(state: TicketState, model: Model, width: int, height: int, *, focused: bool) -> list[Line]:
    """The ticket at the left of the 120-column layout."""
    draft = state.draft
    instrument = model.instrument
    lines = [_sentence(draft, model, width)]
    if draft.replaces:
        lines.append(((f" in place of {short_id(draft.replaces)}", "b warn"), (", after y", "dim")))
    for field in draft.fields:
        lines.append((*_field(draft, field, focused), *_beside(draft, field, model, instrument)))
    lines.append(_notional(state, model))
    lines += _course(state, model, width)
    verdict = _verdict(state, model, width)
    changes = _changes(state, width)
    hints = _hints(draft, instrument)
    fee: list[Line] = [_costs(state)] if height >= len(lines) + len(verdict) + len(changes) + 4 else []
    room = height - len(lines) - len(verdict) - len(changes) - len(fee)
    if focused and room > 7:
        rows = _rows(hints, width)
        fee = [*rows, *fee]
        room -= len(rows)
    verdicts = state.ahead.verdicts if state.ahead else ()
    bars = [*(bar(rule, width) for rule in with_bars(verdicts)), *ticks(verdicts, width)]
    gaps = room - len(bars)
    lines += changes
    if gaps > 0:
        lines.append(())
    lines += bars[: max(0, room - (1 if gaps > 0 else 0))]
    if gaps > 1:
        lines.append(())
    return [*lines, *fee, *verdict]


def narrow(state: TicketState, model: Model, width: int, height: int, *, focused: bool) -> list[Line]:
    """Across the 80-column layout: the sentence, for a list on two lines, and the rules with the verdict."""
    draft = state.draft
    words = _list_words(draft) if draft.shape is not Shape.ORDER else TYPE_WORDS[draft.type]
    entry = 10 if len(draft.fields) < 4 else 8
    line: list[Span] = [*_side_chip(draft), (f" {words} ", "b ink")]
    if draft.replaces:
        line.append((f"for {short_id(draft.replaces)} ", "b warn"))
    lines: list[Line] = []
    for field in draft.fields:
        spans = _across(draft, field, focused, entry, model.instrument)
        if width_of(line) + width_of(spans) > width and len(lines) < height - 2:
            lines.append(tuple(line))
            line = [("  ", "ink")]
        line += spans
    ahead = state.current
    for span in _worth(ahead, model.instrument):
        if width_of(line) + len(span[0]) <= width:
            line.append(span)
    if ahead is not None and ahead.changes:
        line.append((f"  {ahead.changes[0]}", "warn"))
    elif ahead is None and focused:
        hints = _hints(draft, model.instrument)
        if width_of(line) + width_of(hints) + 1 < width:
            line += [(" ", "dim"), *hints]
    verdict = _verdict(state, model, width)[0]
    room = width - width_of(verdict) - 1
    bars = [*_course_across(state, model, room)]
    for rule in with_bars(ahead.verdicts) if ahead is not None and ahead.ok else ():
        more: Line = ((f" {rule.label} ", "dim"), *meter(rule, 7), (" ", "dim"))
        if width_of(bars) + width_of(more) > room:
            break
        bars += more
    return [*lines, clip(tuple(line), width), clip((*bars, *verdict), width)][:height]


def _across(
    draft: Draft, field: str, focused: bool, entry: int, instrument: Instrument | None
) -> tuple[Span, ...]:
    before = short_label(draft.shape, field, draft.trigger)
    spans: list[Span] = [(f" {before} ", "dim")] if before else []
    spans.append(_entry(draft, field, focused, entry))
    if field == QUANTITY and instrument is not None:
        spans.append((f" {instrument.quote if draft.in_quote else instrument.base}", "dim"))
    return tuple(spans)


def _worth(ahead: Ahead | None, instrument: Instrument | None) -> Line:
    if ahead is None or ahead.notional is None or instrument is None:
        return ()
    worth: Line = ((f"  = {fmt.fixed(ahead.notional, 2)} {instrument.quote}", "ink"),)
    return (*worth, (f"  fee {fee_words(ahead.fees)}", "dim")) if ahead.fees else worth


def _course(state: TicketState, model: Model, width: int) -> list[Line]:
    """What a list's legs are, or what an algo would do."""
    lines: list[Line] = []
    for row in course(state.ahead.answer, model.steps(model.look)) if state.ahead else ():
        mark, tone = MARKS[row.ok]
        texts = textwrap.wrap(row.text, max(10, width - LABEL - 1), max_lines=2, placeholder="…")
        label = f"{mark}{row.label}"
        for text in texts:
            lines.append(((f" {label:<{LABEL}}", tone), (text, "ink" if row.ok is None else tone)))
            label = ""
    return lines


def _course_across(state: TicketState, model: Model, room: int) -> Line:
    """The same in one line, as far as it goes; a refusal says what matters of it."""
    ahead = state.current
    if ahead is None or not ahead.ok:
        return ()
    line: list[Span] = []
    for row in course(ahead.answer, model.steps(model.look)):
        mark, tone = MARKS[row.ok]
        said = f" {mark}{row.label} " + ("" if row.ok is not None else f"{row.text} ")
        if width_of(line) + len(said) > room:
            break
        line.append((said, tone))
    return tuple(line)


def _side_chip(draft: Draft) -> Line:
    tone = "up" if draft.side is Side.BUY else "down"
    return ((" ", "ink"), (f" {draft.side} ", f"b background on {tone}"))


def _list_words(draft: Draft) -> str:
    """OCO STOP_LIMIT: the list, and the type of the leg that may vary."""
    if draft.shape not in LISTS:
        return f"{draft.shape} algo"
    return f"{draft.shape} {TYPE_WORDS[draft.leg_type]}"


def _sentence(draft: Draft, model: Model, width: int) -> Line:
    """Side, type and terms; the symbol where there is room for it."""
    if draft.shape is Shape.ORDER:
        words, terms = draft.type.replace("_", " "), [draft.time_in_force.value] if draft.timed else []
    elif draft.shape in LISTS:
        words, terms = draft.shape.value, [draft.leg_type.replace("_", " ").lower()]
    else:
        words, terms = draft.shape.value, ["algo"]
    line: list[Span] = [*_side_chip(draft), (f" {words}", "b ink")]
    for term in terms:
        line.append((f" {term}", "ink"))
    for more in (draft.prevention or "", model.look[1]):
        if more and width_of(line) + len(more) + 2 <= width:
            line.append((f"  {more}", "dim"))
    return tuple(line)


def _rows(hints: Line, width: int) -> list[Line]:
    """Pairs of key and word, on as many lines as they need."""
    rows: list[list[Span]] = [[]]
    for key, word in zip(hints[::2], hints[1::2], strict=True):
        if rows[-1] and width_of(rows[-1]) + width_of((key, word)) > width:
            rows.append([])
        rows[-1] += (key, word)
    return [tuple(row) for row in rows]


def _hints(draft: Draft, instrument: Instrument | None) -> Line:
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


def _entry(draft: Draft, field: str, focused: bool, width: int) -> Span:
    active = focused and draft.field == field
    shown = draft.shown(field) + ("▏" if active else "")
    return (
        f"{shown:>{width}} " if not active else f"{shown:>{width + 1}}",
        "b ink on ink15" if active else "b ink on ink6",
    )


def _field(draft: Draft, field: str, focused: bool) -> Line:
    return (
        (f" {label(draft.shape, field, draft.trigger):<{LABEL}}", "dim"),
        _entry(draft, field, focused, FIELD - 1),
    )


def _beside(draft: Draft, field: str, model: Model, instrument: Instrument | None) -> Line:
    """The unit of a quantity; how far a price is from the middle of the book."""
    if field == QUANTITY:
        unit = "" if instrument is None else instrument.quote if draft.in_quote else instrument.base
        return ((f" {unit}", "ink"),)
    if FIELDS[field].unit != "price":
        base = instrument.base if instrument else ""
        return ((f" {({'bp': 'bp', 'quantity': base}).get(FIELDS[field].unit, '')}", "ink"),)
    price = draft.number(field)
    book = model.book
    if price is None or book is None or not (book.usable and book.bids and book.asks):
        return ()
    middle = (book.bids[0].price + book.asks[0].price) / 2
    away = (float(price) / middle - 1) * 100
    return ((f" {fmt.fixed(away, 2, sign=True)} %", "dim"),)


def _notional(state: TicketState, model: Model) -> Line:
    ahead, instrument = state.current, model.instrument
    if ahead is None or ahead.notional is None or instrument is None:
        return ((f" {'notional':<{LABEL}}", "dim"), (f"{fmt.ABSENT:>{FIELD - 1}}", "dim"))
    equity = model.balances.equity if model.balances else None
    share = f" {ahead.notional / equity * 100:.1f} %" if equity and instrument.quote == "USDT" else ""
    return (
        (f" {'notional':<{LABEL}}", "dim"),
        (f"{fmt.fixed(ahead.notional, 2):>{FIELD - 1}} ", "ink"),
        (instrument.quote, "dim"),
        (share, "dim"),
    )


def _changes(state: TicketState, width: int) -> list[Line]:
    """What quantising changed."""
    if state.current is None:
        return []
    rows = [row for change in state.current.changes for row in textwrap.wrap(change, width - 2)]
    return [((f" {row}", "warn"),) for row in rows[:3]]


def _costs(state: TicketState) -> Line:
    ahead = state.current
    if ahead is None:
        return ()
    slip = "" if ahead.slippage_bp is None else f"   slip {ahead.slippage_bp:.1f} bp"
    fee = f" fee {fee_words(ahead.fees)}" if ahead.fees else ""
    return ((fee + slip, "dim"),)


def fee_words(fees: tuple[tuple[Decimal, str], ...]) -> str:
    """0.67 USDT, but 0.0000104 BTC."""
    return " + ".join(
        f"{fmt.exact(amount) if amount < 1 else fmt.fixed(amount, 2)} {asset}" for amount, asset in fees
    )


def _verdict(state: TicketState, model: Model, width: int) -> list[Line]:
    """One line that says whether it would pass and which key sends it; a refusal may take three."""
    text, tone = _verdict_words(state, model)
    if tone == "sent":
        algo = model.algos.get(state.sent_id)
        if algo is not None:
            return [((f" algo {short_id(algo.algo_id)} ", "accent"), (algo.state, "b up"))]
        update = model.orders[state.sent_id]
        words, token = state_words(update.order, model.venue_now_ms())
        return [((f" {short_id(state.sent_id)} ", "accent"), (words, token))]
    if tone == "pass":
        return [((f" ✓ {text}", "b up"), ("  ctrl+o", "b accent"), (" send", "accent"))]
    rows = textwrap.wrap(text, max(10, width - 3), max_lines=3, placeholder="…") or [""]
    mark = "✗ " if tone == "down" else ""
    return [((f" {mark if row == rows[0] else ''}{row}", tone),) for row in rows]


def _verdict_words(state: TicketState, model: Model) -> tuple[str, str]:
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
