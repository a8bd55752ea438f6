"""What the engine's last orders traded in instruments of which its plan says nothing is closed as well."""

import msgspec
import pytest

from spark_tui.rescue import unplanned
from spark_tui.venues.kill_plan import Held, LastOrder
from spark_tui.venues.port import TRADES_LAG_S, OrderReport, Reaction, VenueError
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D
from tests.rescue.older_plans import UNTOLD, bought, heard, older, sold, unlisted
from tests.rescue.plans import plan
from tests.rescue.test_late import BUY, WINDOW_S, Scene
from tests.rescue.test_late import scene as scene


async def test_what_a_late_order_bought_there_is_closed(scene: Scene) -> None:
    bought(scene, "web-1")  # before our time: it stays
    scene.sent("sp-late")
    killing = scene.kill(flatten=True, of=older())
    await scene.waits(WINDOW_S)
    bought(scene, "sp-late")
    scene.venue.plan.append("fill")
    scene.clock.advance(WINDOW_S)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)
    (sale,) = scene.venue.placed
    request = scene.venue.reports[sale].request
    assert request is not None
    assert request.quantity == D("0.1")


async def test_what_an_order_bought_that_the_engine_had_heard_of_is_closed_at_once(scene: Scene) -> None:
    """It died within the second that the plan takes."""
    scene.sent("sp-heard", seconds_ago=3_600)
    heard(scene)
    bought(scene, "sp-heard")
    scene.venue.plan.append("fill")
    done = await scene.kill(flatten=True, of=older())
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_an_instrument_of_which_the_plan_cannot_tell_what_is_held_is_looked_at(scene: Scene) -> None:
    scene.sent("sp-heard", seconds_ago=3_600)
    bought(scene, "sp-heard")
    scene.venue.plan.append("fill")
    named = Held(symbol=SYMBOL, base="BTC", quote="USDT", quantity=D(0), counted_to=None)
    done = await scene.kill(flatten=True, of=older((named,)))
    assert (len(done.flattened), done.green) == (1, True)


async def test_a_ban_after_the_sale_does_not_make_it_buy_back(scene: Scene) -> None:
    """The plan names the instrument with nothing, and the ledger an order that bought in it."""
    scene.sent("sp-heard", seconds_ago=3_600)
    bought(scene, "sp-heard")
    scene.venue.plan.extend(["fill"] * 5)
    real, bans = scene.venue.open_orders, [VenueError(Reaction.BANNED, "-1003", "Banned.", retry_after_s=5)]

    async def banned_once(symbol: str | None = None) -> tuple[OrderReport, ...]:
        if scene.venue.placed and bans:
            raise bans.pop()
        return await real(symbol)

    scene.venue.open_orders = banned_once  # type: ignore[method-assign]
    named = Held(symbol=SYMBOL, base="BTC", quote="USDT", quantity=D(0), counted_to=None)
    killing = scene.kill(flatten=True, of=older((named,)))
    await scene.waits(5)
    scene.clock.advance(5)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_without_flatten_nobody_looks(scene: Scene) -> None:
    scene.sent("sp-old", seconds_ago=3_600)
    bought(scene, "sp-old")
    done = await scene.kill(of=older())
    assert (done.green, scene.venue.queries, scene.venue.placed) == (True, [], [])


async def test_one_that_never_lived_left_nothing_to_close(scene: Scene) -> None:
    scene.sent("sp-dead", seconds_ago=3_600)
    done = await scene.ended(scene.kill(flatten=True, of=older()))
    assert (done.flattened, done.residue, done.green) == ((), (), True)


@pytest.mark.parametrize("method", ["query", "trades", "instruments"])
async def test_what_the_venue_does_not_tell_is_named(scene: Scene, method: str) -> None:
    scene.sent("sp-heard", seconds_ago=3_600)
    bought(scene, "sp-heard")
    real = getattr(scene.venue, method)

    async def failing(*args: object, **named: object) -> object:
        if method == "instruments":
            raise UNREACHABLE
        scene.venue._maybe_fail(method)
        return await real(*args, **named)

    scene.venue.failing[method] = UNREACHABLE
    setattr(scene.venue, method, failing)
    done = await scene.ended(scene.kill(flatten=True, of=older()))
    (left,) = done.residue
    assert (left.symbol, left.dust, done.green) == (SYMBOL, False, False)
    assert "cannot be reached" in left.text


async def test_nothing_is_sold_while_an_order_can_still_come_alive(scene: Scene) -> None:
    """It may sell the same."""
    scene.sent("sp-late")
    scene.venue.plan.append("fill")
    killing = scene.kill(flatten=True, of=plan(D("0.5")))
    await scene.waits(WINDOW_S)
    assert "before it closes a position" in scene.said[0]
    sold(scene, "sp-late", "0.5")
    scene.clock.advance(WINDOW_S)
    done = await killing
    assert (done.flattened, done.residue, done.green) == ((), (), True)


async def test_who_hurries_past_a_late_order_has_nothing_sold_where_it_may_trade(scene: Scene) -> None:
    scene.sent("sp-late")
    killing = scene.kill(flatten=True, of=plan(D("0.5")))
    await scene.waits(WINDOW_S)
    scene.rescue.hurry()
    done = await killing
    (left,) = done.residue
    assert (done.flattened, done.confirmed, done.green) == ((), False, False)
    assert "sp-late can still come alive" in left.text


async def test_what_was_bought_where_trades_cannot_be_told_apart_is_named(scene: Scene) -> None:
    scene.sent("sp-late")
    killing = scene.kill(flatten=True, of=older((UNTOLD,)))
    await scene.waits(WINDOW_S)
    bought(scene, "sp-late")
    scene.clock.advance(WINDOW_S)
    done = await scene.ended(killing)
    (left,) = done.residue
    assert (left.symbol, left.dust, done.green, scene.venue.placed) == (SYMBOL, False, False, [])
    assert "cannot be told from those the plan counts" in left.text


async def test_where_trades_cannot_be_told_apart_and_none_is_new_the_position_is_closed(
    scene: Scene,
) -> None:
    scene.sent("sp-rest", seconds_ago=3_600)
    heard(scene)
    scene.venue.external("sp-rest", BUY)
    scene.venue.plan.append("fill")
    done = await scene.kill(flatten=True, of=older((UNTOLD,)))
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_more_orders_of_a_planned_instrument_than_are_asked_for_are_waited_for(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After that every list has what they traded."""
    monkeypatch.setattr(unplanned, "MAX_ASKED", 1)
    for name in ("sp-1", "sp-2"):
        scene.sent(name, seconds_ago=3_600)
    heard(scene)
    bought(scene, "sp-1")
    trades = unlisted(scene)
    scene.venue.plan.append("fill")
    killing = scene.kill(flatten=True)
    await scene.waits(TRADES_LAG_S)
    assert (scene.venue.queries, scene.venue.placed) == ([], [])
    scene.venue.account_trades += trades
    scene.clock.advance(TRADES_LAG_S)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_who_hurries_past_so_many_has_nothing_sold(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unplanned, "MAX_ASKED", 1)
    for name in ("sp-1", "sp-2"):
        scene.sent(name, seconds_ago=3_600)
    heard(scene)
    killing = scene.kill(flatten=True, of=plan(D("0.5")))
    await scene.waits(TRADES_LAG_S)
    scene.rescue.hurry()
    done = await killing
    (left,) = done.residue
    assert (left.dust, done.green, scene.venue.placed) == (False, False, [])
    assert "2 orders may have traded" in left.text


async def test_more_orders_than_are_looked_at_are_named(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unplanned, "MAX_ASKED", 1)
    for name in ("sp-1", "sp-2"):
        scene.sent(name, seconds_ago=3_600)
    done = await scene.kill(flatten=True, of=older())
    assert ([one.dust for one in done.residue], done.green) == ([False], False)
    assert scene.venue.queries == ["sp-2"]


async def test_a_reply_that_nobody_can_read_leaves_the_other_instruments_closed(scene: Scene) -> None:
    scene.sent("sp-heard", seconds_ago=3_600)
    heard(scene)
    scene.known = [msgspec.structs.replace(one, symbol="ETHUSDT") for one in scene.known]

    async def unreadable(symbol: str, client_order_id: str) -> OrderReport:
        raise RuntimeError("a reply nobody can read")

    scene.venue.query = unreadable  # type: ignore[method-assign]
    scene.venue.plan.append("fill")
    done = await scene.ended(scene.kill(flatten=True, of=plan(D("0.5"))))
    assert ([one.symbol for one in done.residue], len(done.flattened), done.green) == (["ETHUSDT"], 1, False)
    assert "a reply nobody can read" in done.residue[0].text


async def test_without_a_plan_a_ledger_that_was_cut_off_closes_nothing(scene: Scene) -> None:
    """What it bought lies further back than is read: the sale was not the beginning."""
    bought(scene, "sp-long-ago")
    scene.sent("sp-sale", seconds_ago=3_600)
    heard(scene)
    sold(scene, "sp-sale", "0.05")
    scene.whole = False
    scene.venue.plan.append("fill")
    done = await scene.ended(scene.kill(flatten=True, of=older()))
    (left,) = done.residue
    assert (scene.venue.placed, left.symbol, left.dust, done.green) == ([], "", False, False)
    assert "no kill plan" in left.text


async def test_a_resting_order_older_than_the_tail_is_settled_before_a_sale(scene: Scene) -> None:
    """It sold just now, which no list has yet; the plan alone has it."""
    order = LastOrder(client_order_id="sp-rest", venue=NAME, symbol=SYMBOL, at_ms=0, heard=True)
    whole = plan(D("0.5"))
    of = msgspec.structs.replace(whole, venues=(msgspec.structs.replace(whole.venues[0], open=(order,)),))
    sold(scene, "sp-rest", "0.5")
    trades = unlisted(scene)
    scene.venue.plan.append("fill")
    killing = scene.kill(flatten=True, of=of)
    await scene.waits(1)
    scene.venue.account_trades += trades
    scene.clock.advance(1)
    done = await killing
    assert (scene.venue.placed, done.residue, done.green) == ([], (), True)


async def test_another_venues_orders_are_not_asked_for(scene: Scene) -> None:
    scene.known = [LastOrder(client_order_id="sp-1", venue="elsewhere", symbol=SYMBOL, at_ms=0)]
    assert (await scene.kill(flatten=True, of=older())).green
    assert scene.venue.queries == []
