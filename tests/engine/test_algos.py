"""Algos as a pure core: they never trade more than was asked, and are rebuilt from the ledger alone."""

import random
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain import lifecycle
from spark_tui.domain.instrument import IcebergParts, Instrument, TrailingDelta
from spark_tui.domain.order import (
    Accepted,
    Canceled,
    Dead,
    Denied,
    Expired,
    Fill,
    Filled,
    Intended,
    Order,
    OrderEvent,
    OrderRequest,
    OrderState,
    Rejected,
    Sent,
    Uncertain,
)
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.engine.algos.core import step
from spark_tui.engine.algos.plan import make_plan, split
from spark_tui.engine.algos.state import ENDED, AlgoState, Phase, worst
from spark_tui.engine.algos.view import algo_row
from spark_tui.engine.algos.words import Cancel, Event, Look, Note, Pause, Resume, Stop, Submit, Wait
from spark_tui.engine.records import AlgoEvent, AlgoStarted, OrderRecord, Record, from_body, to_entry
from spark_tui.engine.state import State
from spark_tui.link.messages import AlgoKind, StartAlgo
from spark_tui.link.service import LinkError
from tests.engine.fake_venue import NAME, SYMBOL, D, instrument

BOOK = Look(bid=D(60_000), ask=D(60_010))
TRAILING_RULE = TrailingDelta(
    min_trailing_above_delta=10,
    max_trailing_above_delta=2000,
    min_trailing_below_delta=10,
    max_trailing_below_delta=2000,
)


def listed(**changes: object) -> Instrument:
    return msgspec.structs.replace(instrument(), **changes)


def twap(quantity: str = "1", **changes: object) -> StartAlgo:
    start = StartAlgo(
        kind=AlgoKind.TWAP, symbol=SYMBOL, side=Side.BUY, quantity=D(quantity), duration_s=100.0, slices=10
    )
    return msgspec.structs.replace(start, **changes)


def iceberg(quantity: str = "1", **changes: object) -> StartAlgo:
    start = StartAlgo(
        kind=AlgoKind.ICEBERG,
        symbol=SYMBOL,
        side=Side.BUY,
        quantity=D(quantity),
        limit_price=D(59_000),
        display=D("0.3"),
    )
    return msgspec.structs.replace(start, **changes)


def trailing(quantity: str = "1", **changes: object) -> StartAlgo:
    start = StartAlgo(
        kind=AlgoKind.TRAILING, symbol=SYMBOL, side=Side.SELL, quantity=D(quantity), trail_bp=100
    )
    return msgspec.structs.replace(start, **changes)


NO_ICEBERG = listed(iceberg_allowed=False)
NO_STOPS = listed(order_types=frozenset({OrderType.LIMIT, OrderType.MARKET}))


class World:
    """One algo, its ledger, and whoever carries out what it wants. Restarts at any time."""

    def __init__(self, start: StartAlgo, listing: Instrument | None = None, algo_id: str = "algo-1") -> None:
        self.now = 1_000_000
        self.ledger: list[Record] = []
        self.state = State()
        self.trades = 0
        self.waits = ""
        self.algo_id = algo_id
        plan = make_plan(algo_id, start, NAME, listing or instrument(), D(60_010), None)
        self.note(
            AlgoStarted(algo_id=algo_id, start=start, venue=NAME, operator="ada", plan=plan, at_ms=self.now)
        )

    @property
    def algo(self) -> AlgoState:
        return self.state.algos[self.algo_id]

    @property
    def children(self) -> list[Order]:
        return list(self.state.orders.values())

    @property
    def open(self) -> Order:
        (child,) = self.algo.open
        return self.state.orders[child.client_order_id]

    def note(self, record: Record) -> None:
        self.ledger.append(from_body(to_entry(record).body))
        self.state.apply(record)

    def restart(self) -> None:
        digest = self.state.digest()
        self.state = State()
        for record in self.ledger:
            self.state.apply(record)
        assert self.state.digest() == digest

    def look(self, event: Event = BOOK, *, seconds: float = 0.0) -> list[Submit | Cancel]:
        """One look; facts are recorded, what leaves is returned."""
        self.now += round(seconds * 1000)
        after, commands = step(self.algo, event, self.now)
        self.waits, wanted = "", []
        for command in commands:
            match command:
                case Note():
                    self.note(AlgoEvent(algo_id=self.algo_id, fact=command.fact, at_ms=self.now))
                case Wait():
                    self.waits = command.text
                case _:
                    wanted.append(command)
        assert self.algo == after
        return wanted

    def intend(self, command: Submit) -> str:
        client_id = f"sp-{command.number}"
        assert client_id not in self.state.orders
        event = Intended(
            client_order_id=client_id,
            request=command.request,
            at_ms=self.now,
            key=f"{self.algo_id}/{command.number}",
            parent=self.algo_id,
        )
        self.note(OrderRecord(client_order_id=client_id, event=event, base="BTC", quote="USDT"))
        return client_id

    def tell(self, client_id: str, *events: OrderEvent) -> None:
        for event in events:
            self.note(OrderRecord(client_order_id=client_id, event=event))

    def fill(self, client_id: str, quantity: Decimal, price: str = "60010") -> None:
        self.trades += 1
        fill = Fill(
            trade_id=str(self.trades),
            price=D(price),
            quantity=quantity,
            commission=D(0),
            commission_asset="",
            maker=False,
            time_ms=self.now,
        )
        self.tell(client_id, Filled(fill=fill))

    def child(self, event: Event = BOOK, *, seconds: float = 0.0) -> Order:
        """The next child, accepted by the venue."""
        (command,) = self.look(event, seconds=seconds)
        assert isinstance(command, Submit)
        client_id = self.intend(command)
        self.tell(client_id, Accepted(venue_order_id=f"v{command.number}", at_ms=self.now))
        return self.state.orders[client_id]

    def refused(self, event: OrderEvent, *, seconds: float = 0.0) -> None:
        (command,) = self.look(seconds=seconds)
        assert isinstance(command, Submit)
        self.tell(self.intend(command), event)


# --- never more than asked -------------------------------------------------------------------------------

_ACTS = ["look", "look", "look", "fate", "fate", "fate", "restart", "pause", "resume", "halt", "late", "wait"]
_STARTS = {
    "twap": (twap(jitter=0.3), instrument()),
    "limit twap": (twap(limit_price=D(60_020), slices=4), instrument()),
    "iceberg": (iceberg(jitter=0.2), NO_ICEBERG),
    "native iceberg": (iceberg(), instrument()),
    "trailing": (trailing(), NO_STOPS),
    "native trailing": (trailing(), instrument()),
}


def act(world: World, what: str, rng: random.Random) -> None:
    if what == "look":
        bid = D(rng.randint(58_000, 62_000))
        event = Look(why="stale") if rng.random() < 0.1 else Look(bid=bid, ask=bid + 10)
        for command in world.look(event, seconds=rng.choice([0.2, 1, 5])):
            if isinstance(command, Submit) and rng.random() < 0.9:  # else a crash before the write-ahead
                world.intend(command)
            elif isinstance(command, Cancel) and rng.random() < 0.5:
                world.tell(command.client_order_id, Canceled(at_ms=world.now))
    elif what == "fate" and world.algo.open:
        fate(world, world.open, rng)
    elif what == "late" and world.children:
        late(world, rng.choice(world.children), rng)
    elif what == "restart":
        world.restart()
    elif what == "pause":
        world.look(Pause(operator="ada"))
    elif what == "resume":
        world.look(Resume(operator="ada"))
    elif what == "halt":
        world.look(msgspec.structs.replace(BOOK, halted="drill"))
    elif what == "wait":
        world.now += 20_000


def fate(world: World, order: Order, rng: random.Random) -> None:
    """Something that may happen to an open child."""
    client_id, left = order.client_order_id, lifecycle.leaves(order)
    unheard = order.state in (OrderState.NEW, OrderState.SENT, OrderState.UNKNOWN)
    roll = rng.randrange(8)
    if roll == 0 and order.state is OrderState.NEW:
        world.tell(client_id, Denied(code=rng.choice("AB"), text="no", at_ms=world.now))
    elif roll == 1 and unheard:
        world.tell(client_id, Uncertain(reason="lost", at_ms=world.now, decidable_at_ms=world.now))
    elif roll == 2 and unheard:
        refusal = Dead(proof="nowhere", at_ms=world.now)
        world.tell(client_id, rng.choice([refusal, Rejected(code="-2010", text="no", at_ms=world.now)]))
    elif roll == 3:
        world.tell(client_id, Sent(at_ms=world.now, decidable_at_ms=world.now))
    elif roll == 4:
        counted = order.filled + rng.choice([D(0), left / 2])
        world.tell(client_id, Expired(reason="IOC", at_ms=world.now, filled=counted))
    elif roll == 5:
        counted = order.filled + rng.choice([D(0), left / 2])
        world.tell(client_id, Canceled(at_ms=world.now, filled=counted))  # some fills not heard yet
    elif left > 0:
        world.fill(client_id, rng.choice([left, (left / 2).quantize(D("0.00001")) or left]))


def late(world: World, order: Order, rng: random.Random) -> None:
    """Fills the venue counted at the end and that come only now."""
    missing = (order.venue_filled or D(0)) - order.filled
    if missing > 0 and rng.random() < 0.7:
        world.fill(order.client_order_id, missing)


@settings(max_examples=300, deadline=None)
@given(
    kind=st.sampled_from(list(_STARTS)),
    acts=st.lists(st.sampled_from(_ACTS), min_size=20, max_size=80),
    seed=st.integers(0, 10_000),
)
def test_no_course_of_events_trades_more_than_was_asked(kind: str, acts: list[str], seed: int) -> None:
    start, listing = _STARTS[kind]
    world, rng = World(start, listing), random.Random(seed)
    for what in acts:
        act(world, what, rng)
        committed = sum((worst(order) for order in world.children), D(0))
        assert committed == world.algo.committed <= start.quantity
        assert sum((order.filled for order in world.children), D(0)) == world.algo.filled
        assert len(world.algo.open) <= 1
        assert [order.key for order in world.children] == [
            f"algo-1/{number}" for number in range(1, world.algo.children + 1)
        ]
        assert algo_row(world.algo, None).children == len(world.children)
    world.restart()


@settings(max_examples=60, deadline=None)
@given(kind=st.sampled_from(list(_STARTS)), seed=st.integers(0, 10_000))
def test_left_alone_with_a_venue_that_fills_every_algo_ends(kind: str, seed: int) -> None:
    """Whatever was refused or lost on the way, the children that live fill, and then all of it is done."""
    start, listing = _STARTS[kind]
    world, rng = World(start, listing), random.Random(seed)
    falling = D(61_000)
    for _ in range(400):
        falling = max(falling - 20, D(58_000))
        look = Look(bid=falling, ask=falling + 10)
        for command in world.look(look, seconds=1):
            assert isinstance(command, Submit)
            client_id = world.intend(command)
            if rng.random() < 0.2:
                world.tell(client_id, Denied(code="ORDER_RATE", text="too many", at_ms=world.now))
            elif rng.random() < 0.2:
                world.tell(client_id, Uncertain(reason="lost", at_ms=world.now, decidable_at_ms=world.now))
                assert world.look(look) == []
                world.tell(client_id, Dead(proof="nowhere", at_ms=world.now))
            else:
                world.fill(client_id, command.request.quantity or D(0))
        if world.algo.phase in ENDED:
            break
    if world.algo.phase is Phase.FAILED:
        assert world.algo.failure_code == OrderState.DEAD
    else:
        assert (world.algo.phase, world.algo.filled) == (Phase.DONE, start.quantity)


# --- TWAP ------------------------------------------------------------------------------------------------


@given(
    units=st.integers(1, 5_000),
    count=st.integers(1, 200),
    smallest=st.integers(1, 50),
    jitter=st.floats(0, 0.99),
    seed=st.integers(0, 1_000),
)
def test_slices_sum_to_the_quantity_exactly_and_none_is_too_small(
    units: int, count: int, smallest: int, jitter: float, seed: int
) -> None:
    step_size, least = D("0.00001"), D(smallest) * D("0.00001")
    quantity = D(units) * step_size
    if quantity < least:
        return
    count = min(count, units // smallest)
    parts = split(quantity, step_size, count, least, jitter, random.Random(seed))
    assert sum(parts, D(0)) == quantity
    assert all(part >= least and part % step_size == 0 for part in parts)
    assert len(parts) == count


def test_too_small_slices_are_merged_into_fewer() -> None:
    """0.001 BTC are worth 60 USDT, the least order is 5: ten slices would do, fifty do not."""
    plan = make_plan("a", twap("0.001", slices=50), NAME, instrument(), D(60_000), None)
    assert sum(plan.slices, D(0)) == D("0.001")
    assert 10 <= len(plan.slices) < 12
    assert min(plan.slices) * 60_000 >= 5


def test_its_course_is_drawn_from_its_id() -> None:
    plans = [make_plan(name, twap(jitter=0.5), NAME, instrument(), D(60_000), None) for name in "aab"]
    assert plans[0] == plans[1] != plans[2]
    assert list(plans[2].due_ms) == sorted(plans[2].due_ms)
    assert plans[2].due_ms[-1] < plans[2].end_ms == 100_000


def test_one_market_child_a_slot_until_all_is_filled() -> None:
    world = World(twap())
    for number in range(10):
        child = world.child(seconds=0 if number == 0 else 10)
        assert (child.request.type, child.request.quantity) == (OrderType.MARKET, D("0.1"))
        world.fill(child.client_order_id, D("0.1"))
        assert world.look() == []
    assert (world.algo.phase, world.algo.filled) == (Phase.DONE, D(1))


def test_what_a_slice_did_not_get_is_asked_for_in_the_next_slot() -> None:
    world = World(twap(limit_price=D(60_020)))
    child = world.child()
    assert (child.request.type, child.request.time_in_force) == (OrderType.LIMIT, TimeInForce.IOC)
    world.fill(child.client_order_id, D("0.04"))
    world.tell(child.client_order_id, Expired(reason="IOC", at_ms=world.now, filled=D("0.04")))
    assert world.look(seconds=5) == []
    assert "slice 2 of 10" in world.waits
    assert world.child(seconds=5).request.quantity == D("0.16")


def test_a_slices_unheard_fills_are_not_asked_for_again() -> None:
    world = World(twap(limit_price=D(60_020)))
    child = world.child()
    world.tell(child.client_order_id, Expired(reason="IOC", at_ms=world.now, filled=D("0.04")))
    assert world.child(seconds=10).request.quantity == D("0.16")


def test_a_price_beyond_the_limit_is_waited_for_and_the_end_is_the_end() -> None:
    world = World(twap(limit_price=D(60_000)))
    assert world.look() == []
    assert "as good as 60000" in world.waits
    child = world.child(Look(bid=D(59_980), ask=D(59_990)), seconds=1)
    world.fill(child.client_order_id, D("0.1"))
    assert world.look(seconds=200) == []
    assert (world.algo.phase, world.algo.filled) == (Phase.DONE, D("0.1"))
    assert "0.1 of 1 filled" in world.algo.text


def test_a_late_twap_does_not_send_everything_at_once() -> None:
    world = World(twap())
    world.restart()
    assert world.child(seconds=75).request.quantity == D("0.2")


def test_a_pause_moves_the_schedule() -> None:
    world = World(twap())
    world.fill(world.child().client_order_id, D("0.1"))
    world.look(Pause(operator="ada"), seconds=5)
    assert world.look(seconds=500) == []
    world.look(Resume(operator="ada"))
    assert world.look(seconds=4) == []
    assert world.child(seconds=1).request.quantity == D("0.1")


def test_a_lost_child_blocks_the_next_slice_until_it_is_decided() -> None:
    world = World(twap())
    (command,) = world.look()
    assert isinstance(command, Submit)
    client_id = world.intend(command)
    world.tell(client_id, Uncertain(reason="timeout", at_ms=world.now, decidable_at_ms=world.now + 17_000))
    world.restart()
    assert world.look(seconds=15) == []
    assert f"proof of what became of order {client_id}" in world.waits
    assert world.algo.committed == D("0.1")
    world.tell(client_id, Dead(proof="nowhere", at_ms=world.now))
    assert world.look() == []
    assert world.child(seconds=5).request.quantity == D("0.2")


# --- iceberg ---------------------------------------------------------------------------------------------


def test_the_venues_own_iceberg_is_used_where_it_fits() -> None:
    child = World(iceberg()).child()
    assert (child.request.quantity, child.request.iceberg_quantity) == (D(1), D("0.3"))
    many = listed(filters=(*instrument().filters, IcebergParts(limit=3)))
    assert World(iceberg(), many).child().request.iceberg_quantity is None
    assert World(iceberg(), NO_ICEBERG).child().request.quantity == D("0.3")


def test_one_visible_part_after_another_and_no_crumbs() -> None:
    world = World(iceberg("0.60005"), NO_ICEBERG)
    shown = []
    for _ in range(2):
        child = world.child(seconds=1)
        assert child.request.quantity is not None
        shown.append(child.request.quantity)
        assert world.look() == []
        world.fill(child.client_order_id, child.request.quantity, "59000")
    assert shown == [D("0.3"), D("0.30005")]  # 0.00005 alone would be worth less than the least order
    world.look()
    assert world.algo.phase is Phase.DONE
    assert algo_row(world.algo, None).average_price == D(59_000)


def test_a_child_somebody_else_cancelled_pauses_it() -> None:
    world = World(iceberg(), NO_ICEBERG)
    child = world.child()
    world.tell(child.client_order_id, Canceled(at_ms=world.now))
    assert world.look() == []
    assert world.algo.phase is Phase.PAUSED
    assert child.client_order_id in world.algo.text
    world.look(Resume(operator="ada"))
    assert world.child().request.quantity == D("0.3")


def test_pausing_takes_the_visible_child_back_and_stopping_ends_it() -> None:
    world = World(iceberg(), NO_ICEBERG)
    child = world.child()
    world.look(Pause(operator="ada"))
    assert world.look() == [Cancel(client_order_id=child.client_order_id)]
    world.tell(child.client_order_id, Canceled(at_ms=world.now, filled=D("0.1")))
    assert world.algo.committed == D("0.1")  # counted by the venue, not heard yet
    world.look(Resume(operator="ada"))
    again = world.child()
    world.look(Stop(operator="bob"))
    assert world.look() == [Cancel(client_order_id=again.client_order_id)]
    world.tell(again.client_order_id, Canceled(at_ms=world.now))
    world.look()
    assert world.algo.phase is Phase.STOPPED
    assert "stopped by bob" in world.algo.text


# --- trailing --------------------------------------------------------------------------------------------


def test_the_venues_own_trailing_stop_is_used_where_it_fits() -> None:
    child = World(trailing()).child()
    assert (child.request.type, child.request.trailing_delta) == (OrderType.STOP_LOSS, 100)
    assert World(trailing(), NO_STOPS).look() == []
    ruled = listed(filters=(*instrument().filters, TRAILING_RULE))
    assert World(trailing(), ruled).algo.plan.native
    assert not World(trailing(trail_bp=3000), ruled).algo.plan.native


def prices(*bids: int) -> list[Look]:
    return [Look(bid=D(bid), ask=D(bid + 10)) for bid in bids]


def test_it_trails_the_best_bid_and_sells_when_it_has_fallen_far_enough() -> None:
    world = World(trailing(), NO_STOPS)
    for look in prices(60_000, 61_000, 60_500):
        assert world.look(look) == []
    row = algo_row(world.algo, Wait(text=world.waits))
    assert row.trigger_price == D(60_390)
    assert "trails from 61000, sells at 60390" in row.text
    world.restart()
    assert world.look(Look(why="its last update is 12 s old")) == []
    assert "12 s old" in world.waits
    (command,) = world.look(prices(60_390)[0])
    assert isinstance(command, Submit)
    assert (command.request.type, command.request.side, command.request.quantity) == (
        OrderType.MARKET,
        Side.SELL,
        D(1),
    )
    assert world.algo.triggered


def test_a_buy_trails_the_best_ask() -> None:
    world = World(trailing(side=Side.BUY), NO_STOPS)
    for look in prices(59_990, 58_990, 59_500):
        assert world.look(look) == []
    assert algo_row(world.algo, None).trigger_price == D(59_590)
    assert world.child(prices(59_580)[0]).request.side is Side.BUY


@given(st.lists(st.integers(50_000, 70_000), min_size=1, max_size=40))
def test_it_never_fires_early_and_hardly_late(bids: list[int]) -> None:
    """Against the plain definition: early is impossible, late is at most a fiftieth of the distance."""
    world = World(trailing(), NO_STOPS)
    best = D(0)
    for bid in bids:
        best = max(best, D(bid))
        exact = best * D("0.99")
        fired = world.look(Look(bid=D(bid), ask=D(bid + 10)))
        if fired:
            assert bid <= exact
            return
        assert bid > exact * (1 - D("0.01") / 50)


def test_what_is_left_after_the_trigger_is_sold_too() -> None:
    world = World(trailing(), NO_STOPS)
    world.look(prices(60_000)[0])
    child = world.child(prices(59_000)[0])
    world.fill(child.client_order_id, D("0.4"))
    world.tell(child.client_order_id, Expired(reason="INSUFFICIENT_LIQUIDITY", at_ms=world.now))
    assert world.child(prices(62_000)[0], seconds=5).request.quantity == D("0.6")


# --- refusals, halts, ends -------------------------------------------------------------------------------


def test_three_equal_refusals_fail_it_with_their_reason() -> None:
    world = World(twap())
    for seconds in (0, 3, 6):
        assert world.look(seconds=0) == [] or world.algo.children == 0
        world.refused(Denied(code="PRICE_BAND", text="too far", at_ms=world.now), seconds=seconds)
    world.look()
    assert world.algo.phase is Phase.FAILED
    assert "3 times in a row with PRICE_BAND: too far" in world.algo.text
    assert world.algo.committed == 0


def test_a_refusal_that_passes_is_waited_for_and_never_fails_it() -> None:
    world = World(twap())
    for _ in range(6):
        world.refused(Denied(code="ORDER_RATE", text="wait", at_ms=world.now), seconds=5)
        assert world.look() == []
    assert world.algo.phase is Phase.RUNNING


def test_another_refusal_begins_the_count_anew() -> None:
    world = World(twap())
    for code in ("A", "A", "B", "A"):
        world.refused(Rejected(code=code, text="no", at_ms=world.now), seconds=20)
    assert (world.algo.phase, world.algo.failures) == (Phase.RUNNING, 1)


def test_a_halt_pauses_and_leaves_what_protects_alone() -> None:
    world = World(trailing())
    world.child()
    assert world.look(msgspec.structs.replace(BOOK, halted="drill")) == []
    assert (world.algo.phase, len(world.algo.open)) == (Phase.PAUSED, 1)
    assert "halted: drill" in world.algo.text
    world.look(Resume(operator="ada"))
    assert world.look() == []
    world.look(Stop(operator="ada"))
    assert len(world.look(msgspec.structs.replace(BOOK, halted="drill"))) == 1  # cancels still leave


def test_nothing_leaves_while_the_venue_is_being_reconciled() -> None:
    world = World(twap())
    assert world.look(msgspec.structs.replace(BOOK, hold="being compared")) == []
    assert world.waits == "being compared"
    assert len(world.look()) == 1


def test_what_the_venue_counted_and_we_have_not_heard_is_not_asked_for_again() -> None:
    world = World(iceberg("0.5", display=D("0.5")), NO_ICEBERG)
    child = world.child()
    world.tell(child.client_order_id, Expired(reason="STP", at_ms=world.now, filled=D("0.2")))
    assert (world.algo.filled, world.algo.committed) == (D(0), D("0.2"))
    again = world.child(seconds=5)
    assert again.request.quantity == D("0.3")
    world.fill(child.client_order_id, D("0.2"))
    world.fill(again.client_order_id, D("0.3"))
    world.look()
    assert (world.algo.phase, world.algo.filled) == (Phase.DONE, D("0.5"))


def test_a_fill_that_comes_after_the_end_is_still_counted() -> None:
    world = World(iceberg("0.3", display=D("0.3")), NO_ICEBERG)
    child = world.child()
    world.look(Stop(operator="ada"))
    world.tell(child.client_order_id, Canceled(at_ms=world.now, filled=D("0.1")))
    world.look()
    world.fill(child.client_order_id, D("0.1"))
    assert (world.algo.phase, world.algo.filled, world.algo.committed) == (
        Phase.STOPPED,
        D("0.1"),
        D("0.1"),
    )


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (twap("0"), "positive multiple"),
        (twap("NaN"), "positive multiple"),
        (twap("0.000001"), "positive multiple"),
        (twap("0.00001"), "least order"),
        (twap(slices=0), "slices"),
        (twap(slices=None), "slices"),
        (twap(duration_s=None), "duration"),
        (twap(duration_s=float("nan")), "duration"),
        (twap(jitter=1.0), "jitter"),
        (twap(jitter=float("nan")), "jitter"),
        (twap("200000", slices=2), "would be refused"),
        (twap(limit_price=D("60000.001")), "would be refused"),
        (iceberg(limit_price=None), "limit price"),
        (iceberg(display=None), "part to show"),
        (iceberg(display=D(2)), "part to show"),
        (iceberg(display=D("0.00001")), "Show at least"),
        (trailing(trail_bp=None), "distance"),
        (trailing(trail_bp=0), "distance"),
    ],
)
def test_what_cannot_be_worked_is_refused_with_a_cure(start: StartAlgo, words: str) -> None:
    with pytest.raises(LinkError, match=words):
        make_plan("a", start, NAME, instrument(), D(60_000), None)


def test_without_a_price_there_is_no_plan() -> None:
    with pytest.raises(LinkError, match="no price to plan with"):
        make_plan("a", twap(), NAME, instrument(), None, None)


def test_ended_algos_leave_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spark_tui.engine.state.MAX_ALGOS", 2)
    world = World(twap())
    world.look(Stop(operator="ada"))
    world.look()
    assert isinstance(world.ledger[0], AlgoStarted)
    for name in ("algo-2", "algo-3"):
        world.note(msgspec.structs.replace(world.ledger[0], algo_id=name))
    assert list(world.state.algos) == ["algo-2", "algo-3"]
    late = Intended(
        client_order_id="x",
        request=OrderRequest(
            venue=NAME, symbol=SYMBOL, side=Side.BUY, type=OrderType.MARKET, quantity=D("0.1")
        ),
        at_ms=1,
        parent="algo-1",
    )
    world.note(OrderRecord(client_order_id="x", event=late))
    world.restart()
