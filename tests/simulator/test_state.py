"""What a restart must give back: lists and their legs, icebergs, trailing stops, amendments, locks."""

from pathlib import Path
from typing import Any

import pytest

from spark_tui.simulator.state import StateFile, restore
from tests.simulator.rig import Rig
from tests.simulator.test_hidden_and_trailing import trade_at
from tests.simulator.test_lists import OCO, OTOCO, placed, states


def restarted(rig: Rig, folder: Path) -> Rig:
    """Another venue that continues from this one's saved state; its crowd is a new one."""
    file = StateFile(folder)
    file.write(file.encode(rig.simulation, api_key="k", api_secret="s", ed25519_api_key=""))
    saved = file.load()
    assert saved is not None
    again = Rig()
    again.wall_ns = rig.wall_ns
    restore(again.simulation, saved)
    for name, market in again.exchange.markets.items():
        market.last_price = rig.exchange.market(name).last_price
    again.check_books()
    return again


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.ladder()
    return rig


def balances(rig: Rig) -> dict[str, Any]:
    return {asset: (held.free, held.locked) for asset, held in rig.account.balances.items()}


def test_an_oco_goes_on_after_a_restart(rig: Rig, tmp_path: Path) -> None:
    found = placed(rig, "oco", listClientOrderId="mine", **OCO)
    again = restarted(rig, tmp_path)
    assert balances(again) == balances(rig)
    listed = again.ask("orderList.status", origClientOrderId="mine")["result"]
    assert {name: found[name] for name in listed} == listed
    again.hit("BUY", "67003", "0.2")
    assert states(again, found) == [("EXPIRED", "OCO_TRIGGER"), ("PARTIALLY_FILLED", "NONE")]
    again.check_books()
    assert (
        placed(again, "oco", **(OCO | {"quantity": "0.1", "abovePrice": "67900"}))["orderListId"]
        > found["orderListId"]
    )


def test_pending_legs_begin_after_a_restart(rig: Rig, tmp_path: Path) -> None:
    found = placed(rig, "otoco", **OTOCO)
    again = restarted(rig, tmp_path)
    assert states(again, found) == [("NEW", "NONE"), ("PENDING_NEW", "NONE"), ("PENDING_NEW", "NONE")]
    again.hit("SELL", "66998.50", "0.1")
    assert states(again, found) == [("FILLED", "NONE"), ("NEW", "NONE"), ("NEW", "NONE")]
    last = restarted(again, tmp_path / "later")
    last.ask("orderList.cancel", symbol="BTCUSDT", orderListId=found["orderListId"])
    assert states(last, found)[1:] == [("CANCELED", "NONE")] * 2
    last.check_books()


def test_icebergs_trails_and_amendments_are_kept(rig: Rig, tmp_path: Path) -> None:
    iceberg = rig.limit("SELL", "67000.50", "0.5", icebergQty="0.1")
    rig.hit("BUY", "67000.50", "0.25")
    rig.ask("order.amend.keepPriority", symbol="BTCUSDT", orderId=iceberg["orderId"], newQty="0.4")
    trail = rig.place(side="SELL", type="STOP_LOSS", quantity="0.01", trailingDelta="100")
    trade_at(rig, "66999.90", "66999.95")
    again = restarted(rig, tmp_path)
    again.quote("BUY", "60000", "10")
    assert again.exchange.market("BTCUSDT").depth(1)[2] == rig.exchange.market("BTCUSDT").depth(1)[2]
    rows = again.ask("order.amendments", symbol="BTCUSDT", orderId=iceberg["orderId"])["result"]
    assert [row["newQty"] for row in rows] == ["0.40000000"]
    again.hit("SELL", "66999", "0.01")
    again.hit("SELL", "60000", "0.01")  # below 66999.95 x 0.99
    assert (
        again.ask("order.status", symbol="BTCUSDT", orderId=trail["orderId"])["result"]["status"] == "FILLED"
    )
