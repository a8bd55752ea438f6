"""The state is the fold of the ledger and of nothing else."""

import random
import re
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.order import Accepted, OrderState
from spark_tui.domain.values import Side
from spark_tui.engine import state as engine_state
from spark_tui.engine.identity import Identities, base36, draw_run
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import DayStarted, Decision, OrderRecord, RunStarted, from_body, to_entry
from spark_tui.link.messages import CancelAll, CancelOrder, Kill, Resume
from spark_tui.store.ledger import Entry, LedgerError
from tests.engine.fake_venue import D
from tests.engine.harness import Rig, buy, rig

_ENDINGS = ["rest", "fill", "reject", "lost", "dead", "not-sent", "broken"]
_steps = st.lists(
    st.sampled_from([*_ENDINGS, "partial", "cancel", "cancel-all", "kill", "resume", "wait"]),
    min_size=1,
    max_size=25,
)


def rebuilt(it: Rig) -> bytes:
    journal = Journal(it.ledger, it.clock, on_failure=lambda text: None, on_recovery=lambda: None)
    return journal.replay().digest()


async def step(it: Rig, what: str, rng: random.Random) -> None:
    resting = [order for order in it.engine.journal.state.open_orders() if order.state is OrderState.ACCEPTED]
    it.venue.tick()
    if what in _ENDINGS:
        it.venue.plan.append(what)
        side = rng.choice(list(Side))
        await it.submit(buy("0.3", "59000" if side is Side.BUY else "61000", side=side))
        it.venue.plan.clear()
    elif what == "partial" and resting:
        it.venue.fill(rng.choice(resting).client_order_id, D("0.1"))
    elif what == "cancel" and resting:
        await it.ask(CancelOrder(client_order_id=rng.choice(resting).client_order_id))
    elif what == "cancel-all":
        await it.ask(CancelAll())
    elif what == "kill":
        await it.ask(Kill(reason="drill"))
    elif what == "resume":
        await it.ask(Resume(reason="drill over"))
    elif what == "wait":
        await it.clock.run_for(3)


@settings(max_examples=15, deadline=None)
@given(steps=_steps, seed=st.integers(0, 1_000))
async def test_the_ledger_alone_gives_the_same_state_byte_for_byte(steps: list[str], seed: int) -> None:
    rng = random.Random(seed)
    with tempfile.TemporaryDirectory() as folder:
        async with rig(Path(folder)) as it:
            for what in steps:
                await step(it, what, rng)
                position = sum(
                    (fill.quantity if order.request.side is Side.BUY else -fill.quantity)
                    for order in it.engine.journal.state.orders.values()
                    for fill in order.fills
                )
                assert position == sum(p.quantity for p in it.engine.journal.state.positions.values())
            await it.until(lambda: it.engine.journal.waiting == 0)
            assert rebuilt(it) == rebuilt(it) == it.engine.journal.state.digest()
            placed = it.venue.placed
            assert len(placed) == len(set(placed))


async def test_finished_orders_leave_memory_and_late_words_about_them_do_no_harm(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine_state, "MAX_ORDERS", 20)
    async with rig(tmp_path) as it:
        first = await it.submit(buy("0.1", key="first"))
        await it.ask(CancelOrder(client_order_id=first.client_order_id))
        state = it.engine.journal.state
        for _ in range(20):
            it.venue.tick()
            it.engine.guard.halt("drill")
            await it.engine.desk.submit(first.request, "tester", "")
        assert len(state.orders) == 20
        assert first.client_order_id not in state.orders
        assert "first" not in state.keys
        it.venue.user(it.venue.reports[first.client_order_id])
        await it.until(lambda: it.engine.journal.waiting == 0)
        assert rebuilt(it) == state.digest()


def test_ids_are_valid_for_the_venue_and_never_repeat() -> None:
    rng = random.Random(1)
    seen = set()
    for _ in range(50):
        ids = Identities()
        ids.begin(draw_run(rng, {value.split("-")[0][2:] for value in seen}))
        for _ in range(20):
            found = ids.next()
            assert re.fullmatch(r"[a-zA-Z0-9-_]{1,36}", found)
            assert found not in seen
            seen.add(found)
    assert int(base36(2**40 - 1), 36) == 2**40 - 1
    assert len(base36(2**40 - 1)) == 8


def test_a_run_id_that_was_used_is_drawn_again() -> None:
    first = draw_run(random.Random(3), ())
    assert draw_run(random.Random(3), {first}) != first


def test_records_come_back_as_they_went() -> None:
    for record in (
        RunStarted(run="abc", at_ms=1),
        DayStarted(day="2026-01-02", baseline=D("-1.50")),
        Decision(action="cancel-all", operator="me", text="every symbol", at_ms=2),
    ):
        entry = to_entry(record)
        assert from_body(entry.body) == record
        assert entry.kind in entry.body.decode()


async def test_what_the_ledger_refuses_to_know_is_an_anomaly_not_a_crash(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        event = Accepted(venue_order_id="1", at_ms=1)
        effect = it.engine.journal.note(OrderRecord(client_order_id="nobody-1", event=event))
        assert "not in the ledger" in effect.anomaly


async def test_what_is_for_the_audit_alone_is_not_decoded_and_anything_else_is(tmp_path: Path) -> None:
    """There is one such entry for every command ever given."""
    async with rig(tmp_path) as it:
        await it.submit()
        await it.engine.journal.durable()
        before = rebuilt(it)
        await it.ledger.append(*(Entry(kind=kind, body=b"{}") for kind in ("acted", "decision")))
        assert rebuilt(it) == before
        await it.ledger.append(Entry(kind="day", body=b"{}"))
        with pytest.raises(LedgerError, match=r"\(day\) cannot be read"):
            rebuilt(it)
