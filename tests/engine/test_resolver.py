"""What it takes to call an order dead: the whole of the evidence, read by the venue's clock."""

from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.engine import resolver
from spark_tui.link.messages import Reconcile
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import FakeVenue
from tests.engine.harness import rig


class OwnTime(FakeVenue):
    """A venue whose clock is the right one while ours runs ahead."""

    def server_time_ms(self) -> int:
        return super().server_time_ms() - 600_000


async def test_a_trade_is_dated_by_the_venues_clock_not_by_ours(tmp_path: Path) -> None:
    """Ours is ten minutes ahead: the order's own trade looks older than the order."""
    clock = ManualClock()
    async with rig(tmp_path, clock=clock, venue=OwnTime(clock)) as it:
        it.venue.plan.append("lost")
        order = await it.submit()
        client_id = order.client_order_id
        it.venue.fill(client_id, quiet=True)
        it.venue.hidden.add(client_id)
        it.venue.nameless.add(client_id)  # the copy that answers lags behind for good
        await it.clock.run_for(40)
        assert it.order(client_id).state is OrderState.UNKNOWN


@pytest.mark.parametrize("pages", [1, 20])
async def test_a_trade_behind_a_thousand_others_is_evidence_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pages: int
) -> None:
    """Of more trades than can be looked through nothing is proved."""
    monkeypatch.setattr(resolver, "TRADES", 2)
    monkeypatch.setattr(resolver, "PAGES", pages)
    async with rig(tmp_path) as it:
        for after in range(4):
            others = await it.submit()
            it.venue.fill(others.client_order_id)
            if not after:
                await it.ask(Reconcile())  # the proof looks at what came since
        it.venue.plan.append("lost")
        order = await it.submit()
        client_id = order.client_order_id
        it.venue.fill(client_id, quiet=True)
        it.venue.hidden.add(client_id)
        it.venue.nameless.add(client_id)
        await it.clock.run_for(25)
        assert it.order(client_id).state is OrderState.UNKNOWN
