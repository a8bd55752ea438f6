"""What the engine's last orders traded in instruments of which its plan says nothing is closed as well."""

import asyncio
import contextlib
import urllib.request

import msgspec
import pytest

from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import OrderType, Side
from spark_tui.rescue import unplanned
from spark_tui.rescue.flatten import LAG_S
from spark_tui.venues.kill_plan import Held, KillPlan, LastOrder
from spark_tui.venues.port import OrderReport, Reaction, TradeReport, VenueError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S
from tests.cli.conftest import home as home
from tests.cli.support import wait_for
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D
from tests.faults.processes import Simulator
from tests.rescue.plans import plan
from tests.rescue.test_kill_process import BUY as RESTING
from tests.rescue.test_kill_process import Desk
from tests.rescue.test_kill_process import desk as desk
from tests.rescue.test_kill_process import sim as sim
from tests.rescue.test_kill_trouble import HELD, ask, dead, plan_of
from tests.rescue.test_late import BUY, WINDOW_S, Scene
from tests.rescue.test_late import scene as scene

UNTOLD = Held(symbol=SYMBOL, base="BTC", quote="USDT", quantity=D("0.5"), counted_to=None)


def older(held: tuple[Held, ...] = ()) -> KillPlan:
    """A plan from before the instrument was traded."""
    whole = plan(D(0))
    return msgspec.structs.replace(
        whole, venues=tuple(msgspec.structs.replace(one, held=held) for one in whole.venues)
    )


def bought(scene: Scene, client_id: str) -> None:
    scene.venue.external(client_id, BUY)
    scene.venue.fill(client_id, quiet=True)


def heard(scene: Scene, ended_ms: int | None = None) -> None:
    """The venue had a word on them."""
    scene.known = [msgspec.structs.replace(one, heard=True, ended_ms=ended_ms) for one in scene.known]


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


def sold(scene: Scene, client_id: str, quantity: str) -> None:
    request = OrderRequest(
        venue=NAME, symbol=SYMBOL, side=Side.SELL, type=OrderType.MARKET, quantity=D(quantity)
    )
    scene.venue.external(client_id, request)
    scene.venue.fill(client_id, quiet=True)


def unlisted(scene: Scene) -> list[TradeReport]:
    """What was traded until now, which no list has yet."""
    trades, scene.venue.account_trades = scene.venue.account_trades, []
    return trades


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
    await scene.waits(window_s + LAG_S)
    sold(scene, sale, "0.5")
    scene.clock.advance(window_s + LAG_S)
    done = await second
    assert (scene.venue.placed, done.flattened, done.green) == ([sale], (), True)


async def test_what_ended_longer_ago_is_not_asked_for(scene: Scene) -> None:
    scene.sent("sp-sale", seconds_ago=60)
    heard(scene, ended_ms=scene.clock.wall_ns() // NS_PER_MS - int(LAG_S * 1_000))
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
    await scene.waits(LAG_S)
    assert (scene.venue.queries, scene.venue.placed) == ([], [])
    scene.venue.account_trades += trades
    scene.clock.advance(LAG_S)
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
    await scene.waits(LAG_S)
    scene.rescue.hurry()
    done = await killing
    (left,) = done.residue
    assert (left.dust, done.green, scene.venue.placed) == (False, False, [])
    assert "2 orders may have traded" in left.text


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
    assert scene.clock.mono_ns() - began_ns == LAG_S * NS_PER_S
    (left,) = done.residue
    assert (left.dust, done.green, scene.venue.placed) == (False, False, [])
    assert said in left.text


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


async def test_what_ended_without_a_fill_longer_ago_is_not_asked_for(scene: Scene) -> None:
    """Not even where the plan does not name the instrument: the venue has forgotten it."""
    scene.sent("sp-gone", seconds_ago=7_200)
    heard(scene, ended_ms=scene.clock.wall_ns() // NS_PER_MS - 3_600_000)
    scene.known = [msgspec.structs.replace(one, traded=False) for one in scene.known]
    done = await scene.ended(scene.kill(flatten=True, of=older()))
    assert (done.residue, done.green, scene.venue.queries) == ((), True, [])


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


# --- real processes -----------------------------------------------------------------------------------------


def _forget(desk: Desk) -> None:
    """The plan as it was before the order."""
    told = msgspec.json.decode(plan_of(desk).read_bytes())
    told["venues"][0]["held"] = []
    plan_of(desk).write_bytes(msgspec.json.encode(told))


def fired(sim: Simulator, verb: str) -> int:
    with urllib.request.urlopen(f"{sim.base_url}/sim/v1/faults", timeout=10) as answer:
        told = msgspec.json.decode(answer.read())["armed"]
    return sum(one["fired"] for one in told if one["verb"] == verb)


def test_a_plan_that_is_older_than_the_order_leaves_nothing_held(desk: Desk) -> None:
    dead(desk, HELD)
    _forget(desk)
    code, told = desk.kill("--flatten")
    assert (code, len(told["flattened"]), told["green"]) == (0, 1, True), told
    assert all(one["dust"] for one in told["residue"])


def test_an_order_whose_answer_the_engine_never_had_leaves_nothing_held(desk: Desk, sim: Simulator) -> None:
    engine = desk.engine()
    desk.placed(*RESTING)  # its book is there: the order is not denied
    for verb, args in (("accept-drop-reply", {"method": "order.place"}), ("drop-event", {"times": 0})):
        ask(sim, "/sim/v1/faults", {"verb": verb, "args": args})
    ordering = desk.home.begin("do", *HELD, "--data-dir", str(desk.home.data))
    wait_for(lambda: fired(sim, "accept-drop-reply"), "the order at the venue")
    engine.kill()
    ordering.communicate()
    _forget(desk)
    code, told = desk.kill("--flatten")
    assert (code, len(told["flattened"]), told["green"]) == (0, 1, True), told
