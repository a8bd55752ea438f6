"""Work on a disk that may hang, beside a kill that must not."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def beside(work: Callable[[], T]) -> "asyncio.Future[T]":
    """`work` in a thread that holds no process back. Whoever waits says for how long, and looks at `done`."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[T] = loop.create_future()

    def carried() -> None:
        try:
            result = work()
        except Exception as error:  # the waiter's to judge
            _tell(answer.set_exception, error)
        else:
            _tell(answer.set_result, result)

    def _tell(settle: Callable[..., None], what: object) -> None:
        with contextlib.suppress(RuntimeError):  # the kill is over
            loop.call_soon_threadsafe(lambda: None if answer.done() else settle(what))

    threading.Thread(target=carried, name="disk", daemon=True).start()
    return answer


async def result_within(work: Callable[[], T], seconds: float) -> T | None:
    """What came of it; None where it failed or takes longer."""
    answer = beside(work)
    answer.add_done_callback(lambda done: done.cancelled() or done.exception())  # late, it is nobody's
    await asyncio.wait({answer}, timeout=seconds)
    return answer.result() if answer.done() and answer.exception() is None else None
