"""The HTTP client against a raw socket: exact bytes, phases, retries (F01, F16)."""

import asyncio
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.wire.clock import ManualClock
from spark_tui.wire.http import HttpFailure, HttpReply, Phase
from spark_tui.wire.limiter import WeightLimiter

from .http_clients import QuickClock, client
from .peers import raw_http, reply

EXACT = [
    "symbols=%5B%22BTCUSDT%22%2C%22ETHUSDT%22%5D",
    'symbols=["BTCUSDT","ETHUSDT"]',
    "a=1,2&b=%2c%2C&c=x+y&d=%20&e=%2B",
    "note=%C3%A7%E2%82%AC&quote='&tilde=~&pipe=|&brace={}&caret=^&back=`",
    "same=1&same=2&empty=&flag",
    "slash=/&question=?&colon=:&at=@&percent=%25%41",
]


@pytest.mark.parametrize("query", EXACT)
async def test_target_and_body_leave_byte_for_byte_as_given(query):
    async with raw_http(lambda _: reply()) as peer:
        http = client(peer.url)
        await http.request("GET", "/api/v3/x", query=query)
        await http.request("POST", "/api/v3/order", query=query, body=query)
        await http.close()
    assert peer.requests[0].startswith(f"GET /api/v3/x?{query} HTTP/1.1\r\n".encode())
    head, _, body = peer.requests[1].partition(b"\r\n\r\n")
    assert head.startswith(f"POST /api/v3/order?{query} HTTP/1.1\r\n".encode())
    assert body == query.encode()
    assert b"content-type: application/x-www-form-urlencoded" in head.lower()


@settings(max_examples=20, deadline=None)
@given(
    st.lists(
        st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1), min_size=1, max_size=5
    )
)
def test_any_visible_ascii_leaves_as_given(queries):
    async def run() -> None:
        async with raw_http(lambda _: reply()) as peer:
            http = client(peer.url)
            for query in queries:
                await http.request("DELETE", "/x", query=query)
            await http.close()
            assert [r.split(b" ")[1] for r in peer.requests] == [f"/x?{q}".encode() for q in queries]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "query"), [("x", ""), ("/x", "a=b c"), ("/x", "a=ç"), ("/x", "a\r\nX-Evil: 1")]
)
async def test_a_target_that_is_not_encoded_is_refused_before_anything_leaves(path, query):
    async with raw_http(lambda _: reply()) as peer:
        http = client(peer.url)
        with pytest.raises(ValueError, match="percent-encoded"):
            await http.request("GET", path, query=query)
        assert peer.connections == 0


async def test_a_request_searches_for_no_module(monkeypatch):
    """Only the first imports anything; what is not there is not looked for again and again."""
    searched = []

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            searched.append(name)

    async with raw_http(lambda _: reply()) as peer:
        http = client(peer.url)
        await http.request("GET", "/x")
        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])
        await http.request("GET", "/x")
        await http.close()
    assert searched == []


async def test_a_base_url_may_have_a_path_and_connections_are_kept():
    async with raw_http(lambda _: reply(body=b'{"a":1}', X_Thing="Yes")) as peer:
        http = client(peer.url + "/proxy/")
        first = await http.request("GET", "/api/v3/ping")
        await http.request("GET", "/api/v3/ping")
        await http.close()
    assert first == HttpReply(200, {"x-thing": "Yes", "content-length": "7"}, b'{"a":1}')
    assert peer.requests[0].startswith(b"GET /proxy/api/v3/ping HTTP/1.1\r\n")
    assert peer.connections == 1


async def test_headers_are_sent_and_the_servers_count_feeds_the_limiter():
    clock = QuickClock()
    limiter = WeightLimiter(6000, clock=clock)

    def used(headers, status: int) -> int | None:
        assert status == 200
        return int(headers["x-used"])

    async with raw_http(lambda _: reply(X_Used="4321")) as peer:
        http = client(peer.url, clock, limiter, observe=used, headers={"X-KEY": "abc"})
        await http.request("GET", "/x", weight=20, headers={"X-More": "1"})
        await http.close()
    assert limiter.used == 4321
    assert b"X-KEY: abc" in peer.requests[0]
    assert b"X-More: 1" in peer.requests[0]


async def test_f01_a_call_that_is_not_idempotent_is_made_once_whatever_happens():
    for answer in (reply(500), reply(503), None):
        async with raw_http(lambda _, answer=answer: answer) as peer:
            http = client(peer.url)
            if answer is None:
                with pytest.raises(HttpFailure) as failed:
                    await http.request("POST", "/order", body="a=1")
                assert failed.value.phase is Phase.SENT
            else:
                assert (await http.request("POST", "/order", body="a=1")).status >= 500
            await http.close()
        assert len(peer.requests) == 1


async def test_an_idempotent_call_is_retried_with_jitter_and_a_bound():
    answers = [None, reply(502), reply(200, b"ok")]
    clock = QuickClock()
    async with raw_http(lambda _: answers.pop(0)) as peer:
        http = client(peer.url, clock)
        assert (await http.request("GET", "/x", idempotent=True)).body == b"ok"
        await http.close()
    assert len(peer.requests) == 3
    assert len(clock.slept) == 2
    assert 0 < clock.slept[0] <= 0.3 < clock.slept[1] <= 1.2


async def test_f16_an_endpoint_that_stays_down_costs_a_bounded_number_of_calls():
    limiter_clock = QuickClock()
    limiter = WeightLimiter(6000, clock=limiter_clock)
    async with raw_http(lambda _: reply(503)) as peer:
        http = client(peer.url, limiter_clock, limiter)
        assert (await http.request("GET", "/x", idempotent=True, weight=10)).status == 503
        await http.close()
    assert len(peer.requests) == 3
    assert limiter.used == 30


async def test_a_4xx_is_an_answer_not_a_failure():
    async with raw_http(lambda _: reply(400, b'{"code":-1121,"msg":"Invalid symbol."}')) as peer:
        http = client(peer.url)
        answer = await http.request("GET", "/x", idempotent=True)
        await http.close()
    assert answer.status == 400
    assert answer.retry_after_s is None
    assert len(peer.requests) == 1


async def test_a_closed_port_proves_that_nothing_was_sent():
    async with raw_http(lambda _: reply()) as peer:
        url = peer.url
    http = client(url)
    with pytest.raises(HttpFailure, match="POST /order: could not connect") as failed:
        await http.request("POST", "/order", query="signature=SECRET")
    assert failed.value.phase is Phase.CONNECT
    assert "SECRET" not in failed.value.text
    await http.close()


async def test_silence_after_the_request_is_maybe_sent_at_the_deadline():
    clock = ManualClock()
    stuck = asyncio.Event()

    async def never(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        stuck.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(never, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    http = client(f"http://127.0.0.1:{port}", clock)
    call = asyncio.create_task(http.request("POST", "/order", timeout_s=11))
    await stuck.wait()
    clock.advance(11)
    with pytest.raises(HttpFailure, match="within 11 s") as failed:
        await call
    assert failed.value.phase is Phase.SENT
    await http.close()
    server.close()


async def test_a_call_that_never_got_a_connection_from_the_pool_was_not_sent():
    clock = ManualClock()
    let = asyncio.Event()

    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        let.set()
        await reader.read()
        writer.close()

    server = await asyncio.start_server(hold, "127.0.0.1", 0)
    http = client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", clock, max_connections=1)
    first = asyncio.create_task(http.request("POST", "/order", timeout_s=10))
    await let.wait()
    second = asyncio.create_task(http.request("POST", "/order", timeout_s=5))
    await clock.asleep(5)
    clock.advance(5)
    with pytest.raises(HttpFailure) as failed:
        await second
    assert failed.value.phase is Phase.CONNECT
    clock.advance(5)
    with pytest.raises(HttpFailure) as failed:
        await first
    assert failed.value.phase is Phase.SENT
    await http.close()
    server.close()


async def test_slow_downloads_leave_connections_for_a_cancel():
    held = []

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                head = await reader.readuntil(b"\r\n\r\n")
            except asyncio.IncompleteReadError:
                return
            if head.startswith(b"GET"):
                held.append(writer)
                all_held.release()
                continue
            writer.write(reply())

    all_held = asyncio.Semaphore(0)
    server = await asyncio.start_server(slow, "127.0.0.1", 0)
    http = client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}", max_connections=4)
    downloads = [asyncio.create_task(http.request("GET", "/depth")) for _ in range(9)]
    await all_held.acquire()
    await all_held.acquire()
    for _ in range(3):
        assert (await http.request("DELETE", "/order", priority=True, timeout_s=5)).status == 200
    assert len(held) == 2  # the others wait for these
    while not all(task.done() for task in downloads):
        for writer in held:
            writer.write(reply())
        held.clear()
        waiting = asyncio.create_task(all_held.acquire())
        await asyncio.wait([waiting, *(t for t in downloads if not t.done())], return_when="FIRST_COMPLETED")
        waiting.cancel()
    assert {(await task).status for task in downloads} == {200}
    await http.close()
    server.close()


async def test_waiting_for_weight_until_the_deadline_is_not_sent():
    clock = ManualClock()
    limiter = WeightLimiter(10, clock=clock, reserve=0)
    await limiter.acquire(10)
    http = client("http://127.0.0.1:9", clock, limiter)
    call = asyncio.create_task(http.request("GET", "/x", timeout_s=5))
    await clock.run_for(6)
    with pytest.raises(HttpFailure, match=r"10 of 10 request weight is used.*within 5 s") as failed:
        await call
    assert failed.value.phase is Phase.CONNECT
    with pytest.raises(HttpFailure, match="ask for less") as failed:
        await http.request("GET", "/x", weight=11)
    assert failed.value.phase is Phase.CONNECT


async def test_a_kept_connection_the_server_has_closed_costs_no_order():
    closed = asyncio.Event()
    served = 0

    async def one_reply(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal served
        await reader.readuntil(b"\r\n\r\n")
        served += 1
        writer.write(reply())
        writer.close()
        await writer.wait_closed()
        closed.set()

    server = await asyncio.start_server(one_reply, "127.0.0.1", 0)
    http = client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    for _ in range(3):
        closed.clear()
        assert (await http.request("POST", "/order")).status == 200
        await closed.wait()
    assert served == 3
    await http.close()
    server.close()


@pytest.mark.parametrize(
    "answer",
    [
        b"\x00\xffgarbage\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 4\r\n\r\nnope",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
async def test_a_reply_that_breaks_off_or_is_garbage_is_maybe_sent(answer):
    sent = []

    def once(_: bytes) -> bytes | None:
        sent.append(1)
        return answer

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(once(b"") or b"")
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    http = client(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
    with pytest.raises(HttpFailure) as failed:
        await http.request("POST", "/order")
    assert failed.value.phase is Phase.SENT
    assert len(sent) == 1
    await http.close()
    server.close()


async def test_a_reply_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("spark_tui.wire.http.MAX_REPLY_BYTES", 1000)
    async with raw_http(lambda _: reply(body=b"x" * 2000)) as peer:
        http = client(peer.url)
        with pytest.raises(HttpFailure, match="1000 bytes"):
            await http.request("GET", "/x")
        await http.close()


async def test_an_illegal_header_fails_without_quoting_it():
    async with raw_http(lambda _: reply()) as peer:
        http = client(peer.url, headers={"X-KEY": "SECRET\nvalue"})
        with pytest.raises(HttpFailure) as failed:
            await http.request("GET", "/x")
        assert "SECRET" not in failed.value.text
        assert failed.value.__cause__ is None
        await http.close()


async def test_a_closed_client_refuses():
    async with raw_http(lambda _: reply()) as peer:
        http = client(peer.url)
        await http.request("GET", "/x")
        await http.close()
        with pytest.raises(HttpFailure, match="closed") as refused:
            await http.request("GET", "/x")
    assert refused.value.phase is Phase.CONNECT


def test_httpx_is_not_imported_before_the_first_request():
    code = "import sys, spark_tui.wire.http; sys.exit('httpx' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=30).returncode == 0
