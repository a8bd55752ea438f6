"""Trades that no list of the venue has yet are waited for before anything unplanned is sold."""

import asyncio
import contextlib

import msgspec
import pytest

from spark_tui.venues.port import TRADES_LAG_S, OrderReport
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S
from tests.engine.fake_venue import D
from tests.rescue.older_plans import bought, heard, older, sold, unlisted
from tests.rescue.plans import plan
from tests.rescue.test_late import BUY, WINDOW_S, Scene
from tests.rescue.test_late import scene as scene


async def test_a_copy_that_lags_behind_is_asked_until_it_has_caught_up(scene: Scene) -> None:
    """The order says what it traded, the list of trades does not have it yet; or not even the order."""
    scene.sent("sp-heard", seconds_ago=3_600)
    heard(scene)
    bought(scene, "sp-heard")
    scene.venue.plan.append("fill")
    scene.venue.hidden.add("sp-heard")
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    killing = scene.kill(flatten=True, of=older())
    await scene.waits(1)
    scene.venue.hidden.clear()
    scene.clock.advance(1)
    await scene.waits(2)
    scene.venue.account_trades += trades
    scene.clock.advance(2)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_what_was_bought_just_now_is_closed_although_no_list_has_it_yet(
    scene: Scene,
) -> None:
    """The plan names the instrument, and is from before the order."""
    scene.sent("sp-heard", seconds_ago=1)
    heard(scene)
    bought(scene, "sp-heard")
    scene.venue.plan.append("fill")
    scene.venue.hidden.add("sp-heard")
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    killing = scene.kill(flatten=True)
    await scene.waits(1)
    assert scene.venue.placed == []
    scene.venue.hidden.clear()
    scene.venue.account_trades += trades
    scene.clock.advance(1)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_what_the_engine_sold_just_now_is_not_sold_again(scene: Scene) -> None:
    """The plan has it still, and there is more of it on the account."""
    scene.sent("sp-sale", seconds_ago=1)
    heard(scene, ended_ms=scene.clock.wall_ns() // NS_PER_MS - 1_000)
    sold(scene, "sp-sale", "0.5")
    trades = unlisted(scene)
    scene.venue.plan.extend(["fill"] * 5)
    killing = scene.kill(flatten=True, of=plan(D("0.5")))
    await scene.waits(1)
    scene.venue.account_trades += trades
    scene.clock.advance(1)
    done = await killing
    assert (done.flattened, done.residue, done.green) == ((), (), True)


async def test_what_a_kill_sent_before_it_was_cut_off_is_not_sold_again(scene: Scene) -> None:
    """Its order arrives late, in the time of the next kill."""
    scene.venue.plan.extend(["dead", "fill"])
    first = scene.kill(flatten=True, of=plan(D("0.5")))
    await scene.waits(1)
    first.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await first
    (sale,) = scene.venue.placed
    second = scene.kill(flatten=True, of=plan(D("0.5")))
    window_s = scene.venue.decision_window_ms / 1_000
    await scene.waits(window_s + TRADES_LAG_S)
    sold(scene, sale, "0.5")
    scene.clock.advance(window_s + TRADES_LAG_S)
    done = await second
    assert (scene.venue.placed, done.flattened, done.green) == ([sale], (), True)


async def test_what_ended_longer_ago_is_not_asked_for(scene: Scene) -> None:
    scene.sent("sp-sale", seconds_ago=60)
    heard(scene, ended_ms=scene.clock.wall_ns() // NS_PER_MS - int(TRADES_LAG_S * 1_000))
    scene.venue.plan.append("fill")
    done = await scene.ended(scene.kill(flatten=True, of=plan(D("0.5"))))
    assert (len(done.flattened), done.green, scene.venue.queries) == (1, True, [])


async def test_a_resting_order_that_filled_just_now_is_waited_for(scene: Scene) -> None:
    """It was sent an hour ago, and the ledger has not heard of its end."""
    scene.sent("sp-rest", seconds_ago=3_600)
    heard(scene)
    bought(scene, "sp-rest")
    trades = unlisted(scene)
    scene.venue.plan.append("fill")
    killing = scene.kill(flatten=True)
    await scene.waits(1)
    scene.venue.account_trades += trades
    scene.clock.advance(1)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_an_order_that_a_copy_has_open_still_is_waited_for(scene: Scene) -> None:
    """It is open no more, so that the copy does not have its fill yet."""
    scene.sent("sp-rest", seconds_ago=3_600)
    heard(scene)
    scene.venue.external("sp-rest", BUY)
    before = scene.venue.reports["sp-rest"]
    scene.venue.fill("sp-rest", quiet=True)
    after, trades = scene.venue.reports["sp-rest"], unlisted(scene)
    copies, real = [before, before], scene.venue.query

    async def lagging(symbol: str, client_order_id: str) -> OrderReport | None:
        scene.venue.reports["sp-rest"] = copies.pop() if copies else after
        try:
            return await real(symbol, client_order_id)
        finally:
            scene.venue.reports["sp-rest"] = after
            if not copies:
                scene.venue.account_trades[:] = trades

    scene.venue.query = lagging  # type: ignore[method-assign]
    scene.venue.plan.append("fill")
    done = await scene.ended(scene.kill(flatten=True))
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_a_late_order_that_no_list_has_yet_is_waited_for(scene: Scene) -> None:
    """It came alive at the end of the wait."""
    scene.sent("sp-late")
    scene.venue.plan.append("fill")
    killing = scene.kill(flatten=True)
    await scene.waits(WINDOW_S)
    bought(scene, "sp-late")
    trades = unlisted(scene)
    scene.clock.advance(WINDOW_S)
    await scene.waits(1)
    scene.venue.account_trades += trades
    scene.clock.advance(1)
    done = await killing
    assert (len(done.flattened), done.residue, done.green) == (1, (), True)


async def test_who_hurries_ends_the_catching_up_too(scene: Scene) -> None:
    scene.sent("sp-heard", seconds_ago=3_600)
    heard(scene)
    bought(scene, "sp-heard")
    unlisted(scene)
    killing = scene.kill(flatten=True)
    await scene.waits(1)
    scene.rescue.hurry()
    async with asyncio.timeout(10):
        done = await killing  # no second passed
    (left,) = done.residue
    assert (left.dust, done.green, scene.venue.placed) == (False, False, [])


@pytest.mark.parametrize(
    ("hidden", "said"),
    [
        (True, "the venue had a word on sp-heard and does not know it now"),
        (False, "sp-heard traded 0.1, and the venue lists 0 of it"),
    ],
)
async def test_one_that_does_not_catch_up_is_named(scene: Scene, hidden: bool, said: str) -> None:
    scene.sent("sp-heard", seconds_ago=3_600)
    heard(scene)
    bought(scene, "sp-heard")
    scene.venue.account_trades.clear()
    scene.venue.hidden |= {"sp-heard"} if hidden else set()
    began_ns = scene.clock.mono_ns()
    done = await scene.ended(scene.kill(flatten=True, of=older()))
    assert scene.clock.mono_ns() - began_ns == TRADES_LAG_S * NS_PER_S
    (left,) = done.residue
    assert (left.dust, done.green, scene.venue.placed) == (False, False, [])
    assert said in left.text


async def test_what_ended_without_a_fill_longer_ago_is_not_asked_for(scene: Scene) -> None:
    """Not even where the plan does not name the instrument: the venue has forgotten it."""
    scene.sent("sp-gone", seconds_ago=7_200)
    heard(scene, ended_ms=scene.clock.wall_ns() // NS_PER_MS - 3_600_000)
    scene.known = [msgspec.structs.replace(one, traded=False) for one in scene.known]
    done = await scene.ended(scene.kill(flatten=True, of=older()))
    assert (done.residue, done.green, scene.venue.queries) == ((), True, [])
