"""What algos see of the engine: prices from usable books only, and whether anything may leave."""

from collections.abc import Mapping

from spark_tui.domain.book import Quote, Unusable
from spark_tui.domain.instrument import Instrument
from spark_tui.engine.gate import Desk
from spark_tui.engine.guard import Guard


class Around:
    """Implements runner.Surroundings."""

    def __init__(self, desks: Mapping[str, Desk], guard: Guard) -> None:
        self._desks = desks
        self._guard = guard

    def instrument(self, venue: str, symbol: str) -> Instrument | None:
        return self._desks[venue].instruments.get(symbol)

    def quote(self, venue: str, symbol: str) -> Quote | Unusable:
        return self._desks[venue].market.quote(symbol)

    def halted(self) -> str:
        return (self._guard.reason or "no reason given") if self._guard.halted else ""

    def hold(self, venue: str) -> str:
        if self._desks[venue].reconciling:
            return "waits until orders and balances are compared with the venue"
        seconds, why = self._guard.paused()
        return f"the venue takes no new orders for another {seconds:.0f} s ({why})" if seconds > 0 else ""
