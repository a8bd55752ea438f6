"""The ticket's preview and the gate say the same, whatever is asked."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spark_tui.domain.fees import FeeRates
from spark_tui.domain.order import OrderState
from spark_tui.domain.rules import KINDS, Rule, RuleEffect, RuleKind, Scope, Unit, problem
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.engine.options import EngineSettings
from spark_tui.link.messages import OrderUpdate, Preview, PreviewOrder, SubmitOrder
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, D, FakeVenue
from tests.engine.harness import Rig, buy, rig

RULES = (
    Rule(id="symbols", kind=RuleKind.SYMBOLS, symbols=(SYMBOL,)),
    Rule(id="floor", kind=RuleKind.MIN_ORDER_NOTIONAL, limit=D(20)),
    Rule(id="cap", kind=RuleKind.MAX_ORDER_NOTIONAL, limit=D(100_000)),
    Rule(id="band", kind=RuleKind.PRICE_BAND, limit=D(5)),
    Rule(id="rate", kind=RuleKind.MAX_ORDER_RATE, limit=D(3), window_s=10),
)


async def preview(it: Rig, order: SubmitOrder) -> Preview:
    result = await it.ask(PreviewOrder(order=order))
    assert isinstance(result, Preview)
    return result


_amounts = st.decimals(min_value="-1", max_value="20", places=7) | st.sampled_from(
    [
        D("NaN"),
        D("Infinity"),
        D(0),
        D("1E+3"),
        D("0.5"),
        D("1E+30"),
        D("1E-30"),
        D("0." + "3" * 40),
    ]
)
_prices = st.decimals(min_value="50000", max_value="70000", places=3) | st.sampled_from(
    [D("NaN"), D(0), None]
)
orders = st.builds(
    SubmitOrder,
    symbol=st.sampled_from([SYMBOL, "NOSUCH"]),
    side=st.sampled_from(Side),
    type=st.sampled_from(OrderType),
    quantity=_amounts | st.none(),
    quote_quantity=st.none() | st.sampled_from([D(200), D(90_000), D("NaN")]),
    price=_prices,
    stop_price=st.none() | st.just(D(61_000)),
    trailing_delta=st.none() | st.sampled_from([0, 10, 200, 5000]),
    iceberg_quantity=st.none() | st.sampled_from([D("0.1"), D(0), D("NaN")]),
    time_in_force=st.none() | st.sampled_from(TimeInForce),
)


_LIMITS: dict[Unit, tuple[str, ...]] = {
    Unit.QUOTE: ("100", "30000", "300000"),
    Unit.BASE: ("0.1", "2"),
    Unit.ACCOUNT: ("100", "30000"),
    Unit.PERCENT: ("0.5", "5", "50"),
    Unit.BASIS_POINTS: ("0.1", "10"),
    Unit.TIMES: ("0.01", "2"),
    Unit.COUNT: ("1", "3", "20"),
}


_scopes = st.builds(
    Scope,
    venue=st.sampled_from(["", NAME, "elsewhere"]),
    symbol=st.sampled_from(["", SYMBOL, "X"]),
    strategy=st.sampled_from(["", "manual", "twap"]),
)


@st.composite
def any_rules(draw: st.DrawFn) -> tuple[Rule, ...]:
    """Any rules of any kind, each with any effect but the kill, which acts later."""
    rules = []
    for number, kind in enumerate(draw(st.lists(st.sampled_from(RuleKind), max_size=5))):
        facts = KINDS[kind]
        rules.append(
            Rule(
                id=f"r{number}",
                kind=kind,
                limit=D(draw(st.sampled_from(_LIMITS[facts.unit]))) if facts.unit in _LIMITS else None,
                window_s=60 if facts.windowed else None,
                symbols=(draw(st.sampled_from([SYMBOL, "NOSUCH"])),) if kind is RuleKind.SYMBOLS else (),
                hours="thu 08:00-09:00" if kind is RuleKind.TRADING_HOURS else "",
                scope=Scope() if facts.account else draw(_scopes),
                effect=draw(st.sampled_from([RuleEffect.REFUSE, RuleEffect.REDUCE_ONLY, RuleEffect.HALT])),
            )
        )
    assert [problem(rule) for rule in rules] == [""] * len(rules)
    return tuple(rules)


@settings(max_examples=40, deadline=None)
@given(
    asked=st.lists(orders, min_size=1, max_size=12),
    rules=st.just(RULES) | any_rules(),
    fills=st.booleans(),
    usable=st.booleans(),
    halted=st.booleans(),
)
async def test_the_previews_verdict_is_the_gates_verdict(
    asked: list[SubmitOrder], rules: tuple[Rule, ...], fills: bool, usable: bool, halted: bool
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = EngineSettings(symbols={NAME: (SYMBOL,)}, rules=rules)
        async with rig(Path(folder), settings=settings) as it:
            it.venue.plan.extend(["fill", "rest", "dead"] * 4 if fills else [])
            if not usable:
                it.venue.skip(3)
                it.venue.failing["depth_snapshot"] = UNREACHABLE
                it.venue.tick()
            if halted:
                it.engine.guard.halt("drill")
            for order in asked:
                told = await preview(it, order)
                sent = await it.ask(told.order)
                assert isinstance(sent, OrderUpdate)
                assert (sent.order.state is not OrderState.DENIED) == told.ok
                if not told.ok:
                    first = next(verdict for verdict in told.verdicts if not verdict.ok)
                    assert sent.order.code == first.code
                    assert sent.order.text == told.reason == first.text
                assert told.ok <= (usable and not halted)


async def test_quantising_is_shown_and_is_what_would_be_sent(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        told = await preview(it, buy("0.1234567", "59000.019"))
        assert (told.order.quantity, told.order.price) == (D("0.12345"), D("59000.01"))
        assert len(told.changes) == 2
        assert told.ok
        raw = await it.submit(buy("0.1234567", "59000.019"))  # the engine itself changes nothing
        assert raw.state is OrderState.DENIED
        assert raw.code.startswith("FILTER_")


async def test_the_fee_is_the_accounts_own_at_its_worst(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.fees = FeeRates(maker=D("0.0002"), taker=D("0.0004"), buyer=D("0.0001"), seller=D("0.0003"))
        it.engine.portfolio.on_balances(await it.venue.balances())
        assert (await preview(it, buy("1", "59000"))).fee == D("0.0005")
        assert (await preview(it, buy("1", "61000", side=Side.SELL))).fee == D("42.7")
        assert (await preview(it, buy("1", "58000", side=Side.SELL))).fee == D(42)  # it sells at the bid
        assert (await preview(it, buy("0.00001", "59000"))).fee == D("0.00000001")  # never less than it is


async def test_no_fee_is_told_before_the_account_told_its_rates(tmp_path: Path) -> None:
    venue = FakeVenue(clock := ManualClock())
    venue.fees = None
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        told = await preview(it, buy("1", "59000"))
        assert (told.ok, told.fee, told.fee_asset) == (True, None, "BTC")


async def test_notional_fee_and_slippage_come_from_the_book(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        told = await preview(it, buy("0.5", None))
        assert told.notional == D("0.5") * 60_010
        assert (told.fee, told.fee_asset) == (D("0.0005"), "BTC")
        assert told.slippage_bp == pytest.approx(5 / 60_005 * 10_000)
        sale = await preview(it, buy("0.5", None, side=Side.SELL))
        assert (sale.fee, sale.fee_asset) == (D("30.00000000"), "USDT")
        resting = await preview(it, buy("0.5", "59000"))
        assert resting.slippage_bp is None
        assert (told.rests, resting.rests) == (False, True)
        assert resting.notional == 29_500


async def test_the_position_after_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.5", None))
        told = await preview(it, buy("0.2", "59000", side=Side.SELL))
        assert (told.position, told.position_after) == (D("0.5"), D("0.3"))
        assert told.liquidation is None  # nothing is margined on spot
        told = await preview(
            it, SubmitOrder(symbol=SYMBOL, side=Side.BUY, type=OrderType.MARKET, quote_quantity=D(60_010))
        )
        assert told.position_after == D("1.5")


@pytest.mark.parametrize("amount", ["1" * 60, "0." + "1" * 60, "1E+63", "1E-63"])
async def test_sixty_digits_are_refused_by_the_rules_and_no_defect(tmp_path: Path, amount: str) -> None:
    async with rig(tmp_path) as it:
        for side in Side:
            asked = buy(amount, amount, side=side)
            told = await it.ask(PreviewOrder(order=asked, as_asked=True))
            assert isinstance(told, Preview)
            assert not told.ok


async def test_more_than_the_book_holds_has_no_honest_slippage(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        told = await preview(it, buy("9", None))
        assert (told.slippage_bp, told.rests) == (None, False)


async def test_preview_leaves_no_trace(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        before = it.engine.journal.state.digest()
        await preview(it, buy())
        assert it.engine.journal.state.digest() == before
        assert it.venue.sent_bytes == []


async def test_a_key_goes_through_the_preview(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        assert (await preview(it, buy(key="a"))).order.key == "a"
