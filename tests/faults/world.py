"""Engine, venue, market and time of a seeded test, on one virtual clock.

Engine and venue are joined by `loopback.py`; the ledger is kept in memory, in the form the real one stores.
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import msgspec

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import OrderType, Side, TradingState
from spark_tui.engine.algos.state import ENDED, AlgoState
from spark_tui.engine.engine import Engine
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.state import State
from spark_tui.link.messages import (
    AnyRequest,
    Result,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.simulator.fixed import SCALE
from spark_tui.simulator.market import Market
from spark_tui.simulator.matching import CROWD, Resting
from spark_tui.simulator.simulation import Simulation
from spark_tui.simulator.symbols import listed
from spark_tui.store.chain import Stored
from spark_tui.store.ledger import Entry, LedgerError
from spark_tui.venues.binance.spot.account import SpotSettings
from spark_tui.wire.clock import ManualClock
from spark_tui.wire.socket import SocketDown
from tests.faults.loopback import LoopbackVenue
from tests.faults.virtual import VirtualLoop

D = Decimal
SYMBOL, VENUE = "BTCUSDT", "binance-spot"
MIDDLE = 67_000
KEY = ("k" * 64, "s" * 64)
ASSETS = ("BTC", "USDT")
_TURNS = 12
_NEW_ID = re.compile(r'\b(?:new|above|below|working|pending)\w*ClientOrderId(?:=|":")(sp\w+-\w+)')
_CANCELS = re.compile(r'^DELETE|"method":"(?:order|orderList)\.cancel"')
UNDECIDED = frozenset(
    {
        OrderState.NEW,
        OrderState.SENT,
        OrderState.UNKNOWN,
        OrderState.PENDING_CANCEL,
        OrderState.PENDING_REPLACE,
    }
)
NEVER_AT_VENUE = frozenset({OrderState.DENIED, OrderState.DEAD})


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
    """What the journal needs of a ledger. Its disk may be slow, or full."""

    lag_ms = 0.0
    slow_s = 0.0
    full = False
    lives = 1  # what is on its way when a life ends never arrives

    def __init__(self, clock: ManualClock) -> None:
        self.rows: list[Stored] = []
        self._clock = clock

    @property
    def entries(self) -> int:
        return len(self.rows)

    async def append(self, *entries: Entry) -> int:
        life = self.lives
        if self.slow_s:
            await self._clock.sleep(self.slow_s)
        if self.lives != life:
            raise LedgerError("The power was cut.")
        if self.full:
            raise LedgerError("The ledger cannot be written: the disk is full.")
        for entry in entries:
            self.rows.append(Stored(len(self.rows) + 1, self._clock.wall_ns(), entry.kind, entry.body))
        return len(self.rows)

    def read(self, from_seq: int = 1) -> Iterator[Stored]:
        return iter(self.rows[from_seq - 1 :])

    def bytes(self) -> bytes:
        return msgspec.msgpack.encode(self.rows)


class World:
    """Engine, venue, market and time. `dice` decides everything that is random."""

    def __init__(self, seed: int) -> None:
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
        self.ledger: Any = MemoryLedger(self.clock)
        self.checkpoint: Callable[[str], None] = lambda name: None
        self.deaf = False  # nothing reaches the venue any more: the engine is dead, its tasks not yet
        self.story: list[str] = []
        self.violations: list[str] = []
        self.keyed: list[SubmitOrder] = []  # what was asked with a key, and may be asked again
        self.settings = EngineSettings(symbols={VENUE: (SYMBOL,)}, rules=())
        self._starts = 0
        self._crowd = 0
        self._asked: list[asyncio.Task[Result | None]] = []
        self._build_book()

    @property
    def state(self) -> State:
        return self.engine.journal.state

    def _on_sent(self, what: str) -> None:
        """I7. Not even what was begun before the halt may leave after it."""
        if self.deaf:
            raise SocketDown("The engine is dead.", sent=False)
        if self.engine.guard.state is TradingState.HALTED and not _CANCELS.search(what):
            for client_id in _NEW_ID.findall(what):
                self.violations.append(f"I7: {client_id} left while HALTED")

    def violation(self, text: str) -> Violation:
        return Violation(f"seed {self.seed}: {text}; last steps: {', '.join(self.story[-12:])}")

    # --- life ---

    async def start(self) -> None:
        """An engine on the ledger as it is."""
        self._starts += 1
        loop = asyncio.get_running_loop()
        loop.set_default_executor(AtOnce())
        if isinstance(loop, VirtualLoop):
            loop.clock = self.clock
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
            self.settings,
            self.clock,
            lambda name: self.checkpoint(name),  # noqa: PLW0108 - the one of that moment
            rng=random.Random(f"engine/{self.seed}/{self._starts}"),
        )
        self._running = asyncio.create_task(self.engine.run())
        await self.until(self.usable, 60.0)

    async def crash(self) -> None:
        """As by kill -9: what was not on disk is gone, nobody says goodbye."""
        self.ledger.lives += 1
        for task in (*self._asked, self._running):
            task.cancel()
        gone = asyncio.gather(*self._asked, self._running, return_exceptions=True)
        if not await self.until(gone.done, 60.0):
            raise self.violation("the engine's tasks do not end")
        self._asked.clear()
        if self.deaf:  # what the dead said is not heard
            self.violations.clear()
        self.deaf = False

    async def stop(self) -> None:
        """As an operator ends it: in order. Only in a virtual loop does its own patience pass."""
        await self.engine.stop()
        if not await self.until(self._running.done, 60.0):
            raise self.violation("the engine does not stop")
        await self._running
        for task in self._asked:
            task.cancel()
        await asyncio.gather(*self._asked, return_exceptions=True)
        self._asked.clear()

    def usable(self) -> bool:
        """Orders may leave."""
        return self.engine.views.usable(VENUE, SYMBOL) and not self.engine.runners[VENUE].desk.reconciling

    def algos(self) -> list[AlgoState]:
        """Those at work."""
        return [one for one in self.state.algos.values() if one.phase not in ENDED]

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
        due = [most, 1.0]
        if (sleeper := self.clock.next_s()) is not None:
            due.append(sleeper)
        timer = self.simulation.faults.next_ms
        if timer is not None:
            due.append((timer - self.clock.wall_ns() // 1_000_000) / 1_000)
        self.clock.advance(max(0.001, min(due)))
        self.pulse()
        await self._turns()

    async def _turns(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if isinstance(loop, VirtualLoop) and loop.quiet:
                return  # the turns that are left would do nothing

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
        self._take(buy=buy, price=MIDDLE + 60 if buy else MIDDLE - 60, quantity=quantity)
        self.market.book.add(self._resting(not buy, MIDDLE + (1 if buy else -1), quantity))

    async def sweep(self, *, buy: bool, levels: int) -> None:
        """The crowd trades through the ladder and leaves it empty for a moment: stops act, trails move. What
        comes in to fill it up again meets first what was placed there meanwhile."""
        far = MIDDLE + levels if buy else MIDDLE - levels
        self._take(buy=buy, price=far, quantity=1_000 * SCALE)
        await self.live(0.6)
        for step in range(1, levels + 1):
            price = MIDDLE + step if buy else MIDDLE - step
            self._take(buy=not buy, price=price, quantity=1_000 * SCALE)
            self.market.book.add(self._resting(not buy, price, 10 * SCALE))

    def _take(self, *, buy: bool, price: int, quantity: int) -> None:
        taker = self._resting(buy, price, quantity)
        now_ms = self.simulation.clock.now_ms()
        self.simulation.exchange.crowd_take(self.market, taker, price * SCALE, now_ms)

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

    def order(self, side: Side | None = None, price: int | None = None) -> SubmitOrder:
        side = side or self.dice.choice(list(Side))
        quantity = D(self.dice.randrange(1, 60)) / 1_000
        if price is None and self.dice.random() < 0.35:
            return SubmitOrder(symbol=SYMBOL, side=side, type=OrderType.MARKET, quantity=quantity)
        away = self.dice.choice((-3, 0, 5, 20, 50))
        price = price or (MIDDLE - away if side is Side.BUY else MIDDLE + away)
        return SubmitOrder(symbol=SYMBOL, side=side, type=OrderType.LIMIT, quantity=quantity, price=D(price))
