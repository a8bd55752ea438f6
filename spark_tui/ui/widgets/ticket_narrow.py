"""The ticket across the 80-column layout: what is asked on a line or two, then rules and verdict. Pure."""

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.risk import Verdict
from spark_tui.ui import format as fmt
from spark_tui.ui.ahead import Ahead
from spark_tui.ui.course import course
from spark_tui.ui.draft import Draft
from spark_tui.ui.lines import Line, Span, clip, width_of
from spark_tui.ui.model import Model
from spark_tui.ui.shapes import LISTS, QUANTITY, Shape, short_label
from spark_tui.ui.story import TYPE_WORDS, short_id
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
from spark_tui.ui.widgets.ticket_rules import meter, names, tightest, with_bars

TALL = 3  # lines at the most
METER = 7
WORTH = 20  # cells kept for what it is worth, so that nothing moves when the answer comes


def narrow(state: TicketState, model: Model, width: int, height: int, *, focused: bool) -> list[Line]:
    rows = _asked(state, model, width, focused=focused)[: height - 1]
    verdict = verdict_lines(state, model, width, height - len(rows))
    if len(verdict) == 1:
        before = _before(state, model, width - width_of(verdict[0]) - 1)
        verdict = [clip((*before, *verdict[0]), width)]
    return [*(clip(row, width) for row in rows), *verdict]


def _asked(state: TicketState, model: Model, width: int, *, focused: bool) -> list[Line]:
    """The sentence with its fields and what it is worth; the keys while there is nothing to say yet."""
    draft, ahead = state.draft, state.current
    line: list[Span] = [*side_chip(draft), (f" {_words(draft)} ", "b ink")]
    if draft.replaces:
        line.append((f"for {short_id(draft.replaces)} ", "b warn"))
    rows: list[Line] = []
    entry = 10 if len(draft.fields) < 4 else 8
    for field in draft.fields:
        spans = _across(draft, field, focused, entry, model.instrument)
        if width_of(line) + width_of(spans) > width:
            rows.append(tuple(line))
            line = [("  ", "ink")]
        line += spans
    worth = _worth(ahead, model.instrument)
    if width_of(line) + max(WORTH, width_of(worth[:1])) > width:
        rows.append(tuple(line))
        line = []
    for span in worth if ahead is not None else ():
        if width_of(line) + len(span[0]) > width:
            break
        line.append(span)
    hints = hints_of(draft, model.instrument)
    if ahead is None and focused and width_of(line) + width_of(hints) < width:
        line += [(" ", "dim"), *hints]
    return [*rows, tuple(line)]


def _words(draft: Draft) -> str:
    """LIMIT GTC STP NONE, OCO STOP_LIMIT, TWAP algo."""
    stp = f" STP {draft.prevention.replace('_', ' ')}" if draft.prevention else ""
    if draft.shape is Shape.ORDER:
        return TYPE_WORDS[draft.type] + (f" {draft.time_in_force}" if draft.timed else "") + stp
    if draft.shape in LISTS:
        return f"{draft.shape} {TYPE_WORDS[draft.leg_type]}{stp}"
    return f"{draft.shape} algo"


def _before(state: TicketState, model: Model, room: int) -> Line:
    """Beside the verdict: what was changed or is odd, else what it would do and how full the rules are."""
    ahead = state.current
    if ahead is None or not ahead.ok:
        return ()
    if said := told(ahead):
        return ((f" {fmt.fit(said[-1], room - 2)} ", "warn"),) if room > 2 else ()
    line = [*_course(ahead, model, room)]
    for label, text, tone in held(ahead, model.instrument):
        if width_of(line) + len(label) + len(text) + 3 <= room:
            line.append((f" {label} {text} ", tone))
    return (*line, *_meters(with_bars(ahead.verdicts), room - width_of(line)))


def _meters(rules: list[Verdict], room: int) -> Line:
    """Those nearest to their limit, as many as there is room for."""
    known = names(rules)
    for count in range(min(len(rules), room // METER), 0, -1):
        shown: Line = tuple(
            span
            for rule in tightest(rules, count)
            for span in ((f" {known[rule.rule]} ", "dim"), *meter(rule, METER), (" ", "dim"))
        )
        if width_of(shown) <= room:
            return shown
    return ()


def _course(ahead: Ahead, model: Model, room: int) -> Line:
    line: list[Span] = []
    for row in course(ahead.answer, model.steps(model.look)):
        mark, tone = MARKS[row.ok]
        said = f" {mark}{row.label} " + ("" if row.ok is not None else f"{row.text} ")
        if width_of(line) + len(said) > room:
            break
        line.append((said, tone))
    return tuple(line)


def _across(
    draft: Draft, field: str, focused: bool, entry: int, instrument: Instrument | None
) -> tuple[Span, ...]:
    before = short_label(draft.shape, field, draft.trigger)
    spans: list[Span] = [(f" {before} ", "dim")] if before else []
    spans.append(entry_of(draft, field, focused, entry))
    if field == QUANTITY and instrument is not None:
        spans.append((f" {instrument.quote if draft.in_quote else instrument.base}", "dim"))
    return tuple(spans)


def _worth(ahead: Ahead | None, instrument: Instrument | None) -> Line:
    if ahead is None or ahead.notional is None or instrument is None:
        return ()
    worth: Line = ((f"  = {fmt.fixed(ahead.notional, 2)} {instrument.quote}", "ink"),)
    return (*worth, (f"  fee {fee_words(ahead.fees)}", "dim")) if ahead.fees else worth
