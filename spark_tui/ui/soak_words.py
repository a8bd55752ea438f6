"""A soak's figures in words: on its way, in the end, and of each of its checks. Pure."""

from spark_tui.link.messages import CanaryFigures, Measured, Soaking
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, width_of, wrapped


def brief(figures: CanaryFigures) -> str:
    """For one cell of a table."""
    return f"{figures.healthy} of {figures.checks} healthy"


def worst_s(figures: CanaryFigures) -> float | None:
    """What took longest."""
    taken = (figures.test_latency_worst_s, figures.order_latency_worst_s)
    return max((one for one in taken if one is not None), default=None)


def figure_lines(figures: CanaryFigures, width: int) -> list[Line]:
    healthy = "ink" if figures.healthy == figures.checks else "b down"
    most = _measured(
        figures.feed_age_worst_s, figures.test_latency_worst_s, None, figures.clock_offset_worst_ms
    )
    worst = ", ".join(most)
    checks: Line = ((" checks    ", "dim"), (brief(figures), healthy))
    beside: Line = (*checks, (f"   worst: {worst}", "ink"))
    lines: list[Line] = [checks, ((" worst     ", "dim"), (worst, "ink"))] if worst else [checks]
    if worst and width_of(beside) < width:
        lines = [beside]
    if figures.orders:
        spread = (
            ("min", figures.order_latency_min_s),
            ("median", figures.order_latency_median_s),
            ("P95", figures.order_latency_p95_s),
            ("worst", figures.order_latency_worst_s),
        )
        told = ", ".join(f"{name} {fmt.took(value)}" for name, value in spread)
        rows = wrapped(f"{figures.orders} placed: {told}", max(20, width - 12))
        lines += [
            ((" orders    " if not index else " " * 11, "dim"), (row, "ink"))
            for index, row in enumerate(rows)
        ]
    return lines


def measured_words(measured: Measured | None) -> str:
    if measured is None:
        return ""
    told = _measured(
        measured.feed_age_s, measured.test_latency_s, measured.order_latency_s, measured.clock_offset_ms
    )
    return f": {', '.join(told)}" if told else ""


def soaking_line(soak: Soaking, now_ms: int, width: int) -> Line:
    """What is not new gives way first where room is short."""
    figures = soak.figures
    left = max(0.0, soak.began_ms / 1_000 + soak.duration_s - now_ms / 1_000)
    deed = "dry" if soak.dry else "PLACES ORDERS"
    head = f"{soak.symbol} {deed}"
    parts = [
        f"{figures.checks} of {soak.planned} checks",
        f"{figures.healthy} healthy",
        f"{fmt.elapsed(left)} left",
        *_measured(
            figures.feed_age_worst_s, figures.test_latency_worst_s, figures.order_latency_worst_s, None
        ),
    ]
    while len(parts) > 3 and 9 + len(head) + sum(3 + len(part) for part in parts) > width:
        parts.pop()
    tone = "ink" if figures.healthy == figures.checks else "b down"
    return ((" soak    ", "dim"), (head, "b warn"), ("".join(f"   {part}" for part in parts), tone))


def _measured(
    feed_s: float | None, test_s: float | None, order_s: float | None, offset_ms: int | None
) -> list[str]:
    told = [
        (f"feed {fmt.took(feed_s)} old" if feed_s is not None else ""),
        (f"order/test {fmt.took(test_s)}" if test_s is not None else ""),
        (f"order {fmt.took(order_s)}" if order_s is not None else ""),
        (f"clock {fmt.took(offset_ms / 1_000, sign=True)}" if offset_ms is not None else ""),
    ]
    return [text for text in told if text]
