"""The order path with each kind of ending a venue has in store."""

import asyncio
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.rules import Rule, RuleKind
from spark_tui.domain.values import Side, TradingState
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.records import from_body
from spark_tui.link.messages import CancelOrder, GetOrders, Kill, Orders, OrderUpdate, PreviewOrder, Resume
from spark_tui.link.service import LinkError
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D
from tests.engine.harness import buy, rig


async def test_a_resting_order_is_accepted_and_known_by_the_venues_id(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit()
        assert order.state is OrderState.ACCEPTED
        assert order.venue_order_id == it.venue.reports[order.client_order_id].venue_order_id


async def test_an_immediate_fill_moves_the_position_once(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        order = await it.submit(buy("0.5", None))
        assert order.state is OrderState.FILLED
        it.venue.user(it.venue.reports[order.client_order_id])  # the stream tells the same again
        await it.turn()
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_a_definite_refusal_is_rejected_with_the_venues_code(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("reject")
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.REJECTED, "-2010")


async def test_what_never_left_is_denied_not_unknown(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("not-sent")
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.DENIED, "NOT_SENT")
        assert it.venue.placed == []


async def test_a_lost_reply_is_unknown_counts_as_exposure_and_is_found_by_query(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        order = await it.submit()
        assert order.state is OrderState.UNKNOWN
        assert order.decidable_at_ms is not None
        assert it.engine.views.counts() == (1, 1)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)
        assert it.venue.placed == [order.client_order_id]


async def test_an_order_that_never_arrived_is_dead_only_after_the_deadline(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("dead")
        order = await it.submit()
        deadline = order.decidable_at_ms
        assert deadline is not None
        while it.venue.server_time_ms() < deadline:
            assert it.order(order.client_order_id).state is OrderState.UNKNOWN
            await it.clock.run_for(0.5)
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.DEAD)
        assert it.venue.placed == [order.client_order_id]
        assert "not found" in it.order(order.client_order_id).text


async def test_failed_queries_are_no_proof_of_absence(tmp_path: Path) -> None:
    """F05: the network is gone for twenty minutes; the order stays UNKNOWN and is found afterwards."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        it.venue.failing = dict.fromkeys(("query", "open_orders", "trades", "balances"), UNREACHABLE)
        order = await it.submit()
        for _ in range(20):
            await it.clock.run_for(60)
            assert it.order(order.client_order_id).state is OrderState.UNKNOWN
        it.venue.failing.clear()
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)


async def test_early_not_found_from_a_lagging_replica_proves_nothing(tmp_path: Path) -> None:
    """F54, F02: the order lives, but the first queries do not see it."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        it.venue.hidden.add(f"sp{it.engine.identities.run}-1")
        order = await it.submit()
        await it.clock.run_for(10)
        assert len(it.venue.queries) >= 3
        assert it.order(order.client_order_id).state is OrderState.UNKNOWN
        it.venue.hidden.clear()
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)


async def test_a_trade_that_could_be_the_orders_keeps_it_unknown(tmp_path: Path) -> None:
    """F02: filled at once, never in open orders, queries lag for ever: the trade list speaks."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("lost")
        client_id = f"sp{it.engine.identities.run}-1"
        it.venue.hidden.add(client_id)
        it.venue.nameless.add(client_id)
        await it.submit()
        it.venue.fill(client_id, quiet=True)
        await it.clock.run_for(60)
        assert it.order(client_id).state is OrderState.UNKNOWN
        it.venue.nameless.clear()  # it tells at last whose trade that was
        await it.until(lambda: it.order(client_id).filled == D("0.5"))
        assert it.order(client_id).state is OrderState.FILLED
        assert it.engine.journal.state.positions[NAME, SYMBOL].quantity == D("0.5")


async def test_the_streams_word_beats_a_reply_that_is_lost_later(tmp_path: Path) -> None:
    """F03: the stream says ACCEPTED, then the reply times out; one order, accepted, never sent again."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("hang")

        asked = asyncio.create_task(it.submit())
        await it.until(lambda: bool(it.venue.placed))
        it.venue.user(it.venue.reports[it.venue.placed[0]])
        it.venue.release.set()
        order = await asked
        assert order.state is OrderState.ACCEPTED
        await it.clock.run_for(30)
        assert len(it.venue.placed) == 1


async def test_a_reply_nobody_can_read_says_nothing_about_the_order(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("broken")
        order = await it.submit()
        assert order.state is OrderState.UNKNOWN
        await it.until(lambda: it.order(order.client_order_id).state is OrderState.ACCEPTED)


async def test_no_order_is_ever_sent_twice_whatever_is_lost(tmp_path: Path) -> None:
    """F01, F04: a batch, with the reply of each in turn lost."""
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["lost", "rest", "dead", "broken", "lost"])
        for _ in range(5):
            await it.submit(buy("0.1"))
        await it.until(lambda: it.engine.views.counts()[1] == 0)
        assert len(it.venue.placed) == len(set(it.venue.placed)) == 5
        states = sorted(order.state.value for order in it.engine.journal.state.orders.values())
        assert states == ["ACCEPTED"] * 4 + ["DEAD"]


@pytest.mark.parametrize("quantity", ["1E+99999999", "1E-99999999", "0E+99999999", "sNaN"])
async def test_a_number_too_long_to_write_out_never_reaches_the_ledger(tmp_path: Path, quantity: str) -> None:
    """There it would stay, and every face that lists orders would write out a hundred million digits."""
    async with rig(tmp_path) as it:
        with pytest.raises(LinkError) as refused:
            await it.submit(buy(quantity))
        assert refused.value.code == "BAD_NUMBER"
        with pytest.raises(LinkError) as ahead:
            await it.ask(PreviewOrder(order=buy(quantity)))
        assert (ahead.value.code, ahead.value.text) == (refused.value.code, refused.value.text)
        assert not it.engine.journal.state.orders


async def test_a_denied_intent_is_in_the_ledger_with_its_reason(tmp_path: Path) -> None:
    settings = EngineSettings(
        symbols={NAME: (SYMBOL,)}, rules=(Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(100)),)
    )
    async with rig(tmp_path, settings=settings) as it:
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.DENIED, "MAX_NOTIONAL")
        assert it.venue.sent_bytes == []
        kinds = [str(from_body(stored.body)) for stored in it.ledger.read() if stored.kind == "order"]
        assert any("Intended" in text for text in kinds)
        assert any("MAX_NOTIONAL" in text for text in kinds)


async def test_the_write_ahead_is_durable_before_the_venue_hears_anything(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    async with rig(
        tmp_path,
        checkpoint=lambda name: seen.append(
            (name, sum(b"intended" in stored.body for stored in it.ledger.read()), len(it.venue.placed))
        ),
    ) as it:
        await it.submit()
    assert [name for name, _, _ in seen] == ["order.durable", "order.sent", "order.replied"]
    assert seen[0][1:] == (1, 0)


async def test_the_same_key_answers_the_same_order_and_refuses_another_body(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        first = await it.submit(buy(key="a"))
        again = await it.ask(buy(key="a"))
        assert isinstance(again, OrderUpdate)
        assert again.replayed
        assert again.order.client_order_id == first.client_order_id
        with pytest.raises(LinkError) as refused:
            await it.submit(buy("0.6", key="a"))
        assert refused.value.code == "KEY_REUSED"
        assert len(it.venue.placed) == 1


async def test_the_key_is_taken_from_the_first_moment_and_survives_a_restart(tmp_path: Path) -> None:

    async with rig(tmp_path) as it:
        both = await asyncio.gather(it.submit(buy(key="a")), it.submit(buy(key="a")))
        assert len({order.client_order_id for order in both}) == 1
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        again = await it.ask(buy(key="a"))
        assert isinstance(again, OrderUpdate)
        assert again.replayed
        assert len(venue.placed) == 1


async def test_halted_lets_nothing_but_cancels_through(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.failing["cancel_all"] = it.venue.failing["open_orders"] = UNREACHABLE
        resting = await it.submit()
        await it.ask(Kill(reason="drill"))
        before = len(it.venue.sent_bytes)
        refused = await it.submit()
        assert (refused.state, refused.code) == (OrderState.DENIED, "HALTED")
        sold = await it.submit(buy("0.1", "61000", side=Side.SELL))
        assert sold.code == "HALTED"
        canceled = await it.ask(CancelOrder(client_order_id=resting.client_order_id))
        assert isinstance(canceled, OrderUpdate)
        assert canceled.order.state is OrderState.CANCELED
        later = it.venue.sent_bytes[before:]
        assert all(text.startswith("cancel") for text in later)


async def test_a_halt_that_comes_during_the_write_ahead_stops_the_order(tmp_path: Path) -> None:
    async def halt_then_submit() -> None:
        async with rig(tmp_path, checkpoint=lambda name: it.engine.guard.halt("drill")) as it:
            order = await it.submit()
            assert (order.state, order.code) == (OrderState.DENIED, "HALTED")
            assert it.venue.placed == []

    await halt_then_submit()


async def test_a_halt_survives_the_restart_and_resume_needs_a_reason(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.ask(Kill(reason="drill"))
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, clock=clock, venue=venue) as it:
        assert it.engine.guard.state is TradingState.HALTED
        assert it.engine.guard.reason == "drill"
        with pytest.raises(LinkError) as refused:
            await it.ask(Resume(reason=" "))
        assert refused.value.code == "REASON_NEEDED"
        await it.ask(Resume(reason="looked into it"))
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_equal_refusals_in_a_row_trip_the_breaker(tmp_path: Path) -> None:
    """F36: the venue rejects everything; after five the engine opens no more risk."""
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["reject"] * 10)
        for _ in range(5):
            assert (await it.submit()).state is OrderState.REJECTED
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.DENIED, "REDUCING")
        assert len(it.venue.placed) == 5


async def test_the_order_rate_counts_across_a_restart(tmp_path: Path) -> None:
    settings = EngineSettings(
        symbols={NAME: (SYMBOL,)},
        rules=(Rule(id="rate", kind=RuleKind.MAX_ORDER_RATE, limit=D(2), window_s=10),),
    )
    async with rig(tmp_path, settings=settings) as it:
        await it.submit(buy("0.1"))
        await it.submit(buy("0.1"))
        clock, venue = it.clock, it.venue
    async with rig(tmp_path, settings=settings, clock=clock, venue=venue) as it:
        assert (await it.submit(buy("0.1"))).code == "ORDER_RATE"
        clock.advance(11)
        venue.tick()
        assert (await it.submit(buy("0.1"))).state is OrderState.ACCEPTED


async def test_two_orders_at_once_cannot_spend_the_same_balance(tmp_path: Path) -> None:

    async with rig(tmp_path) as it:
        it.venue.plan.append("hang")
        first = asyncio.create_task(it.submit(buy("10")))
        await it.until(lambda: bool(it.venue.placed))
        second = await it.submit(buy("10"))  # 2 x 590 000 of 1 000 000 USDT
        assert second.code == "INSUFFICIENT_BALANCE"
        it.venue.release.set()
        await first


async def test_an_open_order_is_listed_whatever_was_refused_after_it(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        resting = await it.submit()
        for _ in range(4):
            await it.submit(buy("0"))
        listed = await it.ask(GetOrders(limit=3))
        assert isinstance(listed, Orders)
        assert len(listed.rows) == 3
        assert resting.client_order_id in {row.order.client_order_id for row in listed.rows}
