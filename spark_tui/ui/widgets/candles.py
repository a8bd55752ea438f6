"""Candles in box-drawing half cells, volume under them, a price axis with the last price as its tag."""

from collections.abc import Callable

from spark_tui.domain.market import Candle
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, Span
from spark_tui.ui.model import Topic
from spark_tui.ui.widgets.pane import Pane

INTERVALS = ("1m", "5m", "15m", "1h", "4h", "1d")

NONE, WICK, BODY = 0, 1, 2
# (upper half, lower half) of one cell
GLYPHS = {
    (NONE, NONE): " ",
    (WICK, WICK): "│",
    (BODY, BODY): "┃",
    (NONE, WICK): "╷",
    (WICK, NONE): "╵",
    (NONE, BODY): "╻",
    (BODY, NONE): "╹",
    (WICK, BODY): "╽",
    (BODY, WICK): "╿",
}
DASHED = "┇"  # the body of a falling candle where there is no colour
PITCH = 2  # cells from one candle to the next


class Candles(Pane):
    topics = frozenset({Topic.CANDLES, Topic.TICKERS, Topic.LOOK})
    every_s = 0.5

    def heading(self, width: int) -> Line:
        model = self.context.model
        venue, symbol = model.look
        hints: list[Span] = []
        for interval in INTERVALS:
            hints.append((f"{interval}", "b accent" if interval == model.interval else "dim"))
            hints.append(("  " if interval != INTERVALS[-1] else " ", "dim"))
        return self.rule(((symbol, "b ink"), (f" {venue}", "dim")), tuple(hints), width)

    def body(self, width: int, height: int) -> list[Line]:
        model = self.context.model
        candles = [model.candles[open_ms] for open_ms in sorted(model.candles)]
        if not candles or height < 6:
            return [(("  waiting for candles", "dim"),)] if height else []
        steps = model.steps(model.look)
        ticker = model.tickers.get(model.look)
        last = ticker.last if ticker and ticker.last > 0 else candles[-1].close
        axis = max(len(fmt.fixed(last, steps.price)) + 2, 8)
        shown = candles[-max(1, (width - axis - 2) // PITCH) :]
        falling = DASHED if self.painter.theme.grey else GLYPHS[BODY, BODY]
        return [
            self._figures(shown[-1], steps.price, width),
            *_chart(shown, last, steps.price, width, height - 3, axis, falling),
            (),
            _volumes(shown, width),
        ]

    def _figures(self, candle: Candle, decimals: int, width: int) -> Line:
        tone = "b up" if candle.close >= candle.open else "b down"
        line: list[Span] = []
        for label, value in (("O", candle.open), ("H", candle.high), ("L", candle.low), ("C", candle.close)):
            line.append((f" {label} ", "dim"))
            line.append((fmt.fixed(value, decimals) + " ", tone if label == "C" else "ink"))
        while line and sum(len(text) for text, _ in line) > width:
            del line[:2]  # the close matters most
        return tuple(line)


def _chart(
    candles: list[Candle], last: float, decimals: int, width: int, rows: int, axis: int, falling: str
) -> list[Line]:
    """`rows` lines: the candles at the left, the axis at the right."""
    low = min(last, *(candle.low for candle in candles))
    high = max(last, *(candle.high for candle in candles))
    if high <= low:
        high, low = high * 1.0005, low * 0.9995
    halves = 2 * rows

    def at(price: float) -> int:
        """Half row counted from the top."""
        return min(halves - 1, max(0, int((high - price) / (high - low) * halves)))

    columns = [_column(candle, at, rows, falling) for candle in candles]
    last_row = at(last) // 2
    labels = _labels(rows, last_row)
    plot = width - axis - 1
    lines: list[Line] = []
    for y in range(rows):
        spans: list[Span] = [(" ", "ink")]
        for glyphs, tone in columns:
            spans.append((glyphs[y], tone))
            spans.append((" " * (PITCH - 1), tone))
        used = 1 + len(columns) * PITCH
        spans.append((" " * max(0, plot - used), "dim"))
        if y == last_row:
            tone = "up" if last >= candles[-1].open else "down"
            spans.append((f" {fmt.fixed(last, decimals):>{axis - 2}} ", f"b background on {tone}"))
        elif y in labels:
            price = high - (y + 0.5) / rows * (high - low)
            spans.append((f" {fmt.fixed(price, decimals):>{axis - 2}} ", "dim"))
        lines.append(tuple(spans))
    return lines


def _column(candle: Candle, at: Callable[[float], int], rows: int, falling: str) -> tuple[str, str]:
    """One candle as `rows` glyphs from the top, and its tone."""
    wick = range(at(candle.high), at(candle.low) + 1)
    body = range(at(max(candle.open, candle.close)), at(min(candle.open, candle.close)) + 1)

    def half(y: int) -> int:
        return BODY if y in body else WICK if y in wick else NONE

    glyphs = "".join(GLYPHS[half(2 * y), half(2 * y + 1)] for y in range(rows))
    if candle.close >= candle.open:
        return glyphs, "up"
    return glyphs.replace(GLYPHS[BODY, BODY], falling), "down"


def _labels(rows: int, last_row: int) -> set[int]:
    """Rows of the axis that carry a price: every fourth, none beside the last price's tag."""
    return {y for y in range(0, rows, 4) if abs(y - last_row) > 1}


def _volumes(candles: list[Candle], width: int) -> Line:
    biggest = max((candle.volume for candle in candles), default=0.0) or 1.0
    bars = ((fmt.SPARKS[min(7, int(candle.volume / biggest * 7.99))]) for candle in candles)
    return ((" " + (" " * (PITCH - 1)).join(bars), "faint"),)
