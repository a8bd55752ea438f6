"""Numbers at the boundary: what is no plain, finite, non-negative decimal is refused here (F61)."""

import re
from decimal import Decimal
from typing import Annotated, Any

import msgspec
from msgspec import Meta

VENUE = "binance-spot"

_BAD_BYTES = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
_AMOUNT = re.compile(r"[0-9]{1,20}(?:\.[0-9]{1,20})?")

# Market data in float (DESIGN 3.5). The decoder checks the bounds; NaN and infinity fail them too.
Price = Annotated[float, Meta(ge=0, lt=1e18)]
Quantity = Annotated[float, Meta(ge=0, lt=1e18)]
Signed = Annotated[float, Meta(gt=-1e18, lt=1e18)]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)]


class CodecError(ValueError):
    """Bytes from the venue that are not what the protocol says; the text is one sentence."""


def amount(text: str, field: str) -> Decimal:
    """The exact value of the venue's own text. Raises CodecError."""
    if _AMOUNT.fullmatch(text) is None:
        raise CodecError(f"Binance sent {field}={text[:40]!r}, which is not a plain decimal number.")
    return Decimal(text)


def signed(text: str, field: str) -> Decimal:
    """As `amount`, of a change that may be a loss."""
    return -amount(text[1:], field) if text.startswith("-") else amount(text, field)


def positive(text: str | None, field: str) -> Decimal | None:
    """As `amount`, with the wire's 0 or absence (no price, no stop) as None."""
    if text is None:
        return None
    value = amount(text, field)
    return value if value else None


def read(decoder: msgspec.json.Decoder[Any], raw: bytes | msgspec.Raw, what: str) -> Any:
    """`raw` decoded; `what` begins the sentence of the CodecError it raises."""
    try:
        return decoder.decode(raw)
    except _BAD_BYTES as error:
        raise CodecError(f"{what} cannot be read: {str(error)[:120]}") from None
