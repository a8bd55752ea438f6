"""The link without a socket: face and engine on one event loop. For tests."""

from collections.abc import AsyncIterator

from spark_tui.link.messages import AnyRequest, Event, Focus, Result
from spark_tui.link.service import FACE, Attachment, LinkError, Service


class LocalLink:
    """A `Link` straight onto a Service; `rate_hz` 0 means no events. Semantics as `RemoteLink`."""

    def __init__(self, service: Service, *, face: str, operator: str, rate_hz: float = 5.0) -> None:
        self._service = service
        self._face = face
        self._operator = operator
        self._rate_hz = rate_hz
        self._attachment: Attachment | None = None
        self._focus: Focus | None = None
        self._closed = False

    async def call(self, request: AnyRequest) -> Result:
        attachment = self._attach()
        token = FACE.set(self._face)
        try:
            result = await self._service.handle(request, self._operator, attachment)
        finally:
            FACE.reset(token)
        if isinstance(request, Focus):
            self._focus = request
        return result

    async def events(self) -> AsyncIterator[tuple[Event, ...]]:
        """Batches until the face is cut off (LinkError CUT_OFF) or the engine stops (ENGINE_GONE). Called
        again it attaches again, with the last Focus, beginning with a snapshot."""
        if self._closed:
            return
        fresh = self._attachment is None
        attachment = self._attach()
        if attachment is None:
            return
        if fresh and self._focus is not None:
            await self._service.handle(self._focus, self._operator, attachment)
        try:
            async for batch in attachment.batches():
                yield batch
        finally:
            attachment.close()
            if self._attachment is attachment:
                self._attachment = None
        if self._closed:
            return
        if attachment.closed_because:
            raise LinkError("CUT_OFF", attachment.closed_because)
        raise LinkError("ENGINE_GONE", "The engine has stopped.")

    async def close(self) -> None:
        self._closed = True
        if self._attachment is not None:
            self._attachment.close()
            self._attachment = None

    def _attach(self) -> Attachment | None:
        if self._closed:
            raise LinkError("CLOSED", "This link is closed.")
        if self._attachment is None and self._rate_hz > 0:
            self._attachment = self._service.attach(self._face, self._operator, self._rate_hz)
        return self._attachment
