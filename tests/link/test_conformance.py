"""What every link does, whichever way it goes: one suite over `LocalLink` and `RemoteLink`."""

import asyncio
from collections.abc import Callable
from decimal import Decimal

import pytest

from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import (
    CancelOrder,
    Done,
    Focus,
    GetPositions,
    GetStatus,
    GetTickers,
    Notice,
    OrderUpdate,
    SubmitOrder,
    Tickers,
)
from spark_tui.link.service import Link, LinkError
from tests.link.conftest import MakeLink
from tests.link.fake import FakeService, order_update


def submit() -> SubmitOrder:
    return SubmitOrder(
        symbol="BTCUSDT",
        side=Side.BUY,
        type=OrderType.LIMIT,
        quantity=Decimal("0.01000000"),
        price=Decimal("60000.10"),
        key="k1",
    )


async def read(link: Link, count: int) -> list[object]:
    found: list[object] = []
    async for batch in link.events():
        found.extend(batch)
        if len(found) >= count:
            return found
    return found


async def until(holds: Callable[[], bool]) -> None:
    """Yield to the other side until `holds`; the fake service tells nobody of its changes."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110  the fake has no events
            await asyncio.sleep(0)


async def test_a_request_arrives_whole_and_its_answer_comes_back(
    make_link: MakeLink, service: FakeService
) -> None:
    result = await make_link().call(submit())
    assert result == order_update(1)
    assert isinstance(result, OrderUpdate)
    assert str(result.order.request.quantity) == "0.01000000"
    request, operator, attachment = service.seen[0]
    assert request == submit()
    assert operator == "ada"
    assert attachment is service.attachments[0]


async def test_a_refusal_keeps_its_code_and_sentence(make_link: MakeLink) -> None:
    link = make_link()
    with pytest.raises(LinkError) as refused:
        await link.call(CancelOrder(client_order_id="x"))
    assert (refused.value.code, refused.value.text) == ("UNKNOWN_ORDER", "No order is called x.")
    assert await link.call(GetPositions()) == Done()


async def test_a_slow_request_does_not_hold_up_the_next(make_link: MakeLink, service: FakeService) -> None:
    link = make_link()
    slow = asyncio.create_task(link.call(GetTickers()))
    await service.asked.wait()
    assert await link.call(submit()) == order_update(2)
    assert not slow.done()
    service.release.set()
    assert await slow == Tickers(rows=())


async def test_events_begin_with_a_snapshot_and_keep_their_order(
    make_link: MakeLink, service: FakeService
) -> None:
    link = make_link(rate_hz=4.0)
    reading = asyncio.create_task(read(link, 101))
    await link.call(GetPositions())
    for number in range(100):
        service.push(order_update(number))
    found = await reading
    assert found == [
        Notice(time_ms=0, level="info", text="snapshot for test at 4 Hz"),
        *(order_update(number) for number in range(100)),
    ]


async def test_a_link_without_events_attaches_nothing(make_link: MakeLink, service: FakeService) -> None:
    link = make_link(rate_hz=0)
    assert await link.call(GetPositions()) == Done()
    assert await read(link, 1) == []
    assert service.attachments == []
    assert service.seen[0][2] is None


async def test_a_face_that_was_cut_off_is_told_and_starts_over_with_its_focus(
    make_link: MakeLink, service: FakeService
) -> None:
    link = make_link()
    await link.call(Focus(symbol="ETHUSDT"))
    assert await read(link, 1)
    link = make_link()
    await link.call(Focus(symbol="ETHUSDT"))
    service.attachments[-1].closed_because = "This face took no order events for too long."
    service.attachments[-1].close()
    with pytest.raises(LinkError) as cut:
        await read(link, 1000)
    assert cut.value.code == "CUT_OFF"
    assert cut.value.text == "This face took no order events for too long."
    assert isinstance((await read(link, 1))[0], Notice)
    request, _, attachment = service.seen[-1]
    assert request == Focus(symbol="ETHUSDT")
    assert attachment is service.attachments[-1]


async def test_the_end_of_the_engine_is_told(make_link: MakeLink, service: FakeService) -> None:
    link = make_link()
    await link.call(GetPositions())
    service.stop()
    with pytest.raises(LinkError) as gone:
        await read(link, 1000)
    assert gone.value.code == "ENGINE_GONE"


async def test_a_closed_link_refuses(make_link: MakeLink) -> None:
    link = make_link()
    await link.call(GetPositions())
    await link.close()
    with pytest.raises(LinkError) as closed:
        await link.call(GetStatus())
    assert closed.value.code == "CLOSED"


async def test_closing_a_link_ends_its_subscription(make_link: MakeLink, service: FakeService) -> None:
    link = make_link()
    reading = asyncio.create_task(read(link, 1000))
    await link.call(GetPositions())
    await link.close()
    await asyncio.wait_for(reading, 5)
    await until(lambda: service.attachments[0].closed)
