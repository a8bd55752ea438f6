"""`/metrics` and `/healthz` on loopback: plain HTTP/1.1, GET only, one answer a connection."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping

from spark_tui.telemetry.metrics import Metrics, Sample

HOST = "127.0.0.1"
REQUEST_TIMEOUT_S = 5.0
MAX_REQUEST = 8 * 1024  # bytes of request line and headers
TEXT_FORMAT = "text/plain; version=0.0.4; charset=utf-8"


class TelemetryServer:
    """`sample` and `health` are asked on the event loop, at each scrape; set them once the engine is made."""

    def __init__(self, metrics: Metrics) -> None:
        self.port = 0
        self.sample: Callable[[], Sample] = Sample
        self.health: Callable[[], Mapping[str, object]] = dict
        self._metrics = metrics
        self._server: asyncio.Server | None = None

    async def start(self, port: int) -> None:
        """Listen on loopback. Raises OSError when the port is taken."""
        self._server = await asyncio.start_server(self._serve, HOST, port, limit=MAX_REQUEST)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_TIMEOUT_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await self._answer(head))
                await writer.drain()
        except (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass  # a scraper that went away or speaks no HTTP; it will come again
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, head: bytes) -> bytes:
        method, _, rest = head.split(b"\r\n", 1)[0].partition(b" ")
        path = rest.split(b" ", 1)[0].split(b"?", 1)[0]
        if method not in (b"GET", b"HEAD"):
            return _reply("405 Method Not Allowed", "text/plain", b"Only GET is answered here.\n", method)
        if path == b"/metrics":
            self._metrics.sample = self.sample()
            return _reply("200 OK", TEXT_FORMAT, await asyncio.to_thread(self._metrics.exposition), method)
        if path == b"/healthz":
            body = json.dumps(self.health()).encode() + b"\n"
            return _reply("200 OK", "application/json", body, method)
        return _reply("404 Not Found", "text/plain", b"Here are /metrics and /healthz.\n", method)


def _reply(status: str, kind: str, body: bytes, method: bytes) -> bytes:
    head = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\nCache-Control: no-store\r\n\r\n"
    )
    return head.encode() + (b"" if method == b"HEAD" else body)
