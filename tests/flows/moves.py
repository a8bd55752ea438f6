"""What flows have in common: sizes, and the small things an operator does over and over."""

import pytest

from spark_tui.domain.values import OrderType
from spark_tui.link.messages import AnyRequest
from tests.ui.cockpit import NARROW, WIDE, Cockpit

SIZES = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["120x36", "80x24"])


def asked(face: Cockpit, kind: type) -> list[AnyRequest]:
    return [request for request in face.engine.asked if isinstance(request, kind)]


async def decide(face: Cockpit, key: str) -> None:
    await face.later(0.5)
    await face.press(key)
    await face.settle()


async def to_type(face: Cockpit, kind: OrderType) -> None:
    for _ in OrderType:
        if face.trade.ticket.draft.type is kind:
            return
        await face.press("t")
    raise AssertionError(f"{kind} is not offered")
