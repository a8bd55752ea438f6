"""What is too little to be sold: left over by steps and by commission taken in base."""

from decimal import Decimal

from spark_tui.domain.decimals import ZERO, floor_to, multiply


def sellable(held: Decimal, step: Decimal) -> Decimal:
    """The most of `held` that an order may ask for; never more than there is."""
    return floor_to(held, step) if held > 0 else ZERO


def is_dust(
    quantity: Decimal, step: Decimal, min_quantity: Decimal, min_notional: Decimal, mark: Decimal | None
) -> bool | None:
    """Whether a position is as good as closed: nothing an order could take. None: it hangs on a price that is
    not known."""
    size = quantity.copy_abs()
    if not size:
        return False
    on_grid = floor_to(size, step)
    if not on_grid or on_grid < min_quantity:
        return True
    if not min_notional:
        return False
    return None if mark is None else multiply(on_grid, mark) < min_notional
