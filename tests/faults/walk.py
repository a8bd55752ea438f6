"""A seeded walk: random intents and random faults against the real engine and the real simulator, on one
virtual clock, with the eight invariants of the fault plan after every step.

    I1 one venue order per intent           I5 no terminal state without evidence, and none against the venue
    I2 cumulative fill = unique trades      I6 a second reconciliation finds nothing
    I3 position = sum of fills              I7 nothing leaves while HALTED except cancels
    I4 free + locked = total                I8 the ledger replayed is the state, byte for byte

One seed is one walk. Engine and venue are joined by `loopback.py`; the ledger is kept in memory here, in the
form the real one stores (the crash matrix uses the real one).
"""

import asyncio
import random
import re
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TradingState
from spark_tui.engine.engine import Engine
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import from_body
from spark_tui.engine.state import State
from spark_tui.link.messages import (
    AmendOrder,
    AnyRequest,
    CancelAll,
    CancelOrder,
    Kill,
    Reconcile,
    ReplaceOrder,
    Result,
    Resume,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.simulator.fixed import SCALE, show
from spark_tui.simulator.market import Market
from spark_tui.simulator.matching import CROWD, Resting
from spark_tui.simulator.orders import Order as VenueOrder
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.symbols import listed
from spark_tui.store.chain import Stored
from spark_tui.store.ledger import Entry, Ledger
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.wire.clock import ManualClock
from spark_tui.wire.socket import SocketDown
from tests.faults.loopback import LoopbackVenue

D = Decimal
SYMBOL, VENUE = "BTCUSDT", "binance-spot"
MIDDLE = 67_000
KEY = ("k" * 64, "s" * 64)
ASSETS = ("BTC", "USDT")
_TURNS = 12
_NEW_ID = re.compile(r'\b(?:new|above|below|working|pending)\w*ClientOrderId(?:=|":")(sp\w+-\w+)')
_CANCELS = re.compile(r'^DELETE|"method":"(?:order|orderList)\.cancel"')
_UNDECIDED = frozenset(
    {
        OrderState.NEW,
        OrderState.SENT,
        OrderState.UNKNOWN,
        OrderState.PENDING_CANCEL,
        OrderState.PENDING_REPLACE,
    }
)
_NEVER_AT_VENUE = frozenset({OrderState.DENIED, OrderState.DEAD})


class Violation(AssertionError):
    """An invariant does not hold."""


class AtOnce(ThreadPoolExecutor):
    """Work for other threads is done on the spot: a thread's pace is nothing a seed could repeat."""

    def submit(self, work: Callable[..., Any], /, *args: Any, **named: Any) -> "Future[Any]":
        done: Future[Any] = Future()
        try:
            done.set_result(work(*args, **named))
        except Exception as error:  # as a pool does: it is for whoever asks for the result
            done.set_exception(error)
        return done


class MemoryLedger:
    """What the journal needs of a ledger."""

    lag_ms = 0.0

    def __init__(self, clock: ManualClock) -> None:
        self.rows: list[Stored] = []
        self._clock = clock

    @property
    def entries(self) -> int:
        return len(self.rows)

    async def append(self, *entries: Entry) -> int:
        for entry in entries:
            self.rows.append(Stored(len(self.rows) + 1, self._clock.wall_ns(), entry.kind, entry.body))
        return len(self.rows)

    def read(self, from_seq: int = 1) -> Iterator[Stored]:
        return iter(self.rows[from_seq - 1 :])

    def bytes(self) -> bytes:
        return msgspec.msgpack.encode(self.rows)


class World:
    """Engine, venue, market and time. `dice` decides everything that is random."""

    def __init__(self, seed: int, ledger: Ledger | None = None) -> None:
        self.seed = seed
        self.dice = random.Random(f"walk/{seed}")
        self.clock = ManualClock()
        self.simulation = Simulation(wall_ns=self.clock.wall_ns)
        self.simulation.issue_hmac_key(*KEY)
        self.simulation.faults.seed = seed
        symbol = next(symbol for symbol in listed() if symbol.name == SYMBOL)
        self.market = Market(symbol, self.simulation.publisher, update_id=1_000, trade_id=500, agg_id=100)
        self.simulation.add_market(self.market)
        self.venue_account = self.simulation.operator
        self.store = self.simulation.exchange.stores[self.venue_account.uid]
        self.ledger: Any = ledger or MemoryLedger(self.clock)
        self.checkpoint: Callable[[str], None] = lambda name: None
        self.deaf = False  # nothing reaches the venue any more: the engine is dead, its tasks not yet
        self.story: list[str] = []
        self.violations: list[str] = []
        self._starts = 0
        self._begun: set[str] | None = None  # intents of before the halt, while halted
        self._crowd = 0
        self._asked: list[asyncio.Task[Result | None]] = []
        self._totals = {asset: self.simulation.exchange.clearing.total(asset) for asset in ASSETS}
        self._filled: dict[str, Decimal] = {}
        self._folded = State()
        self._read = 0
        self._build_book()

    # --- life ---

    async def start(self) -> None:
        """An engine on the ledger as it is."""
        self._starts += 1
        asyncio.get_running_loop().set_default_executor(AtOnce())
        venue = LoopbackVenue(
            self.simulation,
            KEY,
            self.clock,
            random.Random(f"venue/{self.seed}/{self._starts}"),
            self._on_sent,
            SpotSettings(),
        )
        self.engine = Engine(
            (venue,),
            self.ledger,
            None,
            EngineSettings(symbols={VENUE: (SYMBOL,)}, breaker=50),
            self.clock,
            lambda name: self.checkpoint(name),  # noqa: PLW0108 - the one of that moment
            rng=random.Random(f"engine/{self.seed}/{self._starts}"),
        )
        self._running = asyncio.create_task(self.engine.run())
        await self.until(self.usable, 60.0)

    async def crash(self) -> None:
        """As by kill -9: what was not on disk is gone, nobody says goodbye."""
        for task in (*self._asked, self._running):
            task.cancel()
        await asyncio.gather(*self._asked, self._running, return_exceptions=True)
        self._asked.clear()
        if self.deaf:  # what the dead said is not heard
            self.violations.clear()
        self.deaf = False
        self._folded, self._read = State(), 0

    async def stop(self) -> None:
        await asyncio.gather(*self._asked, return_exceptions=True)
        await self.engine.stop()
        await self.until(self._running.done, 30.0)

    def usable(self) -> bool:
        """Orders may leave."""
        return self.engine.views.usable(VENUE, SYMBOL) and not self.engine.runners[VENUE].desk.reconciling

    # --- time ---

    async def live(self, seconds: float) -> None:
        """Let virtual time pass, from one thing that is due to the next."""
        end = self.clock.mono_ns() + round(seconds * 1e9)
        await self._turns()
        while (left := (end - self.clock.mono_ns()) / 1e9) > 0:
            await self._step(left)

    async def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        end = self.clock.mono_ns() + round(seconds * 1e9)
        await self._turns()
        while not condition():
            left = (end - self.clock.mono_ns()) / 1e9
            if left <= 0:
                return False
            await self._step(left)
        return True

    async def _step(self, most: float) -> None:
        due = [most, 1.0, *self.clock.sleeping()[:1]]
        timer = self.simulation.faults.next_ms
        if timer is not None:
            due.append((timer - self.clock.wall_ns() // 1_000_000) / 1_000)
        self.clock.advance(max(0.001, min(due)))
        self.pulse()
        await self._turns()

    async def _turns(self) -> None:
        for _ in range(_TURNS):
            await asyncio.sleep(0)

    # --- the market, by hand ---

    def _resting(self, buy: bool, price: int, quantity: int) -> Resting:
        self._crowd -= 1
        return Resting(id=self._crowd - 1_000_000, owner=CROWD, buy=buy, price=price * SCALE, leaves=quantity)

    def _build_book(self) -> None:
        for step in range(1, 11):
            for buy in (True, False):
                price = MIDDLE - step if buy else MIDDLE + step
                self.market.book.add(self._resting(buy, price, 10 * SCALE))
        self.market.last_price = MIDDLE * SCALE

    def pulse(self) -> None:
        """The market lives: timers of faults, and a difference so that no book grows old."""
        now_ms = self.clock.wall_ns() // 1_000_000
        self.simulation.advance(now_ms)
        self.market.book.add(self._resting(True, MIDDLE - 10, SCALE // 1_000))
        self.simulation.publisher.fast(now_ms)

    def hit(self, *, buy: bool, quantity: int) -> None:
        """The crowd takes, down to what rests far away; then the ladder is filled up again."""
        limit = (MIDDLE + 60 if buy else MIDDLE - 60) * SCALE
        taker = self._resting(buy, limit // SCALE, quantity)
        exchange = self.simulation.exchange
        exchange.crowd_take(self.market, taker, limit, self.simulation.clock.now_ms())
        self.market.book.add(self._resting(not buy, MIDDLE + (1 if buy else -1), quantity))

    # --- asking ---

    async def ask(self, request: AnyRequest, patience: float = 0.5) -> Result | None:
        """The answer, when it comes within this much virtual time; else the engine works on it meanwhile."""
        task = asyncio.create_task(self._answer(self.engine.handle(request, "walk", None)))
        self._asked.append(task)
        await self.until(task.done, patience)
        self._asked = [one for one in self._asked if not one.done()]
        return task.result() if task.done() else None

    async def _answer(self, asked: Awaitable[Result]) -> Result | None:
        try:
            return await asked
        except LinkError as refused:
            if refused.code == "INTERNAL":
                self.violations.append(f"INTERNAL: {refused}")
            return None

    # --- what may happen ---

    def order(self, side: Side | None = None, price: int | None = None) -> SubmitOrder:
        side = side or self.dice.choice(list(Side))
        quantity = D(self.dice.randrange(1, 60)) / 1_000
        if price is None and self.dice.random() < 0.35:
            return SubmitOrder(symbol=SYMBOL, side=side, type=OrderType.MARKET, quantity=quantity)
        away = self.dice.choice((-3, 0, 5, 20, 50))
        price = price or (MIDDLE - away if side is Side.BUY else MIDDLE + away)
        return SubmitOrder(symbol=SYMBOL, side=side, type=OrderType.LIMIT, quantity=quantity, price=D(price))

    def working(self) -> Order | None:
        found = [one for one in self.state.open_orders(VENUE) if one.state not in _UNDECIDED]
        return self.dice.choice(found) if found else None

    async def act(self) -> None:
        """One random step."""
        name = self.dice.choices(tuple(ACTIONS), weights=tuple(ACTIONS.values()))[0]
        self.story.append(name)
        await getattr(self, f"do_{name}")()
        self.check()

    @property
    def _patience(self) -> float:
        return self.dice.choice((0.0, 0.3, 2.0))

    async def do_submit(self) -> None:
        await self.ask(self.order(), self._patience)

    async def do_cancel(self) -> None:
        if (order := self.working()) is not None:
            await self.ask(CancelOrder(client_order_id=order.client_order_id), self._patience)

    async def do_cancel_all(self) -> None:
        await self.ask(CancelAll(symbol=SYMBOL), self._patience)

    async def do_amend(self) -> None:
        if (order := self.working()) is not None and order.request.quantity is not None:
            quantity = (order.filled + order.request.quantity) / 2
            await self.ask(
                AmendOrder(client_order_id=order.client_order_id, quantity=quantity.quantize(D("0.00001"))),
                self._patience,
            )

    async def do_replace(self) -> None:
        if (order := self.working()) is not None:
            new = self.order(order.request.side, MIDDLE - 7 if order.request.side is Side.BUY else MIDDLE + 7)
            allow = self.dice.random() < 0.3
            await self.ask(
                ReplaceOrder(client_order_id=order.client_order_id, order=new, allow_failure=allow),
                self._patience,
            )

    async def do_oco(self) -> None:
        quantity = D("0.01")
        above = SubmitOrder(
            symbol=SYMBOL, side=Side.SELL, type=OrderType.LIMIT_MAKER, quantity=quantity, price=D(MIDDLE + 40)
        )
        below = SubmitOrder(
            symbol=SYMBOL,
            side=Side.SELL,
            type=OrderType.STOP_LOSS,
            quantity=quantity,
            stop_price=D(MIDDLE - 8),
        )
        legs = (SubmitLeg(role=LegRole.ABOVE, order=above), SubmitLeg(role=LegRole.BELOW, order=below))
        await self.ask(SubmitList(kind=ListKind.OCO, legs=legs), self._patience)

    async def do_hit(self) -> None:
        self.hit(buy=self.dice.random() < 0.5, quantity=self.dice.randrange(1, 40) * SCALE // 1_000 * 10)
        await self.live(0.05)

    async def do_wait(self) -> None:
        await self.live(self.dice.choice((0.1, 1.0, 5.0, 20.0)))

    async def do_kill(self) -> None:
        self._begun = set(self.state.orders)
        await self.ask(Kill(reason="the walk says so"), self._patience)

    async def do_resume(self) -> None:
        await self.ask(Resume(reason="the walk goes on"), 1.0)

    async def do_reconcile(self) -> None:
        await self.ask(Reconcile(), self._patience)

    async def do_crash(self) -> None:
        await self.crash()
        await self.start()

    async def do_fault(self) -> None:
        verb, choices = self.dice.choice(FAULTS)
        args = {name: self.dice.choice(values) for name, values in choices.items()}
        self.story[-1] = f"fault {verb} {args}"
        self.simulation.faults.arm(verb, args)

    # --- what must hold ---

    @property
    def state(self) -> State:
        return self.engine.journal.state

    def _on_sent(self, what: str) -> None:
        """I7. What was on its way when the halt came may still leave, and is cancelled; nothing else."""
        if self.deaf:
            raise SocketDown("The engine is dead.", sent=False)
        if self.engine.guard.state is not TradingState.HALTED:
            self._begun = None
        elif self._begun is not None and not _CANCELS.search(what):
            for client_id in _NEW_ID.findall(what):
                if client_id not in self._begun:
                    self.violations.append(f"I7: {client_id} left while HALTED")

    def at_venue(self) -> dict[str, VenueOrder]:
        """By client order id; I1 on the way."""
        orders = list(self.store.all())
        for client_id, count in Counter(order.client_id for order in orders).items():
            if count > 1:
                raise self.violation(f"I1: {count} venue orders for intent {client_id}")
        return {order.client_id: order for order in orders}

    def violation(self, text: str) -> Violation:
        return Violation(f"seed {self.seed}: {text}; last steps: {', '.join(self.story[-12:])}")

    def check(self) -> None:
        """Every invariant that holds at any time."""
        if self.violations:
            raise self.violation(self.violations[0])
        at_venue = self.at_venue()
        for client_id, theirs in at_venue.items():
            if not client_id.startswith("web_") and client_id not in self.state.orders:
                raise self.violation(f"I1: the venue has {client_id}, which no intent asked for")
            if theirs.filled < 0:
                raise self.violation("the simulator is broken")
        for client_id, order in self.state.orders.items():
            self._check_order(order, at_venue.get(client_id))
        self._check_position()
        self._check_money()
        self._check_replay()

    def _check_order(self, order: Order, theirs: VenueOrder | None) -> None:
        client_id = order.client_order_id
        ids = [fill.trade_id for fill in order.fills]
        if len(set(ids)) != len(ids) or order.filled != sum(fill.quantity for fill in order.fills):
            raise self.violation(f"I2: {client_id} filled {order.filled} by {order.fills}")
        if order.filled < self._filled.get(client_id, D(0)):
            raise self.violation(f"I2: {client_id} fell back to {order.filled}")
        self._filled[client_id] = order.filled
        if order.filled > (D(show(theirs.filled)) if theirs else 0):
            raise self.violation(f"I2: {client_id} filled {order.filled}, more than the venue says")
        if order.state in _NEVER_AT_VENUE and theirs is not None:
            raise self.violation(f"I5: {client_id} is {order.state} and lives at the venue")
        if not lifecycle.is_open(order.state) and theirs is not None and theirs.open:
            raise self.violation(f"I5: {client_id} is {order.state} here and {theirs.status} there")
        if order.state is OrderState.DEAD and not order.text and not order.code:
            raise self.violation(f"I5: {client_id} is DEAD without a proof")

    def _check_position(self) -> None:
        expected = sum((_bought(order) for order in self.state.orders.values()), D(0))
        for row in self.state.fills:
            if row.client_order_id not in self.state.orders:
                expected += _signed(
                    row.side, row.fill.quantity, row.fill.commission, row.fill.commission_asset
                )
        position = self.state.positions.get((VENUE, SYMBOL))
        held = position.quantity if position else D(0)
        if held != expected:
            raise self.violation(f"I3: position {held}, fills {expected}")

    def _check_money(self) -> None:
        clearing = self.simulation.exchange.clearing
        for asset, total in self._totals.items():
            balance = self.venue_account.balance(asset)
            if balance.free < 0 or balance.locked < 0 or clearing.total(asset) != total:
                raise self.violation(f"I4: {asset} at the venue")
        for asset, held in self.engine.portfolio.balances.get(VENUE, {}).items():
            if held.free < 0 or held.locked < 0:
                raise self.violation(f"I4: {asset} here: {held}")

    def _check_replay(self) -> None:
        if self.engine.journal.waiting:
            return
        for stored in self.ledger.read(self._read + 1):
            self._folded.apply(from_body(stored.body))
            self._read = stored.seq
        if self._folded.digest() != self.state.digest():
            raise self.violation("I8: the ledger replayed is another state")

    async def settle(self) -> None:
        """No more faults; when everything has been found out, here and there must be one."""
        self.story.append("settle")
        self.simulation.faults.clear()
        self.market.symbol.set_status("TRADING")
        if self.engine.guard.state is TradingState.HALTED:
            await self.ask(Resume(reason="the walk ends"), 2.0)
        done = await self.until(self._decided, 200.0)
        self.check()
        if not done:
            unsure = [one for one in self.state.open_orders(VENUE) if one.state in _UNDECIDED]
            raise self.violation(f"undecided after 200 s: {unsure or 'reconciliation'}")
        await self.ask(Reconcile(), 20.0)
        await self.live(40.0)  # fills that were missed are fetched
        await self.ask(Reconcile(), 20.0)
        self.check()
        self._check_agreement()
        before = self.ledger.entries
        asked = await self.ask(Reconcile(), 20.0)
        if asked is None or self.ledger.entries != before:
            news = [stored.body for stored in self.ledger.read(before + 1)]
            raise self.violation(f"I6: a second reconciliation found {news}")

    def _decided(self) -> bool:
        orders = self.state.open_orders(VENUE)
        return self.usable() and not any(one.state in _UNDECIDED for one in orders)

    def _check_agreement(self) -> None:
        at_venue = self.at_venue()
        for client_id, order in self.state.orders.items():
            theirs = at_venue.get(client_id)
            filled = D(show(theirs.filled)) if theirs else D(0)
            if order.filled != filled:
                raise self.violation(f"I2: {client_id} filled {order.filled} here, {filled} there")
            if lifecycle.is_open(order.state) != bool(theirs and theirs.open):
                there = theirs.status if theirs else "unknown"
                raise self.violation(f"I5: {client_id} is {order.state} here, {there} there")
        traded = sum((_at_venue(fill) for fill in self.store.fills), D(0))
        position = self.state.positions.get((VENUE, SYMBOL))
        if traded != (position.quantity if position else 0):
            raise self.violation(f"I3: position {position}, the venue's trades make {traded}")
        for asset in ASSETS:
            theirs_ = self.venue_account.balance(asset)
            ours = self.engine.portfolio.balances[VENUE][asset]
            if (ours.free, ours.locked) != (D(show(theirs_.free)), D(show(theirs_.locked))):
                raise self.violation(f"I4: {asset} is {ours} here, {theirs_} there")


def _signed(side: Side, quantity: Decimal, commission: Decimal, asset: str) -> Decimal:
    moved = quantity if side is Side.BUY else -quantity
    return moved - (commission if asset == "BTC" else D(0))


def _bought(order: Order) -> Decimal:
    side = order.request.side
    return sum((_signed(side, f.quantity, f.commission, f.commission_asset) for f in order.fills), D(0))


def _at_venue(fill: Any) -> Decimal:
    side = Side.BUY if fill.buyer else Side.SELL
    return _signed(side, D(show(fill.quantity)), D(show(fill.commission)), fill.commission_asset)


ACTIONS = {
    "submit": 10,
    "cancel": 5,
    "cancel_all": 1,
    "amend": 2,
    "replace": 2,
    "oco": 1,
    "hit": 6,
    "wait": 5,
    "kill": 1,
    "resume": 2,
    "reconcile": 1,
    "crash": 1,
    "fault": 9,
}
_TRADES = ("order.place", "order.cancel", "any")
FAULTS: tuple[tuple[str, dict[str, tuple[Any, ...]]], ...] = (
    ("accept-drop-reply", {"cut": (False, True), "method": _TRADES}),
    ("reject", {"method": ("order.place", "order.cancel"), "times": (1, 3)}),
    ("error-reply", {"code": (-1007, -1006, -1001, 503), "method": _TRADES, "done": (True, False)}),
    ("error-reply", {"code": (429, 418), "retry_after": (2, 20), "method": _TRADES}),
    ("delay-reply", {"ms": (300, 3_000, 15_000), "method": _TRADES}),
    ("reorder-reply", {"order": ("reply-first", "reply-last", "swap"), "method": _TRADES, "times": (1, 3)}),
    ("duplicate-event", {"kind": ("any", "TRADE", "NEW"), "times": (1, 4)}),
    ("drop-event", {"kind": ("any", "TRADE", "NEW", "CANCELED", "balance"), "times": (1, 4)}),
    ("duplicate-event", {"stream": ("depth",), "times": (1, 2)}),
    ("drop-event", {"stream": ("depth",), "times": (1, 2)}),
    ("split-fill", {"parts": (2, 5)}),
    ("overfill", {"steps": (1, 50)}),
    ("fill-after-cancel", {"percent": (10, 100), "ms": (0, 500, 5_000)}),
    ("cancel-reject-filled", {"late": (0, 700)}),
    ("replica-lag", {"ms": (500, 3_000), "times": (1, 5)}),
    ("external-order", {"side": ("BUY", "SELL"), "kind": ("LIMIT", "MARKET")}),
    ("external-close", {"ms": (0, 400)}),
    ("expire-user-stream", {"now": (True, False)}),
    ("server-shutdown", {"lead_ms": (0, 500), "silent": (True, False)}),
    ("blackhole", {}),
    ("close-mid-frame", {}),
    ("clock", {"step_ms": (-3_000, 3_000, 400)}),
    ("clock", {"drift_ppm": (50, -50)}),
    ("clock", {"suspend_s": (60,)}),
    ("symbol-status", {"status": ("HALT", "CANCEL_ONLY"), "back_ms": (800, 5_000)}),
    ("foreign-execution", {"kind": ("TRADE_PREVENTION", "CALCULATED", "REPLACED")}),
)


async def walk(seed: int, steps: int) -> World:
    """The world after `steps` random steps and its settling. Raises Violation."""
    world = World(seed)
    await world.start()
    try:
        for _ in range(steps):
            await world.act()
        await world.settle()
    finally:
        await world.crash()
    return world
