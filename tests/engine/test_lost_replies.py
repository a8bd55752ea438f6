"""F01, F02, F03, F04, F54: whatever becomes of a reply, an intent is at the venue once or proved never to
have lived. One seed is one intent and all that happens to it; the engine is new for every batch of seeds."""

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from spark_tui.domain.order import OrderState
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.link.messages import (
    CancelOrder,
    OrderList,
    OrderUpdate,
    ReplaceOrder,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.venues.port import OrderStatus
from tests.engine.fake_venue import SYMBOL, UNREACHABLE, D
from tests.engine.harness import Rig, buy, rig

BATCH = 50
ARRIVES = ("lost", "broken", "hang", "fill", "rest")
VANISHES = ("dead", "not-sent", "reject")
UNDECIDED = {
    OrderState.NEW,
    OrderState.SENT,
    OrderState.UNKNOWN,
    OrderState.PENDING_CANCEL,
    OrderState.PENDING_REPLACE,
}


def oco(size: str) -> SubmitList:
    legs = (
        (LegRole.ABOVE, OrderType.LIMIT_MAKER, "61000", None),
        (LegRole.BELOW, OrderType.STOP_LOSS_LIMIT, "57900", D(58000)),
    )
    return SubmitList(
        kind=ListKind.OCO,
        legs=tuple(
            SubmitLeg(
                role=role,
                order=SubmitOrder(
                    symbol=SYMBOL,
                    side=Side.SELL,
                    type=kind,
                    quantity=D(size),
                    price=D(price),
                    stop_price=stop,
                ),
            )
            for role, kind, price, stop in legs
        ),
    )


async def one_seed(it: Rig, seed: int) -> None:
    """An intent of a random kind, a random fate for its reply, and what comes between."""
    rng = random.Random(seed)
    it.venue.tick()
    it.venue.release.set()
    size = f"0.00{rng.randint(1, 9)}"
    first = ""
    kind = rng.choice(("order", "order", "replace", "list"))
    if kind == "replace":
        first = (await it.submit(buy(size))).client_order_id
    how = rng.choice(ARRIVES + VANISHES)
    if kind != "order" and how in ("broken", "fill", "hang"):
        how = rng.choice(("lost", "new-fails" if kind == "replace" else "rest"))
    it.venue.plan.append(how)
    if kind == "replace":
        result = await it.ask(ReplaceOrder(client_order_id=first, order=buy(size, "58000")))
    elif kind == "list":
        result = await it.ask(oco(size))
    else:
        result = await it.ask(buy(size))
    ids = [row.order.client_order_id for row in rows_of(result)]
    await between(it, rng, ids)
    it.venue.hidden.clear()
    it.venue.failing.clear()
    everyone = [*ids, first] if first else ids
    await it.until(lambda: not any(it.order(one).state in UNDECIDED for one in everyone))


def rows_of(result: object) -> Iterator[OrderUpdate]:
    if isinstance(result, OrderUpdate):
        yield result
    if isinstance(result, OrderList):
        yield from result.legs


async def between(it: Rig, rng: random.Random, ids: list[str]) -> None:
    """Replicas lag, the network goes, the stream tells, fills come, the operator cancels: some of it."""
    if rng.random() < 0.4:
        it.venue.hidden.update(ids)
        await it.clock.run_for(rng.uniform(0, 12))
    if rng.random() < 0.2:
        it.venue.failing["query"] = it.venue.failing["open_orders"] = UNREACHABLE
        await it.clock.run_for(rng.uniform(0, 40))
    lives = [one for one in ids if one in it.venue.reports]
    for one in lives:
        if rng.random() < 0.3 and it.venue.reports[one].status is OrderStatus.NEW and len(ids) == 1:
            it.venue.fill(one, quiet=rng.random() < 0.5)
        if rng.random() < 0.3:
            it.venue.user(it.venue.reports[one])
    if rng.random() < 0.2:
        with contextlib.suppress(LinkError):  # it had ended, or the venue could not be reached
            await it.ask(CancelOrder(client_order_id=ids[0]))


async def check(it: Rig, seeds: range) -> None:
    orders = it.engine.journal.state.orders
    venue = it.venue
    counts = Counter(venue.placed)
    assert {one: n for one, n in counts.items() if n != 1} == {}, f"sent twice, seeds {seeds}"
    for client_id, order in orders.items():
        report = venue.reports.get(client_id)
        if order.state in (OrderState.DEAD, OrderState.DENIED, OrderState.REJECTED):
            assert report is None, f"{client_id} is {order.state} and lives, seeds {seeds}"
        else:
            assert report is not None, f"{client_id} is {order.state} and was never there, seeds {seeds}"
            assert order.filled == report.filled, f"{client_id}, seeds {seeds}"
    assert set(venue.reports) <= set(orders), f"somebody else's order, seeds {seeds}"
    held = it.engine.journal.state.positions
    filled = sum(order.filled for order in orders.values())
    assert sum(position.quantity for position in held.values()) == filled, f"seeds {seeds}"


async def sweep(tmp_path: Path, seeds: range) -> None:
    for start in range(seeds.start, seeds.stop, BATCH):
        batch = range(start, min(start + BATCH, seeds.stop))
        folder = tmp_path / str(start)
        folder.mkdir()
        async with rig(folder) as it:
            for seed in batch:
                await one_seed(it, seed)
            it.venue.failing.clear()
            await it.clock.run_for(120)  # fills that were told of are fetched
            await check(it, batch)


async def test_lost_replies_end_in_one_order_an_intent(tmp_path: Path) -> None:
    await sweep(tmp_path, range(150))


@pytest.mark.campaign
async def test_ten_thousand_seeds_of_lost_replies(tmp_path: Path) -> None:
    await sweep(tmp_path, range(10_000))
