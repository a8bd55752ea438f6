"""Every metric of orders and of calls about the account moves when an operator does what it counts: as a
Prometheus scrapes it, from a real engine on a real exchange."""

import json
import urllib.request
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.e2e.processes import LIMIT, Desk, Simulator, free_port, wait_for

Scrape = dict[tuple[str, tuple[tuple[str, str], ...]], float]


def scraped(port: int) -> Scrape:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(scrape: Scrape, name: str, **labels: str) -> float:
    """Of all series with that name and at least those labels."""
    wanted = set(labels.items())
    return sum(value for (series, has), value in scrape.items() if series == name and wanted <= set(has))


def deed(desk: Desk, action: str, code: int, **params: str) -> str:
    """`spark-tui do`; its client order id, if it has one."""
    words = [f"{name}={value}" for name, value in params.items()]
    done = desk.run("do", action, *words, "--data-dir", str(desk.data))
    assert done.returncode == code, (action, done.stdout, done.stderr)
    answer = json.loads(done.stdout)
    return str(answer.get("client_order_id", answer.get("order", {}).get("client_order_id", "")))


def test_each_metric_moves_with_what_it_counts(desk: Desk, tmp_path: Path) -> None:
    port = free_port()
    desk.engine(Simulator(desk), EXECUTOR_PORT=str(port))
    trading = desk.show("status")["venues"][0]
    wait_for(lambda: desk.submit(quantity="0.001").get("state") == "ACCEPTED", "a first order")
    begin = scraped(port)
    assert total(begin, "spark_private_websocket_connected", venue=trading["name"]) == 1
    assert total(begin, "spark_private_symbols_total", quote="USDT") > 0
    assert total(begin, "spark_private_exchange_info_total") > 0
    assert total(begin, "spark_private_pnl_accuracy") == 1

    resting = deed(desk, "order.submit", 0, **LIMIT)
    deed(desk, "order.replace", 0, client_order_id=resting, **(LIMIT | {"price": "49000"}))
    deed(desk, "order.submit", 1, **(LIMIT | {"quantity": "1000"}))
    crossing = LIMIT | {"type": "LIMIT_MAKER", "side": "SELL", "quantity": "0.001"}
    deed(desk, "order.submit", 1, **crossing)
    assert desk.ask("canary", "run", "--symbol", "BTCUSDT", "--json")["verdict"] == "green"
    desk.ask("diff", "report", "--json")
    deed(desk, "order.cancel-all", 0)
    deed(desk, "kill", 0)

    end = scraped(port)
    for name, labels in (
        ("spark_private_calls_total", {"ok": "true"}),
        ("spark_private_calls_total", {"ok": "false"}),
        ("spark_private_errors_total", {"code": "-2010"}),
        ("spark_private_call_duration_ms_count", {}),
        ("spark_private_order_replace_total", {"ok": "true"}),
        ("spark_private_risk_violations_total", {}),
        ("spark_private_limit_maker_reject_total", {}),
        ("spark_private_diff_report_total", {}),
        ("canary_order_latency_seconds_count", {}),
        ("spark_tui_orders_total", {"state": "ACCEPTED"}),
        ("spark_tui_order_denials_total", {}),
    ):
        assert total(end, name, **labels) > total(begin, name, **labels), (name, labels)
    assert total(end, "spark_private_cancel_all_total", ok="true") == 2
