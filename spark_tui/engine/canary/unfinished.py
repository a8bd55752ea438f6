"""Confirms that an engine before this one began and did not end: each order is brought to its end as soon as
its venue is up, beside whatever else is tried meanwhile."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from spark_tui.domain.order import Order
from spark_tui.engine.canary.confirm import Confirmation
from spark_tui.engine.canary.remains import cut_short
from spark_tui.link.messages import CanaryRow

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine


class Unfinished:
    """`number`: a new run id. `at_work`: held while an order is followed, not while its venue is awaited."""

    def __init__(
        self,
        engine: "Engine",
        confirmation: Confirmation,
        number: Callable[[], str],
        at_work: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._engine = engine
        self._confirmation = confirmation
        self._number = number
        self._at_work = at_work
        self._rows: dict[str, CanaryRow] = {}  # by client order id
        self._awaited: set[str] = set()  # those whose venue is not up yet

    @property
    def rows(self) -> tuple[CanaryRow, ...]:
        """As far as is known before the venue is asked."""
        return tuple(self._rows.values())

    @property
    def doing(self) -> str:
        """In words; empty when nothing is left."""
        return "; ".join(
            f"confirm cut short {row.run_id}" + (f", waits for {row.venue}" if name in self._awaited else "")
            for name, row in self._rows.items()
        )

    def beside(self, venue: str, symbol: str) -> str:
        """Which order of this symbol is still to be finished; empty when none is."""
        for name, row in self._rows.items():
            if (row.venue, row.symbol) == (venue, symbol):
                why = f"{venue} is not up" if name in self._awaited else "it is being followed to its end"
                return (
                    f"The order {name} of {symbol}, from a confirm that was cut short, is still to be"
                    f" finished: {why}."
                )
        return ""

    def begin(self) -> None:
        """One job each."""
        for run, order in cut_short(self._engine.journal.state, self._engine.runners):
            row = self._confirmation.cut_short_row(self._number(), run, order)
            self._rows[order.client_order_id] = row
            self._awaited.add(order.client_order_id)
            self._engine.supervisor.job("the canary cut short", self._finish(run, order, row))

    async def _finish(self, run: CanaryRow, order: Order, row: CanaryRow) -> None:
        name = order.client_order_id
        try:
            await self._engine.runners[run.venue].up()
            self._awaited.discard(name)
            with self._at_work():
                await self._confirmation.finish(row, run)
        finally:
            self._awaited.discard(name)
            del self._rows[name]
