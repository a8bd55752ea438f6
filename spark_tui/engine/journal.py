"""State and ledger as one: every change is applied in memory and queued for the disk in the same order.

An intent waits for `durable()` before its first byte leaves. An outcome does not wait: it is kept in memory
and retried until the disk takes it, so a full disk loses nothing; a crash in between is mended by the
write-ahead entry and a query at the next start.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from spark_tui.engine.records import AUDIT_KINDS, Record, from_body, to_entry
from spark_tui.engine.state import Effect, State
from spark_tui.engine.supervise import describe
from spark_tui.store.ledger import Entry, Ledger, LedgerError
from spark_tui.wire.clock import Clock

MAX_WAITING = 20_000  # outcomes kept in memory while the ledger fails
_BATCH = 1_000
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class Journal:
    """`on_failure` is told once when the ledger starts to fail, `on_recovery` once when it works again."""

    def __init__(
        self,
        ledger: Ledger,
        clock: Clock,
        *,
        on_failure: Callable[[str], None],
        on_recovery: Callable[[], None],
    ) -> None:
        self.state = State()
        self.failure = ""  # why the ledger refuses, empty while it works
        self._ledger = ledger
        self._clock = clock
        self._on_failure = on_failure
        self._on_recovery = on_recovery
        self._waiting: deque[Entry] = deque()
        self._noted = 0
        self._written = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._wake = asyncio.Event()
        self._retry = asyncio.Event()
        self._writing = asyncio.Lock()

    def replay(self) -> State:
        """Rebuild the state from the ledger alone. Raises LedgerError for a record that cannot be read."""
        for stored in self._ledger.read():
            if stored.kind in AUDIT_KINDS:
                continue
            try:
                record = from_body(stored.body)
            except ValueError as error:
                raise LedgerError(
                    f"Ledger entry {stored.seq} ({stored.kind}) cannot be read: {error}. "
                    "Run `spark-tui ledger verify`; the ledger may come from a newer version."
                ) from error
            self.state.apply(record)
        return self.state

    @property
    def full(self) -> bool:
        """No room for another outcome: refuse whatever would create one."""
        return len(self._waiting) >= MAX_WAITING

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    def has_mark(self, mark_id: str) -> bool:
        """Whether that kill is on disk; False, too, while anything waits for the disk."""
        return mark_id in self.state.marks and self._written >= self._noted

    def note(self, record: Record, *, awaited: bool = False) -> Effect:
        """Apply now, write soon. Never waits and never fails for the disk's sake. `awaited`: the caller goes
        on to `durable` at once, so that the writer need not be woken."""
        effect = self.state.apply(record)
        self._waiting.append(to_entry(record))
        self._noted += 1
        if not awaited:
            self._wake.set()
        return effect

    async def durable(self) -> None:
        """Return once everything noted so far is on disk. Raises LedgerError while the ledger fails.

        An idle ledger is written to from here: an order in a hurry saves two turns of the loop.
        """
        while self._written < self._noted and not self.failure and not self._writing.locked():
            async with self._writing:
                if self._waiting:  # else somebody was quicker
                    await self._flush()
        if self._written >= self._noted:
            return
        if self.failure:
            self._wake.set()  # the writer retries what waits
            raise LedgerError(self.failure)
        await self._next_outcome()

    async def retry(self) -> None:
        """Try the disk again at once. Raises LedgerError when it still refuses."""
        if self._written < self._noted:
            self._wake.set()
            self._retry.set()
            await self._next_outcome()

    async def run(self) -> None:
        """Commits whatever waits as soon as the ledger is free, and goes on trying. Runs until cancelled."""
        attempt = 0
        while True:
            await self._wake.wait()
            async with self._writing:
                if not self._waiting:
                    self._wake.clear()
                    continue
                written = await self._flush()
            if written:
                attempt = 0
            else:
                await self._pause(_RETRY_S[min(attempt, len(_RETRY_S) - 1)])
                attempt += 1

    async def drain(self, timeout_s: float) -> bool:
        """Wait until nothing is left to write; False when the ledger did not take it all in time."""
        try:
            await asyncio.wait_for(self._all_written(), timeout_s)
        except (LedgerError, TimeoutError):
            return False
        return True

    async def _all_written(self) -> None:
        """By the writer, which may be waited for with a timeout: a write of one's own may not be cut
        short."""
        await self.retry()

    async def _flush(self) -> bool:
        """One append of what waits, by whoever holds the lock; False when the ledger refused. A cancel waits
        for its outcome: what may be on disk must not be written again."""
        batch = [self._waiting[index] for index in range(min(len(self._waiting), _BATCH))]
        writing = asyncio.ensure_future(self._ledger.append(*batch))
        cancelled: asyncio.CancelledError | None = None
        while not writing.done():
            try:
                await asyncio.wait({writing})
            except asyncio.CancelledError as error:
                cancelled = error
        written = self._settle(writing, len(batch))
        if cancelled is not None:
            raise cancelled
        return written

    def _settle(self, writing: "asyncio.Future[int]", count: int) -> bool:
        try:
            writing.result()
        except Exception as error:  # whatever the store raises: it is not recorded, so nothing may leave
            self._failed(str(error) if isinstance(error, LedgerError) else describe(error))
            return False
        self._done(count)
        return True

    async def _next_outcome(self) -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self._noted, waiter))
        await waiter

    def _done(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        self._written += count
        while self._waiters and self._waiters[0][0] <= self._written:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
        if self.failure:
            self.failure = ""
            self._on_recovery()

    def _failed(self, text: str) -> None:
        first = not self.failure
        self.failure = text
        while self._waiters:
            _, waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(LedgerError(text))
        if first:
            self._on_failure(text)

    async def _pause(self, seconds: float) -> None:
        """Sleep, or return early when `retry` asks."""
        self._retry.clear()
        sleep = asyncio.ensure_future(self._clock.sleep(seconds))
        nudge = asyncio.ensure_future(self._retry.wait())
        _, pending = await asyncio.wait({sleep, nudge}, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
