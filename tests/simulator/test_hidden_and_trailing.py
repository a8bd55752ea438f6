"""Icebergs and trailing stops."""

import pytest

from spark_tui.simulator.fixed import SCALE
from spark_tui.simulator.matching import CROWD, Book, Resting, SelfTrade
from tests.simulator.rig import Rig


@pytest.fixture
def rig() -> Rig:
    rig = Rig()
    rig.ladder()
    return rig


def ask(number: int, leaves: int, peak: int = 0, owner: int = CROWD) -> Resting:
    return Resting(id=number, owner=owner, buy=False, price=100, leaves=leaves, peak=peak)


def test_the_book_shows_a_slice_and_a_fresh_slice_goes_to_the_back() -> None:
    book = Book()
    book.add(ask(1, 25, peak=10))
    book.add(ask(2, 10))
    assert book.quantity_at(bids=False, price=100) == 20
    taker = Resting(id=3, owner=CROWD, buy=True, price=100, leaves=32)
    met = [(e.maker.id, e.quantity) for e in book.take(taker, limit=100)]
    assert met == [(1, 10), (2, 10), (1, 10), (1, 2)]
    assert book.quantity_at(bids=False, price=100) == 3
    rest = Resting(id=4, owner=CROWD, buy=True, price=100, leaves=5)
    assert [(e.maker.id, e.quantity) for e in book.take(rest, limit=100)] == [(1, 3)]
    assert rest.leaves == 2
    assert not book.asks


def test_a_fresh_slice_waits_behind_who_came_before_it() -> None:
    book = Book()
    book.add(ask(1, 25, peak=10))
    book.add(ask(2, 10))
    met = []
    for number in (3, 4):
        taker = Resting(id=number, owner=CROWD, buy=True, price=100, leaves=10)
        met += [e.maker.id for e in book.take(taker, limit=100)]
    assert met == [1, 2]


def test_hidden_quantity_counts_where_a_taker_would_meet_it() -> None:
    book = Book()
    book.add(ask(1, 25 * SCALE, peak=10 * SCALE, owner=7))
    assert book.fillable(buy=True, limit=100, quantity=25 * SCALE)
    assert not book.fillable(buy=True, limit=100, quantity=25 * SCALE, but=7)
    assert book.sweep_cost(buy=True, quantity=30 * SCALE) == 2_500
    assert book.levels(bids=False, limit=1) == [(100, 10 * SCALE)]


def test_expiring_an_iceberg_takes_its_hidden_part_too() -> None:
    book = Book()
    book.add(ask(1, 25, peak=10, owner=7))
    taker = Resting(id=2, owner=7, buy=True, price=100, leaves=5)
    executions = book.take(taker, limit=100, mode=SelfTrade.EXPIRE_MAKER)
    assert [(e.quantity, e.prevented) for e in executions] == [(25, True)]
    assert not book.asks


def test_shrinking_takes_the_hidden_part_first() -> None:
    book = Book()
    iceberg = ask(1, 25, peak=10)
    book.add(iceberg)
    book.shrink(iceberg, 12)
    assert (iceberg.leaves, iceberg.hidden, book.asks[100].hidden) == (10, 3, 3)
    book.shrink(iceberg, 5)
    assert (iceberg.leaves, iceberg.hidden) == (8, 0)


def test_an_iceberg_through_the_venue(rig: Rig) -> None:
    rig.follow()
    order = rig.limit("SELL", "67000.50", "0.5", icebergQty="0.1")
    assert order["icebergQty"] == "0.10000000"
    assert rig.events()[0]["F"] == "0.10000000"
    depth = rig.call("GET", "depth", sign=False, symbol="BTCUSDT", limit=5)[1]
    assert depth["asks"][0] == ["67000.50000000", "0.10000000"]
    assert rig.account.balance("BTC").locked == SCALE // 2
    rig.hit("BUY", "67000.50", "0.25")
    found = rig.ask("openOrders.status", symbol="BTCUSDT")["result"][0]
    assert (found["executedQty"], found["icebergQty"]) == ("0.25000000", "0.10000000")
    depth = rig.call("GET", "depth", sign=False, symbol="BTCUSDT", limit=5)[1]
    assert depth["asks"][0] == ["67000.50000000", "0.05000000"]
    rig.check_books()
    assert rig.ask("order.cancel", symbol="BTCUSDT", orderId=order["orderId"])["status"] == 200
    assert rig.account.balance("BTC").locked == 0


def test_an_iceberg_takes_as_one_before_it_hides(rig: Rig) -> None:
    order = rig.limit("BUY", "67002", "0.5", icebergQty="0.1")
    assert order["executedQty"] == "0.20000000"
    assert rig.exchange.market("BTCUSDT").touch()[:2] == (67_002 * SCALE, SCALE // 10)


def test_an_amended_iceberg_never_shows_more_than_it_is(rig: Rig) -> None:
    order = rig.limit("SELL", "67000.50", "0.5", icebergQty="0.1")
    rig.hit("BUY", "67000.50", "0.03")
    for quantity, shown in (("0.3", "0.07000000"), ("0.05", "0.02000000")):
        reply = rig.ask(
            "order.amend.keepPriority", symbol="BTCUSDT", orderId=order["orderId"], newQty=quantity
        )
        assert reply["status"] == 200, reply
        rig.check_books()
        depth = rig.call("GET", "depth", sign=False, symbol="BTCUSDT", limit=5)[1]
        assert depth["asks"][0] == ["67000.50000000", shown]
    found = rig.ask("order.status", symbol="BTCUSDT", orderId=order["orderId"])["result"]
    assert (found["origQty"], found["icebergQty"]) == ("0.05000000", "0.05000000")


def test_icebergs_are_good_till_canceled_and_few(rig: Rig) -> None:
    values = {"side": "BUY", "type": "LIMIT", "price": "60000", "quantity": "0.01", "icebergQty": "0.001"}
    text = "Parameter 'icebergQty' is not supported if 'timeInForce' is not GTC."
    assert rig.refused(timeInForce="IOC", **values) == (-1160, text)
    for _ in range(10):
        rig.place(timeInForce="GTC", **values)
    assert rig.refused(timeInForce="GTC", **values) == (-1013, "Filter failure: MAX_NUM_ICEBERG_ORDERS")
    rig.exchange.market("BTCUSDT").symbol.info["icebergAllowed"] = False
    text = "Iceberg orders are not supported for this symbol."
    assert rig.refused(timeInForce="GTC", **values) == (-2010, text)
    assert rig.refused(side="BUY", type="MARKET", quantity="1", icebergQty="0.1")[0] == -1106


def trade_at(rig: Rig, *prices: str) -> None:
    """The crowd trades a little at each price, in turn; nothing else rests near."""
    for price in prices:
        quote = rig.quote("SELL", price, "0.001")
        rig.hit("BUY", price, "0.001")
        assert quote.leaves == 0


@pytest.fixture
def open_field() -> Rig:
    """A last price and nothing in the book but far bids and asks."""
    rig = Rig()
    rig.exchange.market("BTCUSDT").last_price = 10_000 * SCALE
    rig.quote("BUY", "9000", "10")
    rig.quote("SELL", "12000", "10")
    return rig


TRAILING = {"side": "SELL", "type": "STOP_LOSS", "quantity": "0.01", "trailingDelta": "100"}


def status(rig: Rig, order_id: int) -> str:
    return str(rig.ask("order.status", symbol="BTCUSDT", orderId=order_id)["result"]["status"])


def test_a_trailing_sell_follows_the_highest_price_and_fires_on_the_way_down(open_field: Rig) -> None:
    rig = open_field
    order = rig.place(newOrderRespType="RESULT", **TRAILING)
    assert (order["trailingDelta"], order["trailingTime"]) == (100, -1)
    rig.follow()
    rig.pass_ms(500)
    trade_at(rig, "10000", "10200", "10100")  # 10200 x 0.99 = 10098
    assert status(rig, order["orderId"]) == "NEW"
    found = rig.ask("openOrders.status", symbol="BTCUSDT")["result"][0]
    assert found["trailingTime"] == rig.now_ms
    trade_at(rig, "10098")
    assert status(rig, order["orderId"]) == "FILLED"
    fired = next(event for event in rig.events() if event["e"] == "executionReport")
    assert (fired["x"], fired["d"], fired["D"]) == ("NEW", 100, rig.now_ms)
    rig.check_books()


def test_a_trailing_buy_follows_the_lowest_price(open_field: Rig) -> None:
    rig = open_field
    order = rig.place(**(TRAILING | {"side": "BUY", "type": "TAKE_PROFIT"}))
    rig.check_books()
    trade_at(rig, "10000", "9900", "9950", "9998.99")
    assert status(rig, order["orderId"]) == "NEW"
    trade_at(rig, "9999")
    assert status(rig, order["orderId"]) == "FILLED"
    rig.check_books()


def test_a_stop_price_starts_the_trail(open_field: Rig) -> None:
    rig = open_field
    order = rig.place(**(TRAILING | {"type": "TAKE_PROFIT", "stopPrice": "10500"}))
    trade_at(rig, "10000", "10400", "10000")  # falls far, but does not trail yet
    assert status(rig, order["orderId"]) == "NEW"
    trade_at(rig, "10500", "10400", "10396")  # 10500 x 0.99 = 10395
    assert status(rig, order["orderId"]) == "NEW"
    trade_at(rig, "10395")
    assert status(rig, order["orderId"]) == "FILLED"


def test_a_symbol_may_not_allow_trailing_stops(rig: Rig) -> None:
    rig.exchange.market("BTCUSDT").symbol.info["allowTrailingStop"] = False
    text = "Trailing stop orders are not supported for this symbol."
    assert rig.refused(**TRAILING) == (-2010, text)
    assert rig.refused(**(TRAILING | {"trailingDelta": "0"}))[0] == -1100
    values = {"side": "BUY", "type": "LIMIT", "timeInForce": "GTC", "price": "60000", "quantity": "0.01"}
    assert rig.refused(trailingDelta="100", **values)[0] == -1106
