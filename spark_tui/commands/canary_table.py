"""One canary in words, and what its checks measured."""

from spark_tui.commands import rows
from spark_tui.commands.table import facts, table
from spark_tui.link.messages import CanaryCheck, CanaryFigures, CanaryRow, Execution, Measured, Soaking

_CHECKS = ("check", "passes", "says")
_SOAKED = ("check", "passes", "feed_age_ms", "test_ms", "order_ms", "clock_offset_ms", "says")


def words(row: CanaryRow) -> str:
    head: rows.Row = {
        "canary": f"{row.kind} {row.run_id}: {row.verdict}",
        "order": " ".join(
            rows.cell(part)
            for part in (row.side, row.quantity, row.symbol, row.order_type, row.price)
            if part is not None
        )
        + f" on {row.environment}",
        "worth_usdt": row.notional_usdt,
        "rests_on": row.rests_on,
        "client_order_id": row.client_order_id,
        "state": row.state,
        "expected": _execution(row.expected),
        "actual": _execution(row.actual),
        "residue": "; ".join(row.residue) or ("none" if row.client_order_id else ""),
        **_figures(row.figures),
        "evidence": row.bundle,
    }
    columns = _SOAKED if any(check.measured for check in row.checks) else _CHECKS
    lines = [_check(check) for check in row.checks]
    return f"{facts(head)}\n\n{table(columns, lines, 'Nothing was checked.')}"


def soaking(soak: Soaking | None, now_ms: int) -> rows.Row:
    """A soak on its way, as far as it has come."""
    if soak is None:
        return {}
    left_s = max(0, round(soak.duration_s - (now_ms - soak.began_ms) / 1_000))
    return {
        "soak": f"{soak.side} {soak.symbol}, {'dry' if soak.dry else 'placing orders'}, {left_s} s left",
        **_figures(soak.figures, soak.planned),
    }


def healthy(figures: CanaryFigures | None) -> str:
    return "" if figures is None else f"{figures.healthy}/{figures.checks}"


def _figures(figures: CanaryFigures | None, planned: int = 0) -> rows.Row:
    if figures is None:
        return {}
    until = f" of {planned}" if planned else ""
    orders = (
        ("min", figures.order_latency_min_s),
        ("median", figures.order_latency_median_s),
        ("P95", figures.order_latency_p95_s),
        ("worst", figures.order_latency_worst_s),
    )
    return {
        "checks": f"{figures.checks}{until}, {figures.healthy} healthy",
        "worst_feed_age": _with_unit(figures.feed_age_worst_s),
        "worst_order/test": _with_unit(figures.test_latency_worst_s),
        "worst_clock_offset": ""
        if figures.clock_offset_worst_ms is None
        else f"{figures.clock_offset_worst_ms} ms",
        "order_latency": ", ".join(f"{name} {_with_unit(seconds)}" for name, seconds in orders)
        + f" of {figures.orders}"
        if figures.orders
        else "",
    }


def _check(check: CanaryCheck) -> rows.Row:
    seen = check.measured or Measured()
    return {
        "check": check.name,
        "passes": check.ok,
        "feed_age_ms": _ms(seen.feed_age_s),
        "test_ms": _ms(seen.test_latency_s),
        "order_ms": _ms(seen.order_latency_s),
        "clock_offset_ms": seen.clock_offset_ms,
        "says": check.text,
    }


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1_000, 1)


def _with_unit(seconds: float | None) -> str:
    return "" if seconds is None else f"{rows.cell(_ms(seconds))} ms"


def _execution(seen: Execution | None) -> str:
    if seen is None:
        return ""
    parts = {
        "price": seen.price,
        "quantity": seen.quantity,
        "notional": seen.notional,
        "fee": " + ".join(f"{rows.cell(fee)} {asset}" for asset, fee in seen.fees.items()) or None,
        "slippage bp": seen.slippage_bp,
        "latency ms": _ms(seen.latency_s),
    }
    return ", ".join(f"{name} {rows.cell(value)}" for name, value in parts.items() if value is not None)
