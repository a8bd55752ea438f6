"""Every rule of the ticket's preview with its headroom, and what the order would come to. Sends nothing."""

from collections.abc import Iterator, Sequence

from spark_tui.domain.risk import Verdict
from spark_tui.link.messages import ListPreview
from spark_tui.ui import format as fmt
from spark_tui.ui.ahead import Ahead, role_words
from spark_tui.ui.context import Context
from spark_tui.ui.lines import Line, Span, width_of, wrapped
from spark_tui.ui.screens.scrolling import ScrollingScreen
from spark_tui.ui.widgets.ticket import Ticket
from spark_tui.ui.widgets.ticket_parts import fee_words, held, told, verdict_words
from spark_tui.ui.widgets.ticket_rules import figures, names, room

TICK_S = 0.2
MARK = 3  # cells before a rule's name
BESIDE = 36  # cells a reason needs to stand beside its rule, when it takes more than one line


class TicketRulesScreen(ScrollingScreen):
    """Follows the preview for as long as it is open: the market moves under an unchanged draft."""

    title_text = "Rules of this order"
    closing_text = " closes; nothing is sent from here"
    closing_keys = frozenset({"escape", "q", "r"})

    def __init__(self, context: Context, ticket: Ticket) -> None:
        super().__init__(context)
        self._ticket = ticket

    def on_mount(self) -> None:
        super().on_mount()
        self.set_interval(TICK_S, self.tick)

    def tick(self) -> None:
        self._ticket.pull()
        self._resize_frame()
        self.frame.pull()

    def wanted_size(self) -> tuple[int, int]:
        width = min(118, self.app.size.width - 2)
        return width, len(self.every_line(width - 4)) + 4

    def every_line(self, width: int) -> list[Line]:
        state, model = self._ticket.state, self.context.model
        text, tone = verdict_words(state, model)
        if tone == "sent":
            text, tone = "sent; this is what the rules said to it", "pass"
        mark = {"pass": "✓ ", "down": "✗ "}.get(tone, "")
        said: list[Line] = [
            ((f" {row}", "b up" if tone == "pass" else tone),) for row in wrapped(f"{mark}{text}", width - 2)
        ]
        ahead = state.steady
        if ahead is None:
            return said
        notes: list[Line] = [
            ((f" {row}", "warn"),) for note in told(ahead) for row in wrapped(note, width - 2)
        ]
        sums = _flow([*_sums(ahead, self._quote), *held(ahead, model.instrument)], width)
        return [*said, *notes, *sums, *_tables(ahead, width)]

    @property
    def _quote(self) -> str:
        instrument = self.context.model.instrument
        return "" if instrument is None else f" {instrument.quote}"


def _sums(ahead: Ahead, quote: str) -> Iterator[tuple[str, str, str]]:
    """(label, text, tone); what is not known is said to be so."""
    worth = fmt.ABSENT if ahead.notional is None else f"{fmt.fixed(ahead.notional, 2)}{quote}"
    yield "notional", worth, "ink"
    yield "fee", f"{fee_words(ahead.fees)} at most" if ahead.fees else "not known", "ink"
    slip = "none: it takes nothing from the book now" if ahead.rests else "not known"
    yield "slippage", slip if ahead.slippage_bp is None else f"{ahead.slippage_bp:.1f} bp", "ink"


def _flow(rows: Sequence[tuple[str, str, str]], width: int) -> list[Line]:
    """As many on a line as fit, none of them cut in two."""
    lines: list[list[Span]] = [[]]
    for label, text, tone in rows:
        spans: Line = ((f" {label} ", "dim"), (f"{text}  ", tone))
        if lines[-1] and width_of(lines[-1]) + width_of(spans) > width:
            lines.append([])
        lines[-1] += spans
    return [tuple(line) for line in lines]


def _tables(ahead: Ahead, width: int) -> list[Line]:
    """One table; of a list one a leg, and what is said about the whole."""
    answer = ahead.answer
    if not isinstance(answer, ListPreview):
        return [(), *_table(ahead.verdicts, width)]
    lines: list[Line] = []
    for leg in answer.legs:
        order = leg.preview.order
        title = f" {role_words(leg.role)}: {order.side} {order.type.replace('_', ' ')}"
        lines += [(), ((title, "b ink"),), *_table(leg.preview.verdicts, width)]
    return [*lines, (), ((" the whole list", "b ink"),), *_table(answer.whole, width)]


def _table(verdicts: Sequence[Verdict], width: int) -> list[Line]:
    """Name, what is used of what is allowed, what is left, and why: all of it, on as many lines."""
    known = names(verdicts)
    cells = [(rule, known[rule.rule], figures(rule), room(rule)) for rule in verdicts]
    head = ("rule", "used / allowed", "left")
    columns = zip(head, *(texts for _, *texts in cells), strict=True)
    name, used, left = (max(map(len, column)) for column in columns)
    measured = MARK + name + 2 + used + 2 + left
    if measured > width:
        return [line for rule, *texts in cells for line in _stacked(rule, texts, width)]
    lines: list[Line] = [((f"{'':{MARK}}{head[0]:<{name}}  {head[1]:>{used}}  {head[2]:>{left}}", "dim"),)]
    for rule, label, figure, rest in cells:
        tone = "ink" if rule.ok else "down"
        row: Line = (
            _mark(rule),
            (f"{label:<{name}}  {figure:>{used}}  ", tone),
            (f"{rest:>{left}}", "b up" if rule.ok else "b down"),
        )
        beside, under = _reason(rule, width - measured - 3, width)
        if under and rule.ok and not figure and len(rule.text) < width - MARK - name - 2:
            lines.append((_mark(rule), (f"{label:<{name}}  ", tone), (rule.text, "dim")))  # where figures are
            continue
        lines.append((*row, (f"   {beside[0]}", "dim" if rule.ok else "down")) if beside else row)
        lines += [((" " * (measured + 3) + text, "dim" if rule.ok else "down"),) for text in beside[1:]]
        lines += under
    return lines


def _reason(rule: Verdict, free: int, width: int) -> tuple[list[str], list[Line]]:
    """(beside the figures, under them)."""
    if len(rule.text) <= free:
        return ([rule.text], []) if rule.text else ([], [])
    if free >= BESIDE:
        return wrapped(rule.text, free), []
    return [], _under(rule.text, width, "dim" if rule.ok else "down")


def _stacked(rule: Verdict, texts: Sequence[str], width: int) -> list[Line]:
    """For figures wider than the screen is."""
    label, figure, rest = texts
    lines: list[Line] = [(_mark(rule), (label, "ink" if rule.ok else "down"))]
    for text in (figure, f"{rest} left" if rest else "", rule.text):
        lines += _under(text, width, "dim" if rule.ok else "down")
    return lines


def _under(text: str, width: int, tone: str) -> list[Line]:
    return [((" " * (MARK + 2) + row, tone),) for row in wrapped(text, width - MARK - 2)]


def _mark(rule: Verdict) -> Span:
    return (" ✓ ", "up") if rule.ok else (" ✗ ", "b down")
