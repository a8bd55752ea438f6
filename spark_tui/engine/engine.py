"""The composition root: every part of the engine made once and wired once. How it lives is in `life.py`, what
each venue has of its own in `venue_parts.py`."""

import random
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial

from spark_tui.domain.book import Unusable
from spark_tui.domain.decimals import from_float
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.values import Environment, TradingState
from spark_tui.engine.algos.around import Around
from spark_tui.engine.algos.runner import Algos
from spark_tui.engine.arming import LiveArming
from spark_tui.engine.audit import Auditor
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.canary.desk import CanaryDesk
from spark_tui.engine.cancels import CancelDesk
from spark_tui.engine.condition import Condition
from spark_tui.engine.differences import DifferenceBook
from spark_tui.engine.drills import DrillRoom
from spark_tui.engine.fault_door import FaultDoor
from spark_tui.engine.feed import FeedCursor
from spark_tui.engine.gate import Desk, Gate
from spark_tui.engine.guard import Guard
from spark_tui.engine.hub import Face, Hub
from spark_tui.engine.identity import Identities
from spark_tui.engine.journal import Journal
from spark_tui.engine.kill_marks import note_taken
from spark_tui.engine.life import Life
from spark_tui.engine.lists import ListDesk
from spark_tui.engine.losses import Losses
from spark_tui.engine.market import Market
from spark_tui.engine.notices import Notices
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.orders import OrderDesk
from spark_tui.engine.outbox import Outbox
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.portfolio.days import day_of
from spark_tui.engine.protection import Protection
from spark_tui.engine.records import RuleChanged, TradingStateChanged
from spark_tui.engine.replaces import ReplaceDesk
from spark_tui.engine.requests import Requests
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.resync import ResyncQueue
from spark_tui.engine.riskview import RiskView
from spark_tui.engine.riskwatch import RiskWatch
from spark_tui.engine.rulebook import Rulebook
from spark_tui.engine.rules_desk import RulesDesk
from spark_tui.engine.supervise import Supervisor
from spark_tui.engine.sweeper import Sweeper
from spark_tui.engine.tally import Tally
from spark_tui.engine.twin import TwinBench
from spark_tui.engine.venue_parts import venue_runner
from spark_tui.engine.views import Views
from spark_tui.link.messages import AnyRequest, Event, OrderUpdate, Result
from spark_tui.link.service import Attachment
from spark_tui.store.ledger import Ledger
from spark_tui.store.tape import Tape
from spark_tui.venues.paper.latency import Latency
from spark_tui.venues.port import Venue
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock


class Engine:
    """Implements link.service.Service. `run` until `stop`; ledger and tape stay the caller's to close.

    `checkpoint` is called with the named instants of the order path (see `Outbox`). `rng`
    draws the run id and the jitter of retries.
    """

    def __init__(
        self,
        venues: tuple[Venue, ...],
        ledger: Ledger,
        tape: Tape | None,
        settings: EngineSettings,
        clock: Clock,
        checkpoint: Callable[[str], None] = lambda name: None,
        *,
        rng: random.Random | None = None,
        fault_door: FaultDoor | None = None,
    ) -> None:
        self._clock = clock
        rng = rng or random.SystemRandom()
        self.hub = Hub(clock)
        self.notices = Notices(self._now_ms, self.hub.publish)
        self.guard = Guard(clock, on_change=self._on_trading_state)
        self.supervisor = Supervisor(clock, rng, self.notices, self.guard.reduce)
        self.journal = Journal(
            ledger, clock, on_failure=self._on_ledger_failure, on_recovery=self._on_ledger_recovery
        )
        self.ledger = ledger
        self.tally = Tally()
        self.audit = Auditor(self.journal, clock, self.notices)
        self._venues = {venue.name: venue for venue in venues}
        for venue in venues:
            venue.keep_home = partial(self._keeps_home, venue.environment)
        self._resyncs = {venue.name: ResyncQueue(venue, clock, rng, self.notices) for venue in venues}
        self.markets = {
            name: Market(
                name,
                settings.symbols.get(name, ()),
                clock,
                self._resyncs[name],
                max_age_s=settings.book_max_age_s,
            )
            for name in self._venues
        }
        self._desks = {
            name: Desk(market=self.markets[name], environment=venue.environment, instruments={})
            for name, venue in self._venues.items()
        }
        self.portfolio = Portfolio(self.journal, self.markets, self._utc_day, self._now_ms, self._venue_ms)
        self.protection = Protection(self.journal.state, self.notices)
        self.books = Bookkeeper(
            self.journal,
            self.guard,
            clock,
            publish=self._publish,
            notify=self.notices,
            assets=self._assets,
            on_fills=self.portfolio.on_fills,
            on_order=self._on_order,
        )
        self.rulebook = Rulebook(settings.rules, self.journal, self._now_ms, self._on_rule)
        self.losses = Losses(self.journal.state, self.portfolio, clock, self._utc_day)
        view = RiskView(
            self.journal.state,
            self.portfolio,
            self.guard.activity,
            self.losses,
            self._now_ms,
            venues=self._venues,
            assets=self._assets,
            others=self.books.open_externals,
        )
        self.canary = CanaryDesk(self, settings, clock)
        self.arming = LiveArming(
            self.journal.state,
            self.journal.note,
            self._now_ms,
            allowed=settings.live_allowed and any(venue.environment is Environment.LIVE for venue in venues),
            config_hash=self.canary.config_hash,
            worth=self._worth,
            bid=self._bid,
            proved=self.canary.archive.trouble,
            seen=self.canary.archive.remembered,
            halted=lambda: self.guard.state is TradingState.HALTED,
            settled=self.canary.settled,
        )
        self.gate = Gate(
            self._desks,
            self.journal.state,
            self.guard,
            self.portfolio,
            self.rulebook,
            view,
            live=self.arming.refusal,
            others=self.books.open_externals,
        )
        self.resolver = Resolver(self.books, self._venues, self.supervisor, clock, self.notices)
        self.books.follow_up = self.resolver
        self.identities = Identities()
        self.outbox = Outbox(
            self.books, self.journal, self.guard, self.resolver, self.identities, self.supervisor, checkpoint
        )
        self.desk = OrderDesk(self.books, self.gate, self.outbox, self._venues)
        self.lists = ListDesk(self.books, self.gate, self.outbox, self.resolver, self._venues)
        self.replaces = ReplaceDesk(
            self.books,
            self.journal,
            self.gate,
            self.resolver,
            self.outbox,
            self._venues,
            self.supervisor,
        )
        self.cancels = CancelDesk(
            self.books,
            self.journal,
            self.resolver,
            self.outbox,
            self._venues,
            self.supervisor,
            self.notices,
        )
        self.algos = Algos(
            self.journal,
            clock,
            self.supervisor,
            Around(self._desks, self.guard),
            submit=lambda request, operator, key, parent: self.desk.submit(
                request, operator, key, parent=parent
            ),
            cancel=self.cancels.cancel,
            assess=self.gate.assess,
            next_id=self.outbox.next_id,
            peek_id=self.identities.peek,
            publish=self.hub.publish,
            notify=self.notices,
            floor_notional=self.rulebook.floor_notional,
        )
        self.differences = DifferenceBook(self.journal, self._now_ms, self.hub.publish)
        self.twins = TwinBench(
            self.markets,
            {venue.name: venue.environment for venue in venues},
            self.gate.instrument,
            self.journal,
            clock,
            Latency(random.Random(clock.wall_ns())),
        )
        for name, market in self.markets.items():
            market.listener = partial(self.twins.on_market, name)
        self._sweeper = Sweeper(
            self.guard,
            self._venues,
            clock,
            rng,
            self.notices,
            self.tally,
            open_symbols=self.cancels.open_symbols,
            on_report=self.books.on_report,
            drain=self.journal.drain,
            on_mark=partial(note_taken, self.journal),
        )
        self.kill_switch = self._sweeper.switch
        self.riskwatch = RiskWatch(
            self.rulebook,
            view,
            self.losses,
            self.guard,
            self.journal,
            self.notices,
            clock,
            kill=self._sweeper.kill_for,
            on_broken=self.tally.broken,
            utc_day=self._utc_day,
        )
        self.outbox.on_denied = self.riskwatch.on_denied
        self.outbox.on_answered = self.tally.on_answered
        self.outbox.on_rejected = self.riskwatch.check
        self.rules = RulesDesk(
            self.rulebook, view, self.riskwatch, self.journal, instruments=self.instruments
        )
        self.runners = {
            name: venue_runner(
                self,
                venue,
                self._desks[name],
                self._resyncs[name],
                tape,
                settings,
                clock,
                rng,
                on_started=self._sweeper.if_killed,
            )
            for name, venue in self._venues.items()
        }
        self.condition = Condition(
            settings,
            self.runners,
            self.guard,
            self.journal,
            ledger,
            tape,
            self.portfolio,
            self.notices,
            clock,
            run=lambda: self.identities.run,
            counts=self._counts,
            faces=lambda: self.hub.faces,
            arming=self.arming.view,
        )
        self.views = Views(
            self.markets, self.books, self.portfolio, clock, self.condition.status, self.condition.health
        )
        self.drills = DrillRoom(self, clock, fault_door)
        self._requests = Requests(self, settings)
        self._life = Life(self, self._venues, self._sweeper, settings, clock, rng)

    # --- link.service.Service ------------------------------------------------------------------------------

    async def handle(self, request: AnyRequest, operator: str, attachment: Attachment | None) -> Result:
        return await self._requests.handle(request, operator, attachment)

    def attach(self, face: str, operator: str, rate_hz: float) -> Face:
        cursor = FeedCursor(self.views, self._clock)
        return self.hub.attach(
            face,
            operator,
            rate_hz,
            lambda: (*cursor.snapshot(), *self.algos.alive(), *self.notices.recent),
            cursor,
        )

    # --- life ----------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Rebuild the state, then trade until `stop`. Raises LedgerError when the ledger cannot be read."""
        await self._life.run()

    async def stop(self) -> None:
        """Ask `run` to end: answers of orders in flight are awaited shortly, the ledger is written out.
        Resting orders stay at the venue."""
        self._life.stop()

    def stop_soon(self, seconds: float) -> None:
        """Stop after the answer to the one who asked has left."""
        self._life.stop_soon(seconds)

    async def ready(self) -> None:
        """Every venue was tried and, where it let us in, reconciled (or that takes longer than is worth
        waiting)."""
        await self._life.ready()

    async def priced(self) -> None:
        """Every book that is streamed can be priced from (or that takes longer than is worth waiting): until
        then an order is refused."""
        await self._life.priced()

    def instruments(self) -> dict[str, dict[str, Instrument]]:
        """By venue and symbol, as far as known."""
        return {name: desk.instruments for name, desk in self._desks.items()}

    # --- wiring --------------------------------------------------------------------------------------------

    def _assets(self, venue: str, symbol: str) -> tuple[str, str] | None:
        instrument = self.gate.instrument(venue, symbol)
        return (instrument.base, instrument.quote) if instrument else None

    def _publish(self, event: Event) -> None:
        if isinstance(event, OrderUpdate):
            self.views.orders_version += 1
            self.canary.follower.on_order()
            if not event.external:
                self.twins.on_order(event.order)
        self.hub.publish(event)

    def _on_order(self, before: OrderState, order: Order) -> None:
        self.tally.on_order(before, order)
        self.protection.on_order(order)

    def _keeps_home(self, environment: Environment) -> str:
        """Asked at the last moment before an order leaves."""
        if why := self.guard.keeps_home():
            return why
        if environment is Environment.LIVE and (why := self.arming.keeps_home()):
            return f"Live trading is not armed: {why}."
        return ""

    def _worth(self, request: OrderRequest, money: Decimal) -> Decimal | None:
        """So much of the request's quote asset, in USDT."""
        instrument = self.gate.instrument(request.venue, request.symbol)
        return None if instrument is None else self.portfolio.worth(request.venue, instrument.quote, money)

    def _bid(self, request: OrderRequest) -> Decimal | None:
        quote = self.markets[request.venue].quote(request.symbol)
        return None if isinstance(quote, Unusable) else from_float(quote.bid)

    def _on_trading_state(self, change: TradingStateChanged) -> None:
        """Record it, then tell everyone."""
        self.journal.note(change)
        if change.state is TradingState.ACTIVE:
            self.riskwatch.on_resumed(change)
        level = "good" if change.state.value == "ACTIVE" else "bad"
        self.notices(level, f"Trading is {change.state}: {change.reason or 'no reason given'}.")
        self.hub.publish(self.condition.status())

    def _on_rule(self, change: RuleChanged) -> None:
        self.notices("info", self.rules.told(change))

    def _on_ledger_failure(self, text: str) -> None:
        self.notices.begin("ledger", f"ledger: {text}", "bad")
        self.guard.halt(f"the ledger cannot be written: {text}")

    def _on_ledger_recovery(self) -> None:
        self.notices.end("ledger", "The ledger can be written again; resume trading when you are ready.")

    def _counts(self) -> tuple[int, int]:
        return self.views.counts()

    def _now_ms(self) -> int:
        return self._clock.wall_ns() // NS_PER_MS

    def _venue_ms(self, venue: str) -> int:
        return self._venues[venue].server_time_ms()

    def _utc_day(self) -> str:
        today = datetime.fromtimestamp(self._clock.wall_ns() // NS_PER_S, UTC).date()
        return day_of(today, self.journal.state.day.day)
