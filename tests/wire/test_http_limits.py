"""What the HTTP client does when the server says that it asks too much: 429, 418, Retry-After (F34, F35)."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.wire.clock import ManualClock
from spark_tui.wire.http import HttpFailure, Phase
from spark_tui.wire.limiter import WeightLimiter

from .http_clients import client
from .peers import raw_http, reply


async def test_f34_a_call_that_waited_for_a_connection_is_held_back_by_a_ban_that_came_meanwhile():
    clock = ManualClock()
    limiter = WeightLimiter(6000, clock=clock)
    answers = [reply(418, Retry_After="3"), reply()]
    async with raw_http(lambda _: answers.pop(0)) as peer:
        http = client(peer.url, clock, limiter, max_connections=1)
        first = asyncio.create_task(http.request("GET", "/a"))
        second = asyncio.create_task(http.request("GET", "/b"))
        assert (await first).status == 418
        await clock.asleep(3)
        assert len(peer.requests) == 1
        clock.advance(3)
        assert (await second).status == 200
        await http.close()


@pytest.mark.parametrize(("status", "after", "pause"), [(429, "7", 7), (418, "300", 300), (418, None, 120)])
async def test_f34_429_and_418_stop_every_call_until_the_server_says(status, after, pause):
    clock = ManualClock()
    limiter = WeightLimiter(6000, clock=clock)
    answers = [reply(status, **({"Retry_After": after} if after else {})), reply(), reply()]
    async with raw_http(lambda _: answers.pop(0)) as peer:
        http, other = client(peer.url, clock, limiter), client(peer.url, clock, limiter)
        first = await http.request("GET", "/x", idempotent=True)
        assert first.status == status
        assert first.retry_after_s == pause
        with pytest.raises(HttpFailure, match=str(status)) as refused:
            await http.request("DELETE", "/order", priority=True, timeout_s=5)
        assert refused.value.phase is Phase.CONNECT
        assert refused.value.retry_after_s == pause
        waiting = [
            asyncio.create_task(c.request("GET", "/x", priority=p, timeout_s=pause + 60))
            for c, p in ((http, True), (other, False))
        ]
        await clock.asleep(pause)
        clock.advance(pause - 0.1)
        await asyncio.sleep(0)
        assert len(peer.requests) == 1
        await clock.asleep(0.2)
        clock.advance(0.2)
        assert [(await task).status for task in waiting] == [200, 200]
        assert len(peer.requests) == 3
        await http.close()
        await other.close()


async def test_a_429_that_limits_new_orders_only_does_not_hold_back_a_cancel():
    answers = [reply(429, b'{"code":-1015}', Retry_After="7"), reply()]
    async with raw_http(lambda _: answers.pop(0)) as peer:
        http = client(peer.url, stops_all=lambda r: b"-1015" not in r.body)
        assert (await http.request("POST", "/order")).retry_after_s == 7
        assert (await http.request("DELETE", "/order", priority=True)).status == 200
        await http.close()


async def test_f34_a_ban_that_gives_no_time_doubles_when_it_repeats():
    clock = ManualClock()
    limiter = WeightLimiter(6000, clock=clock)
    pauses = []
    async with raw_http(lambda _: reply(418)) as peer:
        http = client(peer.url, clock, limiter)
        for _ in range(3):
            pauses.append((await http.request("GET", "/x")).retry_after_s)
            clock.advance(limiter.paused_s)
        await http.close()
    assert pauses == [120, 240, 480]


@pytest.mark.parametrize("after", ["", "soon", "-5", "1e9", "٣", "Wed, 21 Oct 2026 07:28:00 GMT"])
async def test_a_retry_after_that_is_no_number_falls_back_to_the_next_window(after):
    clock = ManualClock(wall_ns=1_760_000_040_000_000_000)
    limiter = WeightLimiter(6000, clock=clock)
    answer = reply(429).replace(b"\r\n\r\n", f"\r\nRetry-After: {after}\r\n\r\n".encode())
    async with raw_http(lambda _: answer) as peer:
        http = client(peer.url, clock, limiter)
        assert (await http.request("GET", "/x")).retry_after_s == 60
        await http.close()
    assert limiter.paused_s == 60


@settings(max_examples=15, deadline=None)
@given(prose=st.binary(max_size=200))
def test_f35_only_status_and_headers_decide_never_the_text(prose):
    async def run() -> None:
        answers = [
            reply(200, b"IP banned until 99999999999999; too much request weight" + prose),
            reply(418, prose),
        ]
        clock = ManualClock()
        limiter = WeightLimiter(6000, clock=clock)
        async with raw_http(lambda _: answers.pop(0)) as peer:
            http = client(peer.url, clock, limiter)
            await http.request("GET", "/x")
            assert limiter.paused_s == 0
            await http.request("GET", "/x")
            assert limiter.paused_s == 120
            await http.close()

    asyncio.run(run())
