"""A small Service: enough engine to hold a link to its contract."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from decimal import Decimal

from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import (
    AnyRequest,
    CancelOrder,
    Done,
    Event,
    Focus,
    GetStatus,
    GetTickers,
    Kill,
    Notice,
    OrderUpdate,
    Result,
    SubmitOrder,
    Tickers,
)
from spark_tui.link.service import LinkError


def order_update(number: int) -> OrderUpdate:
    return OrderUpdate(
        order=Order(
            client_order_id=f"order-{number}",
            request=OrderRequest(
                venue="binance-spot",
                symbol="BTCUSDT",
                side=Side.BUY,
                type=OrderType.LIMIT,
                quantity=Decimal("0.01000000"),
                price=Decimal("60000.10"),
            ),
            state=OrderState.ACCEPTED,
            created_ms=1,
            updated_ms=2,
        )
    )


class FakeAttachment:
    def __init__(self, bound: int) -> None:
        self.closed_because = ""
        self.closed = False
        self._bound = bound
        self._queue: deque[tuple[Event, ...]] = deque()
        self._stir = asyncio.Event()

    def push(self, *events: Event) -> None:
        if len(self._queue) >= self._bound:
            self.closed_because = "This face took no order events for too long."
            self.closed = True
        else:
            self._queue.append(events)
        self._stir.set()

    async def batches(self) -> AsyncIterator[tuple[Event, ...]]:
        while True:
            if self.closed_because:
                return
            while self._queue:
                yield self._queue.popleft()
            if self.closed:
                return
            self._stir.clear()
            await self._stir.wait()

    def close(self) -> None:
        self.closed = True
        self._stir.set()


class FakeService:
    """`GetStatus` is refused, `GetTickers` waits for `release`, `Kill` breaks, the rest is answered."""

    def __init__(self, bound: int = 1000) -> None:
        self.bound = bound
        self.attachments: list[FakeAttachment] = []
        self.release = asyncio.Event()
        self.seen: list[tuple[AnyRequest, str, object]] = []
        self.asked = asyncio.Event()

    async def handle(self, request: AnyRequest, operator: str, attachment: object) -> Result:
        self.seen.append((request, operator, attachment))
        self.asked.set()
        match request:
            case SubmitOrder():
                return order_update(len(self.seen))
            case GetStatus():
                raise LinkError("RECOVERING", "The engine is reading its ledger.")
            case GetTickers():
                await self.release.wait()
                return Tickers(rows=())
            case CancelOrder(client_order_id=name):
                raise LinkError("UNKNOWN_ORDER", f"No order is called {name}.")
            case Kill():
                raise RuntimeError("a defect with a secret in it")
            case Focus():
                return Done()
        return Done()

    def attach(self, face: str, operator: str, rate_hz: float) -> FakeAttachment:
        attachment = FakeAttachment(self.bound)
        attachment.push(Notice(time_ms=0, level="info", text=f"snapshot for {face} at {rate_hz:g} Hz"))
        self.attachments.append(attachment)
        return attachment

    def push(self, *events: Event) -> None:
        for attachment in self.attachments:
            if not attachment.closed:
                attachment.push(*events)

    def stop(self) -> None:
        for attachment in self.attachments:
            attachment.close()
