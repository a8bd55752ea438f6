"""What each venue has of its own in the engine: made once, wired to the parts that all venues share."""

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

from spark_tui.engine.balance_watch import BalanceWatch
from spark_tui.engine.comparison import Comparison
from spark_tui.engine.gate import Desk
from spark_tui.engine.kill_marks import canceled_by
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.reconcile import Reconciler
from spark_tui.engine.resync import ResyncQueue
from spark_tui.engine.venue_runner import VenueRunner
from spark_tui.store.tape import Tape
from spark_tui.venues.port import Venue
from spark_tui.wire.clock import Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


def venue_runner(
    engine: "Engine",
    venue: Venue,
    desk: Desk,
    resync: ResyncQueue,
    tape: Tape | None,
    settings: EngineSettings,
    clock: Clock,
    rng: random.Random,
    *,
    on_started: Callable[[], None],
) -> VenueRunner:
    market = engine.markets[venue.name]
    balances = BalanceWatch(venue, engine.portfolio, clock, rng)
    comparison = Comparison(
        venue,
        engine.books,
        engine.journal,
        engine.resolver,
        engine.differences,
        engine.notices,
        on_balances=balances.take,
        by_kill=canceled_by(settings.marks),
    )

    def listed() -> set[str]:
        """Watched symbols that the venue lists: a question about any other fails the whole comparison."""
        return set(market.symbols) & set(desk.instruments)

    def traded() -> set[str]:
        """Symbols with a position or an open order, ours or not."""
        held = {symbol for where, symbol in engine.journal.state.positions if where == venue.name}
        return held | engine.cancels.open_symbols(venue.name)

    def reconciled() -> None:
        engine.runners[venue.name].reconciled()

    reconciler = Reconciler(
        venue,
        comparison,
        clock,
        rng,
        engine.notices,
        watched=listed,
        traded=traded,
        on_done=reconciled,
        every_s=settings.reconcile_every_s,
    )
    return VenueRunner(
        venue,
        market,
        resync,
        reconciler,
        desk,
        balances,
        books=engine.books,
        portfolio=engine.portfolio,
        resolver=engine.resolver,
        supervisor=engine.supervisor,
        clock=clock,
        rng=rng,
        notices=engine.notices,
        on_frame=tape.record if tape else _no_tape,
        on_started=on_started,
    )


def _no_tape(stream: str, receipt_ns: int, raw: bytes) -> None:
    """Frames go nowhere."""
