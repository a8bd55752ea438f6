"""Our own adapter drives the venue over a socket: every order shape there and back. Neither side shares code
with the other, so that a mistake in one shows here."""

import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TimeInForce
from spark_tui.simulator.server import Server
from spark_tui.venues.binance.credentials import HmacKey
from spark_tui.venues.binance.spot.adapter import BinanceSpot
from spark_tui.venues.binance.spot.endpoints import Endpoints
from spark_tui.venues.port import HalfOutcome, ListLeg, OrderStatus, ReplaceMode, VenueError
from spark_tui.wire.clock import SystemClock
from tests.simulator.rig import KEY, SECRET
from tests.simulator.test_server import server

__all__ = ["server"]
SYMBOL = "BTCUSDT"


@pytest.fixture
async def venue(server: Server) -> AsyncIterator[BinanceSpot]:
    adapter = BinanceSpot(
        Endpoints(server.base_url, server.ws_url, server.ws_api_url),
        HmacKey(KEY, SECRET),
        clock=SystemClock(),
        rng=random.Random(1),
    )
    await adapter.start()
    yield adapter
    await adapter.close()


def order(side: str, kind: str, quantity: str, **terms: Any) -> OrderRequest:
    values: dict[str, Any] = {
        name: Decimal(value) if isinstance(value, str) else value for name, value in terms.items()
    }
    return OrderRequest(
        venue="binance",
        symbol=SYMBOL,
        side=Side(side),
        type=OrderType(kind),
        quantity=Decimal(quantity),
        time_in_force=TimeInForce.GTC if "LIMIT" in kind and kind != "LIMIT_MAKER" else None,
        **values,
    )


def sent() -> None:
    """What the engine would note; nothing here."""


def last(server: Server) -> Decimal:
    return Decimal(server.simulation.exchange.market(SYMBOL).last_price) / 100_000_000


def exits(server: Server, above: LegRole, below: LegRole) -> tuple[ListLeg, ListLeg]:
    high, low = f"{last(server) * 2:.2f}", f"{last(server) / 2:.2f}"
    return (
        ListLeg(role=above, client_order_id="take", request=order("SELL", "LIMIT_MAKER", "0.01", price=high)),
        ListLeg(
            role=below,
            client_order_id="stop",
            request=order("SELL", "STOP_LOSS_LIMIT", "0.01", price=low, stop_price=low),
        ),
    )


async def statuses(venue: BinanceSpot) -> dict[str, OrderStatus]:
    return {report.client_order_id: report.status for report in await venue.open_orders(SYMBOL)}


async def test_an_oco_there_and_back(venue: BinanceSpot, server: Server) -> None:
    reports = await venue.place_list("mine", ListKind.OCO, exits(server, LegRole.ABOVE, LegRole.BELOW), sent)
    assert {(r.client_order_id, r.status, r.list_id) for r in reports} == {
        ("take", OrderStatus.NEW, "mine"),
        ("stop", OrderStatus.NEW, "mine"),
    }
    gone = await venue.cancel_list(SYMBOL, "mine")
    assert {r.client_order_id: r.status for r in gone} == {
        "take": OrderStatus.CANCELED,
        "stop": OrderStatus.CANCELED,
    }
    assert await statuses(venue) == {}


async def test_an_otoco_there_and_back(venue: BinanceSpot, server: Server) -> None:
    price = f"{last(server) * Decimal('0.9'):.2f}"
    entry = ListLeg(
        role=LegRole.WORKING, client_order_id="in", request=order("BUY", "LIMIT", "0.01", price=price)
    )
    legs = (entry, *exits(server, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW))
    await venue.place_list("both", ListKind.OTOCO, legs, sent)
    assert await statuses(venue) == {
        "in": OrderStatus.NEW,
        "take": OrderStatus.PENDING_NEW,
        "stop": OrderStatus.PENDING_NEW,
    }
    assert len(await venue.cancel_all(SYMBOL)) == 3


async def test_a_refused_list_leaves_nothing(venue: BinanceSpot, server: Server) -> None:
    take, stop = exits(server, LegRole.BELOW, LegRole.ABOVE)  # upside down
    with pytest.raises(VenueError) as caught:
        await venue.place_list("mine", ListKind.OCO, (stop, take), sent)
    assert caught.value.code in ("-1166", "-1197")
    assert await statuses(venue) == {}


async def test_an_amendment_an_iceberg_and_a_trail(venue: BinanceSpot, server: Server) -> None:
    price = f"{last(server) * Decimal('0.9'):.2f}"
    hidden = await venue.place(
        "ice", order("BUY", "LIMIT", "0.05", price=price, iceberg_quantity="0.01"), sent
    )
    assert hidden.status is OrderStatus.NEW
    amended = await venue.amend(SYMBOL, "ice", Decimal("0.04"))
    assert (amended.client_order_id, amended.quantity) == ("ice", Decimal("0.04"))
    await venue.place("trail", order("SELL", "STOP_LOSS", "0.01", trailing_delta=100), sent)
    found = {report.client_order_id: report.request for report in await venue.open_orders(SYMBOL)}
    assert found["ice"] is not None
    assert (found["ice"].quantity, found["ice"].iceberg_quantity) == (Decimal("0.04"), Decimal("0.01"))
    assert found["trail"] is not None
    assert found["trail"].trailing_delta == 100


async def test_a_replacement_with_both_halves(venue: BinanceSpot, server: Server) -> None:
    price = f"{last(server) * Decimal('0.9'):.2f}"
    await venue.place("old", order("BUY", "LIMIT", "0.01", price=price), sent)
    outcome = await venue.replace(
        SYMBOL, "old", "new", order("BUY", "LIMIT", "0.02", price=price), ReplaceMode.STOP_ON_FAILURE, sent
    )
    assert (outcome.cancel.outcome, outcome.new.outcome) == (HalfOutcome.SUCCESS, HalfOutcome.SUCCESS)
    assert await statuses(venue) == {"new": OrderStatus.NEW}
    again = await venue.replace(
        SYMBOL, "old", "other", order("BUY", "LIMIT", "0.02", price=price), ReplaceMode.ALLOW_FAILURE, sent
    )
    assert (again.cancel.outcome, again.new.outcome) == (HalfOutcome.FAILURE, HalfOutcome.SUCCESS)
    assert set(await statuses(venue)) == {"new", "other"}


async def test_canceling_one_leg(venue: BinanceSpot, server: Server) -> None:
    await venue.place_list("mine", ListKind.OCO, exits(server, LegRole.ABOVE, LegRole.BELOW), sent)
    report = await venue.cancel(SYMBOL, "take")
    assert (report.client_order_id, report.status) == ("take", OrderStatus.CANCELED)
    assert await statuses(venue) == {}
