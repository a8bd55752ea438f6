"""What the meters say of orders and of the calls about the account."""

from pathlib import Path

import pytest

from spark_tui.domain.health import Call
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.measure import MeasuredService, sample
from spark_tui.link.messages import CancelAll, Kill, ReplaceOrder, SubmitOrder
from spark_tui.telemetry.metrics import Metrics, Sample
from tests.engine.harness import D, Rig, buy, rig


def value(metrics: Metrics, name: str, **labels: str) -> float | None:
    return metrics.registry.get_sample_value(name, labels)


class Measured:
    def __init__(self, it: Rig) -> None:
        self._engine = it.engine
        self.metrics = Metrics()
        self.service = MeasuredService(it.engine, self.metrics)

    def value(self, name: str, **labels: str) -> float | None:
        self.metrics.sample = sample(self._engine, 0)
        return value(self.metrics, name, **labels)

    async def ask(self, request: object) -> object:
        return await self.service.handle(request, "tester", None)  # type: ignore[arg-type]


async def test_a_refusal_by_a_rule_counts_under_its_code(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        measured = Measured(it)
        await measured.ask(buy("20"))
        await measured.ask(buy())
        assert measured.value("spark_private_risk_violations_total", rule="INSUFFICIENT_BALANCE") == 1
        assert measured.value("spark_tui_order_denials_total", code="INSUFFICIENT_BALANCE") == 1
        assert measured.value("spark_tui_orders_total", state="DENIED") == 1
        assert measured.value("spark_tui_orders_total", state="ACCEPTED") == 1


async def test_a_refused_maker_order_counts_and_a_resting_one_does_not(tmp_path: Path) -> None:
    maker = SubmitOrder(
        symbol="BTCUSDT", side=Side.BUY, type=OrderType.LIMIT_MAKER, quantity=D("0.5"), price=D(59_000)
    )
    async with rig(tmp_path) as it:
        measured = Measured(it)
        await measured.ask(maker)
        it.venue.plan.append("reject")
        await measured.ask(maker)
        assert measured.value("spark_private_limit_maker_reject_total") == 1


@pytest.mark.parametrize(("plan", "ok"), [("rest", "true"), ("new-fails", "false")])
async def test_replacements_count_by_whether_the_new_order_was_placed(
    tmp_path: Path, plan: str, ok: str
) -> None:
    async with rig(tmp_path) as it:
        measured = Measured(it)
        order = await it.submit()
        it.venue.plan.append(plan)
        await measured.ask(ReplaceOrder(client_order_id=order.client_order_id, order=buy(price="58000")))
        other = {"true": "false", "false": "true"}[ok]
        assert measured.value("spark_private_order_replace_total", ok=ok) == 1
        assert measured.value("spark_private_order_replace_total", ok=other) == 0


async def test_a_replacement_whose_reply_was_lost_counts_when_its_fate_is_known(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        measured = Measured(it)
        order = await it.submit()
        it.venue.plan.append("lost")
        await measured.ask(ReplaceOrder(client_order_id=order.client_order_id, order=buy(price="58000")))
        assert measured.value("spark_tui_orders_total", state="UNKNOWN") == 1
        await it.until(lambda: measured.value("spark_private_order_replace_total", ok="true") == 1)
        assert measured.value("spark_private_order_replace_total", ok="false") == 0


async def test_cancel_all_and_kill_count(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        measured = Measured(it)
        await measured.ask(CancelAll())
        await measured.ask(Kill())
        assert measured.value("spark_private_cancel_all_total", ok="true") == 2


async def test_what_trades_is_counted_by_quote_asset(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        assert sample(it.engine, 0).instruments == {("fake", "USDT"): 1}


async def test_accuracy_of_profit_is_a_gauge_by_venue_and_no_figure_while_unknown(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        metrics = Metrics()
        metrics.sample = sample(it.engine, 0)
        assert value(metrics, "spark_private_pnl_accuracy", venue="fake") == 1
        it.venue.holdings = {"USDT": D(0), "BTC": D(10)}
        it.engine.portfolio.on_balances(await it.venue.balances())
        metrics.sample = sample(it.engine, 0)
        assert value(metrics, "spark_private_pnl_accuracy", venue="fake") == 0
    metrics.sample = Sample(pnl_accuracy={"fake": None})
    assert value(metrics, "spark_private_pnl_accuracy", venue="fake") is None


def call(code: str = "", route: str = "/api/v3/order", took_ms: float = 3.0) -> Call:
    return Call(route=route, method="POST", code=code, took_ms=took_ms)


def test_calls_count_by_route_and_outcome() -> None:
    metrics = Metrics()
    for code in ("", "-2010", "-2010", "lost"):
        metrics.call(call(code))
    labels = {"route": "/api/v3/order", "method": "POST"}
    assert value(metrics, "spark_private_calls_total", ok="true", **labels) == 1
    assert value(metrics, "spark_private_calls_total", ok="false", **labels) == 3
    assert value(metrics, "spark_private_errors_total", route="/api/v3/order", code="-2010") == 2
    assert value(metrics, "spark_private_call_duration_ms_count", route="/api/v3/order") == 4
    assert value(metrics, "spark_private_call_duration_ms_bucket", route="/api/v3/order", le="5.0") == 4


def test_what_is_no_code_cannot_make_a_series_of_its_own() -> None:
    metrics = Metrics()
    for index in range(100):
        metrics.call(call(f"the venue says {index}"))
    assert value(metrics, "spark_private_errors_total", route="/api/v3/order", code="other") == 100


def test_fetching_the_instruments_is_a_counter_of_its_own() -> None:
    metrics = Metrics()
    metrics.call(call(route="/api/v3/exchangeInfo"))
    assert value(metrics, "spark_private_exchange_info_total") == 1
    assert (
        value(metrics, "spark_private_calls_total", route="/api/v3/exchangeInfo", method="POST", ok="true")
        is None
    )
