"""When local is compared with the venue: at the start, after every silence, now and then, and when asked.

A pass that fails concludes nothing and is repeated. After a silence new orders are refused (RECONCILING)
until one succeeds; regular passes refuse nothing.
"""

import asyncio
import contextlib
import random
from collections.abc import Callable

from spark_tui.domain.order import OrderState, Uncertain
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.comparison import Comparison, watch
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.supervise import Notify
from spark_tui.link.service import LinkError
from spark_tui.venues.port import Venue, VenueError
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import NS_PER_MS, Clock, within


class Reconciler:
    """One venue's. The user stream's ups and downs are told; `run` is a service."""

    def __init__(
        self,
        venue: Venue,
        comparison: Comparison,
        clock: Clock,
        rng: random.Random,
        notify: Notify,
        *,
        watched: Callable[[], set[str]],
        traded: Callable[[], set[str]],
        on_done: Callable[[], None],
        every_s: float,
    ) -> None:
        self.done = asyncio.Event()  # set while nothing waits to be reconciled
        self.passes = 0
        self.compared_ns = 0  # monotonic: when the last pass began that accounted for every trade; 0: none
        self.why = "the user stream is not up yet"
        self._venue = venue
        self._comparison = comparison
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._watched = watched
        self._traded = traded
        self._on_done = on_done
        self._every_s = every_s
        self._wanted = asyncio.Event()
        self._listening = False  # the user stream is up
        self._silent_ns = 0  # when a silence last ended, until its time is wholly looked through
        self._epoch = 0
        self._asked: list[asyncio.Future[None]] = []  # who waits for the next pass that begins

    @property
    def running(self) -> bool:
        """New entries are refused."""
        return not self.done.is_set()

    def stream_down(self, reason: str) -> None:
        """What happens now is not heard, so nothing new may be entered."""
        self._interrupt(f"the user stream is down: {reason}", listening=False)

    def stream_up(self) -> None:
        """User events flow; what happened before must be asked for."""
        self._interrupt("orders and trades are compared with the venue", listening=True)
        self._wanted.set()

    def look_again(self) -> None:
        """Reconcile soon, without refusing entries meanwhile."""
        self._wanted.set()

    async def compare_now(self) -> None:
        """One pass from the start. Raises VenueError when it got no answer, LinkError when cut short."""
        answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._asked.append(answer)
        self._wanted.set()
        await answer

    async def run(self) -> None:
        """Pass after pass: when asked, and every `every_s` seconds. Runs until cancelled."""
        backoff = Backoff(self._rng)
        while True:
            await self._next()
            epoch = self._epoch
            self._wanted.clear()
            asked, self._asked = self._asked, []
            try:
                await self._pass()
            except VenueError as error:
                for answer in asked:
                    if not answer.done():
                        answer.set_exception(error)
                if backoff.attempt == 0:
                    self._notify("warn", f"{self._venue.name} cannot be reconciled yet: {error.text}")
                self._wanted.set()
                await self._clock.sleep(backoff.next())
                continue
            except BaseException:
                self._wanted.set()  # what was to be compared still is
                for answer in asked:
                    if not answer.done():
                        answer.set_exception(
                            LinkError("CUT_SHORT", "The comparison was cut short; ask again.")
                        )
                raise
            backoff.reset()
            self.passes += 1
            for answer in asked:
                if not answer.done():
                    answer.set_result(None)
            if self._listening and epoch == self._epoch and self.running:
                self.why = ""
                self.done.set()
                self._silent_ns = self._clock.mono_ns()
                self._on_done()

    def _interrupt(self, why: str, *, listening: bool) -> None:
        self.why = why
        self.done.clear()
        self._listening = listening
        self._epoch += 1

    async def _next(self) -> None:
        """Wait for a request, or for the time of a regular pass."""
        if not self._wanted.is_set():
            with contextlib.suppress(TimeoutError):
                await within(self._clock, self._every_s, self._wanted.wait())

    async def _pass(self) -> None:
        """A regular pass looks where something can have happened to us; after a silence, everywhere. The copy
        that answers then may lag behind (F54), so that is done again once it no longer can."""
        symbols, thorough = self._traded(), self.running or self._silent_ns > 0
        late_enough = self._clock.mono_ns() - self._silent_ns > self._venue.decision_window_ms * NS_PER_MS
        if thorough:
            symbols |= self._watched()
        began_ns = self._clock.mono_ns()
        await self._comparison.run(symbols)
        if self._comparison.whole:
            self.compared_ns = began_ns
        if late_enough and not self.running:
            self._silent_ns = 0


def revive(books: Bookkeeper, resolver: Resolver, venue: Venue) -> None:
    """After a restart: an order whose write-ahead is there but not its answer may or may not live. Call once
    the venue's clock is known."""
    now = books.now_ms()
    window_end = venue.server_time_ms() + venue.decision_window_ms
    for order in books.state.open_orders(venue.name):
        client_id = order.client_order_id
        if order.state in (OrderState.NEW, OrderState.SENT):
            decidable_at = order.decidable_at_ms or window_end
            reason = "the engine stopped before the answer was recorded"
            books.record(client_id, Uncertain(reason=reason, at_ms=now, decidable_at_ms=decidable_at))
        watch(books.state.orders[client_id], resolver)
