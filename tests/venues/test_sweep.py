"""One pass of a kill over a venue: everything it can be brought to cancel, and the truth about the rest."""

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.venues.port import OrderReport, OrderStatus, Reaction, VenueError
from spark_tui.venues.sweep import Sweep, sweep
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, D, FakeVenue

NO = VenueError(Reaction.DEFINITE_REJECT, "-2010", "This symbol takes no cancel of all.")
BANNED = VenueError(Reaction.BANNED, "-1003", "Banned.", retry_after_s=90.0)


def venue(*client_ids: str) -> FakeVenue:
    """With these orders open, placed elsewhere."""
    found = FakeVenue(ManualClock())
    for client_id in client_ids:
        found.external(
            client_id,
            OrderRequest(
                venue=NAME,
                symbol=SYMBOL,
                side=Side.BUY,
                type=OrderType.LIMIT,
                time_in_force=TimeInForce.GTC,
                price=D("40000"),
                quantity=D("0.1"),
            ),
        )
    return found


async def swept(at: FakeVenue, *symbols: str) -> Sweep:
    return await sweep(at, symbols, lambda report: None)


async def test_what_no_cancel_of_a_symbol_moves_is_cancelled_one_by_one() -> None:
    at = venue("web-1", "web-2")
    at.failing["cancel_all"] = NO
    found = await swept(at, SYMBOL)
    assert found == Sweep(canceled=("web-1", "web-2"))


async def test_an_order_that_cannot_be_cancelled_at_all_is_left_with_the_venues_reason() -> None:
    at = venue("web-1", "web-2")
    at.failing |= {"cancel_all": NO, "cancel": NO}
    found = await swept(at)
    assert found.left == ("web-1", "web-2")
    assert found.known
    assert "web-1: -2010: This symbol takes no cancel of all." in found.errors


async def test_a_leg_that_went_with_its_list_is_no_error() -> None:
    class Lists(FakeVenue):
        async def cancel(self, symbol: str, client_order_id: str) -> OrderReport:
            done = await super().cancel(symbol, client_order_id)
            for other in self.reports.values():
                if other.status is OrderStatus.NEW:
                    self._change(other.client_order_id, OrderStatus.CANCELED)
            return done

    at = venue("leg-1", "leg-2")
    at.__class__ = Lists
    at.failing["cancel_all"] = NO
    found = await swept(at, SYMBOL)
    assert (found.left, found.errors) == ((), ())


async def test_three_hundred_orders_go_in_one_call_a_symbol() -> None:
    at = venue(*(f"web-{number}" for number in range(300)))
    found = await swept(at)
    assert len(found.canceled) == 300
    assert at.sent_bytes == [f"cancel-all {SYMBOL}"]
    assert at.cancels == []


async def test_every_second_cancel_refused_is_tried_until_all_is_gone() -> None:
    class Moody(FakeVenue):
        asked = 0

        async def cancel_all(self, symbol: str) -> tuple[OrderReport, ...]:
            self.asked += 1
            if self.asked % 2:
                raise NO
            return await super().cancel_all(symbol)

    at = venue("web-1")
    at.__class__ = Moody
    found = await swept(at, SYMBOL)
    assert (found.canceled, found.left, found.errors) == (("web-1",), (), ())


async def test_a_ban_says_how_long_the_venue_wants_to_be_left_alone() -> None:
    at = venue("web-1")
    at.failing |= {"cancel_all": BANNED, "open_orders": BANNED}
    found = await swept(at, SYMBOL)
    assert (found.known, found.wait_s) == (False, 90.0)
