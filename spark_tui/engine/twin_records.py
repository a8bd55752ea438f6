"""What the ledger keeps of paper twins, and its fold: results outlive the engine that made them. No figure
here moves money or an order."""

from collections import OrderedDict, deque
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.decimals import ZERO

MAX_ENDED: Final = 500  # the oldest is forgotten
MAX_MISSING: Final = 500


class TwinBegan(msgspec.Struct, frozen=True, kw_only=True, tag="twin-began"):
    """`mid`: the middle of the book when the order was sent."""

    client_order_id: str
    mid: Decimal
    at_ms: int


class TwinEnded(msgspec.Struct, frozen=True, kw_only=True, tag="twin-ended"):
    """What became of the twin; of the order only what the ledger does not know yet: the time it took.
    `cut`: the engine stopped while the twin ran, so that nobody knows the rest."""

    client_order_id: str
    mid: Decimal
    began_ms: int
    order_filled: Decimal = ZERO
    order_seconds: float | None = None  # in which it filled that; None: not at all, or it was heard late
    quantity: Decimal = ZERO
    filled: Decimal = ZERO
    quote: Decimal = ZERO
    seconds: float | None = None
    state: str = ""
    cut: bool = False


class TwinMissing(msgspec.Struct, frozen=True, kw_only=True, tag="twin-missing"):
    """There is no twin, or no more. `counts` is False for an order that never lived: there is nothing to
    compare."""

    client_order_id: str
    at_ms: int
    counts: bool = True


TwinRecord = TwinBegan | TwinEnded | TwinMissing


class TwinResults:
    """Read by everyone; only the state changes it."""

    def __init__(self) -> None:
        self.running: dict[str, TwinBegan] = {}  # by client order id, oldest first
        self.ended: OrderedDict[str, TwinEnded] = OrderedDict()
        self.missing: deque[int] = deque(maxlen=MAX_MISSING)  # when

    def apply(self, record: TwinRecord) -> None:
        client_id = record.client_order_id
        match record:
            case TwinBegan():
                self.running[client_id] = record
            case TwinEnded():
                self.running.pop(client_id, None)
                self.ended[client_id] = record
                if len(self.ended) > MAX_ENDED:
                    self.ended.popitem(last=False)
            case TwinMissing():
                self.running.pop(client_id, None)
                self.ended.pop(client_id, None)
                if record.counts:
                    self.missing.append(record.at_ms)

    def since_ms(self, now_ms: int) -> int:
        """When the oldest of what is kept happened; now, when nothing is."""
        began = (one.began_ms for one in self.ended.values())
        return min((now_ms, *began, *(one.at_ms for one in self.running.values()), *self.missing))

    def digest(self) -> list[list[object]]:
        return [list(self.running.values()), list(self.ended.values()), list(self.missing)]
