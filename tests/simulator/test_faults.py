"""Every fault verb truly happens on the wire."""

import argparse
import asyncio
import time
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from spark_tui.simulator.compose import compose
from spark_tui.simulator.faults.fault import FaultError
from spark_tui.simulator.faults.verbs import VERBS
from spark_tui.simulator.options import OptionsError, add_arguments, read_options
from tests.simulator.rig import SECRET, Rig
from tests.simulator.wire import Wire, wire

FAR = "50000"  # below any price of this market: rests


@pytest.fixture
async def on() -> AsyncIterator[Wire]:
    async with wire() as found:
        yield found


async def canceled(on: Wire, client_id: str) -> dict[str, Any]:
    return await on.ask("order.cancel", symbol="BTCUSDT", origClientOrderId=client_id)


async def status(on: Wire, client_id: str) -> dict[str, Any]:
    return await on.ask("order.status", symbol="BTCUSDT", origClientOrderId=client_id)


# requests and replies


async def test_accept_drop_reply_executes_and_says_nothing(on: Wire) -> None:
    await on.arm("accept-drop-reply")
    lost = await on.order(price=FAR, newClientOrderId="lost")
    assert (await on.event("executionReport", c="lost"))["x"] == "NEW"
    assert (await status(on, "lost"))["result"]["status"] == "NEW"
    assert not [frame for frame in on.frames if frame.get("id") == lost]
    assert (await on.reply(await on.order(price=FAR)))["status"] == 200  # once is once


async def test_accept_drop_reply_can_take_the_connection_along(on: Wire) -> None:
    await on.arm("accept-drop-reply", cut=True)
    await on.order(price=FAR, newClientOrderId="lost")
    async with asyncio.timeout(5):
        await on.ended.wait()
    store = on.simulation.exchange.stores[on.simulation.operator.uid]
    assert store.by_client_id("BTCUSDT", "lost") is not None


async def test_reject_refuses_and_nothing_happens(on: Wire) -> None:
    await on.arm("reject", code=-2010, times=2)
    for _ in range(2):
        reply = await on.reply(await on.order(newClientOrderId="never"))
        assert (reply["status"], reply["error"]["code"]) == (400, -2010)
    assert (await status(on, "never"))["error"]["code"] == -2013
    assert not on.events("executionReport")


@pytest.mark.parametrize(
    ("code", "http", "said", "done"),
    [
        (-1007, 504, -1007, True),
        (-1006, 500, -1006, True),
        (503, 503, -1008, False),
        (-1001, 500, -1001, False),
    ],
)
async def test_error_reply_leaves_the_fate_open(
    on: Wire, code: int, http: int, said: int, done: bool
) -> None:
    await on.arm("error-reply", code=code)
    reply = await on.reply(await on.order(price=FAR, newClientOrderId="open"))
    assert (reply["status"], reply["error"]["code"]) == (http, said)
    assert ("result" in await status(on, "open")) is done
    await on.arm("error-reply", code=code, done=not done)
    assert (await on.reply(await on.order(price=FAR, newClientOrderId="other")))["status"] == http
    assert ("result" in await status(on, "other")) is not done


@pytest.mark.parametrize("code", [429, 418])
async def test_error_reply_throttles_over_both_doors(on: Wire, code: int) -> None:
    await on.arm("error-reply", code=code, retry_after=7, method="any", times=2)
    reply = await on.ask("time")
    moment = reply["error"]["data"]
    assert (reply["status"], moment["retryAfter"] - moment["serverTime"]) == (code, 7_000)
    async with on.http.get(f"{on.server.base_url}/api/v3/time") as answer:
        assert (answer.status, answer.headers["Retry-After"]) == (code, "7")


async def test_delay_reply_comes_late_and_blocks_nothing(on: Wire) -> None:
    await on.arm("delay-reply", ms=250)
    began = time.monotonic()
    slow = await on.order(price=FAR)
    assert (await on.ask("time"))["status"] == 200
    assert not [frame for frame in on.frames if frame.get("id") == slow]
    assert (await on.reply(slow))["status"] == 200
    assert time.monotonic() - began >= 0.25


async def test_reorder_reply_sends_the_reply_before_the_events_or_after_the_next_reply(on: Wire) -> None:
    await on.arm("reorder-reply")
    first = await on.order(newClientOrderId="first")
    await on.event("executionReport", c="first", X="FILLED")
    kinds = [frame.get("id") or frame["event"]["e"] for frame in on.frames[1:]]
    assert kinds.index(first) < kinds.index("executionReport")
    await on.arm("reorder-reply", order="swap")
    held, next_one = await on.order(price=FAR), await on.send("time")
    await on.reply(held)
    ids = [frame.get("id") for frame in on.frames]
    assert ids.index(next_one) < ids.index(held)


async def test_replica_lag_hides_a_young_order_from_every_query(on: Wire) -> None:
    await on.arm("replica-lag", ms=400)
    await on.reply(await on.order(price=FAR, newClientOrderId="young"))
    assert (await status(on, "young"))["error"]["code"] == -2013
    assert (await on.ask("openOrders.status", symbol="BTCUSDT"))["result"] == []
    began = on.simulation.clock.now_ms()
    while "error" in await status(on, "young"):
        assert on.simulation.clock.now_ms() - began < 2_000
        await asyncio.sleep(0.02)
    assert len((await on.ask("openOrders.status", symbol="BTCUSDT"))["result"]) == 1


async def test_cancel_reject_filled_trades_first(on: Wire) -> None:
    placed = await on.reply(await on.order(price=FAR, newClientOrderId="late"))
    await on.arm("cancel-reject-filled")
    assert (await canceled(on, "late"))["error"]["code"] == -2011
    assert (await on.event("executionReport", c="late", x="TRADE"))["X"] == "FILLED"
    assert on.executions(placed["result"]["orderId"]) == ["NEW", "TRADE"]


# events


async def test_duplicate_and_drop_event_of_the_account(on: Wire) -> None:
    await on.arm("duplicate-event", kind="TRADE")
    await on.arm("drop-event", kind="NEW")
    placed = (await on.reply(await on.order()))["result"]
    await on.event("outboundAccountPosition")
    reports = on.executions(placed["orderId"])
    assert "NEW" not in reports
    numbers = [e["I"] for e in on.events("executionReport", x="TRADE")]
    assert len(numbers) == len(set(numbers)) + 1


async def test_a_market_frame_is_dropped_or_doubled(on: Wire) -> None:
    async with on.http.ws_connect(f"{on.server.ws_url}/ws/btcusdt@depth@100ms") as stream:
        frame = await stream.receive_json(timeout=5)
        await on.arm("drop-event", stream="depth")
        after = await stream.receive_json(timeout=5)
        while after["U"] == frame["u"] + 1:
            frame, after = after, await stream.receive_json(timeout=5)
        assert after["U"] > frame["u"] + 1
        await on.arm("duplicate-event", stream="depth")
        while after != frame:
            frame, after = after, await stream.receive_json(timeout=5)


async def test_foreign_execution_comes_beside_a_new_order(on: Wire) -> None:
    await on.arm("foreign-execution", kind="CALCULATED")
    await on.order(price=FAR, newClientOrderId="own")
    foreign = await on.event("executionReport", x="CALCULATED")
    assert (foreign["c"], foreign["l"], foreign["z"]) == ("own", "0.01000000", "0.00000000")


async def test_expire_user_stream_ends_the_subscription(on: Wire) -> None:
    await on.arm("expire-user-stream")
    await on.event("eventStreamTerminated")
    assert (await on.reply(await on.order()))["status"] == 200
    assert not on.events("executionReport")
    assert (await on.ask("userDataStream.subscribe.signature"))["status"] == 200


# matching


async def test_split_fill_trades_in_parts(on: Wire) -> None:
    await on.arm("split-fill", parts=4, times=1)
    placed = (await on.reply(await on.order(quantity="0.00008")))["result"]
    assert [fill["qty"] for fill in placed["fills"]] == ["0.00002000"] * 4
    assert placed["status"] == "FILLED"


async def test_overfill_trades_more_than_was_asked_and_the_money_is_whole(on: Wire) -> None:
    clearing = on.simulation.exchange.clearing
    total = {asset: clearing.total(asset) for asset in ("BTC", "USDT")}
    await on.arm("overfill", steps=100)
    placed = (await on.reply(await on.order(newClientOrderId="over")))["result"]
    more = await on.event("executionReport", c="over", z="0.01100000")
    assert (more["x"], more["X"], more["l"]) == ("TRADE", "FILLED", "0.00100000")
    trades = (await on.ask("myTrades", symbol="BTCUSDT", orderId=str(placed["orderId"])))["result"]
    assert str(more["t"]) in {str(trade["id"]) for trade in trades}
    assert {asset: clearing.total(asset) for asset in total} == total


async def test_fill_after_cancel_is_told_after_the_cancel(on: Wire) -> None:
    await on.arm("fill-after-cancel", percent=50, ms=50)
    placed = (await on.reply(await on.order(price=FAR, newClientOrderId="gone")))["result"]
    assert (await canceled(on, "gone"))["result"]["executedQty"] == "0.00000000"
    late = await on.event("executionReport", i=placed["orderId"], x="TRADE")
    assert (late["X"], late["l"]) == ("CANCELED", "0.00500000")
    assert (await status(on, "gone"))["result"]["executedQty"] == "0.00500000"
    balances = on.simulation.operator.balances
    assert balances["USDT"].locked == 0


# strangers and rules


async def test_external_order_and_external_close(on: Wire) -> None:
    await on.arm("external-order", side="SELL", quantity="0.02")
    theirs = await on.event("executionReport", x="NEW")
    assert theirs["S"] == "SELL"
    assert theirs["c"].startswith("web_")
    await on.reply(await on.order(price=FAR, newClientOrderId="mine"))
    await on.arm("external-close")
    closed = await on.event("executionReport", x="CANCELED", C="mine")
    assert closed["c"].startswith("web_")
    assert (await on.ask("openOrders.status", symbol="BTCUSDT"))["result"] == []


async def test_symbol_status_halts_changes_the_tick_and_comes_back(on: Wire) -> None:
    await on.arm("symbol-status", status="CANCEL_ONLY", price_step="0.10", back_ms=60_000)

    async def info() -> dict[str, Any]:
        async with on.http.get(f"{on.server.base_url}/api/v3/exchangeInfo?symbol=BTCUSDT") as answer:
            return dict((await answer.json())["symbols"][0])

    async with asyncio.timeout(5):
        while (await info())["status"] != "CANCEL_ONLY":  # noqa: ASYNC110 - each round is a request
            await asyncio.sleep(0.01)
    assert (await info())["filters"][0]["tickSize"] == "0.10000000"
    assert (await on.reply(await on.order()))["error"]["code"] == -2010


# lines and clock


async def test_server_shutdown_is_announced_and_then_happens(on: Wire) -> None:
    async with on.http.ws_connect(f"{on.server.ws_url}/stream?streams=btcusdt@trade") as stream:
        await on.arm("server-shutdown", lead_ms=50)
        await on.event("serverShutdown")
        while (frame := await stream.receive_json(timeout=5))["stream"] != "!serverShutdown":
            pass
        assert frame["data"]["e"] == "serverShutdown"
        async with asyncio.timeout(5):
            await on.ended.wait()
            while not (await stream.receive()).type & 0x100:
                pass
    again = await on.http.ws_connect(on.server.ws_api_url)
    await again.close()


async def test_blackhole_keeps_the_connection_and_answers_nothing(on: Wire) -> None:
    await on.arm("blackhole", purpose="ws-api")
    async with asyncio.timeout(5):
        while not any(getattr(line, "_mute", False) for line in on.simulation.faults.lines):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    await on.send("time")
    await on.api.ping()
    async with on.http.ws_connect(on.server.ws_api_url) as fresh:
        await fresh.send_json({"id": 1, "method": "time"})
        assert (await fresh.receive_json(timeout=5))["status"] == 200
    assert len(on.frames) == 1  # the subscription's reply
    assert not on.ended.is_set()


async def test_close_mid_frame_sends_half_a_frame(on: Wire) -> None:
    await on.arm("close-mid-frame", purpose="ws-api")
    await asyncio.sleep(0.05)
    await on.send("time")
    async with asyncio.timeout(5):
        await on.ended.wait()
    assert on.api.close_code == aiohttp.WSCloseCode.ABNORMAL_CLOSURE
    assert len(on.frames) == 1


async def test_the_clock_steps_drifts_and_sleeps(on: Wire) -> None:
    clock = on.simulation.clock

    async def offset() -> int:
        async with on.http.get(f"{on.server.base_url}/api/v3/time") as answer:
            return int((await answer.json())["serverTime"]) - time.time_ns() // 1_000_000

    await on.arm("clock", step_ms=-3_000)
    assert -3_200 < await offset() <= -3_000
    await on.arm("clock", drift_ppm=1_000_000)
    before = clock.now_us() - time.time_ns() // 1_000
    await asyncio.sleep(0.05)
    assert clock.now_us() - time.time_ns() // 1_000 - before >= 50_000
    await on.arm("clock", suspend_s=28_800)
    async with asyncio.timeout(5):
        await on.ended.wait()
    assert await offset() > 28_000_000


@pytest.mark.parametrize("until", ["subscribe", "connect"])
async def test_mute_stream_silences_one_stream_and_nothing_else(on: Wire, until: str) -> None:
    muted, other = "btcusdt@depth@100ms", "ethusdt@depth@100ms"

    async def heard(stream: aiohttp.ClientWebSocketResponse, name: str) -> None:
        async with asyncio.timeout(5):
            while (await stream.receive_json()).get("stream") != name:
                continue

    async def names(stream: aiohttp.ClientWebSocketResponse, count: int) -> set[str]:
        async with asyncio.timeout(5):
            return {(await stream.receive_json()).get("stream") for _ in range(count)}

    url = f"{on.server.ws_url}/stream?streams={muted}/{other}"
    async with on.http.ws_connect(url) as stream:
        await heard(stream, muted)
        await on.arm("mute-stream", stream=muted, until=until)
        await names(stream, 2)  # what was on its way
        assert await names(stream, 6) == {other}
        for method in ("UNSUBSCRIBE", "SUBSCRIBE"):
            await stream.send_json({"method": method, "params": [muted], "id": 1})
        await names(stream, 4)
        assert await names(stream, 6) == ({muted, other} if until == "subscribe" else {other})
        async with on.http.ws_connect(url) as anew:
            await heard(anew, muted)


# the door


async def test_faults_are_listed_refused_with_a_sentence_and_cleared(on: Wire) -> None:
    url = f"{on.server.base_url}/sim/v1/faults"
    async with on.http.get(url) as answer:
        listed = await answer.json()
    assert [verb["verb"] for verb in listed["verbs"]] == list(VERBS)
    assert all(verb["help"] and "times" in verb["args"] for verb in listed["verbs"])
    bad: list[dict[str, Any]] = [
        {"verb": "drop-evnt", "args": {}},
        {"verb": "drop-event", "args": {"timse": 1}},
        {"verb": "drop-event", "args": {"times": "many"}},
        {"verb": "drop-event", "args": {"kind": "ALL"}},
        {"verb": "mute-stream", "args": {"until": "tomorrow"}},
        {"verb": "error-reply", "args": {"code": 7}},
        {"verb": "delay-reply", "args": {"method": "order.plaze"}},
        {"verb": "external-order", "args": {"symbol": "XYZ"}},
        {"verb": "clock", "args": {}},
        {"args": {}},
    ]
    for body in bad:
        async with on.http.post(url, json=body) as answer:
            said = await answer.json()
        assert answer.status == 400
        assert said["error"]
        assert SECRET not in said["error"]
    assert "did you mean drop-event" in (await _error(on, bad[0]))
    armed = await on.arm("reject", times=0)
    assert [one["verb"] for one in armed["armed"]] == ["reject"]
    async with on.http.delete(url) as answer:
        assert (await answer.json())["armed"] == []
    assert (await on.reply(await on.order(price=FAR)))["status"] == 200


async def _error(on: Wire, body: dict[str, Any]) -> str:
    async with on.http.post(f"{on.server.base_url}/sim/v1/faults", json=body) as answer:
        return str((await answer.json())["error"])


# the schedule


def outcomes(rig: Rig) -> list[int]:
    return [
        rig.ask("order.place", symbol="BTCUSDT", side="BUY", type="MARKET", quantity="0.001")["status"]
        for _ in range(40)
    ]


def test_one_seed_is_one_schedule() -> None:
    def run(seed: int) -> list[int]:
        rig = Rig()
        rig.ladder()
        rig.simulation.faults.arm("reject", {"chance": 0.5, "times": 0, "after": 3}, seed=seed)
        return outcomes(rig)

    first = run(1)
    assert first == run(1)
    assert first != run(2)
    assert first[:3] == [200] * 3
    assert {200, 400} == set(first)


def test_clearing_begins_the_schedule_again() -> None:
    rig = Rig()
    rig.ladder()
    found = []
    for _ in range(2):
        rig.simulation.faults.arm("reject", {"chance": 0.5, "times": 10}, seed=4)
        found.append(outcomes(rig))
        rig.simulation.faults.clear()
    assert found[0] == found[1]
    assert outcomes(rig) == [200] * 40


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("rejekt", "did you mean reject"),
        ("reject:cod=1", "did you mean code"),
        ("reject:code", "is not key=value"),
        ("delay-reply:ms=soon", "delay-reply"),
        ("reject:chance=2", "chance is between 0 and 1"),
    ],
)
def test_a_flag_that_makes_no_sense_is_one_sentence(text: str, said: str) -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    options = read_options(parser.parse_args(["--fault", text, "--fault-seed", "9"]))
    with pytest.raises(OptionsError, match=said):
        compose(options)


def test_flags_arm_faults_from_the_start() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    flags = ["--fault", "reject:times=2,code=-2010", "--fault", "replica-lag:ms=900", "--fault-seed", "9"]
    described = compose(read_options(parser.parse_args(flags))).simulation.faults.describe()
    assert described["seed"] == 9
    assert [(one["verb"], one["args"]["times"]) for one in described["armed"]] == [
        ("reject", 2),
        ("replica-lag", 0),
    ]


def test_no_more_than_64_faults_are_armed_at_once() -> None:
    faults = Rig().simulation.faults
    for _ in range(64):
        faults.arm("reject", {})
    with pytest.raises(FaultError, match="clear them first"):
        faults.arm("reject", {})
