"""What an instrument lets the ticket choose from, and the next choice round."""

from typing import TypeVar

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.values import OrderType, SelfTradePrevention

_Kind = TypeVar("_Kind")


def preventions(instrument: Instrument | None) -> tuple[SelfTradePrevention | None, ...]:
    """The symbol's own default, then what it allows."""
    allowed = instrument.allowed_stp_modes if instrument else frozenset()
    return (None, *(mode for mode in SelfTradePrevention if mode in allowed))


def offered(instrument: Instrument | None) -> tuple[OrderType, ...]:
    """Order types; all of them while nobody has said what it takes."""
    kinds = instrument.order_types if instrument else frozenset()
    return tuple(kind for kind in OrderType if not kinds or kind in kinds)


def after(kinds: tuple[_Kind, ...], now: _Kind) -> _Kind:
    """The next one round; the first when `now` is none of them."""
    return kinds[(kinds.index(now) + 1) % len(kinds)] if now in kinds else kinds[0]
