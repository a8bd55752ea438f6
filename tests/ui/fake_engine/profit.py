"""Profit of the scripted engine: two symbols of which one has no price now, a gap in the curve, cents that
nobody explained."""

import math
from decimal import Decimal

import msgspec

from spark_tui.domain.account import Position
from spark_tui.domain.accounting import Explained, FlowKind, Point, Window
from spark_tui.link.messages import (
    DayPnl,
    EquityCurve,
    ExplainedRow,
    Explanation,
    Pnl,
    PnlRow,
    StrategyPnl,
    SymbolPnl,
)
from tests.ui.fake_engine.world import VENUE

D = Decimal
MINUTE_MS = 60_000
GAP = range(500, 640)  # minutes ago: the engine did not run


def row(name: str, realised: str | None, unrealised: str | None, **changes: object) -> PnlRow:
    known = {"funding": D(0), "fees": D("4.18"), "volume": D("5012.40"), "unpriced": {}, **changes}
    total = None if realised is None or unrealised is None else D(realised) + D(unrealised)
    return PnlRow(
        name=name,
        trades=12,
        realised=None if realised is None else D(realised),
        unrealised=None if unrealised is None else D(unrealised),
        total=total,
        **known,  # type: ignore[arg-type]
    )


def strategy(name: str, whose: str, realised: str, unrealised: str | None) -> StrategyPnl:
    return StrategyPnl(**msgspec.structs.asdict(row(name, realised, unrealised)), whose=whose)


BTC = SymbolPnl(
    row=row("BTCUSDT", "3.20", "1.57"),
    base="BTC",
    quote="USDT",
    position=Position(
        venue=VENUE,
        symbol="BTCUSDT",
        quantity=D("0.014"),
        average_price=D("66900.0"),
        realised=D("3.20"),
        cost=D("936.60"),
    ),
    mark=D("67012.35"),
    unrealised=D("1.57"),
    fifo_average=D("66940.1"),
    fifo_realised=D("3.76"),
    fifo_unrealised=D("1.01"),
    lots=3,
    dust=False,
)
ETH = SymbolPnl(
    row=row("ETHUSDT", "-0.84", None, fees=D("0.40"), unpriced={"BNB": D("-0.0012")}),
    base="ETH",
    quote="USDT",
    position=Position(
        venue=VENUE,
        symbol="ETHUSDT",
        quantity=D("0.00004"),
        average_price=D("3412.20"),
        realised=D("-0.84"),
        cost=D("0.136488"),
    ),
    mark=None,
    unrealised=None,
    fifo_average=D("3410.10"),
    fifo_realised=D("-0.80"),
    fifo_unrealised=None,
    lots=1,
    dust=True,
)


def explained(asset: str, opening: str, rows: dict[FlowKind, Decimal], rest: str, price: str) -> ExplainedRow:
    expected = D(opening) + sum(rows.values(), D(0))
    actual = expected + D(rest)
    return ExplainedRow(
        explained=Explained(
            venue=VENUE,
            asset=asset,
            opening=D(opening),
            rows=rows,
            expected=expected,
            actual=actual,
            rest=D(rest),
            moved=sum((abs(one) for one in rows.values()), D(0)),
        ),
        worth=actual * D(price),
        rest_worth=D(rest) * D(price),
    )


class FakeProfit:
    def __init__(self) -> None:
        self.pnl = Pnl(
            currency="USDT",
            total=row("total", "2.36", None, fees=D("4.58")),
            symbols=(BTC, ETH),
            strategies=(
                strategy("twap", "algo-a1c046", "1.10", "0.40"),
                strategy("manual", "ozan", "1.26", None),
                strategy("external", "", "0.00", "0.00"),
            ),
            days=(
                DayPnl(row=row("2026-03-04", "1.20", None), equity=D("10012.40"), gain=D("12.40")),
                DayPnl(row=row("2026-03-03", "1.16", None), equity=None, gain=None),
            ),
        )
        self.explanation = Explanation(
            currency="USDT",
            rows=(
                explained(
                    "BTC", "0.5", {FlowKind.BOUGHT: D("0.0140"), FlowKind.FEE: D("-0.00001")}, "0", "67012"
                ),
                explained(
                    "USDT", "11000", {FlowKind.SOLD: D("-936.60"), FlowKind.DEPOSIT: D("50")}, "-0.02", "1"
                ),
            ),
            rest_worth=D("-0.02"),
            accuracy={VENUE: D("0.99998")},
        )
        self.samples = True
        self.fall: Decimal | None = None  # of every sample; None: as the curve has it
        self.age_min: int | None = None  # of the account; None: years

    def equity(self, window: Window, now_ms: int) -> EquityCurve:
        step_ms, count = {
            Window.DAY: (MINUTE_MS, 1_440),
            Window.MONTH: (60 * MINUTE_MS, 200),
            Window.ALL: (1_440 * MINUTE_MS, 30),
        }[window]
        points = tuple(
            point(now_ms - ago * step_ms, ago, count)
            for ago in range(self._oldest(step_ms, count), 0, -1)
            if not (window is Window.DAY and ago in GAP)
        )
        now = Point(at_ms=now_ms, equity=D("10012.40"), gain=D("12.40"), fall=D("0.0012"))
        if self.fall is not None:
            points = tuple(msgspec.structs.replace(one, fall=self.fall) for one in points)
            now = msgspec.structs.replace(now, fall=self.fall)
        deepest = max((*points, now), key=lambda one: one.fall)
        if not self.samples:
            return EquityCurve(window=window, currency="USDT", points=(), now=None, deepest=None, unpriced=())
        return EquityCurve(
            window=window, currency="USDT", points=points, now=now, deepest=deepest, unpriced=("XYZ",)
        )

    def _oldest(self, step_ms: int, count: int) -> int:
        """An hour or a day that is not over yet has its newest sample."""
        return count if self.age_min is None else min(count, max(1, self.age_min * MINUTE_MS // step_ms))


def point(at_ms: int, ago: int, count: int) -> Point:
    along = (count - ago) / count
    worth = 10_000 + 16 * along + 6 * math.sin(along * 15)
    equity = D(f"{worth:.2f}")
    peak = 10_000 + 16 * along + 6
    return Point(at_ms=at_ms, equity=equity, gain=equity - 10_000, fall=D(f"{(peak - worth) / peak:.6f}"))
