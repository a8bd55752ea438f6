"""What a link needs from the engine, so that faces never import it."""

from collections.abc import AsyncIterator
from contextvars import ContextVar
from typing import Protocol

from spark_tui.link.messages import AnyRequest, Event, Result

FACE: ContextVar[str] = ContextVar("face", default="")
"""Which face asks ("cockpit", "do", ...), in the context of each request; for the audit alone."""


class LinkError(Exception):
    """A request was refused or the line is gone. `code` is stable, `text` one sentence for the operator."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class Attachment(Protocol):
    """One face's subscription. Market events are conflated to the face's rate; order events, fills and
    notices are never dropped: a face too slow for them is cut off (`closed_because` is set, iteration ends)
    and must attach again, which starts with a full snapshot."""

    closed_because: str

    def batches(self) -> AsyncIterator[tuple[Event, ...]]: ...

    def close(self) -> None: ...


class Service(Protocol):
    """The engine as a link sees it. `attach` begins with a snapshot: Status, Balances, Positions, Orders as
    OrderUpdates, recent Fills, Tickers, and the focused BookView, TradesView and CandlesView."""

    async def handle(self, request: AnyRequest, operator: str, attachment: Attachment | None) -> Result:
        """Raises LinkError."""

    def attach(self, face: str, operator: str, rate_hz: float) -> Attachment: ...


class Link(Protocol):
    """What a face holds: `link.local.LocalLink` or `link.remote.RemoteLink`."""

    async def call(self, request: AnyRequest) -> Result:
        """Raises LinkError."""

    def events(self) -> AsyncIterator[tuple[Event, ...]]: ...

    async def close(self) -> None: ...
