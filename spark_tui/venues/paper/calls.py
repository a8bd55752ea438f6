"""A call to the paper account takes as long as one to the real venue: there, what is done there, and back."""

import asyncio
import sqlite3
from collections.abc import Callable
from typing import Any, TypeVar

from spark_tui.domain.health import Call
from spark_tui.venues.paper.account import PaperAccount
from spark_tui.venues.paper.latency import Latency
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import NS_PER_MS, Clock

T = TypeVar("T")


class Calls:
    """`told` hears of every call how it went."""

    def __init__(
        self, account: PaperAccount, clock: Clock, latency: Latency, told: Callable[[Call], None]
    ) -> None:
        self._account = account
        self._clock = clock
        self._latency = latency
        self._told = told
        self._arrivals: set[asyncio.Task[Any]] = set()

    async def call(self, route: str, method: str, arrive: Callable[[], T]) -> T:
        """`arrive`: what is done there, one transaction. Whoever stops waiting learns nothing: it arrives all
        the same. Raises VenueError."""
        began = self._clock.mono_ns()
        arrival = asyncio.create_task(self._arrive(arrive))
        self._arrivals.add(arrival)
        arrival.add_done_callback(self._arrivals.discard)
        code = ""
        try:
            return await asyncio.shield(arrival)
        except asyncio.CancelledError:
            code = "lost"
            arrival.add_done_callback(lambda done: done.cancelled() or done.exception())
            raise VenueError(Reaction.UNKNOWN, "LOST", "The wait for the answer was cut short.") from None
        except VenueError as error:
            code = error.code
            raise
        finally:
            took_ms = (self._clock.mono_ns() - began) / NS_PER_MS
            self._told(Call(route=f"paper/{route}", method=method, code=code, took_ms=took_ms))

    async def finish(self) -> None:
        """Wait until everything that is on its way has arrived."""
        await asyncio.gather(*self._arrivals, return_exceptions=True)

    async def _arrive(self, arrive: Callable[[], T]) -> T:
        await self._clock.sleep(self._latency.draw_s())
        try:
            answer = arrive()
        except VenueError:
            self._account.settle()
            await self._clock.sleep(self._latency.draw_s())
            raise
        except sqlite3.Error as error:
            raise VenueError(
                Reaction.RETRY_SAFE, "PAPER_STORE", f"The paper account cannot be read: {error}."
            ) from None
        self._account.settle()
        await self._clock.sleep(self._latency.draw_s())
        if why := self._account.trouble:  # memory knows more than the disk: no answer would survive a crash
            raise VenueError(Reaction.UNKNOWN, "PAPER_STORE", why)
        return answer
