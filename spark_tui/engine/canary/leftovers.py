"""Orders that outlived their confirm: their fate was not proved in time, or the venue would not cancel them.
Each is cancelled as soon as it is known to rest, by whichever engine runs."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain.decimals import plain
from spark_tui.domain.order import Order
from spark_tui.engine.canary.follow import AGAIN_S, Follower, actual_of
from spark_tui.engine.canary.papers import Papers
from spark_tui.engine.canary.remains import left_over
from spark_tui.engine.supervise import describe
from spark_tui.link.messages import CanaryRow
from spark_tui.wire.clock import Clock

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


class Leftovers:
    """`take` one, or `begin` with those of an engine before this one."""

    def __init__(self, engine: "Engine", follower: Follower, papers: Papers, clock: Clock) -> None:
        self._engine = engine
        self._follower = follower
        self._papers = papers
        self._clock = clock
        self._names: set[str] = set()  # client order ids

    def begin(self) -> None:
        for order in left_over(self._engine.journal.state, self._engine.runners):
            self.take(order.client_order_id)

    def take(self, client_id: str) -> None:
        """It may have ended just now: then that is told."""
        if client_id in self._names:
            return
        self._names.add(client_id)
        self._engine.supervisor.job(f"the canary's order {client_id}", self._see_out(client_id))

    @property
    def doing(self) -> str:
        """In words; empty when nothing is left."""
        return "; ".join(f"order {name} is {self._order(name).state}" for name in sorted(self._names))

    def beside(self, venue: str, symbol: str) -> str:
        """Which order of this symbol has not ended; empty when none is left."""
        for name in sorted(self._names):
            order = self._order(name)
            if (order.request.venue, order.request.symbol) == (venue, symbol):
                return (
                    f"The order {name} of {symbol}, from an earlier confirm, is still {order.state}; the"
                    " engine brings it to its end."
                )
        return ""

    async def _see_out(self, client_id: str) -> None:
        try:
            await self._engine.runners[self._order(client_id).request.venue].up()
            residue = await self._seen_out(client_id)
            await self._tell(self._order(client_id), residue)
        finally:
            self._names.discard(client_id)

    async def _seen_out(self, client_id: str) -> tuple[str, ...]:
        """What is left over in the end."""
        what = f"the canary's order {client_id}"
        while True:
            try:
                residue = await self._follower.see_out(client_id)
            except Exception as error:  # a defect; nobody else brings this order to its end
                text = f"Seeing out {what} failed: {describe(error)}; it is looked at again."
                self._engine.notices.begin(what, text, "bad")
                await self._clock.sleep(AGAIN_S)
            else:
                self._engine.notices.end(what)
                return residue

    async def _tell(self, order: Order, residue: tuple[str, ...]) -> None:
        """On the confirm's row: its evidence stays what it was, and so does its verdict."""
        how = f"{order.state}, {plain(order.filled)} traded"
        self._engine.notices("info", f"The canary's order {order.client_order_id} has ended: {how}.")
        row = next((row for row in self._rows() if row.client_order_id == order.client_order_id), None)
        if row is None:
            return
        reasons = (
            *(reason for reason in row.reasons if not reason.startswith("RESIDUE: ")),
            f"LATE: the order ended after the confirm was over: {how}",
            *(f"RESIDUE: {text}" for text in residue),
        )
        latency_s = row.actual.latency_s if row.actual is not None else None
        await self._papers.record(
            msgspec.structs.replace(
                row,
                reasons=reasons,
                state=order.state,
                residue=residue,
                actual=actual_of(order, None, latency_s),
            )
        )

    def _rows(self) -> Iterator[CanaryRow]:
        return reversed(self._engine.journal.state.canaries.values())

    def _order(self, client_id: str) -> Order:
        return self._engine.journal.state.orders[client_id]
