"""A serving simulator seen from outside: real sockets, real frames."""

import asyncio
import contextlib
import itertools
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp

from spark_tui.simulator.server import Server
from spark_tui.simulator.simulation import Simulation
from tests.simulator.brief import brief_past
from tests.simulator.rig import KEY, SECRET, Rig

Frame = dict[str, Any]


class Wire:
    """`ask` speaks on the WebSocket API connection, whose frames are all kept in `frames`."""

    def __init__(self, server: Server, http: aiohttp.ClientSession) -> None:
        self.server = server
        self.simulation = server.simulation
        self.http = http
        self.frames: list[Frame] = []
        self.ended = asyncio.Event()
        self._ids = itertools.count(1)
        self._news = asyncio.Condition()

    async def connect(self) -> None:
        self.api = await self.http.ws_connect(self.server.ws_api_url, autoping=False)
        self._reader = asyncio.create_task(self._read())
        await self.reply(await self.send("userDataStream.subscribe.signature"))

    async def _read(self) -> None:
        async for message in self.api:
            if message.type is aiohttp.WSMsgType.TEXT:
                async with self._news:
                    self.frames.append(message.json())
                    self._news.notify_all()
        self.ended.set()

    async def close(self) -> None:
        self._reader.cancel()
        await self.api.close()

    async def send(self, method: str, **params: Any) -> int:
        number = next(self._ids)
        values = {"apiKey": KEY, "timestamp": self.simulation.clock.now_ms()} | params
        payload = "&".join(f"{name}={values[name]}" for name in sorted(values))
        signed = {"params": values | {"signature": Rig.sign(payload)}} if method != "time" else {}
        await self.api.send_json({"id": number, "method": method, **signed})
        return number

    async def until(self, condition: Callable[[list[Frame]], Any]) -> Any:
        """What `condition` finds among the frames, as soon as it finds anything."""
        async with asyncio.timeout(5), self._news:
            while not (found := condition(self.frames)):
                await self._news.wait()
        return found

    async def reply(self, number: int) -> Frame:
        return dict(await self.until(lambda frames: next((f for f in frames if f.get("id") == number), None)))

    async def ask(self, method: str, **params: Any) -> Frame:
        return await self.reply(await self.send(method, **params))

    async def order(self, side: str = "BUY", quantity: str = "0.01", **more: Any) -> int:
        """Send a placement and do not wait: MARKET, or LIMIT where a price is given."""
        limit = {"type": "LIMIT", "timeInForce": "GTC"} if "price" in more else {"type": "MARKET"}
        values = {"symbol": "BTCUSDT", "side": side, "quantity": quantity, **limit, **more}
        return await self.send("order.place", **values)

    async def event(self, kind: str, **wanted: Any) -> Frame:
        """The first user event of this kind whose fields are as wanted."""

        def find(frames: list[Frame]) -> Frame | None:
            return next(iter(self.events(kind, **wanted)), None)

        return dict(await self.until(find))

    def events(self, kind: str, **wanted: Any) -> list[Frame]:
        found = [frame["event"] for frame in self.frames if "event" in frame]
        return [e for e in found if e["e"] == kind and wanted.items() <= e.items()]

    def executions(self, order_id: int) -> list[str]:
        return [event["x"] for event in self.events("executionReport", i=order_id)]

    async def arm(self, verb: str, **args: Any) -> Frame:
        async with self.http.post(
            f"{self.server.base_url}/sim/v1/faults", json={"verb": verb, "args": args}
        ) as answer:
            body = await answer.json()
            assert answer.status == 200, body
            return dict(body)


@contextlib.asynccontextmanager
async def wire() -> AsyncIterator[Wire]:
    simulation = Simulation(wall_ns=time.time_ns)
    with brief_past():
        simulation.populate(1, simulation.wall_ms())
    simulation.issue_hmac_key(KEY, SECRET)
    server = Server(simulation, api_key=KEY, api_secret=SECRET)
    await server.start()
    async with aiohttp.ClientSession() as http:
        found = Wire(server, http)
        await found.connect()
        try:
            yield found
        finally:
            await found.close()
            await server.stop()
