"""What only a socket can do: permissions, a lost engine, faces that stop reading, frames from strangers."""

import asyncio
import stat
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from websockets.asyncio.client import unix_connect

from spark_tui.link import frames, remote
from spark_tui.link.messages import (
    PROTOCOL,
    Failure,
    GetPositions,
    GetTickers,
    Hello,
    Kill,
    Notice,
    Push,
)
from spark_tui.link.remote import RemoteLink
from spark_tui.link.server import MAX_ASKS, serve
from spark_tui.link.service import LinkError
from tests.link.fake import FakeService, order_update
from tests.link.test_conformance import read, submit, until


async def _drain(events: AsyncIterator[object]) -> None:
    async for _ in events:
        await asyncio.sleep(0.01)


async def test_only_its_owner_may_use_the_socket(service: FakeService, socket_dir: Path) -> None:
    path = socket_dir / "s"
    async with serve(service, path):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not path.exists()


async def test_no_engine_is_one_sentence(socket_dir: Path) -> None:
    with pytest.raises(LinkError) as gone:
        await RemoteLink.connect(socket_dir / "s", face="test", operator="ada")
    assert gone.value.code == "ENGINE_GONE"


async def test_where_no_engine_ever_was_its_absence_is_told_and_then_waited_out(
    service: FakeService, socket_dir: Path
) -> None:
    link = RemoteLink(socket_dir / "s", face="test", operator="ada")
    with pytest.raises(LinkError) as gone:
        await anext(aiter(link.events()))
    assert gone.value.code == "ENGINE_GONE"
    waiting = asyncio.ensure_future(anext(aiter(link.events())))
    async with serve(service, socket_dir / "s"):
        assert await asyncio.wait_for(waiting, 10)
        await link.close()


async def test_a_socket_left_by_a_killed_engine_is_replaced(service: FakeService, socket_dir: Path) -> None:
    path = socket_dir / "s"
    server = await asyncio.start_unix_server(lambda r, w: None, str(path))
    server.close()
    await server.wait_closed()
    assert path.exists()
    async with serve(service, path):
        link = await RemoteLink.connect(path, face="test", operator="ada")
        assert await link.call(submit()) == order_update(1)
        await link.close()


async def test_after_the_engine_came_back_the_face_is_whole_again(socket_dir: Path) -> None:
    path = socket_dir / "s"
    first, second = FakeService(), FakeService()
    async with serve(first, path):
        link = await RemoteLink.connect(path, face="test", operator="ada")
        assert await read(link, 1)
    with pytest.raises(LinkError) as gone:
        await read(link, 1)
    assert gone.value.code == "ENGINE_GONE"
    with pytest.raises(LinkError):
        await link.call(GetPositions())
    waiting = asyncio.create_task(read(link, 1))
    async with serve(second, path):
        assert isinstance((await asyncio.wait_for(waiting, 5))[0], Notice)
        assert await link.call(submit()) == order_update(1)
        await link.close()


async def test_a_request_in_flight_ends_when_the_line_does(service: FakeService, socket_dir: Path) -> None:
    path = socket_dir / "s"
    async with serve(service, path):
        link = await RemoteLink.connect(path, face="test", operator="ada", rate_hz=0)
        waiting = asyncio.create_task(link.call(GetTickers()))
        await service.asked.wait()
        service.release.set()
        # the server goes; the request is answered or fails, but never hangs
    result = await asyncio.gather(waiting, return_exceptions=True)
    assert not isinstance(result[0], asyncio.CancelledError)
    await link.close()


async def test_an_engine_that_never_answers_is_reported(service: FakeService, socket_dir: Path) -> None:
    async with serve(service, socket_dir / "s"):
        link = await RemoteLink.connect(socket_dir / "s", face="test", operator="ada", answer_s=0.05)
        with pytest.raises(LinkError) as silent:
            await link.call(GetTickers())
        assert silent.value.code == "NO_ANSWER"
        service.release.set()
        await link.close()


async def test_a_face_of_another_version_is_refused_with_a_sentence(
    service: FakeService, socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "PROTOCOL", PROTOCOL + 1)
    async with serve(service, socket_dir / "s"):
        link = await RemoteLink.connect(socket_dir / "s", face="old", operator="ada")
        for attempt in (link.call(GetPositions()), read(link, 1)):
            with pytest.raises(LinkError) as refused:
                await attempt
            assert refused.value.code == "PROTOCOL"
            assert "spark-tui stop" in refused.value.text
        await link.close()


async def test_a_defect_in_one_request_answers_without_its_words(
    service: FakeService, socket_dir: Path
) -> None:
    async with serve(service, socket_dir / "s"):
        link = await RemoteLink.connect(socket_dir / "s", face="test", operator="ada")
        with pytest.raises(LinkError) as failed:
            await link.call(Kill())
        assert failed.value.code == "INTERNAL"
        assert "secret" not in failed.value.text
        assert await link.call(submit()) == order_update(2)
        await link.close()


@pytest.mark.parametrize("raw", [b"\x00", b"", "text", msgspec.msgpack.encode({"type": "ask", "id": 1})])
async def test_a_stranger_is_shown_out(service: FakeService, socket_dir: Path, raw: bytes | str) -> None:
    async with serve(service, socket_dir / "s"), unix_connect(str(socket_dir / "s"), "ws://engine/") as line:
        await line.send(raw)
        answer = frames.decode_server(await line.recv())
        assert isinstance(answer, Failure)
        assert (answer.id, answer.code) == (0, "BAD_FRAME")
    assert service.seen == []


async def test_a_flood_is_refused_but_what_makes_things_safer_is_taken(
    service: FakeService, socket_dir: Path
) -> None:
    async with serve(service, socket_dir / "s"):
        link = await RemoteLink.connect(socket_dir / "s", face="test", operator="ada", rate_hz=0)
        flood = [asyncio.create_task(link.call(GetTickers())) for _ in range(MAX_ASKS)]
        await until(lambda: len(service.seen) >= MAX_ASKS)
        with pytest.raises(LinkError) as busy:
            await link.call(GetTickers())
        assert busy.value.code == "BUSY"
        with pytest.raises(LinkError) as reached:
            await link.call(Kill())
        assert reached.value.code == "INTERNAL"  # the fake's Kill was run
        service.release.set()
        await asyncio.gather(*flood)
        await link.close()


async def test_a_face_that_stops_reading_is_cut_off_and_the_others_are_not(socket_dir: Path) -> None:
    service = FakeService(bound=50)
    path = socket_dir / "s"
    async with serve(service, path, stall_s=0.2):
        good = await RemoteLink.connect(path, face="good", operator="ada")
        reading = asyncio.create_task(read(good, 2001))
        async with unix_connect(
            str(path), "ws://engine/", compression=None, max_queue=1, close_timeout=0.1
        ) as stuck:
            await stuck.send(frames.encode(Hello(protocol=PROTOCOL, face="stuck", operator="bob")))
            assert isinstance(frames.decode_server(await stuck.recv()), Push)
            await until(lambda: len(service.attachments) == 2)
            victim = service.attachments[1]
            for number in range(2000):
                service.push(order_update(number))
                if number % 20 == 0:
                    await asyncio.sleep(0.001)  # the good face reads; the stuck one does not
            async with asyncio.timeout(5):
                while not victim.closed:
                    service.push(order_update(0))
                    await asyncio.sleep(0.01)
        assert len(await asyncio.wait_for(reading, 10)) >= 2001
        await good.close()


async def test_a_consumer_that_does_not_take_its_batches_starts_over_but_keeps_its_answers(
    service: FakeService, socket_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "MAX_BATCHES", 10)
    async with serve(service, socket_dir / "s"):
        link = await RemoteLink.connect(socket_dir / "s", face="test", operator="ada")
        slow = asyncio.create_task(link.call(GetTickers()))
        await service.asked.wait()
        for number in range(50):
            service.push(order_update(number))
        events = link.events()
        assert await anext(events)
        with pytest.raises(LinkError) as cut:
            await _drain(events)
        assert cut.value.code == "CUT_OFF"
        assert isinstance((await read(link, 1))[0], Notice)
        assert not slow.done()
        service.release.set()
        await slow
        await link.close()
