"""The ticket in the wide layout: a sentence, its fields, each rule's bar, and the verdict. Pure."""

from spark_tui.domain.instrument import Instrument
from spark_tui.ui import format as fmt
from spark_tui.ui.course import course
from spark_tui.ui.draft import Draft
from spark_tui.ui.lines import Line, Span, width_of, wrapped
from spark_tui.ui.model import Model
from spark_tui.ui.shapes import ALGOS, FIELDS, LISTS, QUANTITY, Shape, label
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.ticket_parts import (
    MARKS,
    TicketState,
    entry_of,
    fee_words,
    held,
    hints_of,
    side_chip,
    told,
    verdict_lines,
)
from spark_tui.ui.widgets.ticket_rules import LABEL, bar, names, ticks, tightest, with_bars

FIELD = 12  # cells of a number field
REASON = 5  # lines a refusal may take


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
    verdict = verdict_lines(state, model, width, REASON)
    lines = lines[: height - len(verdict)]
    notes = _notes(state, width)
    room = height - len(lines) - len(verdict) - len(notes)
    fee: list[Line] = [_costs(state)] if room >= 4 else []
    then = _held(state, model, width)
    fee = [*then, *fee] if room >= 6 + len(then) else fee
    room -= len(fee)
    if focused and room > 7:
        rows = _rows(hints_of(draft, instrument), width)
        fee = [*rows, *fee]
        room -= len(rows)
    verdicts = state.steady.verdicts if state.steady else ()
    rules = tightest(with_bars(verdicts), room)
    known = names(verdicts)
    bars = [*(bar(rule, width, known[rule.rule]) for rule in rules), *ticks(verdicts, width)]
    gaps = room - len(bars)
    lines += notes[: max(0, height - len(lines) - len(verdict))]
    if gaps > 0:
        lines.append(())
    lines += bars[: max(0, room - (1 if gaps > 0 else 0))]
    if gaps > 1:
        lines.append(())
    return [*lines, *fee, *verdict]


def _course(state: TicketState, model: Model, width: int) -> list[Line]:
    """What a list's legs are, or what an algo would do."""
    lines: list[Line] = []
    for row in course(state.steady.answer, model.steps(model.look)) if state.steady else ():
        mark, tone = MARKS[row.ok]
        texts = wrapped(row.text, max(10, width - LABEL - 1), 2)
        label = f"{mark}{row.label}"
        for text in texts:
            lines.append(((f" {label:<{LABEL}}", tone), (text, "ink" if row.ok is None else tone)))
            label = ""
    return lines


def _sentence(draft: Draft, model: Model, width: int) -> Line:
    """Side, type and terms; the symbol where there is room for it."""
    if draft.shape is Shape.ORDER:
        words, terms = draft.type.replace("_", " "), [draft.time_in_force.value] if draft.timed else []
    elif draft.shape in LISTS:
        words, terms = draft.shape.value, [draft.leg_type.replace("_", " ").lower()]
        terms = ["then", *terms] if draft.shape is Shape.OTO else terms
    else:
        words, terms = draft.shape.value, ["algo"]
    line: list[Span] = [*side_chip(draft), (f" {words}", "b ink")]
    for term in terms:
        line.append((f" {term}", "ink"))
    stp = draft.prevention if draft.shape not in ALGOS else None
    for more in (f"STP {stp.replace('_', ' ').lower()}" if stp else "", model.look[1]):
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


def _field(draft: Draft, field: str, focused: bool) -> Line:
    return (
        (f" {label(draft.shape, field, draft.trigger):<{LABEL}}", "dim"),
        entry_of(draft, field, focused, FIELD - 1),
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


def _notes(state: TicketState, width: int) -> list[Line]:
    rows = [row for text in told(state.current) for row in wrapped(text, width - 2)]
    return [((f" {row}", "warn"),) for row in rows[:4]]


def _held(state: TicketState, model: Model, width: int) -> list[Line]:
    """A long one gives up its column, then its label, then its line; never a part of a number or its unit."""
    lines: list[Line] = []
    for name, text, tone in held(state.current, model.instrument):
        if len(text) <= width - LABEL - 1:
            lines.append(((f" {name:<{LABEL}}", "dim"), (text, tone)))
        elif len(text) + len(name) + 2 <= width:
            lines.append(((f" {name} ", "dim"), (text, tone)))
        elif len(text) < width:
            lines.append(((f" {text}", tone),))
        else:
            before, arrow, after = text.partition(" → ")
            lines += [((f" {before}{arrow.rstrip()}", tone),), ((f" {after}", tone),)]
    return lines


def _costs(state: TicketState) -> Line:
    ahead = state.current
    if ahead is None:
        return ()
    slip = "" if ahead.slippage_bp is None else f"   slip {ahead.slippage_bp:.1f} bp"
    fee = f" fee {fee_words(ahead.fees)}" if ahead.fees else ""
    return ((fee + slip, "dim"),)
