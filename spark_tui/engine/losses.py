"""What was lost, for the rules that watch it: of the day, from the peak, and how many times in a row.

A figure that is missing for a moment, because a book is, stands for a minute as it was; then it is missing,
and the rules that need it refuse.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Final

from spark_tui.domain.decimals import EXACT, ZERO
from spark_tui.domain.risk import Measure
from spark_tui.domain.rules import KINDS, Rule, RuleKind, Scope
from spark_tui.engine.activity import strategy_of
from spark_tui.engine.holdings import Closing
from spark_tui.engine.portfolio import Portfolio
from spark_tui.engine.state import State
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

FRESH_S: Final = 60
HUNDRED: Final = Decimal(100)
DAILY: Final = frozenset({RuleKind.MAX_DAILY_LOSS, RuleKind.MAX_DAILY_LOSS_SHARE})


class Losses:
    """Implements riskview.Ledgers."""

    def __init__(self, state: State, portfolio: Portfolio, clock: Clock, utc_day: Callable[[], str]) -> None:
        self._state = state
        self._portfolio = portfolio
        self._clock = clock
        self._utc_day = utc_day
        self._known: dict[str, tuple[int, str, Decimal]] = {}  # figure -> (monotonic, period, value)

    def equity(self) -> Decimal | None:
        return self._recent("equity", self._portfolio.equity())

    def measure(self, rule: Rule) -> Measure:
        """What was lost since the operator, resuming, forgave what was lost before."""
        measure = self.whole(rule)
        forgiven = self._state.forgiven.get(rule.id)
        if forgiven is None or measure.value is None:
            return measure
        since = _since(rule, measure.value, forgiven.value, today=forgiven.day == self._utc_day())
        return Measure(value=since, why=measure.why, age_s=measure.age_s)

    def whole(self, rule: Rule) -> Measure:
        """Nothing forgiven."""
        match rule.kind:
            case RuleKind.MAX_DAILY_LOSS | RuleKind.MAX_DAILY_LOSS_SHARE:
                # yesterday's figure says nothing about today, nor does what was forgiven of it
                gain = self._recent("day", self._portfolio.day_pnl(), of=self._utc_day())
                return Measure(value=None if gain is None else EXACT.minus(gain), why=self._why(gain))
            case RuleKind.MAX_DRAWDOWN:
                fall = self._drawdown()
                return Measure(value=fall, why=self._why(fall))
            case RuleKind.LOSS_STREAK:
                return self._streak(rule.scope)
        return Measure(value=None, why=f"{KINDS[rule.kind].title} is no loss")

    def _drawdown(self) -> Decimal | None:
        """Percent below the peak, which survives a restart and knows money from outside from a loss."""
        fall = self._recent("drawdown", self._portfolio.drawdown())
        return None if fall is None else EXACT.multiply(fall, HUNDRED)

    def _streak(self, scope: Scope) -> Measure:
        count, latest_ms = 0, 0
        for closing in self._closings(scope):
            if closing.gain >= 0:
                break
            latest_ms = latest_ms or closing.time_ms
            count += 1
        age_s = (self._clock.wall_ns() / NS_PER_MS - latest_ms) / 1_000 if latest_ms else None
        return Measure(value=Decimal(count), age_s=age_s)

    def _closings(self, scope: Scope) -> Iterator[Closing]:
        """Newest first."""
        for closing in reversed(self._state.closings):
            order = self._state.orders.get(closing.client_order_id)
            strategy = strategy_of(self._state, order.parent if order is not None else "")
            if scope.covers(closing.venue, closing.symbol, strategy):
                yield closing

    def _recent(self, name: str, value: Decimal | None, *, of: str = "") -> Decimal | None:
        """`of`: the period the figure belongs to; that of another one is no figure."""
        now = self._clock.mono_ns()
        if value is not None:
            self._known[name] = (now, of, value)
            return value
        at, period, last = self._known.get(name, (0, "", None))
        fresh = period == of and now - at <= FRESH_S * NS_PER_S
        return last if fresh else None

    def _why(self, value: Decimal | None) -> str:
        return "a price is missing" if value is None else ""


def _since(rule: Rule, value: Decimal, forgiven: Decimal, *, today: bool) -> Decimal:
    if rule.kind in DAILY:
        return EXACT.subtract(value, forgiven) if today else value
    if rule.kind is RuleKind.MAX_DRAWDOWN:
        left = EXACT.subtract(HUNDRED, forgiven)
        if left <= 0:
            return ZERO
        return EXACT.subtract(HUNDRED, EXACT.divide((HUNDRED - value) * HUNDRED, left))
    return EXACT.subtract(value, forgiven) if value >= forgiven else value
