"""Money as whole numbers of 1e-8: exact, fast, and the venue's own precision for every asset it lists
here."""

import re

SCALE = 100_000_000
_PLACES = 8
_PLAIN = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?", re.ASCII)


def is_plain(text: str) -> bool:
    """Whether `text` is a decimal the venue would read: digits, at most one point, no sign and no
    exponent."""
    return _PLAIN.fullmatch(text) is not None


def places(text: str) -> int:
    """Decimal places that carry information in a plain decimal."""
    return len(text.partition(".")[2].rstrip("0"))


def parse(text: str) -> int:
    """Units of 1e-8 in a plain decimal; places beyond the eighth are cut."""
    whole, _, fraction = text.partition(".")
    return int(whole) * SCALE + int(fraction[:_PLACES].ljust(_PLACES, "0"))


def show(value: int) -> str:
    """Eight places, as the venue prints every price, quantity and amount."""
    if not value:  # half of all amounts in an order report
        return "0.00000000"
    if value < 0:
        return "-" + show(-value)
    return f"{value // SCALE}.{value % SCALE:08d}"


def notional(price: int, quantity: int) -> int:
    """Quote amount of a trade, cut at 1e-8."""
    return price * quantity // SCALE


def share(amount: int, rate: int) -> int:
    """`rate` (units of 1e-8) of an amount, cut at 1e-8."""
    return amount * rate // SCALE


def floor_to(value: int, step: int) -> int:
    """The largest multiple of `step` not above `value`; a step of 0 is no rule."""
    return value - value % step if step else value
