"""Percentiles and plain tables, the same for every benchmark."""

import os
import platform
import resource
from collections.abc import Sequence

PERCENTILES = ("min", "median", "P95", "P99", "max")


def percentiles(samples: Sequence[float]) -> tuple[float, ...]:
    """(min, median, P95, P99, max) by nearest rank; NaN where there is no sample."""
    if not samples:
        return (float("nan"),) * len(PERCENTILES)
    ordered = sorted(samples)
    last = len(ordered) - 1
    return (ordered[0], *(ordered[round(last * share)] for share in (0.5, 0.95, 0.99)), ordered[-1])


def cpu_seconds() -> float:
    """User and system time of this process so far."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def machine() -> str:
    """What the figures depend on. A load far above 0 before a run says that they are not worth keeping."""
    version, load = platform.python_version(), os.getloadavg()[0]
    return (
        f"Python {version}, {os.cpu_count()} cores, {platform.machine()} {platform.system()}, load {load:.2f}"
    )


def show(title: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print one table; numbers are right-aligned with two decimals."""
    text = [[_cell(value) for value in row] for row in rows]
    widths = [max(len(name), *(len(row[i]) for row in text), 1) for i, name in enumerate(columns)]
    print(f"\n{title}")
    print(
        "  ".join(
            name.ljust(width) if i == 0 else name.rjust(width)
            for i, (name, width) in enumerate(zip(columns, widths, strict=True))
        )
    )
    for row in text:
        print(
            "  ".join(
                cell.ljust(width) if i == 0 else cell.rjust(width)
                for i, (cell, width) in enumerate(zip(row, widths, strict=True))
            )
        )


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:,.2f}"
    return f"{value:,}" if isinstance(value, int) else str(value)
