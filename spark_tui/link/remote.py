"""A face's side of the remote link: one unix socket to the engine, found again by itself after a loss."""

import asyncio
import itertools
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

from websockets.asyncio.client import ClientConnection, unix_connect
from websockets.exceptions import ConnectionClosed, WebSocketException

from spark_tui.link import frames
from spark_tui.link.messages import (
    PROTOCOL,
    AnyRequest,
    Ask,
    Event,
    Failure,
    Focus,
    Hello,
    Push,
    Reply,
    Result,
)
from spark_tui.link.service import LinkError

MAX_BATCHES = (
    512  # pushed but not yet taken; beyond that this face is too slow and starts over from a snapshot
)
RETRY_DELAYS_S = (0.05, 0.1, 0.25, 0.5, 1.0)  # then the last one for ever
OPEN_TIMEOUT_S = 5.0


class RemoteLink:
    """A `Link` over the engine's socket.

    `events()` raises LinkError once when the line is lost (ENGINE_GONE), when this face was too slow
    (CUT_OFF) or does not fit the engine (PROTOCOL). Called again, it waits for the engine, attaches again
    with the last Focus, and begins with a snapshot: a face shows the error, calls again, and is whole again.
    """

    def __init__(
        self,
        path: Path,
        *,
        face: str,
        operator: str,
        rate_hz: float = 5.0,
        answer_s: float = 30.0,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._path = path
        self._hello = Hello(protocol=PROTOCOL, face=face, operator=operator, rate_hz=rate_hz)
        self._answer_s = answer_s
        self._sleep = sleep
        self._opening = asyncio.Lock()
        self._line: _Line | None = None
        self._retiring: list[_Line] = []  # replaced, but still owed answers
        self._focus: Focus | None = None
        self._closed = False
        self._told = False  # that there is no engine to begin with

    @classmethod
    async def connect(
        cls, path: Path, *, face: str, operator: str, rate_hz: float = 5.0, answer_s: float = 30.0
    ) -> "RemoteLink":
        """Attach to the engine at `path`, or raise LinkError ENGINE_GONE."""
        link = cls(path, face=face, operator=operator, rate_hz=rate_hz, answer_s=answer_s)
        await link._open()
        return link

    async def call(self, request: AnyRequest) -> Result:
        line = await self._open()
        result = await line.ask(request, self._answer_s)
        if isinstance(request, Focus):
            self._focus = request
        return result

    async def events(self) -> AsyncIterator[tuple[Event, ...]]:
        if self._hello.rate_hz <= 0 or self._closed:
            return
        line = self._line
        if line is None or line.reported:
            line = await self._open_patiently()
        async for batch in line.batches():
            yield batch
        line.reported = True
        if not self._closed:
            raise line.lost or _gone()

    async def close(self) -> None:
        self._closed = True
        for line in (*self._retiring, self._line):
            if line is not None:
                await line.close()

    async def _open(self) -> "_Line":
        """The line in use, or a new one in place of a lost one."""
        async with self._opening:
            if self._closed:
                raise LinkError("CLOSED", "This link is closed.")
            if self._line is None or not self._line.usable:
                if self._line is not None:
                    self._line.retire()
                    self._retiring = [line for line in (*self._retiring, self._line) if not line.ended]
                self._line = await _Line.open(self._path, self._hello)
                if self._focus is not None and self._hello.rate_hz > 0:
                    await self._line.ask(self._focus, self._answer_s)
            return self._line

    async def _open_patiently(self) -> "_Line":
        for delay in itertools.chain(RETRY_DELAYS_S, itertools.repeat(RETRY_DELAYS_S[-1])):
            try:
                return await self._open()
            except LinkError as error:
                if error.code not in ("ENGINE_GONE", "NO_ANSWER"):
                    raise
                if self._line is None and not self._told:
                    self._told = True  # nobody was ever reached: say why; the next call tries on
                    raise
            await self._sleep(delay)
        raise AssertionError("the delays never end")


class _Line:
    """One connection's life: what was asked and not yet answered, and the batches not yet taken."""

    def __init__(self, connection: ClientConnection) -> None:
        self.lost: LinkError | None = None  # why nothing more will come
        self.reported = False  # whether the reader of events was told
        self._connection = connection
        self._ids = itertools.count(1)
        self._pending: dict[int, asyncio.Future[Result]] = {}
        self._batches: deque[tuple[Event, ...]] = deque()
        self._overrun = False
        self._retired = False
        self._stir = asyncio.Event()  # a batch came, or the line ended
        self._reader = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, path: Path, hello: Hello) -> "_Line":
        try:
            connection = await unix_connect(
                str(path),
                "ws://engine/",
                compression=None,
                max_size=frames.MAX_SERVER_FRAME,
                open_timeout=OPEN_TIMEOUT_S,
                ping_interval=None,
                close_timeout=0.5,
                user_agent_header=None,
            )
            await connection.send(frames.encode(hello))
        except (OSError, WebSocketException) as error:
            raise LinkError(
                "ENGINE_GONE", "No engine answers; start one with `spark-tui`, or see its log."
            ) from error
        return cls(connection)

    @property
    def ended(self) -> bool:
        return self._reader.done()

    @property
    def usable(self) -> bool:
        return self.lost is None and not self._overrun

    async def ask(self, request: AnyRequest, answer_s: float) -> Result:
        if self.lost is not None:
            raise self.lost
        number = next(self._ids)
        future: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._pending[number] = future
        try:
            async with asyncio.timeout(answer_s):
                await self._connection.send(frames.encode(Ask(id=number, request=request)))
                return await future
        except TimeoutError as error:
            raise LinkError(
                "NO_ANSWER",
                f"The engine did not answer within {answer_s:g} s; what was asked may still happen.",
            ) from error
        except ConnectionClosed as error:
            await asyncio.wait({self._reader})  # it may yet read why
            raise self.lost or _gone() from error
        finally:
            self._pending.pop(number, None)
            self._leave_when_idle()

    async def batches(self) -> AsyncIterator[tuple[Event, ...]]:
        """Ends when the line ended; `lost` then says why."""
        while True:
            while self._batches:
                yield self._batches.popleft()
            if self.lost is not None:
                return
            if self._overrun:
                self.lost = _too_slow()
                return
            self._stir.clear()
            await self._stir.wait()

    def retire(self) -> None:
        """Replaced by a newer line: close as soon as every request in flight has its answer."""
        self._retired = True
        if self._overrun and self.lost is None:
            self.lost = _too_slow()
        self._leave_when_idle()

    async def close(self) -> None:
        await self._connection.close()
        await asyncio.wait({self._reader})

    def _leave_when_idle(self) -> None:
        if self._retired and not self._pending:
            self._reader.cancel()

    async def _read(self) -> None:
        try:
            async for raw in self._connection:
                self._take(frames.decode_server(raw))
        except LinkError as error:
            self._end(error)
        except ConnectionClosed:
            pass  # the same end as a clean close
        finally:
            self._end(_gone())
            await self._connection.close()

    def _take(self, frame: Reply | Failure | Push) -> None:
        match frame:
            case Push():
                self._queue(frame.events)
            case Reply():
                self._settle(frame.id, frame.result)
            case Failure(id=0):
                raise frames.as_error(frame)
            case Failure():
                self._settle(frame.id, frames.as_error(frame))

    def _queue(self, batch: tuple[Event, ...]) -> None:
        if len(self._batches) >= MAX_BATCHES:
            self._overrun = True
        if not self._overrun:
            self._batches.append(batch)
        self._stir.set()

    def _settle(self, number: int, outcome: Result | LinkError) -> None:
        future = self._pending.get(number)
        if future is None or future.done():
            return  # its caller gave up waiting
        if isinstance(outcome, LinkError):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)

    def _end(self, error: LinkError) -> None:
        if self.lost is None:
            self.lost = error
        for number in tuple(self._pending):
            self._settle(number, self.lost)
        self._stir.set()


def _gone() -> LinkError:
    return LinkError(
        "ENGINE_GONE", "The engine's line was lost; what was asked last may still have happened."
    )


def _too_slow() -> LinkError:
    return LinkError(
        "CUT_OFF", "This face was too slow for its order events; it starts over from a snapshot."
    )
