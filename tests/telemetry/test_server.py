"""/metrics and /healthz over a real socket."""

import asyncio
import json
from collections.abc import AsyncIterator

import pytest

from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.telemetry.metrics import BookCounts, Metrics, Sample
from spark_tui.telemetry.server import TelemetryServer


@pytest.fixture
async def server() -> AsyncIterator[TelemetryServer]:
    server = TelemetryServer(Metrics())
    await server.start(0)
    yield server
    await server.close()


async def ask(server: TelemetryServer, request: bytes) -> tuple[str, str]:
    """(status line, body)"""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(request)
    writer.write_eof()
    answer = (await asyncio.wait_for(reader.read(), 5)).decode()
    writer.close()
    head, _, body = answer.partition("\r\n\r\n")
    return head.partition("\r\n")[0], body


async def test_figures_are_folded_in_at_each_scrape(server: TelemetryServer) -> None:
    counts = iter((3, 8))
    server.sample = lambda: Sample(
        streams=(
            StreamHealth(
                venue="v",
                name="s",
                state="live",
                age_s=0.5,
                rate=1.0,
                lag_ms=20.0,
                messages=next(counts),
                gaps=1,
                reconnects=2,
                undecoded=4,
            ),
        ),
        weights={"v": WeightGauge(used=40, limit=6000, waiting=3)},
        snapshots_waiting={"v": 2},
        ledger_queue=9,
        books=(BookCounts(venue="v", symbol="B", gaps=4, resyncs=5, mismatches=7),),
        tape_dropped=6,
    )
    status, body = await ask(server, b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
    assert status == "HTTP/1.1 200 OK"
    lines = body.splitlines()
    assert 'spark_tui_stream_frames_total{stream="s",venue="v"} 3.0' in lines
    assert 'spark_tui_stream_lag_seconds{stream="s",venue="v"} 0.02' in lines
    assert 'spark_tui_book_resyncs_total{symbol="B",venue="v"} 5.0' in lines
    assert 'spark_tui_request_weight_used{venue="v"} 40.0' in lines
    assert 'spark_tui_request_weight_waiting{venue="v"} 3.0' in lines
    assert 'spark_tui_stream_undecoded_frames_total{stream="s",venue="v"} 4.0' in lines
    assert 'spark_tui_book_mismatches_total{symbol="B",venue="v"} 7.0' in lines
    assert 'spark_tui_book_snapshots_waiting{venue="v"} 2.0' in lines
    assert "spark_tui_ledger_queue_entries 9.0" in lines
    assert "spark_tui_tape_dropped_frames_total 6.0" in lines
    _, body = await ask(server, b"GET /metrics?x=1 HTTP/1.1\r\n\r\n")
    assert 'spark_tui_stream_frames_total{stream="s",venue="v"} 8.0' in body


async def test_health_is_json(server: TelemetryServer) -> None:
    server.health = lambda: {"status": "ok"}
    status, body = await ask(server, b"GET /healthz HTTP/1.0\r\n\r\n")
    assert (status, json.loads(body)) == ("HTTP/1.1 200 OK", {"status": "ok"})


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (b"HEAD /healthz HTTP/1.1\r\n\r\n", "HTTP/1.1 200 OK"),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 404 Not Found"),
        (b"POST /metrics HTTP/1.1\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
        (b"\r\n\r\n", "HTTP/1.1 405 Method Not Allowed"),
        (b"half a request", ""),
        (b"x" * 20_000, ""),
    ],
)
async def test_whatever_comes_it_goes_on(server: TelemetryServer, request_: bytes, status: str) -> None:
    assert (await ask(server, request_))[0] == status
    assert (await ask(server, b"GET /healthz HTTP/1.1\r\n\r\n"))[0] == "HTTP/1.1 200 OK"


async def test_a_taken_port_is_an_oserror(server: TelemetryServer) -> None:
    with pytest.raises(OSError, match=str(server.port)):
        await TelemetryServer(Metrics()).start(server.port)
