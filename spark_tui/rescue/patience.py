"""The waits of one kill, which an operator may end."""

import asyncio
import contextlib
from collections.abc import Callable

from spark_tui.wire.clock import Clock


class Patience:
    """`say` is told what each wait is for."""

    def __init__(self, clock: Clock, say: Callable[[str], None]) -> None:
        self._say = say
        self._clock = clock
        self._hurried = asyncio.Event()

    def say(self, text: str) -> None:
        """A wait that cannot be told is waited all the same."""
        with contextlib.suppress(Exception):
            self._say(text)

    def hurry(self) -> None:
        self._hurried.set()

    async def waited(self, seconds: float) -> bool:
        """Whether all of it was waited."""
        sleeping = asyncio.ensure_future(self._clock.sleep(seconds))
        hurried = asyncio.ensure_future(self._hurried.wait())
        try:
            done, _ = await asyncio.wait({sleeping, hurried}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            hurried.cancel()
        return sleeping in done
