"""The engine's side of the remote link: one unix socket, any number of faces, each on its own.

A face's requests run concurrently and are answered in any order. Its events come from its Attachment, which
conflates market data and never drops an order event; a face that stops reading is cut off.
"""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from websockets.asyncio.server import ServerConnection, unix_serve
from websockets.exceptions import ConnectionClosed

from spark_tui.link import frames
from spark_tui.link.messages import (
    PROTOCOL,
    AnyRequest,
    Ask,
    CancelAll,
    CancelOrder,
    Failure,
    Hello,
    Kill,
    Push,
    Reply,
    ServerFrame,
)
from spark_tui.link.service import FACE, Attachment, LinkError, Service

MAX_ASKS = 64  # running requests of one face; beyond that only what makes things safer is taken
MAX_SAFETY_ASKS = 256
HELLO_TIMEOUT_S = 5.0
GOODBYE_TIMEOUT_S = 0.5

log = logging.getLogger(__name__)


@asynccontextmanager
async def serve(service: Service, path: Path, *, stall_s: float = 10.0) -> AsyncIterator[None]:
    """Serve faces at `path` (mode 0600, in a directory only its owner may enter) while the context lasts.

    The caller holds the data directory's lock, so a socket file found there was left by a killed engine and
    is replaced. `stall_s`: how long a face may leave its socket full before it is cut off. Raises OSError.
    """
    path.unlink(missing_ok=True)

    async def handler(connection: ServerConnection) -> None:
        await _Face(service, connection, stall_s).run()

    server = await unix_serve(
        handler,
        str(path),
        compression=None,
        max_size=frames.MAX_CLIENT_FRAME,
        ping_interval=None,  # a dead peer shows at once; a stalled terminal must not be cut by a ping
        close_timeout=GOODBYE_TIMEOUT_S,
        server_header=None,
        logger=logging.getLogger("spark_tui.link.websockets"),
    )
    try:
        os.chmod(path, 0o600)
        yield
    finally:
        server.close()
        await server.wait_closed()
        path.unlink(missing_ok=True)


class _Face:
    def __init__(self, service: Service, connection: ServerConnection, stall_s: float) -> None:
        self._service = service
        self._connection = connection
        self._stall_s = stall_s
        self._operator = ""
        self._name = ""
        self._attachment: Attachment | None = None
        self._asks: set[asyncio.Task[None]] = set()
        self._pusher: asyncio.Task[None] | None = None

    async def run(self) -> None:
        try:
            await self._welcome()
            async for raw in self._connection:
                frame = frames.decode_client(raw)
                if not isinstance(frame, Ask):
                    raise LinkError("BAD_FRAME", "A face may say hello once only.")
                await self._begin(frame)
        except LinkError as error:
            await self._part(error)
        except (ConnectionClosed, TimeoutError):
            pass  # the face went away, which is its right
        finally:
            await self._end()

    async def _welcome(self) -> None:
        async with asyncio.timeout(HELLO_TIMEOUT_S):
            hello = frames.decode_client(await self._connection.recv())
        if not isinstance(hello, Hello):
            raise LinkError("BAD_FRAME", "A face must say hello first.")
        if hello.protocol != PROTOCOL:
            raise LinkError(
                "PROTOCOL",
                f"The running engine speaks link protocol {PROTOCOL}, this face {hello.protocol}:"
                " they are of different versions. Run `spark-tui stop` (where that is refused, too:"
                f" `kill {os.getpid()}`), then start again.",
            )
        self._operator, self._name = hello.operator, hello.face
        if hello.rate_hz > 0:
            self._attachment = self._service.attach(hello.face, hello.operator, hello.rate_hz)
            self._pusher = asyncio.create_task(self._push(self._attachment))

    async def _begin(self, ask: Ask) -> None:
        safety = isinstance(ask.request, Kill | CancelAll | CancelOrder)
        if len(self._asks) >= (MAX_SAFETY_ASKS if safety else MAX_ASKS):
            await self._send(
                Failure(id=ask.id, code="BUSY", text="Too many requests at once from this face; try again.")
            )
            return
        task = asyncio.create_task(self._answer(ask.id, ask.request))
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)

    async def _answer(self, ask_id: int, request: AnyRequest) -> None:
        frame: ServerFrame
        FACE.set(self._name)  # this task's own context
        try:
            frame = Reply(
                id=ask_id, result=await self._service.handle(request, self._operator, self._attachment)
            )
        except LinkError as error:
            frame = Failure(id=ask_id, code=error.code, text=error.text)
        except (
            Exception
        ) as error:  # a defect in one request must neither end the engine nor leave the face waiting
            log.exception("request %s failed", type(request).__name__)
            frame = Failure(
                id=ask_id,
                code="INTERNAL",
                text=f"The engine failed on this request ({type(error).__name__}); its log has the details.",
            )
        await self._send(frame)

    async def _push(self, attachment: Attachment) -> None:
        try:
            async for batch in attachment.batches():
                if not await self._send(Push(events=batch)):
                    return
        except Exception:  # a defect in one subscription must not leave the face with a frozen screen
            log.exception("a subscription failed")
            await self._part(LinkError("INTERNAL", "The engine failed on this subscription; see its log."))
            return
        if attachment.closed_because:
            await self._part(LinkError("CUT_OFF", attachment.closed_because))
        else:
            await self._part(LinkError("ENGINE_GONE", "The engine has stopped."))

    async def _send(self, frame: ServerFrame) -> bool:
        """False when the face is gone, or was cut off because it read nothing for `stall_s`."""
        try:
            async with asyncio.timeout(self._stall_s):
                await self._connection.send(frames.encode(frame))
        except TimeoutError:
            log.warning("a face read nothing for %g s and was cut off", self._stall_s)
            self._connection.transport.abort()
            return False
        except ConnectionClosed:
            return False
        return True

    async def _part(self, error: LinkError) -> None:
        """Say why, if the face still reads, then close."""
        try:
            async with asyncio.timeout(GOODBYE_TIMEOUT_S):
                await self._connection.send(frames.encode(Failure(id=0, code=error.code, text=error.text)))
                await self._connection.close()
        except (TimeoutError, ConnectionClosed):
            self._connection.transport.abort()

    async def _end(self) -> None:
        """Requests already running go on to their end: an order does not stop because its face left."""
        if self._pusher is not None:
            self._pusher.cancel()
            await asyncio.gather(self._pusher, return_exceptions=True)
        if self._attachment is not None:
            self._attachment.close()
        if self._asks:
            await asyncio.gather(*self._asks, return_exceptions=True)
