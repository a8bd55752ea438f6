"""Previews of lists, algos and replacements say what sending would get: the same codes in the same words."""

import tempfile
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.market import Ticker
from spark_tui.domain.order import OrderState
from spark_tui.domain.rules import Rule, RuleKind
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TimeInForce
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import (
    AlgoKind,
    AlgoPreview,
    AlgoRow,
    ListPreview,
    OrderList,
    OrderUpdate,
    Preview,
    PreviewAlgo,
    PreviewList,
    PreviewOrder,
    PreviewReplace,
    ReplaceOrder,
    Result,
    StartAlgo,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D
from tests.engine.harness import Rig, answer, buy, rig
from tests.engine.test_algos_engine import ICEBERG, TRAILING, TWAP, pass_time, simple_venue
from tests.engine.test_lists import ABOVE, BELOW, DOWN, LISTS, PENDING, UP, WORKING, leg
from tests.engine.test_preview import RULES as USUAL
from tests.engine.test_preview import any_rules, orders

RULES = (
    Rule(id="symbols", kind=RuleKind.SYMBOLS, symbols=(SYMBOL,)),
    Rule(id="floor", kind=RuleKind.MIN_ORDER_NOTIONAL, limit=D(20)),
    Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(100_000)),
    Rule(id="band", kind=RuleKind.PRICE_BAND, limit=D(5)),
    Rule(id="rate", kind=RuleKind.MAX_ORDER_RATE, limit=D(12), window_s=10),
)
SETTINGS = EngineSettings(symbols={NAME: (SYMBOL,)}, rules=RULES)

_odd = st.sampled_from([D("NaN"), D("Infinity"), D(0), D(-1), D("1E+3"), D("1E+25"), D("0.123456789")])
_amounts = st.decimals(min_value="0.0001", max_value="4", places=5) | _odd
_prices = st.decimals(min_value="55000", max_value="65000", places=2) | _odd
_kinds = st.sampled_from(OrderType)


def legs_of(kind: ListKind) -> st.SearchStrategy[tuple[SubmitLeg, ...]]:
    """Good lists with some of their terms disturbed, so that both sides of every rule are met."""

    def disturb(one: SubmitLeg) -> st.SearchStrategy[SubmitLeg]:
        changes = st.fixed_dictionaries(
            {},
            optional={
                "quantity": _amounts,
                "price": _prices | st.none(),
                "stop_price": _prices | st.none(),
                "type": _kinds,
                "side": st.sampled_from(Side),
                "symbol": st.sampled_from([SYMBOL, "NOSUCH"]),
                "trailing_delta": st.sampled_from([0, 100, 5000]),
                "time_in_force": st.sampled_from(TimeInForce),
            },
        )
        return st.one_of(st.just({}), st.just({}), changes).map(
            lambda fields: SubmitLeg(role=one.role, order=msgspec.structs.replace(one.order, **fields))
        )

    sized = _amounts.map(
        lambda quantity: [
            SubmitLeg(role=one.role, order=msgspec.structs.replace(one.order, quantity=quantity))
            for one in LISTS[kind]
        ]
    )
    same = st.one_of(st.just(LISTS[kind]), sized)
    return same.flatmap(lambda legs: st.tuples(*(disturb(one) for one in legs)))


_lists = st.sampled_from(ListKind).flatmap(
    lambda kind: st.builds(SubmitList, kind=st.just(kind), legs=legs_of(kind))
) | st.just(SubmitList(kind=ListKind.OCO, legs=(ABOVE, WORKING)))

_algos = st.builds(
    StartAlgo,
    kind=st.sampled_from(AlgoKind),
    symbol=st.sampled_from([SYMBOL] * 9 + ["NOSUCH"]),
    side=st.sampled_from(Side),
    quantity=_amounts,
    duration_s=st.sampled_from([20.0, 600.0, 0.0, float("nan")]),
    slices=st.sampled_from([1, 4, 40, 0, 5000]),
    jitter=st.sampled_from([0.0, 0.2, 0.9, 1.0]),
    limit_price=st.none() | _prices,
    display=st.just(D("0.2")) | _amounts,
    trail_bp=st.sampled_from([100, 1, 0, 9000]),
)


def disturb_state(it: Rig, trouble: str) -> None:
    if trouble == "book":
        it.venue.skip(3)
        it.venue.failing["depth_snapshot"] = UNREACHABLE
        it.venue.tick()
    elif trouble == "halted":
        it.engine.guard.halt("drill")
    elif trouble == "reducing":
        it.engine.guard.reduce("drill")


TROUBLES = st.sampled_from(["", "", "", "book", "halted", "reducing"])


def same_list(told: Result | tuple[str, str], sent: Result | tuple[str, str]) -> bool:
    """Whether the list left. The preview must have said so, or what every leg is denied with."""
    if not isinstance(told, ListPreview):
        assert told == sent
        return False
    assert isinstance(sent, OrderList)
    for one, row in zip(told.legs, sent.legs, strict=True):
        assert row.order.part is not None
        assert row.order.part.role == one.role
        assert (row.order.state is not OrderState.DENIED) == told.ok
        if not told.ok:
            assert (row.order.code, row.order.text) == (told.code, told.reason)
    assert told.ok == (all(one.preview.ok for one in told.legs) and all(rule.ok for rule in told.whole))
    return told.ok


@settings(max_examples=60, deadline=None)
@given(
    lists=st.lists(_lists, min_size=1, max_size=6),
    trouble=TROUBLES,
    as_asked=st.booleans(),
    rules=st.just(RULES) | any_rules(),
)
async def test_a_lists_preview_is_the_gates_verdict(
    lists: list[SubmitList], trouble: str, as_asked: bool, rules: tuple[Rule, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with rig(Path(folder), settings=msgspec.structs.replace(SETTINGS, rules=rules)) as it:
            disturb_state(it, trouble)
            for submit in lists:
                told = await answer(it, PreviewList(submit=submit, as_asked=as_asked))
                asked = told.submit if isinstance(told, ListPreview) else submit
                if as_asked and isinstance(told, ListPreview):
                    assert told.changes == ()
                left = same_list(told, await answer(it, asked))
                assert left <= (trouble not in {"book", "halted"})


@settings(max_examples=60, deadline=None)
@given(
    algos=st.lists(_algos, min_size=1, max_size=6),
    trouble=TROUBLES,
    as_asked=st.booleans(),
    native=st.booleans(),
    rules=st.just(RULES) | any_rules(),
)
async def test_an_algos_preview_is_what_starting_it_says_and_sends(
    algos: list[StartAlgo], trouble: str, as_asked: bool, native: bool, rules: tuple[Rule, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with rig(Path(folder), settings=msgspec.structs.replace(SETTINGS, rules=rules)) as it:
            if not native:
                it.venue.known = simple_venue(it.clock).known
                it.engine._desks[NAME].instruments.update(it.venue.known)
            disturb_state(it, trouble)
            for start in algos:
                told = await answer(it, PreviewAlgo(start=start, as_asked=as_asked))
                if not isinstance(told, AlgoPreview):
                    assert told == await answer(it, start)
                    continue
                begun = await answer(it, told.start)
                if isinstance(begun, AlgoRow):
                    assert told.ok
                    plan = it.engine.journal.state.algos[begun.algo_id].plan
                    assert (told.native, told.slices) == (plan.native, plan.slices)
                    assert told.native == begun.native
                else:
                    assert (told.code, told.reason) == begun
                    assert not told.ok


@settings(max_examples=60, deadline=None)
@given(
    replacements=st.lists(st.tuples(orders, st.booleans()), min_size=1, max_size=6),
    old=st.sampled_from(["rest", "rest", "rest", "fill", "dead", "lost", "nope"]),
    trouble=TROUBLES,
    rules=st.just(USUAL) | any_rules(),
)
async def test_a_replacements_preview_is_the_gates_verdict(
    replacements: list[tuple[SubmitOrder, bool]], old: str, trouble: str, rules: tuple[Rule, ...]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        async with rig(Path(folder), settings=msgspec.structs.replace(SETTINGS, rules=())) as it:
            client_id = "nope"
            if old != "nope":
                it.venue.plan.append(old)
                client_id = (await it.submit(buy("0.2"))).client_order_id
            for rule in rules:
                it.engine.rulebook.put(rule, "tester")
            disturb_state(it, trouble)
            for order, allow_failure in replacements:
                asked = ReplaceOrder(client_order_id=client_id, order=order, allow_failure=allow_failure)
                told = await answer(it, PreviewReplace(replace=asked))
                if not isinstance(told, Preview):
                    assert told == await answer(it, asked)
                    continue
                sent = await answer(it, msgspec.structs.replace(asked, order=told.order))
                assert isinstance(sent, OrderUpdate)
                assert (sent.order.state is not OrderState.DENIED) == told.ok
                if told.ok:
                    client_id = sent.order.client_order_id
                else:
                    assert (sent.order.code, sent.order.text) == (told.code, told.reason)
                assert told.ok <= (trouble not in {"book", "halted"})


@pytest.mark.parametrize("start", [TWAP, ICEBERG, TRAILING], ids=["twap", "iceberg", "trailing"])
@pytest.mark.parametrize("native", [True, False], ids=["native", "emulated"])
async def test_the_first_order_is_the_one_that_leaves(tmp_path: Path, start: StartAlgo, native: bool) -> None:
    jitter = 0.0 if start.kind is AlgoKind.TWAP else 0.3  # a TWAP's would also put the first order off
    start = msgspec.structs.replace(start, jitter=jitter, key="same draws")
    async with rig(tmp_path) as it:
        if not native:
            it.engine._desks[NAME].instruments.update(simple_venue(it.clock).known)
        told = await answer(it, PreviewAlgo(start=start))
        assert isinstance(told, AlgoPreview)
        begun = await answer(it, start)
        assert isinstance(begun, AlgoRow)
        await pass_time(it, 0.5)
        sent = [order for order in it.engine.journal.state.orders.values() if order.parent == begun.algo_id]
        if told.first is None:
            assert (start.kind, sent) == (AlgoKind.TRAILING, [])
            assert told.waits.startswith("trails from")
        else:
            first = sent[0].request
            wanted = told.first
            assert (first.type, first.quantity, first.price) == (wanted.type, wanted.quantity, wanted.price)
            assert first.iceberg_quantity == wanted.iceberg_quantity
            assert first.trailing_delta == wanted.trailing_delta


async def test_what_a_twap_would_do_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        start = msgspec.structs.replace(TWAP, quantity=D("0.4000019"), duration_s=600.0, key="")
        told = await answer(it, PreviewAlgo(start=start))
        assert isinstance(told, AlgoPreview)
        assert told.ok
        assert told.start.quantity == D("0.40000")
        assert told.changes == ("quantity 0.4000019 becomes 0.4, a multiple of the step 0.00001",)
        assert (told.children, told.slices) == (4, (D("0.1"),) * 4)
        assert told.ends_ms == it.clock.wall_ns() // 1_000_000 + 600_000
        assert told.notional == D("0.4") * 60_010
        assert (told.fee, told.fee_asset) == (D("0.0004"), "BTC")


async def test_a_first_order_that_leaves_later_says_when(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        told = await answer(it, PreviewAlgo(start=msgspec.structs.replace(TWAP, jitter=0.5, key="late")))
        assert isinstance(told, AlgoPreview)
        now = it.clock.wall_ns() // 1_000_000
        assert (told.first, told.waits) == (None, "slice 1 of 4 is next")
        assert told.first_ms is not None
        assert now < told.first_ms <= now + 2_500


async def test_the_whole_is_costed_without_losing_digits(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        start = msgspec.structs.replace(
            TWAP, side=Side.SELL, quantity=D("0.4"), slices=3, limit_price=D(59_000), key=""
        )
        told = await answer(it, PreviewAlgo(start=start))
        assert isinstance(told, AlgoPreview)
        assert told.notional == D("0.4") * 59_000
        assert (told.fee, told.fee_asset) == (D(24), "USDT")  # what sells now gets the bid, not its limit


@pytest.mark.parametrize(
    ("start", "words"),
    [
        (
            msgspec.structs.replace(TWAP, quantity=D("0.123456")),
            "LOT_SIZE: .* nearest valid quantity 0.12345",
        ),
        (msgspec.structs.replace(TWAP, quantity=D("0.00002")), "NOTIONAL: .* nearest valid quantity 0.0000"),
        (
            msgspec.structs.replace(ICEBERG, limit_price=D("59000.001")),
            "PRICE_FILTER: .* nearest valid price",
        ),
    ],
    ids=["step", "least", "tick"],
)
async def test_an_algo_is_refused_with_the_filters_name_and_the_nearest_value(
    tmp_path: Path, start: StartAlgo, words: str
) -> None:
    async with rig(tmp_path) as it:
        with pytest.raises(LinkError, match=words):
            await it.ask(start)
        told = await answer(it, PreviewAlgo(start=start, as_asked=True))
        assert isinstance(told, AlgoPreview)
        assert not told.ok


async def test_an_algo_whose_orders_the_gate_refuses_does_not_begin(tmp_path: Path) -> None:
    settings = EngineSettings(
        symbols={NAME: (SYMBOL,)}, rules=(Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(1_000)),)
    )
    async with rig(tmp_path, settings=settings) as it:
        with pytest.raises(LinkError) as refused:
            await it.ask(TWAP)
        assert refused.value.code == "MAX_NOTIONAL"
        smaller = msgspec.structs.replace(TWAP, slices=40, key="")
        assert isinstance(await it.ask(smaller), AlgoRow)


async def test_what_time_lifts_is_waited_for_not_refused(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        disturb_state(it, "book")
        told = await answer(it, PreviewAlgo(start=ICEBERG))
        assert isinstance(told, AlgoPreview)
        assert told.ok
        assert told.first is None
        assert "book" in told.waits
        assert any(verdict.code == "BOOK_UNUSABLE" for verdict in told.verdicts)


async def test_a_twap_that_waits_for_a_far_price_may_begin(tmp_path: Path) -> None:
    """Its orders leave only near that price, and are judged then."""
    settings = EngineSettings(
        symbols={NAME: (SYMBOL,)}, rules=(Rule(id="band", kind=RuleKind.PRICE_BAND, limit=D(1)),)
    )
    async with rig(tmp_path, settings=settings) as it:
        told = await answer(it, PreviewAlgo(start=msgspec.structs.replace(TWAP, limit_price=D(58_000))))
        assert isinstance(told, AlgoPreview)
        assert told.ok
        assert told.first is None
        beyond = msgspec.structs.replace(TWAP, limit_price=D(62_000))
        told = await answer(it, PreviewAlgo(start=beyond))
        assert isinstance(told, AlgoPreview)
        assert (told.ok, told.code) == (False, "PRICE_BAND")


async def test_each_leg_and_the_whole_have_verdicts_and_the_worst_is_counted(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        told = await answer(it, PreviewList(submit=SubmitList(kind=ListKind.OTOCO, legs=(WORKING, UP, DOWN))))
        assert isinstance(told, ListPreview)
        assert told.ok
        assert [one.role for one in told.legs] == [
            LegRole.WORKING,
            LegRole.PENDING_ABOVE,
            LegRole.PENDING_BELOW,
        ]
        assert told.notional == 61_000  # of two exits one trades: the dearer
        assert told.fees == {"BTC": D("0.001"), "USDT": D(61)}
        crossed = leg(LegRole.ABOVE, OrderType.LIMIT_MAKER, "57000")
        told = await answer(it, PreviewList(submit=SubmitList(kind=ListKind.OCO, legs=(crossed, BELOW))))
        assert isinstance(told, ListPreview)
        assert not told.ok
        assert all(one.preview.ok for one in told.legs)
        assert told.whole[0].code == told.code == "FILTER_LIST_PRICES"


async def test_a_pending_leg_is_paid_with_what_its_working_leg_brings(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.engine.portfolio.balances[NAME].pop("BTC")
        working = leg(LegRole.WORKING, OrderType.LIMIT, "59000", side=Side.BUY, quantity="0.5")
        enough = leg(LegRole.PENDING, OrderType.LIMIT_MAKER, "61000", quantity="0.5")
        told = await answer(it, PreviewList(submit=SubmitList(kind=ListKind.OTO, legs=(working, enough))))
        assert isinstance(told, ListPreview)
        assert told.ok
        told = await answer(it, PreviewList(submit=SubmitList(kind=ListKind.OTO, legs=(working, PENDING))))
        assert isinstance(told, ListPreview)
        assert (told.ok, told.code) == (False, "INSUFFICIENT_BALANCE")
        assert told.reason.startswith("PENDING: ")


async def test_a_replacement_is_paid_with_what_the_old_order_holds(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        free = it.engine.portfolio.balances[NAME]["USDT"].free
        most = f"{free / 59_000:.4f}"[:-2]
        old = await it.submit(buy(most))
        assert old.state is OrderState.ACCEPTED
        again = ReplaceOrder(client_order_id=old.client_order_id, order=buy(most, "58000"))
        for both in (False, True):
            request = msgspec.structs.replace(again, allow_failure=both)
            told = await answer(it, PreviewReplace(replace=request))
            sent = await answer(it, request)
            assert isinstance(told, Preview)
            assert isinstance(sent, OrderUpdate)
            assert told.ok == (sent.order.state is not OrderState.DENIED)
            again = ReplaceOrder(client_order_id=sent.order.client_order_id, order=buy(most, "58000"))
        nothing = ReplaceOrder(client_order_id="nope", order=buy())
        assert await answer(it, PreviewReplace(replace=nothing)) == await answer(it, nothing)


@pytest.mark.parametrize(
    ("side", "kind", "price", "stop", "words"),
    [
        (Side.SELL, OrderType.LIMIT_MAKER, "59000", None, "crosses the bid: price it above 60000"),
        (Side.BUY, OrderType.LIMIT_MAKER, "60010", None, "crosses the ask: price it below 60010"),
        (Side.SELL, OrderType.LIMIT_MAKER, "60010", None, ""),
        (Side.SELL, OrderType.STOP_LOSS, None, "61000", "already reached: put the stop below 60000"),
        (Side.SELL, OrderType.TAKE_PROFIT, None, "59000", "already reached: put the stop above 60000"),
        (Side.BUY, OrderType.STOP_LOSS_LIMIT, "61500", "61000", ""),
    ],
)
async def test_what_only_the_venue_would_refuse_is_a_warning(
    tmp_path: Path, side: Side, kind: OrderType, price: str | None, stop: str | None, words: str
) -> None:
    async with rig(tmp_path) as it:
        now = it.venue.server_time_ms()
        it.venue.market(Ticker(SYMBOL, 60_000.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, now))
        order = leg(LegRole.WORKING, kind, price, stop, side=side, quantity="0.1").order
        told = await answer(it, PreviewOrder(order=order))
        assert isinstance(told, Preview)
        assert told.ok
        assert [words in text for text in told.warnings] == ([True] if words else [])


async def test_previews_leave_no_trace(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        before = it.engine.journal.state.digest()
        await it.ask(PreviewList(submit=SubmitList(kind=ListKind.OCO, legs=(ABOVE, BELOW))))
        await it.ask(PreviewAlgo(start=TWAP))
        assert it.engine.journal.state.digest() == before
        assert it.venue.sent_bytes == []
