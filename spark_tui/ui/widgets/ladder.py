"""The depth ladder: cumulative size as a ground behind the numbers, own orders marked, the spread between.
A book that cannot be priced from shows why, and no price at all."""

from spark_tui.link.messages import BookView, DepthRow
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, Span
from spark_tui.ui.model import Topic
from spark_tui.ui.widgets.pane import Pane

STALE_S = 5.0


class Ladder(Pane):
    topics = frozenset({Topic.BOOK, Topic.LOOK, Topic.LINK, Topic.SECOND})

    def heading(self, width: int) -> Line:
        model = self.context.model
        tick = model.steps(model.look).tick
        narrow = self.has_class("narrow")
        name = f"Depth {model.look[1]}" if narrow else "Depth"
        return self.rule(self.name_span(name), ((f"{fmt.exact(tick)} " if tick else "", "dim"),), width)

    def body(self, width: int, height: int) -> list[Line]:
        model = self.context.model
        book = model.book
        if book is None:
            return _middle("waiting for the book", "dim", width, height)
        if not book.usable or not book.bids or not book.asks:
            return _middle(f"unusable: {book.why or 'one side is empty'}", "warn", width, height)
        age = model.book_age_s()
        if age >= STALE_S:
            return _middle(f"unusable: {fmt.age(age)} old", "warn", width, height)
        with_spread = height >= 9
        side = (height - with_spread) // 2
        extra = height - with_spread - 2 * side
        asks, bids = book.asks[: side + extra], book.bids[:side]
        scale = max(sum(row.quantity for row in asks), sum(row.quantity for row in bids)) or 1.0
        decimals = model.steps(model.look).price
        lines = _side(asks, "down", scale, decimals, width)[::-1]
        lines = [()] * (side + extra - len(lines)) + lines
        if with_spread:
            lines.append(_spread(book, float(model.steps(model.look).tick or 0), decimals, width))
        return lines + _side(bids, "up", scale, decimals, width)


def _side(rows: tuple[DepthRow, ...], tone: str, scale: float, decimals: int, width: int) -> list[Line]:
    """Best first: size, price, and the size summed up from the touch."""
    lines: list[Line] = []
    total = 0.0
    with_total = width >= 27
    price_width = (
        max(len(fmt.fixed(rows[0].price, decimals)), len(fmt.fixed(rows[-1].price, decimals))) if rows else 0
    )
    for row in rows:
        total += row.quantity
        mark = "● " if row.own else "  "
        size = f"{fmt.compact(row.quantity):>7} "
        price = f"{fmt.fixed(row.price, decimals):>{price_width}}"
        last = f"{fmt.compact(total):>7} " if with_total else " "
        gap = width - len(mark) - len(size) - len(price) - len(last)
        left = gap // 2
        spans: Line = (
            (mark, "accent"),
            (size, "dim"),
            (" " * left + price, tone),
            (" " * (gap - left) + last, "dim"),
        )
        lines.append(_grounded(spans, width - round(min(1.0, total / scale) * (width - 2)), f"{tone}22"))
    return lines


def _grounded(line: Line, start: int, ground: str) -> Line:
    """`line` on `ground` from cell `start` to its end."""
    spans: list[Span] = []
    at = 0
    for text, token in line:
        cut = max(0, min(len(text), start - at))
        spans.append((text[:cut], token))
        spans.append((text[cut:], f"{token} on {ground}"))
        at += len(text)
    return tuple(spans)


def _spread(book: BookView, tick: float, decimals: int, width: int) -> Line:
    bid, ask = book.bids[0].price, book.asks[0].price
    spread = ask - bid
    basis_points = spread / ((ask + bid) / 2) * 10_000
    ticks = (
        f"{round(spread / tick)} ticks · "
        if tick and round(spread / tick) != 1
        else "1 tick · "
        if tick
        else ""
    )
    words = f" {ticks}{basis_points:.2f} bp "
    left = max(0, (width - len(words)) // 2)
    return (("─" * left, "faint"), (words, "ink"), ("─" * max(0, width - left - len(words)), "faint"))


def _middle(text: str, tone: str, width: int, height: int) -> list[Line]:
    words = fmt.fit(text, width - 2)
    above: list[Line] = [()] * max(0, (height - 1) // 2)
    return [*above, ((f"{words:^{width}}", tone),)]
