"""Closing what is held without an engine: at most that, each order once, and the truth about the rest."""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal

import pytest

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.rescue.flatten import UNNOTED, Flattened, Flattener
from spark_tui.rescue.patience import Patience
from spark_tui.venues.kill_plan import Held
from spark_tui.venues.port import Reaction, TradeReport, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, FakeVenue
from tests.rescue.waits import only_waits

D = Decimal


def held(quantity: str, *, counted_to: int | None = 100, counted: tuple[str, ...] = ()) -> Held:
    return Held(
        symbol=SYMBOL, base="BTC", quote="USDT", quantity=D(quantity), counted_to=counted_to, counted=counted
    )


def market(side: Side, quantity: str) -> OrderRequest:
    return OrderRequest(venue=NAME, symbol=SYMBOL, side=side, type=OrderType.MARKET, quantity=D(quantity))


class Nobody:
    """No other kill, or one that closed something `unlisted` seconds before its trades are listed."""

    def __init__(self) -> None:
        self.unlisted = 0.0
        self.told = 0
        self.asked = 0
        self.answers: list[bool] = []
        self.closed = False
        self.noted = True

    async def unlisted_s(self, lag_s: float, window_s: float) -> float:
        self.asked += 1
        return self.unlisted

    async def may_have_closed(self, venue: str, held: Held) -> bool:
        return self.closed

    async def closing(self) -> bool:
        self.told += 1
        return self.noted

    async def answered(self, *, sold: bool) -> None:
        self.answers.append(sold)


class Scene:
    def __init__(self) -> None:
        self.others = Nobody()
        self.clock = ManualClock()
        self.patience = Patience(self.clock, lambda text: None)
        self.venue = FakeVenue(self.clock)

    def flattener(self) -> Flattener:
        return Flattener(self.venue, self.patience, "test", self.others)

    async def flatten(self, *positions: Held) -> Flattened:
        return await self.ended(self.flattener().flatten(positions))

    async def ended(self, flattening: Coroutine[None, None, Flattened]) -> Flattened:
        task = asyncio.create_task(flattening)
        while not task.done():
            await self.clock.run_for(1)
        return task.result()

    async def asked(self) -> None:
        """Until the venue was asked about an order."""
        async with asyncio.timeout(10):
            while not self.venue.queries:  # noqa: ASYNC110 - the fake tells nobody
                await asyncio.sleep(0)

    def sent(self) -> list[tuple[Side, Decimal | None]]:
        found = []
        for client_id in self.venue.placed:
            request = self.venue.reports[client_id].request
            assert request is not None
            found.append((request.side, request.quantity))
        return found


@pytest.fixture
def scene() -> Scene:
    return Scene()


@pytest.mark.parametrize(("quantity", "side"), [("0.5", Side.SELL), ("-0.5", Side.BUY)])
async def test_a_position_is_closed_whole(scene: Scene, quantity: str, side: Side) -> None:
    scene.venue.plan.append("fill")
    done = await scene.flatten(held(quantity))
    assert scene.sent() == [(side, D("0.5"))]
    assert done == Flattened(orders=("spktest-1",))


async def test_trades_after_the_plan_count_once_and_counted_ones_not_again(scene: Scene) -> None:
    """The plan saw trade 101; 102 came after the engine died."""
    scene.venue.external("web-1", market(Side.BUY, "0.3"))
    scene.venue.fill("web-1", D("0.1"), quiet=True)  # trade 101
    scene.venue.fill("web-1", D("0.2"), quiet=True)  # trade 102
    scene.venue.plan.append("fill")
    await scene.flatten(held("0.1", counted_to=100, counted=("101",)))
    assert scene.sent() == [(Side.SELL, D("0.3"))]


class Lagging(FakeVenue):
    """Its list of trades does not have what was done just now."""

    async def trades(
        self, symbol: str, *, venue_order_id: str | None = None, from_id: int | None = None, limit: int = 500
    ) -> tuple[TradeReport, ...]:
        return ()


async def test_a_list_of_trades_that_lags_behind_does_not_make_it_sell_again(scene: Scene) -> None:
    """There is more of it on the account."""
    scene.venue = Lagging(scene.clock)
    scene.venue.plan.extend(["fill"] * 5)
    done = await scene.flatten(held("0.5"))
    assert scene.sent() == [(Side.SELL, D("0.5"))]
    assert done == Flattened(orders=("spktest-1",))


async def test_what_another_kill_closed_is_waited_for_before_anything_is_sold(scene: Scene) -> None:
    scene.others.unlisted = 7.0
    scene.venue.external("spkother-1", market(Side.SELL, "0.5"))
    scene.venue.fill("spkother-1", quiet=True)
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    closing = asyncio.create_task(scene.flattener().flatten([held("0.5")]))
    await only_waits(scene.clock, closing, 7)
    scene.venue.account_trades += trades
    scene.clock.advance(7)
    assert await closing == Flattened()
    assert (scene.venue.placed, scene.others.told) == ([], 0)


async def test_what_another_kill_closed_is_waited_for_although_nothing_is_free_any_more(scene: Scene) -> None:
    """The balance knows of the sale before the list of trades does."""
    scene.others.unlisted = 7.0
    scene.venue.external("spkother-1", market(Side.SELL, "0.5"))
    scene.venue.fill("spkother-1", quiet=True)
    scene.venue.holdings["BTC"] = D(0)
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    closing = asyncio.create_task(scene.flattener().flatten([held("0.5")]))
    await only_waits(scene.clock, closing, 7)
    scene.venue.account_trades += trades
    scene.clock.advance(7)
    assert await closing == Flattened()


async def test_the_others_are_told_before_each_sale(scene: Scene) -> None:
    """After it has asked them, so that of two that close at a time one sees the other."""
    scene.venue.plan.extend(["fill"] * 2)
    scene.venue.holdings["BTC"] = D(12_000)
    told: list[tuple[int, int]] = []

    async def closing() -> None:
        told.append((scene.others.asked, len(scene.venue.placed)))

    scene.others.closing = closing  # type: ignore[method-assign]
    await scene.flatten(held("12000"))  # more than one order takes
    assert (told, len(scene.venue.placed)) == ([(1, 0), (1, 1)], 2)


async def test_its_own_trades_count_once_when_they_are_listed(scene: Scene) -> None:
    scene.venue.plan.extend(["fill", "fill"])
    flattener = scene.flattener()
    await flattener.flatten([held("0.5")])
    scene.venue.external("web-1", market(Side.BUY, "0.3"))
    scene.venue.fill("web-1", quiet=True)
    done = await flattener.flatten([held("0.5")])
    assert scene.sent() == [(Side.SELL, D("0.5")), (Side.SELL, D("0.3"))]
    assert done.residue == ()


async def test_where_trades_cannot_be_told_apart_no_more_is_closed_than_was_held(scene: Scene) -> None:
    """There is more of it on the account, and closing is tried again."""
    scene.venue.plan.extend(["fill"] * 5)
    flattener = scene.flattener()
    for _ in range(2):
        done = await flattener.flatten([held("0.5", counted_to=None)])
    assert scene.sent() == [(Side.SELL, D("0.5"))]
    assert done == Flattened(orders=("spktest-1",))


@pytest.mark.parametrize(("counted_to", "sent"), [(None, 0), (100, 1)])
async def test_what_another_kill_may_have_closed_is_not_closed_where_trades_cannot_be_told_apart(
    scene: Scene, counted_to: int | None, sent: int
) -> None:
    """Where they can, its sale is listed, and what is left is closed."""
    scene.others.closed = True
    scene.venue.plan.append("fill")
    done = await scene.flatten(held("0.5", counted_to=counted_to))
    assert (len(scene.venue.placed), len(done.residue)) == (sent, 1 - sent)


@pytest.mark.parametrize(("counted_to", "sent"), [(None, 0), (100, 1)])
async def test_a_sale_that_cannot_be_noted_is_not_made_where_trades_are_mixed(
    scene: Scene, counted_to: int | None, sent: int
) -> None:
    """The next kill would not hear of it; where trades can be told apart it sees them."""
    scene.others.noted = False
    scene.venue.plan.append("fill")
    done = await scene.flatten(held("0.5", counted_to=counted_to))
    assert (len(scene.venue.placed), len(done.orders)) == (sent, sent)
    assert [one.text for one in done.residue] == [f"not closed: NOT_SENT: {UNNOTED}"] * (1 - sent)
    assert len(scene.others.answers) == scene.others.told == 1


async def test_a_lost_reply_is_asked_about_and_never_sent_again(scene: Scene) -> None:
    scene.venue.plan.append("lost")
    flattening = asyncio.create_task(scene.flatten(held("0.5")))
    await scene.asked()
    scene.venue.fill("spktest-1", quiet=True)
    done = await flattening
    assert scene.venue.placed == ["spktest-1"]
    assert done.residue == ()


async def test_an_order_whose_fate_stays_unknown_is_residue_and_not_repeated(scene: Scene) -> None:
    scene.venue.plan.append("dead")
    done = await scene.flatten(held("0.5"))
    assert scene.venue.placed == ["spktest-1"]
    (left,) = done.residue
    assert not left.dust
    assert left.quantity == D("0.5")
    assert "spktest-1" in left.text


async def test_an_order_whose_fate_stays_unknown_is_not_repeated_by_a_second_look(scene: Scene) -> None:
    """It may trade after all, and where trades cannot be told apart nobody would see that."""
    scene.venue.plan.extend(["lost", "fill"])
    scene.venue.failing["query"] = UNREACHABLE
    flattener = scene.flattener()
    position = held("0.5", counted_to=None)
    await scene.ended(flattener.flatten([position]))
    scene.venue.fill("spktest-1", quiet=True)
    done = await scene.ended(flattener.flatten([position]))
    assert (scene.venue.placed, done.orders) == (["spktest-1"], ("spktest-1",))
    (left,) = done.residue
    assert "spktest-1" in left.text
    assert scene.others.answers == []


async def test_who_hurries_does_not_wait_for_a_fate(scene: Scene) -> None:
    scene.venue.plan.append("lost")
    closing = asyncio.create_task(scene.flattener().flatten([held("0.5")]))
    await only_waits(scene.clock, closing, 1)
    scene.patience.hurry()
    async with asyncio.timeout(10):
        (left,) = (await closing).residue
    assert "the fate of spktest-1 is not known" in left.text


async def test_who_hurries_past_another_kills_sale_has_nothing_sold(scene: Scene) -> None:
    scene.others.unlisted = 7.0
    closing = asyncio.create_task(scene.flattener().flatten([held("0.5")]))
    await only_waits(scene.clock, closing, 7)
    scene.patience.hurry()
    async with asyncio.timeout(10):
        (left,) = (await closing).residue
    assert (scene.venue.placed, left.dust) == ([], False)
    assert "another kill" in left.text


async def test_a_refusal_is_residue_with_the_venues_reason(scene: Scene) -> None:
    scene.venue.plan.append("reject")
    (left,) = (await scene.flatten(held("0.5"))).residue
    assert not left.dust
    assert "insufficient balance" in left.text
    assert scene.others.answers == [False]  # nobody waits for it


async def test_what_is_too_small_for_the_venue_is_dust(scene: Scene) -> None:
    (left,) = (await scene.flatten(held("0.000001"))).residue
    assert left.dust
    assert scene.venue.placed == []


async def test_the_venues_word_on_the_smallest_notional_is_dust_too(scene: Scene) -> None:
    scene.venue.plan.append("refused")
    scene.venue.refusal = VenueError(Reaction.DEFINITE_REJECT, "-1013", "Filter failure: NOTIONAL.")
    (left,) = (await scene.flatten(held("0.00005"))).residue
    assert left.dust


async def test_a_filter_that_refuses_a_large_position_does_not_make_it_dust(scene: Scene) -> None:
    scene.venue.plan.append("refused")
    scene.venue.refusal = VenueError(Reaction.DEFINITE_REJECT, "-1013", "Filter failure: NOTIONAL.")
    (left,) = (await scene.flatten(held("0.5"))).residue
    assert (left.dust, left.quantity) == (False, D("0.5"))
    assert left.text.startswith("not closed")


async def test_without_a_price_nothing_is_dust(scene: Scene) -> None:
    scene.venue.plan.append("refused")
    scene.venue.refusal = VenueError(Reaction.DEFINITE_REJECT, "-1013", "Filter failure: NOTIONAL.")
    scene.venue.failing["depth_snapshot"] = UNREACHABLE
    (left,) = (await scene.flatten(held("0.00005"))).residue
    assert not left.dust


async def test_crumbs_that_are_free_do_not_make_a_locked_position_dust(scene: Scene) -> None:
    scene.venue.holdings["BTC"] = D("0.000001")
    (left,) = (await scene.flatten(held("0.5"))).residue
    assert not left.dust


async def test_nothing_free_is_not_called_dust(scene: Scene) -> None:
    scene.venue.holdings["BTC"] = D(0)
    (left,) = (await scene.flatten(held("0.5"))).residue
    assert not left.dust
    assert "free" in left.text


async def test_a_partial_fill_is_followed_by_the_rest(scene: Scene) -> None:
    scene.venue.plan.extend(["lost", "fill"])
    flattening = asyncio.create_task(scene.flatten(held("0.5")))
    await scene.asked()
    scene.venue.fill("spktest-1", D("0.2"), quiet=True)
    await scene.venue.cancel(SYMBOL, "spktest-1")  # the venue expires what a market order cannot get
    done = await flattening
    assert scene.sent() == [(Side.SELL, D("0.5")), (Side.SELL, D("0.3"))]
    assert done.residue == ()


async def test_a_venue_that_does_not_answer_leaves_residue(scene: Scene) -> None:
    scene.venue.failing["trades"] = UNREACHABLE
    (left,) = (await scene.flatten(held("0.5"))).residue
    assert left.quantity == D("0.5")
    assert "cannot be reached" in left.text


async def test_nothing_held_sends_nothing(scene: Scene) -> None:
    assert await scene.flatten(held("0")) == Flattened()


async def test_where_instruments_are_not_told_a_position_that_the_plan_has_at_zero_is_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have been bought since; how much is not known."""

    async def untold() -> tuple[Instrument, ...]:
        raise UNREACHABLE

    monkeypatch.setattr(scene.venue, "instruments", untold)
    (left,) = (await scene.flatten(held("0"))).residue
    assert (left.symbol, left.quantity, left.dust) == (SYMBOL, D(0), False)
    assert "cannot be reached" in left.text
