"""Tasks that may fail without taking the engine along."""

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from spark_tui.link.service import LinkError
from spark_tui.wire.backoff import Backoff
from spark_tui.wire.clock import NS_PER_S, Clock

T = TypeVar("T")

Notify = Callable[[str, str], None]  # (level, text)

REPEATED = 3  # failures of one service within `_WINDOW_NS` that count as "keeps failing"
_WINDOW_NS = 120 * NS_PER_S
_STABLE_NS = 30 * NS_PER_S


class Supervisor:
    """Runs services for ever and jobs once. A service that fails is noticed and restarted with backoff; one
    that keeps failing is reported to `on_repeated` (the guard reduces). A job's failure is noticed, never
    raised."""

    def __init__(
        self, clock: Clock, rng: random.Random, notify: Notify, on_repeated: Callable[[str], None]
    ) -> None:
        self._clock = clock
        self._rng = rng
        self._notify = notify
        self._on_repeated = on_repeated
        self._group: asyncio.TaskGroup | None = None
        self._owner: asyncio.Task[Any] | None = None  # whose group it is: when it is cancelled, all end
        self.restarts = 0

    def enter(self, group: asyncio.TaskGroup) -> None:
        """Everything started from now on lives in `group`, the calling task's."""
        self._group = group
        self._owner = asyncio.current_task()

    def leave(self) -> None:
        """The group ends: jobs are no longer begun (what they would find out, the next start finds out)."""
        self._group = None

    def service(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        """Run `work` again whenever it ends, until the group is cancelled."""
        self._task(name, self._forever(name, work))

    def job(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` once, in the background."""
        if self._group is None:
            work.close()
        else:
            self._task(name, self._once(name, work))

    def ask(self, name: str, work: Coroutine[Any, Any, T]) -> "asyncio.Future[T]":
        """Run `work` as the engine's own task: it goes on when the one who awaits the answer goes away.

        Raises LinkError while the engine does not run.
        """
        if self._group is None:
            work.close()
            raise LinkError("STOPPING", "The engine is stopping; nothing new is begun.")
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._task(name, _carry(work, answer))
        return answer

    def _task(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        if self._group is None:
            work.close()
            raise RuntimeError(f"{name} cannot begin: the engine does not run")
        self._group.create_task(work, name=name)

    async def _forever(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        backoff = Backoff(self._rng)
        failures: deque[int] = deque(maxlen=REPEATED)
        pause_s = 0.0
        while True:
            started = self._clock.mono_ns()
            try:
                if pause_s:
                    await self._clock.sleep(pause_s)
                started = self._clock.mono_ns()
                await work()
                text = f"{name} ended by itself"
            except asyncio.CancelledError:
                if self._group is None or (self._owner is not None and self._owner.cancelling()):
                    raise  # the engine ends
                text = f"{name} was cancelled by somebody"  # and would be missed by nobody (F17)
            except Exception as error:  # any failure of a service is survived: that is what this class is for
                text = f"{name} failed: {describe(error)}"
            _uncancel()
            now = self._clock.mono_ns()
            self.restarts += 1
            failures.append(now)
            if now - started > _STABLE_NS:
                backoff.reset()
            self._notify("warn", f"{text}; it is started again.")
            if len(failures) == REPEATED and now - failures[0] < _WINDOW_NS:
                failures.clear()
                self._on_repeated(f"{text} ({REPEATED} times in {_WINDOW_NS // NS_PER_S} s)")
            pause_s = backoff.next()

    async def _once(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except Exception as error:  # a background job has nobody to raise to; the operator is told
            self._notify("bad", f"{name} failed: {describe(error)}.")


async def _carry(work: Coroutine[Any, Any, T], answer: "asyncio.Future[T]") -> None:
    try:
        result = await work
    except asyncio.CancelledError:
        answer.cancel()
        raise
    except Exception as error:  # handed on to whoever awaits the answer
        if not answer.done():
            answer.set_exception(error)
    else:
        if not answer.done():
            answer.set_result(result)


async def essential(work: Callable[[], Awaitable[None]], parent: "asyncio.Task[Any]") -> None:
    """`work` as a child of the task group of `parent`: that it ends is a failure, even when somebody
    cancelled it alone (a task group would go on without it, F17)."""
    try:
        await work()
    except asyncio.CancelledError:
        if parent.cancelling():
            raise
        raise RuntimeError("a task was cancelled by somebody") from None
    raise RuntimeError("a task ended by itself")


def _uncancel() -> None:
    """A cancel that was survived is over (a task group leaves one behind, too, when a child of it fails)."""
    task = asyncio.current_task()
    while task is not None and task.cancelling():
        task.uncancel()


def describe(error: BaseException) -> str:
    """One line for an operator: the kind of failure and its text, no traceback."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    text = str(error).strip().splitlines()
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
