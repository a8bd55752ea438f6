"""Single orders through the venue: what they do, what they lock, what is told of them."""

from decimal import Decimal

from spark_tui.simulator.fixed import SCALE
from spark_tui.simulator.orders import NewOrder
from tests.simulator.rig import Rig


def test_a_limit_order_takes_then_rests_then_is_hit() -> None:
    rig = Rig()
    rig.ladder()
    placed = rig.limit("BUY", "67001.00", "0.3")
    assert (placed["status"], placed["executedQty"]) == ("PARTIALLY_FILLED", "0.10000000")
    assert placed["fills"][0]["commission"] == "0.00010000"
    assert placed["fills"][0]["commissionAsset"] == "BTC"
    rig.hit("SELL", "67001", "0.2")
    order = rig.ask("order.status", symbol="BTCUSDT", orderId=placed["orderId"])["result"]
    assert (order["status"], order["executedQty"]) == ("FILLED", "0.30000000")
    trades = rig.ask("myTrades", symbol="BTCUSDT")["result"]
    assert [(t["isMaker"], t["qty"]) for t in trades] == [(False, "0.10000000"), (True, "0.20000000")]
    rig.check_books()


def test_a_better_price_gives_back_what_was_locked_above_it() -> None:
    rig = Rig()
    rig.ladder()
    before = rig.account.balance("USDT").free
    rig.limit("BUY", "67005", "0.1")
    assert before - rig.account.balance("USDT").free == 67_001 * SCALE // 10
    assert rig.account.balance("USDT").locked == 0


def test_a_sell_pays_its_fee_in_what_it_receives() -> None:
    rig = Rig()
    rig.ladder()
    sold = rig.place(side="SELL", type="MARKET", quantity="0.1")
    assert sold["fills"][0]["commissionAsset"] == "USDT"
    assert sold["fills"][0]["commission"] == "6.69990000"


def test_market_orders_expire_when_the_book_is_too_thin() -> None:
    rig = Rig()
    rig.quote("SELL", "67001", "0.01")
    rig.exchange.market("BTCUSDT").last_price = 67_000 * SCALE
    done = rig.place(side="BUY", type="MARKET", quantity="0.05")
    assert (done["status"], done["executedQty"]) == ("EXPIRED", "0.01000000")
    assert done["expiryReason"] == "INSUFFICIENT_LIQUIDITY"
    rig.check_books()


def test_a_quote_quantity_buys_whole_lots_only() -> None:
    rig = Rig()
    rig.ladder()
    done = rig.place(side="BUY", type="MARKET", quoteOrderQty="100")
    assert done["status"] == "FILLED"
    assert done["origQuoteOrderQty"] == "100.00000000"
    assert Decimal(done["executedQty"]) % Decimal("0.00001") == 0
    assert Decimal(100) - Decimal(done["cummulativeQuoteQty"]) < Decimal("0.68")


def test_ioc_and_fok() -> None:
    rig = Rig()
    rig.ladder()
    partly = rig.limit("BUY", "67001", "0.3", timeInForce="IOC")
    assert (partly["status"], partly["executedQty"]) == ("EXPIRED", "0.10000000")
    assert partly["expiryReason"] == "UNFILLED_IOC_QUANTITY_EXPIRED"
    nothing = rig.limit("BUY", "67002", "0.3", timeInForce="FOK")
    assert (nothing["status"], nothing["executedQty"]) == ("EXPIRED", "0.00000000")
    assert nothing["expiryReason"] == "UNFILLED_FOK_ORDER_EXPIRED"
    assert rig.limit("BUY", "67003", "0.2", timeInForce="FOK")["status"] == "FILLED"


def test_stops_wait_lock_and_fire_on_the_last_trade() -> None:
    rig = Rig()
    rig.ladder()
    rig.follow()
    rig.place(
        side="SELL",
        type="STOP_LOSS_LIMIT",
        timeInForce="GTC",
        quantity="0.05",
        price="66990",
        stopPrice="66998",
    )
    waiting = rig.ask("openOrders.status", symbol="BTCUSDT")["result"][0]
    assert (waiting["status"], waiting["isWorking"], waiting["workingTime"]) == ("NEW", False, -1)
    assert rig.account.balance("BTC").locked == 5 * SCALE // 100
    first = rig.events()[0]
    assert (first["x"], first["w"], "W" in first) == ("NEW", False, False)
    rig.hit("SELL", "66999", "0.1")  # not yet
    assert rig.events() == []
    rig.hit("SELL", "66998", "0.01")
    reports = [event for event in rig.events() if event["e"] == "executionReport"]
    assert [(event["x"], event["X"]) for event in reports] == [("NEW", "NEW"), ("TRADE", "FILLED")]
    rig.check_books()


def test_a_stop_already_reached_is_refused() -> None:
    rig = Rig()
    rig.ladder()
    stop = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "stopPrice": "67000"}
    assert rig.refused(**stop) == (-2010, "Order would trigger immediately.")
    assert rig.refused(**(stop | {"side": "BUY"})) == (-2010, "Order would trigger immediately.")
    take = stop | {"type": "TAKE_PROFIT", "stopPrice": "66999"}
    assert rig.refused(**take) == (-2010, "Order would trigger immediately.")


def test_meeting_oneself_expires_the_maker_and_says_so() -> None:
    rig = Rig()
    rig.ladder()
    own = rig.limit("SELL", "67000.50", "0.05")
    rig.follow()
    done = rig.limit("BUY", "67000.50", "0.02")
    assert done["preventedMatches"][0]["makerOrderId"] == own["orderId"]
    assert (done["status"], done["executedQty"]) == ("NEW", "0.00000000")
    kinds = [(e["x"], e["X"], e["i"]) for e in rig.events() if e["e"] == "executionReport"]
    assert kinds == [
        ("NEW", "NEW", done["orderId"]),
        ("TRADE_PREVENTION", "EXPIRED_IN_MATCH", own["orderId"]),
    ]
    rig.check_books()


def test_prevented_matches_are_listed() -> None:
    rig = Rig()
    rig.ladder()
    own = rig.limit("SELL", "67000.50", "0.05")
    done = rig.limit("BUY", "67000.50", "0.02")
    rows = rig.call("GET", "myPreventedMatches", symbol="BTCUSDT", orderId=own["orderId"])[1]
    assert [(row["takerOrderId"], row["makerPreventedQuantity"]) for row in rows] == [
        (done["orderId"], "0.05000000")
    ]
    match_id = rows[0]["preventedMatchId"]
    assert rig.call("GET", "myPreventedMatches", symbol="BTCUSDT", preventedMatchId=match_id)[1] == rows
    assert rig.call("GET", "myPreventedMatches", symbol="BTCUSDT")[1]["code"] == -1128


def test_what_prevention_took_never_counts_as_filled() -> None:
    rig = Rig()
    rig.ladder()
    own = rig.limit("SELL", "67000.50", "0.01")
    done = rig.place(side="BUY", type="MARKET", quantity="0.03", selfTradePreventionMode="DECREMENT")
    assert (done["status"], done["executedQty"]) == ("EXPIRED_IN_MATCH", "0.02000000")
    assert done["preventedQuantity"] == "0.01000000"
    assert (
        rig.ask("order.status", symbol="BTCUSDT", orderId=own["orderId"])["result"]["status"]
        == "EXPIRED_IN_MATCH"
    )
    rig.check_books()


def test_events_of_one_transaction_come_in_the_venues_order() -> None:
    rig = Rig()
    rig.ladder()
    rig.follow()
    rig.place(side="BUY", type="MARKET", quantity="0.25")
    events = rig.events()
    assert [event.get("x", event["e"]) for event in events] == [
        "NEW",
        "TRADE",
        "TRADE",
        "TRADE",
        "outboundAccountPosition",
    ]
    assert [event["X"] for event in events[:-1]] == ["NEW", "PARTIALLY_FILLED", "PARTIALLY_FILLED", "FILLED"]
    assert len({event["T"] for event in events[:-1]}) == 1
    ids = [event["I"] for event in events[:-1]]
    assert ids == sorted(set(ids))
    assert {entry["a"] for entry in events[-1]["B"]} == {"BTC", "USDT"}


def test_the_order_store_forgets_the_oldest_ended_orders_only() -> None:
    rig = Rig()
    rig.ladder()
    first = rig.limit("BUY", "60000", "0.001", newClientOrderId="keeps")
    store = rig.exchange.stores[rig.account.uid]
    order = store.by_id("BTCUSDT", first["orderId"])
    assert order is not None
    for number in range(2_100):
        new = NewOrder(
            symbol="BTCUSDT",
            buy=True,
            type="LIMIT",
            time_in_force="FOK",
            quantity=SCALE,
            price=60_000 * SCALE,
            client_id=f"n{number}",
            response="ACK",
        )
        rig.exchange.place(rig.account, new, rig.now_ms)
    assert store.by_client_id("BTCUSDT", "keeps") is order
    assert store.by_client_id("BTCUSDT", "n0") is None
    assert len(list(store.all())) == 2_001
