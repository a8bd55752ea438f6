"""Numbers, ages and times as text. Pure; every number shown in the cockpit is made here.

Integers are grouped by a plain space (`67 012.3`): one cell wide in every terminal, unlike the thin space.
"""

import math
from decimal import ROUND_HALF_EVEN, Decimal

from spark_tui.ui.lines import cells_of, sized

ABSENT = "–"  # shown for a number that is not known
SPARKS = "▁▂▃▄▅▆▇█"


def decimals_of(step: Decimal | None) -> int:
    """Decimals a number on this tick or step needs: 0.10 -> 1, 1 -> 0, none or zero -> 8."""
    if not step:
        return 8
    exponent = step.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 8


def group(text: str) -> str:
    """`-1234567.125` -> `-1 234 567.125`; only the whole part is grouped."""
    sign = text[0] if text[:1] in {"-", "+"} else ""
    whole, point, fraction = text[len(sign) :].partition(".")
    head = len(whole) % 3
    parts = [whole[:head]] if head else []
    parts += [whole[start : start + 3] for start in range(head, len(whole), 3)]
    return sign + " ".join(parts) + point + fraction


def fixed(value: float | Decimal | None, decimals: int, *, sign: bool = False) -> str:
    """Grouped, with exactly `decimals` decimals; ABSENT for None and NaN. `sign` shows a plus too."""
    if value is None:
        return ABSENT
    if isinstance(value, Decimal):
        if not value.is_finite():
            return ABSENT
        text = f"{value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_EVEN):f}"
    elif math.isfinite(value):
        text = f"{value:.{decimals}f}"
    else:
        return ABSENT
    if text.startswith("-") and not text.strip("-0."):
        text = text[1:]  # no minus zero
    if sign and not text.startswith("-") and text.strip("0."):
        text = "+" + text
    return group(text)


def exact(value: Decimal | None) -> str:
    """Grouped with the decimals the value has, trailing zeros dropped: 0.0100 -> 0.01, 1E+3 -> 1 000."""
    if value is None or not value.is_finite():
        return ABSENT
    text = f"{value:f}"
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return group(text if text not in {"", "-0", "-"} else "0")


def typed(value: Decimal) -> str:
    """As a person would type it: ungrouped, no exponent, no trailing zeros."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def on_point(text: str, fraction: int) -> str:
    """Pad on the right: right-aligned texts of up to `fraction` decimals then share one decimal point."""
    if fraction == 0:
        return text
    _, point, decimals = text.partition(".")
    return text + " " * (fraction + 1 - len(point) - len(decimals))


def changed_from(before: str, after: str) -> int:
    """Where the digits that changed begin: `after[n:]` is shown bright. len(after) when nothing changed."""
    if before == after:
        return len(after)
    if len(before) != len(after):
        return 0
    return next(index for index, (old, new) in enumerate(zip(before, after, strict=True)) if old != new)


def age(seconds: float | None) -> str:
    """Short and coarse: 4s, 15m, 3h, 2d."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    whole = max(0, int(seconds))
    for size, unit in ((86_400, "d"), (3_600, "h"), (60, "m")):
        if whole >= size:
            return f"{whole // size}{unit}"
    return f"{whole}s"


def took(seconds: float | None, *, sign: bool = False) -> str:
    """A duration in the unit that carries, in seven cells at most (a sign is one more): 0.45 ms, 14 ms,
    1.25 s, 42.0 s, 04:12, 3h04."""
    if seconds is None or not math.isfinite(seconds):
        return ABSENT
    magnitude = abs(seconds)
    ms = magnitude * 1_000
    if ms < 999.5:
        text = f"{ms:.{2 if ms < 0.995 else 1 if ms < 9.95 else 0}f}"
        text = (text.rstrip("0").rstrip(".") if "." in text else text) + " ms"
    elif magnitude < 59.95:
        text = f"{magnitude:.{2 if magnitude < 9.995 else 1}f} s"
    else:
        text = elapsed(round(magnitude))
    before = "-" if seconds < 0 else "+" if sign else ""
    return before + text if text != "0 ms" else text


def unit(name: str) -> str:
    """After a number: ` USDT`, ` per 10 s`; nothing for a count."""
    if name.startswith("/"):
        return f" per {name[1:]}"
    return f" {name}" if name else ""


def elapsed(seconds: float) -> str:
    """00:14, 12:51, 3h04, 2d05: at most five cells, for the age of an order."""
    whole = max(0, int(seconds))
    if whole < 3_600:
        return f"{whole // 60:02}:{whole % 60:02}"
    if whole < 86_400:
        return f"{whole // 3_600}h{whole % 3_600 // 60:02}"
    return f"{whole // 86_400}d{whole % 86_400 // 3_600:02}"


def clock(epoch_ms: int) -> str:
    """UTC time of day, 14:03:22."""
    seconds = epoch_ms // 1_000 % 86_400
    return f"{seconds // 3_600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def size(count: float) -> str:
    """Bytes: 512 B, 3.1 kB, 48 MB."""
    value = float(count)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1_000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1_000
    raise AssertionError("unreachable")


def compact(value: float | None) -> str:
    """Four significant figures at most, for narrow columns: 0.014, 5.820, 412.5, 12.4k, 3.10M, 9.90B. What
    is not nothing does not look like it: 0.0001, 0.00002, ~0."""
    if value is None or not math.isfinite(value):
        return ABSENT
    magnitude = abs(value)
    if magnitude >= 999_995_000:
        return f"{value / 1e9:.2f}B"
    if magnitude >= 999_950:
        return f"{value / 1e6:.2f}M"
    if magnitude >= 9_999.5:
        return f"{value / 1e3:.1f}k"
    if magnitude >= 999.95:
        return f"{value:.0f}"
    if 0 < magnitude < 0.0095:
        text = f"{value:.5f}".rstrip("0")
        return text if text.strip("-0.") else "~0"
    return f"{value:.3f}" if magnitude < 9.9995 else f"{value:.2f}" if magnitude < 99.995 else f"{value:.1f}"


def spark(values: tuple[float, ...], width: int) -> str:
    """The last `width` values as bars, scaled to their own range; shorter when fewer are known."""
    shown = [value for value in values[-width:] if math.isfinite(value)]
    if not shown or width <= 0:
        return ""
    low, high = min(shown), max(shown)
    if high == low:
        return SPARKS[2] * len(shown)
    return "".join(SPARKS[min(7, int((value - low) / (high - low) * 8))] for value in shown)


def fit(text: str, width: int) -> str:
    """Cut to `width` cells with an ellipsis, at a word's end where one is near; never longer."""
    if cells_of(text) <= width:
        return text
    if width <= 1:
        return sized(text, max(0, width))
    cut = text[: width - 1] if text.isascii() else sized(text, width - 1)
    space = cut.rfind(" ")
    if space >= (width - 1) * 2 // 3:
        cut = cut[:space]
    return cut.rstrip(" ,;:·") + "…"
