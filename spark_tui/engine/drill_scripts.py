"""The drills: which faults, which orders, and what the engine is expected to make of it."""

from collections.abc import Awaitable, Callable

import msgspec

from spark_tui.domain.order import OrderState
from spark_tui.engine.drill_stage import DECIDED_S, Stage

ENDED = (OrderState.FILLED, OrderState.CANCELED, OrderState.EXPIRED)
Script = Callable[[Stage], Awaitable[None]]


class Drill(msgspec.Struct, frozen=True):
    name: str
    title: str
    faults: tuple[str, ...]
    script: Script


async def _lost_reply(stage: Stage) -> None:
    await stage.arm("accept-drop-reply", cut=True)
    bought = await stage.buy()
    stage.check("the order is UNKNOWN, not given up", stage.order(bought).state is OrderState.UNKNOWN)
    await stage.becomes(bought, OrderState.FILLED)


async def _unknown_then_stream(stage: Stage) -> None:
    await stage.arm("error-reply", code=-1007)
    await stage.arm("reorder-reply", order="reply-first", ms=400)
    resting = await stage.rest()
    stage.check("the order is UNKNOWN, not given up", stage.order(resting).state is OrderState.UNKNOWN)
    await stage.becomes(resting, OrderState.ACCEPTED)
    stage.check("the venue's word of its own ends the doubt", stage.order(resting).venue_order_id != "")


async def _only_a_query(stage: Stage) -> None:
    await stage.arm("drop-event", times=0)
    await stage.arm("replica-lag", ms=2_000)
    await stage.arm("error-reply", code=-1006)
    bought = await stage.buy()
    stage.check("the order is UNKNOWN, not given up", stage.order(bought).state is OrderState.UNKNOWN)
    await stage.becomes(bought, OrderState.FILLED)


async def _rejected(stage: Stage) -> None:
    await stage.arm("reject")
    refused = await stage.buy()
    await stage.becomes(refused, OrderState.REJECTED)
    stage.check("with the venue's own code", stage.order(refused).code == "-2010")


async def _throttled(stage: Stage) -> None:
    await stage.arm("error-reply", code=429, retry_after=2, method="order.place")
    first = await stage.buy()
    await stage.becomes(first, OrderState.REJECTED, OrderState.DENIED)
    await stage.pause(2.2)
    await stage.arm("error-reply", code=418, retry_after=3, method="order.place")
    second = await stage.buy()
    await stage.becomes(second, OrderState.REJECTED, OrderState.DENIED)
    await stage.pause(3.2)
    await stage.becomes(await stage.buy(), OrderState.FILLED)


async def _half_open(stage: Stage) -> None:
    resting = await stage.rest()
    await stage.becomes(resting, OrderState.ACCEPTED)
    reconnects = stage.reconnects
    await stage.arm("blackhole", purpose="ws-api")
    await stage.pause(0.2)
    await stage.arm("external-close", symbol=stage.symbol)
    await stage.until(lambda: stage.reconnects > reconnects, 60.0, "the silent connection is replaced")
    await stage.becomes(resting, OrderState.CANCELED)


async def _dropped_diff(stage: Stage) -> None:
    book = stage.market.symbols[stage.symbol].book
    resyncs = book.resyncs
    await stage.arm("drop-event", stream=f"{stage.symbol.lower()}@depth@", times=1)
    await stage.until(lambda: book.resyncs > resyncs, 10.0, "a lost difference is noticed")
    await stage.until(stage.in_step, 20.0, "the book is whole again")
    resyncs = book.resyncs
    await stage.arm("duplicate-event", stream=f"{stage.symbol.lower()}@depth@", times=1)
    await stage.until(lambda: book.resyncs > resyncs, 10.0, "a repeated difference is noticed")
    await stage.until(stage.in_step, 20.0, "the book is whole again")
    await stage.becomes(await stage.buy(), OrderState.FILLED)


async def _dead_stream(stage: Stage) -> None:
    book = stage.market.symbols[stage.symbol].book
    resyncs = book.resyncs
    await stage.arm("mute-stream", stream=f"{stage.symbol.lower()}@depth@", until="connect")
    await stage.until(lambda: not stage.in_step(), 15.0, "a book that nobody feeds is no price")
    await stage.until(lambda: book.resyncs > resyncs, 30.0, "the dead stream is brought back")
    await stage.until(stage.in_step, 20.0, "the book is whole again")
    await stage.becomes(await stage.buy(), OrderState.FILLED)


async def _stream_ended(stage: Stage) -> None:
    await stage.arm("delay-reply", ms=1_500)
    await stage.arm("drop-event", kind="TRADE", times=0)
    await stage.arm("expire-user-stream", now=False)
    bought = await stage.buy()
    await stage.becomes(bought, OrderState.FILLED)
    await stage.until(stage.in_step, DECIDED_S, "the user stream is subscribed again and reconciled")


async def _clock_step(stage: Stage) -> None:
    stage.undo("clock", step_ms=3_000)
    await stage.arm("clock", step_ms=-3_000)
    await stage.becomes(await stage.buy(), OrderState.FILLED)
    stage.undo("clock", step_ms=-9_000)
    await stage.arm("clock", step_ms=9_000)
    await stage.becomes(await stage.buy(), OrderState.FILLED)


async def _strangers(stage: Stage) -> None:
    strangers = len(stage.engine.books.external)
    await stage.arm("external-order", symbol=stage.symbol)
    await stage.until(
        lambda: len(stage.engine.books.external) > strangers, DECIDED_S, "somebody else's order is shown"
    )
    resting = await stage.rest()
    await stage.arm("external-close", symbol=stage.symbol)
    await stage.becomes(resting, OrderState.CANCELED)


async def _late_cancel(stage: Stage) -> None:
    resting = await stage.rest()
    await stage.arm("cancel-reject-filled", late=500)
    await stage.cancel(resting)
    await stage.becomes(resting, OrderState.FILLED)
    other = await stage.rest()
    await stage.arm("fill-after-cancel", percent=50, ms=500)
    await stage.cancel(other)
    await stage.until(lambda: stage.order(other).filled > 0, DECIDED_S, "a fill after the cancel is booked")
    stage.check("and the order stays CANCELED", stage.order(other).state is OrderState.CANCELED)


async def _odd_fills(stage: Stage) -> None:
    await stage.arm("foreign-execution")
    await stage.arm("split-fill", parts=3)
    await stage.arm("duplicate-event", kind="TRADE", times=0)
    parted = await stage.buy()
    await stage.becomes(parted, OrderState.FILLED)
    asked = stage.order(parted).request.quantity
    stage.check("three trades, each counted once", stage.order(parted).filled == asked)
    await stage.arm("overfill", steps=1)
    over = await stage.buy()
    asked = stage.order(over).request.quantity
    await stage.until(
        lambda: stage.order(over).filled > (asked or 0), DECIDED_S, "an overfill is booked as it happened"
    )


async def _halted_symbol(stage: Stage) -> None:
    resting = await stage.rest()
    stage.undo("symbol-status", symbol=stage.symbol, status="TRADING")
    await stage.arm("symbol-status", symbol=stage.symbol, status="CANCEL_ONLY")
    await stage.pause(0.3)
    refused = await stage.buy()
    await stage.becomes(refused, OrderState.REJECTED, OrderState.DENIED)
    stage.check("a cancel still passes", await stage.cancel(resting) == "")
    await stage.becomes(resting, OrderState.CANCELED)


async def _shutdown(stage: Stage) -> None:
    resting = await stage.rest()
    await stage.arm("server-shutdown", lead_ms=1_500)
    await stage.pause(3.0)
    await stage.until(stage.in_step, DECIDED_S, "a new connection took over")
    await stage.arm("close-mid-frame")
    await stage.pause(1.0)
    await stage.until(stage.in_step, DECIDED_S, "half a frame is survived")
    stage.check("the resting order still rests", stage.order(resting).state is OrderState.ACCEPTED)
    await stage.becomes(await stage.buy(), OrderState.FILLED)


async def _kill_in_flight(stage: Stage) -> None:
    resting = await stage.rest()
    swept = await stage.engine.kill_switch.kill("a drill", "drill")
    stage.check("the kill switch leaves nothing open", not swept.left)
    await stage.becomes(resting, OrderState.CANCELED)
    denied = await stage.buy()
    stage.check("nothing is sent while HALTED", stage.order(denied).state is OrderState.DENIED)


DRILLS = {
    drill.name: drill
    for drill in (
        Drill(
            "lost-reply",
            "The reply to an order is lost with its connection",
            ("accept-drop-reply",),
            _lost_reply,
        ),
        Drill(
            "unknown-then-stream",
            "The venue says it does not know, then its stream says it does",
            ("error-reply", "reorder-reply"),
            _unknown_then_stream,
        ),
        Drill(
            "only-a-query",
            "No reply, no event, and a copy that lags: only a later query tells",
            ("error-reply", "drop-event", "replica-lag"),
            _only_a_query,
        ),
        Drill("rejected", "The venue refuses an order", ("reject",), _rejected),
        Drill("throttled", "429, then a ban", ("error-reply",), _throttled),
        Drill(
            "half-open",
            "The order connection goes silent while an order is cancelled elsewhere",
            ("blackhole", "external-close"),
            _half_open,
        ),
        Drill(
            "dropped-diff",
            "The book misses a difference, then gets one twice",
            ("drop-event", "duplicate-event"),
            _dropped_diff,
        ),
        Drill(
            "dead-stream",
            "The book's stream dies on a connection that lives",
            ("mute-stream",),
            _dead_stream,
        ),
        Drill(
            "stream-ended",
            "The user stream ends in the middle of a fill",
            ("expire-user-stream", "drop-event", "delay-reply"),
            _stream_ended,
        ),
        Drill("clock-step", "The venue's clock steps back and ahead", ("clock",), _clock_step),
        Drill(
            "strangers",
            "Somebody else trades on the account",
            ("external-order", "external-close"),
            _strangers,
        ),
        Drill(
            "late-cancel",
            "Cancels that come too late",
            ("cancel-reject-filled", "fill-after-cancel"),
            _late_cancel,
        ),
        Drill(
            "odd-fills",
            "Fills in parts, twice, too many, and some that are none",
            ("split-fill", "duplicate-event", "overfill", "foreign-execution"),
            _odd_fills,
        ),
        Drill("halted-symbol", "The symbol takes cancels only", ("symbol-status",), _halted_symbol),
        Drill(
            "shutdown",
            "The server goes away, then a line breaks in a frame",
            ("server-shutdown", "close-mid-frame"),
            _shutdown,
        ),
        Drill("kill", "The kill switch, and what leaves after it", (), _kill_in_flight),
    )
}
