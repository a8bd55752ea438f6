"""What a preview says of an amend is what the amend gets: the same function judges both."""

import tempfile
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.instrument import CountLimit
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import Side
from spark_tui.link.messages import (
    AmendOrder,
    AmendPreview,
    OrderUpdate,
    PreviewAmend,
)
from tests.engine.fake_venue import NAME, SYMBOL, D, instrument
from tests.engine.harness import Rig, answer, buy, rig

_quantities = st.decimals(min_value="0.00001", max_value="0.6", places=5) | st.sampled_from(
    [D("NaN"), D("Infinity"), D(0), D(-1), D("0.1234567"), D("1E+25"), D("0.00008"), D("0.5")]
)
_troubles = st.sampled_from(["", "", "filled", "halted", "unlisted", "no amends", "often", "unknown"])


def disturb(it: Rig, client_id: str, trouble: str) -> None:
    known = it.engine.runners[NAME].desk.instruments
    listed = known.get(SYMBOL, instrument())
    match trouble:
        case "filled":
            it.venue.fill(client_id, D("0.2"))
        case "halted":
            it.engine.guard.halt("drill")
        case "unlisted":
            known.clear()
        case "no amends":
            known[SYMBOL] = msgspec.structs.replace(listed, amend_allowed=False)
        case "often":
            limit = CountLimit(name="MAX_NUM_ORDER_AMENDS", limit=1)
            known[SYMBOL] = msgspec.structs.replace(listed, filters=(*listed.filters, limit))


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(_troubles, _quantities), min_size=1, max_size=4), st.sampled_from(Side))
async def test_what_a_preview_says_is_what_the_amend_gets(
    steps: list[tuple[str, Decimal]], side: Side
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with rig(Path(folder)) as it:
            it.venue.plan.append("lost" if steps[0][0] == "unknown" else "rest")
            price = "59000" if side is Side.BUY else "61000"
            client_id = (await it.submit(buy("0.5", price, side=side))).client_order_id
            for trouble, quantity in steps:
                disturb(it, client_id, trouble)
                asked = AmendOrder(client_order_id=client_id, quantity=quantity)
                told = await answer(it, PreviewAmend(amend=asked))
                before = it.order(client_id)
                got = await answer(it, asked)
                if not isinstance(told, AmendPreview):
                    assert got == told
                elif told.ok:
                    assert isinstance(got, OrderUpdate)
                    assert got.order.amended_quantity == quantity == told.quantity
                    assert got.order.request.quantity is not None
                    assert told.leaves == quantity - before.filled
                else:
                    assert got == (told.code, told.reason)
                    assert it.order(client_id) == before


async def test_an_amends_preview_shows_every_verdict_and_what_comes_free(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        order = await it.submit(buy("0.5", "59000"))
        it.venue.fill(order.client_order_id, D("0.1"))
        asked = AmendOrder(client_order_id=order.client_order_id, quantity=D("0.3"))
        told = await it.ask(PreviewAmend(amend=asked))
        assert isinstance(told, AmendPreview)
        assert (told.ok, told.before, told.quantity, told.leaves) == (True, D("0.5"), D("0.3"), D("0.2"))
        assert (told.frees, told.frees_asset) == (D("11800"), "USDT")
        assert [verdict.rule for verdict in told.verdicts] == ["trading_state", "filters"]
        it.engine.guard.halt("drill")
        asked = AmendOrder(client_order_id=order.client_order_id, quantity=D("0.3000001"))
        told = await it.ask(PreviewAmend(amend=asked))
        assert isinstance(told, AmendPreview)
        codes = [verdict.code for verdict in told.verdicts]
        assert codes[0] == told.code == "HALTED"
        assert "FILTER_LOT_SIZE" in codes  # none hides another
        assert not any(text.startswith("amend") for text in it.venue.sent_bytes)


@pytest.mark.parametrize(("state", "code"), [("dead", "NOT_WORKING"), ("none", "NO_SUCH_ORDER")])
async def test_what_cannot_be_changed_is_refused_as_the_amend_itself(
    tmp_path: Path, state: str, code: str
) -> None:
    async with rig(tmp_path) as it:
        client_id = "none"
        if state == "dead":
            it.venue.plan.append("dead")
            order = await it.submit()
            assert order.state is OrderState.UNKNOWN
            client_id = order.client_order_id
        asked = AmendOrder(client_order_id=client_id, quantity=D("0.1"))
        refused = await answer(it, PreviewAmend(amend=asked))
        assert refused == await answer(it, asked)
        assert refused[0] == code  # type: ignore[index]
