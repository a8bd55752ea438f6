"""One kill at a time closes positions: two that each saw the same position would sell it twice.

Cancels never wait for it. The lock is the data directory itself, so that it needs no byte of a disk that is
full or read-only, and the kernel lets go of it however the process ends.
"""

import asyncio
import fcntl
import os
from pathlib import Path

from spark_tui.rescue.patience import Patience
from spark_tui.wire.clock import NS_PER_S, Clock

PATIENCE_S = 30.0
_LOOK_EVERY_S = 0.1


class Turn:
    """`release` once everything is over."""

    def __init__(self, data_dir: Path, clock: Clock, patience: Patience) -> None:
        self._data_dir = data_dir
        self._clock = clock
        self._patience = patience
        self._one = asyncio.Lock()  # several venues of one kill share its turn
        self._handle: int | None = None
        self.trouble = ""  # why it could not be taken

    async def take(self) -> bool:
        """Whether it is ours; False when another kill kept it for too long, or the directory cannot even be
        opened, so that nobody could tell."""
        async with self._one:
            if self._handle is not None:
                return True
            try:
                handle = os.open(self._data_dir, os.O_RDONLY | os.O_CLOEXEC)
            except OSError as error:
                self.trouble = f"{self._data_dir} cannot be opened ({error.strerror})"
                return False
            self.trouble = await self._wait_for(handle)
            if self.trouble:
                os.close(handle)
                return False
            self._handle = handle
            return True

    async def _wait_for(self, handle: int) -> str:
        """Why the lock cannot be had; empty once it is ours."""
        until_ns = self._clock.mono_ns() + int(PATIENCE_S * NS_PER_S)
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                patient = self._clock.mono_ns() < until_ns and await self._patience.waited(_LOOK_EVERY_S)
                if not patient:
                    return "another kill is closing positions"
            except OSError as error:
                return f"{self._data_dir} cannot be locked ({error.strerror})"
            else:
                return ""

    def release(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
