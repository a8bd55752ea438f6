"""What a list or an algo would do, a short line each: its legs, its orders, its end. Pure."""

from decimal import Decimal
from typing import NamedTuple

from spark_tui.link.messages import AlgoKind, AlgoPreview, LegPreview, ListPreview, Preview, SubmitOrder
from spark_tui.ui import format as fmt
from spark_tui.ui.ahead import role_words
from spark_tui.ui.model import Steps
from spark_tui.ui.story import TYPE_WORDS


class Row(NamedTuple):
    """`label` in a column of its own; `ok` None: nothing that could pass or fail."""

    label: str
    text: str
    ok: bool | None = None


def course(answer: Preview | ListPreview | AlgoPreview, steps: Steps) -> tuple[Row, ...]:
    """A single order's course is the order itself."""
    match answer:
        case ListPreview():
            return tuple(_leg(leg) for leg in answer.legs)
        case AlgoPreview():
            return _algo(answer, steps)
        case _:
            return ()


def _leg(leg: LegPreview) -> Row:
    """Its prices are typed beside it; what they make it is not."""
    order = leg.preview.order
    role = role_words(leg.role).removeprefix("pending ")
    return Row(role, f"{order.side} {TYPE_WORDS[order.type]}", leg.preview.ok)


def _algo(answer: AlgoPreview, steps: Steps) -> tuple[Row, ...]:
    if not answer.children:
        return ()
    rows = [Row("orders", _orders(answer, steps))]
    if answer.ends_ms is not None:
        rows.append(Row("until", f"{fmt.clock(answer.ends_ms)}Z"))
    if answer.first is not None and not answer.waits:
        rows.append(Row("now", _order(answer.first, steps)))
    elif answer.first_ms is not None:
        rows.append(Row("first", f"{fmt.clock(answer.first_ms)}Z"))
    elif answer.waits:
        rows.append(Row("first", answer.waits))
    return tuple(rows)


def _orders(answer: AlgoPreview, steps: Steps) -> str:
    """10 of 0.010, or 10 of 0.009 to 0.011; what the venue works is one."""
    if answer.native:
        return "1, worked by the venue"
    if answer.slices:
        least, most = min(answer.slices), max(answer.slices)
        sizes = _amount(most, steps) if least == most else f"{_amount(least, steps)}–{_amount(most, steps)}"
        return f"{answer.children} of {sizes}"
    if answer.start.kind is AlgoKind.ICEBERG:
        return f"{answer.children}, one after another"
    return "1, once it is reached"


def _order(order: SubmitOrder, steps: Steps) -> str:
    """0.010 LIMIT 66 900.0"""
    price = f" {fmt.fixed(order.price, steps.price)}" if order.price is not None else ""
    return f"{_amount(order.quantity, steps)} {TYPE_WORDS[order.type]}{price}"


def _amount(value: Decimal | None, steps: Steps) -> str:
    return fmt.fixed(value, steps.quantity)
