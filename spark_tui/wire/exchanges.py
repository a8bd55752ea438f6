"""Requests and their answers for whoever listens: the raw material of evidence.

A listener hears what its own task, and the tasks it starts, ask a venue; nobody else pays for it. What is
told carries no key and no signature: whoever sends leaves them out before it tells.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import msgspec


class Exchange(msgspec.Struct, frozen=True, kw_only=True):
    """One question to a venue and what came back. `status` None: no answer, and `answer` says why."""

    what: str  # "POST /api/v3/order/test", "WS order.place"
    request: str
    answer: str
    status: int | None
    at_ns: int  # wall time when it left
    took_ns: int


Listener = Callable[[Exchange], None]

_listener: ContextVar[Listener | None] = ContextVar("exchange listener", default=None)


@contextmanager
def heard_by(listener: Listener) -> Iterator[None]:
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def listener() -> Listener | None:
    """Who hears what the current task asks."""
    return _listener.get()
