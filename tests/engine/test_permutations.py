"""Events commute: every order of {reply, new, partial, fill, canceled} ends in one state (F09)."""

import asyncio
import itertools
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.order import Fill, OrderState
from spark_tui.venues.port import OrderReport, OrderStatus
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.engine.harness import buy, rig


def _fill(trade_id: int, quantity: str) -> Fill:
    return Fill(
        trade_id=str(trade_id),
        price=D("59000"),
        quantity=D(quantity),
        commission=D("0.01"),
        commission_asset="USDT",
        maker=True,
        time_ms=trade_id,
    )


def _reports(client_id: str) -> dict[str, OrderReport]:
    new = OrderReport(
        venue=NAME,
        symbol=SYMBOL,
        client_order_id=client_id,
        venue_order_id="9",
        status=OrderStatus.NEW,
        filled=D(0),
        filled_quote=D(0),
        time_ms=1,
    )
    change = msgspec.structs.replace
    partial = change(new, status=OrderStatus.PARTIALLY_FILLED, filled=D("0.1"), fills=(_fill(1, "0.1"),))
    more = change(partial, filled=D("0.3"), fills=(_fill(2, "0.2"),))
    canceled = change(more, status=OrderStatus.CANCELED, fills=())
    fill = change(more, status=OrderStatus.FILLED, filled=D("0.5"), fills=(_fill(3, "0.4"),))
    return {"new": new, "partial": partial, "more": more, "canceled": canceled, "fill": fill}


@pytest.mark.parametrize(
    ("last", "end"),
    [
        ("more", (OrderState.CANCELED, D("0.3"), 2)),
        # a cancel that came too late, as the venue's own record of a race would have it (F08)
        ("fill", (OrderState.FILLED, D("0.5"), 2)),
    ],
)
async def test_every_order_of_reply_and_stream_ends_the_same(
    tmp_path: Path, last: str, end: tuple[OrderState, Decimal, int]
) -> None:
    ends = set()
    async with rig(tmp_path) as it:
        for number, names in enumerate(itertools.permutations(("reply", "new", "partial", last, "canceled"))):
            it.venue.tick()
            it.venue.plan.append("hang")
            it.venue.release.clear()
            asked = asyncio.create_task(it.submit(buy("0.5")))
            await it.until(lambda count=number: len(it.venue.placed) == count + 1)
            client_id = it.venue.placed[-1]
            del it.venue.reports[client_id]
            told = _reports(client_id)
            for name in names:
                if name == "reply":
                    it.venue.release.set()
                    await asked
                else:
                    report = msgspec.structs.replace(told[name], venue_order_id=str(number))
                    fills = tuple(
                        msgspec.structs.replace(fill, trade_id=f"{number}{fill.trade_id}")
                        for fill in report.fills
                    )
                    it.venue.user(msgspec.structs.replace(report, fills=fills))
            order = it.order(client_id)
            ends.add((order.state, order.filled, len(order.fills)))
        assert ends == {end}
        held = it.engine.journal.state.positions[NAME, SYMBOL].quantity
        assert held == sum(order.filled for order in it.engine.journal.state.orders.values())
