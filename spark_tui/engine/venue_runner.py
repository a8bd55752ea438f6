"""One venue's life inside the engine: start until it works, then streams, snapshots, history and
reconciliation."""

import asyncio
import random
from collections.abc import Callable

from spark_tui.domain.book import Unusable
from spark_tui.domain.instrument import Instrument
from spark_tui.engine.balance_watch import BalanceWatch
from spark_tui.engine.book_proof import BookProof
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.gate import Desk
from spark_tui.engine.market import Market
from spark_tui.engine.notices import Notices
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.reconcile import Reconciler, revive
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.resync import ResyncQueue
from spark_tui.engine.supervise import Supervisor, describe, essential
from spark_tui.venues.port import (
    BalancesReport,
    CashReport,
    FrameSink,
    OrderReport,
    Reaction,
    UserEvent,
    UserStreamDown,
    UserStreamUp,
    Venue,
    VenueError,
)
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import Clock

REFUSED_RETRY_S = 30.0  # a key that is refused will be refused again; do not hammer
INSTRUMENTS_EVERY_S = 5.0  # the adapter caches; this is how soon what it knows of a halt is noticed here
HISTORY = 500  # candles
_HOLES_EVERY_S = 1.0


class VenueRunner:
    """`run` is a service: it ends only by an exception, and the supervisor starts it again."""

    def __init__(
        self,
        venue: Venue,
        market: Market,
        resync: ResyncQueue,
        reconciler: Reconciler,
        desk: Desk,
        balances: BalanceWatch,
        *,
        books: Bookkeeper,
        portfolio: Portfolio,
        resolver: Resolver,
        supervisor: Supervisor,
        clock: Clock,
        rng: random.Random,
        notices: Notices,
        on_frame: FrameSink,
        on_started: Callable[[], None],
    ) -> None:
        self.venue = venue
        self.market = market
        self.resync = resync
        self.reconciler = reconciler
        self.desk = desk
        self._balances = balances
        self._proof = BookProof(venue, market, resync, clock)
        self.attempted = asyncio.Event()  # the first start was tried, however it ended
        self._up = asyncio.Event()
        self.trouble = ""
        self._books = books
        self._portfolio = portfolio
        self._resolver = resolver
        self._supervisor = supervisor
        self._clock = clock
        self._rng = rng
        self._notices = notices
        self._on_frame = on_frame
        self._on_started = on_started
        self._listed: tuple[Instrument, ...] | None = None  # as taken last
        self._revived = False
        self._closing = False

    def close(self) -> None:
        """The engine stops: that the streams end is no news any more."""
        self._closing = True

    async def run(self) -> None:
        await self._start()
        parts = (
            self._streams,
            self._snapshots,
            self._proof.run,
            self._instruments,
            self._history,
            self._balances.run,
        )
        this = asyncio.current_task()
        assert this is not None  # a coroutine runs in a task
        try:
            async with asyncio.TaskGroup() as group:
                for part in parts:
                    group.create_task(essential(part, this))
        except BaseException as error:  # a cancel, too: whoever it comes from, nothing is heard from here on
            self._down(f"its streams ended: {describe(error)}")
            raise

    @property
    def started(self) -> bool:
        return self._up.is_set()

    async def up(self) -> None:
        """Started, however long that takes, and reconciled once."""
        await self._up.wait()
        await self.reconciler.done.wait()

    async def ready(self) -> None:
        """Tried to start and, if that worked, reconciled once."""
        await self.attempted.wait()
        if self.started:
            await self.reconciler.done.wait()

    def unpriced(self) -> bool:
        """Whether a book is on its way and cannot be priced from yet. Before the venue let us in none is."""
        listed = self.desk.instruments.keys() & self.market.symbols.keys()
        return any(isinstance(self.market.quote(symbol), Unusable) for symbol in listed)

    async def load(self, symbol: str, interval: str) -> None:
        """Fetch candle history under the live candles. Raises VenueError."""
        history = await self.venue.candles(symbol, interval, HISTORY)
        one = self.market.symbols[symbol]
        one.series(interval).load(history)
        if interval == "1m":
            one.spark.load(history)
            one.ticker_version += 1

    def on_user(self, event: UserEvent, receipt_ns: int) -> None:
        """The venue's user sink."""
        match event:
            case OrderReport():
                self._books.on_report(event)
            case BalancesReport():
                self._balances.take(event)
            case CashReport():
                self._portfolio.keeper.on_cash(event)
            case UserStreamUp():
                self.reconciler.stream_up()
                self.desk.reconciling = True
                self.desk.trouble = ""
            case UserStreamDown():
                self._down(event.reason)

    def reconciled(self) -> None:
        """The reconciler's word that local and venue agree."""
        self.desk.reconciling = False
        self.desk.trouble = ""
        self._notices.end(f"{self.venue.name} user stream", f"{self.venue.name} is in step again.")

    def _down(self, reason: str) -> None:
        self.reconciler.stream_down(reason)
        if not self.desk.reconciling and not self._closing:
            self._notices.begin(
                f"{self.venue.name} user stream",
                f"{self.venue.name}: no user events ({reason}); new orders are refused until it is back.",
            )
        self.desk.reconciling = True
        self.desk.trouble = f"no user events ({reason})"

    async def _start(self) -> None:
        """Try until the venue lets us in. What is wrong stands in the status bar meanwhile."""
        backoff = Backoff(self._rng)
        while True:
            try:
                await self.venue.start()
                await self._take_instruments()
                break
            except VenueError as error:
                self.trouble = self.desk.trouble = error.text
                self._notices.begin(self.venue.name, f"{self.venue.name}: {error.text}", "bad")
                self.attempted.set()
                wait_s = backoff.next()
                if error.reaction is Reaction.AUTH:
                    wait_s = REFUSED_RETRY_S
                await self._clock.sleep(max(wait_s, error.retry_after_s or 0.0))
        self.trouble = self.desk.trouble = ""
        self._notices.end(self.venue.name, f"{self.venue.name} is up.")
        self._up.set()
        self.attempted.set()
        if not self._revived:
            self._revived = True
            revive(self._books, self._resolver, self.venue)
            self._supervisor.service(f"reconciliation of {self.venue.name}", self.reconciler.run)
        self._on_started()

    async def _streams(self) -> None:
        await self.venue.run_streams(
            tuple(self.market.symbols), self.market.on_event, self.on_user, self._on_frame
        )

    async def _snapshots(self) -> None:
        await self.resync.run(self.market.on_snapshot)

    async def _take_instruments(self) -> None:
        instruments = await self.venue.instruments()
        if instruments is self._listed:
            return
        self._listed = instruments
        self.desk.instruments = {instrument.symbol: instrument for instrument in instruments}
        self._portfolio.set_instruments(self.venue.name, instruments)
        for symbol in self.market.symbols:
            subject = f"{self.venue.name} {symbol}"
            if symbol in self.desk.instruments:
                self._notices.end(subject)
            else:
                self._notices.begin(subject, f"{self.venue.name} lists no {symbol}; check `symbols`.")

    async def _instruments(self) -> None:
        while True:
            await self._clock.sleep(INSTRUMENTS_EVERY_S)
            try:
                await self._take_instruments()
            except VenueError as error:
                self._notices("warn", f"{self.venue.name}: instruments not refreshed: {error.text}")

    async def _history(self) -> None:
        """One-minute history of every symbol first, then whatever shows a hole."""
        holes = self.market.holes
        holes.update((symbol, "1m") for symbol in self.market.symbols)
        while True:
            failed = False
            for symbol, interval in sorted(holes):
                try:
                    await self.load(symbol, interval)
                    holes.discard((symbol, interval))
                except VenueError:
                    failed = True  # candles are for eyes only: try again later, quietly
            await self._clock.sleep(_HOLES_EVERY_S * (10 if failed else 1))
