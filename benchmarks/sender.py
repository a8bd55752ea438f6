"""A process that sends prepared frames over a real WebSocket as fast, or as evenly, as it is told.

Run by the benchmarks: `python -m benchmarks.sender PORT_FILE COUNT RATE KINDS`. It answers any SUBSCRIBE,
sends COUNT frames at RATE frames a second (0: as fast as the reader takes them) and closes with the reader.
"""

import asyncio
import json
import sys
import time
from pathlib import Path

import websockets
from websockets.frames import Frame, Opcode

from benchmarks.frames import MIX, build

BURST_S = 0.002  # pace in steps this long: a sleep a frame cannot keep 20 000 a second
BURST = 256  # frames a write at full speed
MAX_BUFFERED = 1 << 20  # bytes waiting in this process before it pauses


async def send(connection: websockets.ServerConnection, frames: list[bytes], rate: float) -> None:
    """Frames are written to the transport ready-made: the sender must never be what limits the reader."""
    message = json.loads(await connection.recv())
    await connection.send(json.dumps({"result": None, "id": message["id"]}))
    transport = connection.transport
    started, sent = time.perf_counter(), 0
    while sent < len(frames):
        due = sent + BURST if rate == 0 else int((time.perf_counter() - started) * rate) + 1
        transport.write(b"".join(frames[sent:due]))
        sent = min(due, len(frames))
        await asyncio.sleep(BURST_S if rate else 0)
        while transport.get_write_buffer_size() > MAX_BUFFERED:  # noqa: ASYNC110 - a transport tells nobody
            await asyncio.sleep(0.0005)
    await connection.wait_closed()


async def serve(port_file: Path, count: int, rate: float, kinds: tuple[tuple[str, int], ...]) -> None:
    frames = [Frame(Opcode.TEXT, text.encode()).serialize(mask=False) for text in build(count, kinds)]
    async with websockets.serve(lambda c: send(c, frames, rate), "127.0.0.1", 0, compression=None) as server:
        port_file.write_text(str(next(iter(server.sockets)).getsockname()[1]))
        await server.serve_forever()


if __name__ == "__main__":
    kind = sys.argv[4]
    chosen = MIX if kind == "mix" else ((kind, 1),)
    asyncio.run(serve(Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3]), chosen))
