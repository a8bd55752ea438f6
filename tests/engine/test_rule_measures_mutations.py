"""What the rules are fed with is broken in every way its comparisons can be, and these tables must notice:
trading hours, what an order takes from the book, what was forgiven, counts and streaks, open orders at their
worst, and the watch that acts."""

from collections import deque
from collections.abc import Callable, Iterator
from decimal import Decimal
from types import CodeType, FunctionType

import msgspec
import pytest

from spark_tui.domain import hours, slippage
from spark_tui.domain.rules import Rule, RuleKind, Scope
from spark_tui.domain.slippage import slippage_bp, take
from spark_tui.domain.values import OrderType
from spark_tui.engine import activity, exposure, losses, riskwatch
from spark_tui.engine.activity import Activity
from spark_tui.wire.clock import ManualClock
from tests.domain.risk_cases import BUY, SELL, limit, market
from tests.engine.watch_tables import exposure_told, losses_told, restored_told, watch_told
from tests.mutants import broken, functions, where

D = Decimal
MINUTE_MS = 60_000


def hours_told() -> Iterator[object]:
    monday_ms = 1_732_492_800_000  # 2024-11-25 00:00 UTC
    for text in (
        "09:00-17:30",
        "mon-fri 09:00-17:00",
        "fri-mon 09:00-17:00",
        "sun 22:00-06:00",
        "tue 00:00-24:00",
        "wed 10:00-10:00",
        "tue-tue 08:00-09:00",
        "mon 23:59-00:01",
        "abc 09:00-10:00",
        "mon-abc 09:00-10:00",
        "09:60-10:00",
        "09:59-10:00",
        "25:00-26:00",
        "00:00-24:01",
        "9-17",
    ):
        try:
            one = hours.parse_hours(text)
        except ValueError as error:
            yield str(error)
        else:
            yield one.spans, [one.open_at(monday_ms + at * MINUTE_MS) for at in range(0, 7 * 1_440, 29)]
            yield [
                one.open_at(monday_ms + at * MINUTE_MS + MINUTE_MS - 1) for at in (0, 539, 540, 1_049, 1_050)
            ]


ASKS = ((60_000.0, 1.0), (60_010.0, 1.0), (60_020.0, 1.0))
BIDS = ((59_990.0, 1.0), (59_980.0, 1.0), (59_970.0, 1.0))


def slippage_told() -> Iterator[object]:
    for side, levels in ((BUY, ASKS), (SELL, BIDS)):
        for quantity in ("0.5", "1", "1.5", "2", "3", "3.1"):
            yield take(market(side, quantity=D(quantity)), levels)
            yield take(market(side, quote_quantity=D(quantity) * 60_000), levels)
            for price in ("59980", "59975", "60010", "60015"):
                yield take(limit(quantity, price, side), levels)
        yield take(limit("1", "60000", side, type=OrderType.LIMIT_MAKER), levels)
        yield take(market(side, quantity=D(2), price=D(60_000)), levels)
        yield take(msgspec.structs.replace(limit("2", "60000", side), price=None), levels)
        yield take(market(side, quantity=D("NaN")), levels)
        yield take(market(side, quantity=D(1)), ())
        yield take(market(side, quantity=D("3.000000001")), levels)
        yield slippage_bp(market(side), D(60_010), D(60_000)), slippage_bp(market(side), D(59_990), D(60_000))
    yield take(limit("1", "NaN"), ASKS)


def forgiven_told() -> Iterator[object]:
    for kind in (RuleKind.MAX_DAILY_LOSS, RuleKind.MAX_DRAWDOWN, RuleKind.LOSS_STREAK):
        rule = Rule(id="r", kind=kind, limit=D(3))
        for value in ("0", "2", "3", "5", "40"):
            for forgiven in ("0", "3", "10", "100", "101"):
                for today in (True, False):
                    yield losses._since(rule, D(value), D(forgiven), today=today)


def counts_told() -> Iterator[object]:
    clock = ManualClock()
    acts = Activity(clock)
    here = limit()
    there = limit(symbol="ETHUSDT")
    scopes = (Scope(), Scope(symbol="BTCUSDT"), Scope(symbol="ETHUSDT"), Scope(strategy="twap"))

    def told() -> object:
        return [
            (
                acts.orders(scope, 10),
                acts.cancels(scope, 10),
                acts.orders(scope, 86_400),
                acts.rejections(scope),
            )
            for scope in scopes
        ]

    yield told()
    for step, (request, strategy) in enumerate(((here, "manual"), (there, "twap"), (here, "twap"))):
        acts.ordered(request, strategy)
        acts.canceled(request, strategy)
        acts.rejected(request, strategy, "-2010", f"no {step}")
        clock.advance(5)
        yield told()
    acts.rejected(here, "manual", "-1013", "another")
    yield told()
    acts.rejected(here, "manual", "-1013", "the same")
    clock.advance(1)
    yield told()
    acts.accepted(here, "manual")
    yield told()
    clock.advance(86_399)
    yield told()
    clock.advance(1)
    yield told()
    acts.forget_rejections()
    yield told()
    acts._orders = deque(maxlen=3)  # as after thousands
    for request in (here, there, there):
        yield told()
        acts.ordered(request, "manual")
        clock.advance(2)
    yield told()
    clock.advance(4)  # the first is as old as the window
    yield told()
    clock.advance(1)
    yield told()


SUBJECTS: tuple[tuple[Callable[[], Iterator[object]], tuple[FunctionType, ...]], ...] = (
    (hours_told, tuple(functions(hours))),
    (slippage_told, tuple(functions(slippage))),
    (forgiven_told, (losses._since,)),
    (counts_told, tuple(one for one in functions(activity) if one.__name__ in ("_count", "rejections"))),
    (exposure_told, tuple(functions(exposure))),
    (losses_told, tuple(one for one in functions(losses) if one.__name__ not in ("_since", "__init__"))),
    (watch_told, tuple(one for one in functions(riskwatch) if one.__name__ != "run")),
    (
        restored_told,
        tuple(one for one in functions(activity) if one.__name__ in ("restore", "_take_over", "_is_outcome")),
    ),
)
ALL = [
    pytest.param(told, one, name, code, id=f"{where(one)}: {name}")
    for told, subjects in SUBJECTS
    for one in subjects
    for name, code in broken(one, arithmetic=True)
]
_PRUNED = "acts[0].at_ns <= self._clock.mono_ns() - MAX_WINDOW_S * NS_PER_S"
SAME = {
    "slippage._sum: if part < available -> False": "nothing is wanted of what comes after",
    "slippage._covers: money >= multiply(request.quote_quantity or ZERO, ONE - _DUST) -> "
    "money > multiply(request.quote_quantity or ZERO, ONE - _DUST)": "dust is no exact figure",
    f"activity._count: {_PRUNED} -> {_PRUNED.replace('<=', '<')}": "it is outside every window already",
}


def answers(told: Callable[[], Iterator[object]]) -> list[object]:
    """An exception is an answer too."""
    found: list[object] = []
    try:
        for number, answer in enumerate(told()):
            assert number < 10_000, "it never ends"
            found.append(answer)
    except Exception as error:
        found.append(type(error).__name__)
    return found


@pytest.fixture(scope="module")
def healthy() -> dict[str, list[object]]:
    return {told.__name__: answers(told) for told, _ in SUBJECTS}


@pytest.mark.parametrize(("told", "one", "name", "code"), ALL)
def test_the_table_notices(
    told: Callable[[], Iterator[object]],
    one: FunctionType,
    name: str,
    code: CodeType,
    healthy: dict[str, list[object]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(one, "__code__", code)
    noticed = answers(told) != healthy[told.__name__]
    monkeypatch.undo()
    assert noticed != (f"{where(one)}: {name}" in SAME)


def test_the_tables_themselves_are_right(healthy: dict[str, list[object]]) -> None:
    """Without a fault, none of them ends in an exception."""
    assert all(not isinstance(told[-1], str) or name == "hours_told" for name, told in healthy.items())


def test_no_reason_is_left_over() -> None:
    assert set(SAME) <= {str(one.id) for one in ALL}
