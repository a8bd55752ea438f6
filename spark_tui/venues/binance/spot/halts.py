"""Which instruments stopped trading, without asking for all of them each minute (megabytes, weight 20).

Two signs make us ask about an instrument that we believe trades: the venue refused an order because its
market is closed, and a book from which nothing came for a while. What we learned here that it stopped is
asked about until it trades again: the whole list comes too seldom to keep an order back by it. Asked is about
all such at once, in one call of weight 20: at most every ten seconds after a refusal, or when the book of
what stopped speaks again; every minute for silence.
"""

from collections.abc import Awaitable, Callable, Set

from spark_tui.domain.instrument import Instrument
from spark_tui.venues.port import VenueError
from spark_tui.wire.clock import NS_PER_S, Clock

SILENT_S = 20.0
LOOK_EVERY_S = 2.0
AFTER_REFUSAL_S = 10.0
AFTER_SILENCE_S = 60.0
_NOT_LISTED = "-1121"
_CLOSED = ("market is closed", "trading phase")


def says_closed(error: VenueError) -> bool:
    return any(words in error.text.lower() for words in _CLOSED)


class HaltWatch:
    """`ask` raises VenueError; `silent` names watched instruments whose streams say nothing although the
    connection lives; `trades` is what we believe of one; `learn` takes what the venue says."""

    def __init__(
        self,
        ask: Callable[[tuple[str, ...]], Awaitable[tuple[Instrument, ...]]],
        silent: Callable[[], Set[str]],
        trades: Callable[[str], bool],
        learn: Callable[[tuple[Instrument, ...]], None],
        clock: Clock,
    ) -> None:
        self._ask = ask
        self._silent = silent
        self._trades = trades
        self._learn = learn
        self._clock = clock
        self._doubted: set[str] = set()
        self._stopped: set[str] = set()  # as we learned here
        self._asked_ns: int | None = None

    def doubt(self, symbol: str) -> None:
        """The venue said that its market is closed."""
        self._doubted.add(symbol)

    async def run(self) -> None:
        while True:
            await self._clock.sleep(LOOK_EVERY_S)
            self._doubted = {symbol for symbol in self._doubted if self._trades(symbol)}
            self._stopped = {symbol for symbol in self._stopped if not self._trades(symbol)}
            silent = self._silent()
            wanted = {symbol for symbol in silent if self._trades(symbol)} | self._doubted | self._stopped
            if wanted and self._is_due(soon=bool(self._doubted or self._stopped - silent)):
                await self._look(wanted)

    def _is_due(self, *, soon: bool) -> bool:
        if self._asked_ns is None:
            return True
        pause_s = AFTER_REFUSAL_S if soon else AFTER_SILENCE_S
        return self._clock.mono_ns() - self._asked_ns >= pause_s * NS_PER_S

    async def _look(self, wanted: Set[str]) -> None:
        self._asked_ns = self._clock.mono_ns()
        try:
            found = await self._ask(tuple(sorted(wanted)))
        except VenueError as error:
            if error.code == _NOT_LISTED:  # one that stopped may be gone for good
                self._stopped.clear()
            return  # asked again when it is due; the whole list comes every ten minutes anyway
        self._doubted.clear()
        self._learn(found)
        self._stopped = {symbol for symbol in wanted if not self._trades(symbol)}
