"""What a paper order does in a market it is no part of: worked cases, one rule each."""

from decimal import Decimal

import pytest

from spark_tui.domain.account import Balance
from spark_tui.domain.market import DepthDiff, DepthSnapshot
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side, TimeInForce
from spark_tui.venues.paper.clearing import Fees
from spark_tui.venues.paper.orders import Phase
from spark_tui.venues.port import ListLeg, OrderStatus, VenueError
from tests.engine.fake_venue import SYMBOL
from tests.venues.paper.market import Market, ask

D = Decimal
BIDS = [(99.0, 2.0), (98.0, 3.0)]
ASKS = [(101.0, 1.0), (102.0, 4.0)]
BUY, SELL = Side.BUY, Side.SELL


@pytest.fixture
def market() -> Market:
    return Market(BIDS, ASKS)


def trades(market: Market) -> list[tuple[Decimal, Decimal, bool]]:
    return [(one.price, one.quantity, one.maker) for one in market.journal.trades]


# --- taking ------------------------------------------------------------------------------------------------


def test_a_market_order_walks_the_levels_that_are_there(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "2"), 1)
    assert trades(market) == [(D(101), D(1), False), (D(102), D(1), False)]
    assert order.status is OrderStatus.FILLED
    assert market.cash.free("USDT") == D(100000) - 101 - 102
    assert market.cash.free("BTC") == D(12) - D("0.002")  # the taker's fee, out of what was received


def test_the_same_size_is_not_sold_twice_until_it_is_shown_anew(market: Market) -> None:
    market.desk.place("a", ask(BUY, "1"), 1)
    market.desk.place("b", ask(BUY, "1"), 1)
    assert [price for price, _, _ in trades(market)] == [D(101), D(102)]
    market.show(asks=[(101.0, 1.0)])  # the same level again: nothing new in it
    market.desk.place("c", ask(BUY, "1"), 1)
    assert trades(market)[-1][0] == D(102)
    market.show(asks=[(101.0, 1.5)])  # it grew: that much is new
    market.desk.place("d", ask(BUY, "1"), 1)
    assert trades(market)[-2:] == [(D(101), D("0.5"), False), (D(102), D("0.5"), False)]
    market.show(asks=[(101.0, 0.0)])
    market.show(asks=[(101.0, 1.0)])  # gone and shown anew
    market.desk.place("e", ask(BUY, "1"), 1)
    assert trades(market)[-1] == (D(101), D(1), False)


def test_what_the_book_does_not_have_expires(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "9"), 1)
    assert (order.filled, order.status, order.reason) == (D(5), OrderStatus.EXPIRED, "INSUFFICIENT_LIQUIDITY")
    assert market.cash.locked("USDT") == 0


def test_a_market_order_in_quote_money_spends_no_more(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, None, quote_quantity=D(150)), 1)
    assert order.filled_quote <= 150
    assert order.status is OrderStatus.FILLED
    assert market.cash.locked("USDT") == 0


def test_a_limit_takes_within_its_price_and_rests_with_what_is_left(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "3", "101.5"), 1)
    assert trades(market) == [(D(101), D(1), False)]
    assert (order.phase, order.status) == (Phase.RESTING, OrderStatus.PARTIALLY_FILLED)
    assert market.cash.locked("USDT") == D("101.5") * 2  # what was bought cheaper is free again


@pytest.mark.parametrize(
    ("tif", "filled", "reason"),
    [
        (TimeInForce.IOC, D(1), "UNFILLED_IOC_QUANTITY_EXPIRED"),
        (TimeInForce.FOK, D(0), "UNFILLED_FOK_ORDER_EXPIRED"),
    ],
)
def test_at_once_or_not_at_all(market: Market, tif: TimeInForce, filled: Decimal, reason: str) -> None:
    order = market.desk.place("a", ask(BUY, "2", "101", tif=tif), 1)
    assert (order.filled, order.status, order.reason) == (filled, OrderStatus.EXPIRED, reason)
    assert market.cash.locked("USDT") == 0


def test_a_maker_that_would_take_is_refused(market: Market) -> None:
    with pytest.raises(VenueError) as refused:
        market.desk.place("a", ask(BUY, "1", "101", OrderType.LIMIT_MAKER), 1)
    assert refused.value.code == "-2010"
    assert not market.floor.orders
    assert market.cash.locked("USDT") == 0


# --- resting -----------------------------------------------------------------------------------------------


def test_trades_at_the_price_bring_it_forward_and_fill_what_exceeds_the_queue(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.trade(99.0, 1.5, sells=True)
    assert (order.ahead, order.filled) == (D("0.5"), D(0))
    market.trade(99.0, 0.75, sells=True)
    assert (order.filled, order.status) == (D("0.25"), OrderStatus.PARTIALLY_FILLED)
    market.trade(99.0, 5.0, sells=True)
    assert order.status is OrderStatus.FILLED
    assert all(price == 99 and maker for price, _, maker in trades(market))


def test_buyers_trading_at_the_price_of_a_buy_do_not_fill_it(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.trade(99.0, 50.0, sells=False)
    assert (order.ahead, order.filled) == (D(2), D(0))


def test_size_that_is_cancelled_stood_behind_until_less_is_shown_than_is_ahead(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.show(bids=[(99.0, 5.0)])
    market.show(bids=[(99.0, 2.5)])
    assert order.ahead == 2
    market.show(bids=[(99.0, 0.5)])
    assert order.ahead == D("0.5")
    market.show(bids=[(99.0, 9.0)])  # whoever comes now comes behind
    assert order.ahead == D("0.5")


def test_a_trade_and_the_book_that_tells_of_it_count_once(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.trade(99.0, 0.5, sells=True)
    market.show(bids=[(99.0, 1.5)])
    assert order.ahead == D("1.5")


def test_a_trade_beyond_the_price_fills_at_most_its_size_at_the_orders_own_price(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.trade(98.0, 0.4, sells=True)
    assert trades(market) == [(D(99), D("0.4"), True)]
    assert order.left == D("0.6")


def test_one_trade_fills_two_orders_with_no_more_than_its_size(market: Market) -> None:
    better = market.desk.place("a", ask(BUY, "1", "100"), 1)
    worse = market.desk.place("b", ask(BUY, "1", "99"), 1)
    market.trade(98.0, 1.5, sells=True)
    assert (better.filled, worse.filled) == (D(1), D("0.5"))


def test_the_other_side_reaching_the_price_fills_what_is_shown_there_once(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.show(bids=[(99.0, 0.0)], asks=[(98.5, 0.3)])
    assert trades(market) == [(D(99), D("0.3"), True)]
    market.show(asks=[(98.5, 0.3)])
    assert order.filled == D("0.3")


def test_an_iceberg_queues_again_with_every_slice(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "99", iceberg_quantity=D("0.25")), 1)
    market.trade(99.0, 10.0, sells=True)
    assert order.filled == D("0.25")
    assert (order.shown, order.ahead) == (D("0.25"), D(2))


def test_beyond_the_known_book_the_queue_is_what_is_seen_first(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "1", "50"), 1)
    assert order.ahead is None
    market.trade(50.0, 10.0, sells=True)  # nobody knows who stood there
    assert order.filled == 0
    market.show(bids=[(50.0, 7.0)])
    assert order.ahead == 7


# --- a book that cannot be read ----------------------------------------------------------------------------


def test_without_a_book_nothing_fills_and_limit_orders_wait(market: Market) -> None:
    resting = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.lose()
    market.trade(98.0, 5.0, sells=True)
    assert resting.filled == 0
    waiting = market.desk.place("b", ask(BUY, "1", "101"), 1)
    assert (waiting.phase, waiting.filled) == (Phase.ARRIVING, D(0))
    with pytest.raises(VenueError) as refused:
        market.desk.place("c", ask(BUY, "1"), 1)
    assert refused.value.code == "-2010"
    at_once = market.desk.place("d", ask(BUY, "1", "101", tif=TimeInForce.IOC), 1)
    assert at_once.status is OrderStatus.EXPIRED
    market.reload(BIDS, ASKS)
    assert waiting.status is OrderStatus.FILLED
    assert trades(market) == [(D(101), D(1), False)]


def test_a_book_that_is_too_old_fills_nothing_until_it_moves(market: Market) -> None:
    resting = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.now += 10**9 + 1
    market.trade(98.0, 5.0, sells=True)
    assert (resting.filled, resting.ahead) == (D(0), D(2))
    market.show(bids=[(99.0, 1.5)])
    assert resting.ahead == D("1.5")
    market.trade(98.0, 5.0, sells=True)
    assert resting.status is OrderStatus.FILLED


def test_a_book_that_is_gone_brings_nobody_forward(market: Market) -> None:
    """A snapshot that nothing followed yet may be older than what was seen before."""
    resting = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.lose()
    market.floor.on_depth(SYMBOL, None, 2)
    market.book.on_diff(DepthDiff(SYMBOL, 9, 9, [], [], 3), market.now)
    market.book.on_snapshot(DepthSnapshot(SYMBOL, 20, [(99.0, 0.5)], ASKS), market.now)
    market.floor.on_depth(SYMBOL, None, 3)
    assert (market.book.live, resting.ahead) == (False, D(2))


def test_a_crossed_book_fills_nothing(market: Market) -> None:
    resting = market.desk.place("a", ask(BUY, "1", "99"), 1)
    market.show(asks=[(98.5, 4.0)])  # below the best bid: no such market
    market.trade(98.0, 5.0, sells=True)
    assert (resting.filled, trades(market)) == (D(0), [])
    with pytest.raises(VenueError):
        market.desk.place("b", ask(BUY, "1"), 1)


def test_a_stop_that_fires_without_a_book_waits_for_one(market: Market) -> None:
    stop = market.desk.place("a", ask(SELL, "1", type=OrderType.STOP_LOSS, stop_price=D(95)), 1)
    market.lose()
    market.trade(94.0, 1.0, sells=True)
    assert (stop.phase, stop.filled) == (Phase.ARRIVING, D(0))
    market.reload([(90.0, 5.0)], [(101.0, 5.0)])
    assert (stop.status, trades(market)) == (OrderStatus.FILLED, [(D(90), D(1), False)])


# --- stops -------------------------------------------------------------------------------------------------


def test_a_stop_waits_for_the_last_price(market: Market) -> None:
    order = market.desk.place("a", ask(SELL, "1", type=OrderType.STOP_LOSS, stop_price=D(98)), 1)
    market.trade(98.5, 0.1, sells=True)
    assert order.phase is Phase.STOP
    market.trade(98.0, 0.1, sells=True)
    assert order.status is OrderStatus.FILLED
    assert trades(market) == [(D(99), D(1), False)]


def test_a_stop_that_has_happened_is_refused(market: Market) -> None:
    market.trade(100.0, 1.0, sells=True)
    with pytest.raises(VenueError) as refused:
        market.desk.place("a", ask(SELL, "1", type=OrderType.STOP_LOSS, stop_price=D(100)), 1)
    assert (refused.value.code, refused.value.text) == ("-2010", "Order would trigger immediately.")


def test_a_trailing_stop_follows_the_price(market: Market) -> None:
    order = market.desk.place("a", ask(SELL, "1", type=OrderType.STOP_LOSS, trailing_delta=100), 1)
    for price in (100.0, 110.0, 109.0):
        market.trade(price, 0.1, sells=True)
    assert order.phase is Phase.STOP
    market.trade(108.9, 0.1, sells=True)  # 1 % below 110
    assert order.status is OrderStatus.FILLED


def test_a_stop_buy_that_costs_more_than_there_is_expires(market: Market) -> None:
    poor = Market(BIDS, [(200.0, 9.0)], usdt="150")
    poor.trade(100.0, 1.0, sells=True)
    order = poor.desk.place("a", ask(BUY, "1", type=OrderType.STOP_LOSS, stop_price=D(110)), 1)
    poor.trade(110.0, 0.1, sells=False)
    assert (order.status, order.reason) == (OrderStatus.EXPIRED, "INSUFFICIENT_BALANCES")
    assert (poor.cash.free("USDT"), poor.cash.locked("USDT")) == (D(150), D(0))


# --- cash --------------------------------------------------------------------------------------------------


def test_no_overdraft(market: Market) -> None:
    market.desk.place("a", ask(BUY, "900", "99"), 1)
    with pytest.raises(VenueError) as refused:
        market.desk.place("b", ask(BUY, "900", "99"), 1)
    assert (refused.value.code, market.cash.locked("USDT")) == ("-2010", D(900 * 99))


def test_money_that_is_locked_is_not_spent_twice() -> None:
    market = Market(BIDS, ASKS, usdt="150")
    market.desk.place("a", ask(BUY, "1", "98"), 1)
    for request in (ask(BUY, "1", "97"), ask(BUY, "1"), ask(BUY, None, quote_quantity=D(53))):
        with pytest.raises(VenueError, match="insufficient balance"):
            market.desk.place("b", request, 2)
    assert market.cash.balance("USDT") == Balance(asset="USDT", free=D(52), locked=D(98))
    market.desk.place("c", ask(BUY, None, quote_quantity=D(52)), 3)  # what is free, to the last cent
    assert market.cash.free("USDT") >= 0


def test_makers_and_takers_pay_their_own_fee() -> None:
    market = Market(BIDS, ASKS, fees=Fees(maker=D("0.0002"), taker=D("0.0005")))
    market.desk.place("a", ask(SELL, "1"), 1)
    market.desk.place("b", ask(SELL, "1", "100"), 1)
    market.trade(100.0, 1.0, sells=False)
    assert [(one.commission, one.commission_asset) for one in market.journal.trades] == [
        (D("0.0495"), "USDT"),
        (D("0.02"), "USDT"),
    ]


def test_a_fee_is_rounded_against_the_account_to_what_the_asset_can_hold() -> None:
    market = Market(BIDS, ASKS, fees=Fees(maker=D("0.00071"), taker=D("0.0013703")))
    market.desk.place("a", ask(BUY, "0.50001", "101"), 1)
    [trade] = market.journal.trades
    assert trade.commission == D("0.00068517")  # 0.000685163703 in full
    assert market.cash.balance("BTC").total == D(10) + D("0.50001") - D("0.00068517")


def test_an_open_id_is_taken_only_once(market: Market) -> None:
    market.desk.place("a", ask(BUY, "1", "99"), 1)
    with pytest.raises(VenueError, match="Duplicate"):
        market.desk.place("a", ask(BUY, "1", "98"), 1)


def test_own_orders_never_trade_with_each_other(market: Market) -> None:
    market.desk.place("a", ask(BUY, "1", "100"), 1)
    order = market.desk.place("b", ask(SELL, "1", "100"), 1)
    assert (order.status, order.reason) == (OrderStatus.EXPIRED, "SELF_TRADE_PREVENTION")


def test_filters_are_the_venues_own(market: Market) -> None:
    with pytest.raises(VenueError) as refused:
        market.desk.place("a", ask(BUY, "1", "99.001"), 1)
    assert refused.value.code == "-1013"


# --- changes -----------------------------------------------------------------------------------------------


def test_a_cancel_frees_what_was_locked(market: Market) -> None:
    market.desk.place("a", ask(BUY, "1", "99"), 1)
    [gone] = market.desk.cancel("BTCUSDT", "a", 2)
    assert gone.status is OrderStatus.CANCELED
    assert (market.cash.free("USDT"), market.cash.locked("USDT")) == (D(100000), D(0))
    with pytest.raises(VenueError) as refused:
        market.desk.cancel("BTCUSDT", "a", 3)
    assert refused.value.code == "-2011"


def test_an_amend_shrinks_in_place(market: Market) -> None:
    order = market.desk.place("a", ask(BUY, "2", "99"), 1)
    market.trade(99.0, 1.5, sells=True)
    market.desk.amend("BTCUSDT", "a", D(1), 2)
    assert (order.ahead, order.left, market.cash.locked("USDT")) == (D("0.5"), D(1), D(99))
    with pytest.raises(VenueError) as refused:
        market.desk.amend("BTCUSDT", "a", D(2), 2)
    assert refused.value.code == "-2038"


# --- lists -------------------------------------------------------------------------------------------------


def oco() -> tuple[ListLeg, ...]:
    above = ask(SELL, "1", "110", OrderType.LIMIT_MAKER)
    below = ask(SELL, "1", type=OrderType.STOP_LOSS, stop_price=D(90))
    return (
        ListLeg(role=LegRole.ABOVE, client_order_id="above", request=above),
        ListLeg(role=LegRole.BELOW, client_order_id="below", request=below),
    )


def test_one_leg_of_an_oco_ends_the_other_and_they_share_a_lock(market: Market) -> None:
    above, below = market.desk.place_list("list", ListKind.OCO, oco(), 1)
    assert market.cash.locked("BTC") == 1
    market.trade(110.5, 0.4, sells=False)
    assert (above.filled, below.status, below.reason) == (D("0.4"), OrderStatus.EXPIRED, "OCO_TRIGGER")
    assert market.cash.locked("BTC") == D("0.6")
    assert not market.floor.lists


def test_the_stop_leg_takes_over(market: Market) -> None:
    above, below = market.desk.place_list("list", ListKind.OCO, oco(), 1)
    market.trade(90.0, 0.1, sells=True)
    assert (above.status, below.status) == (OrderStatus.EXPIRED, OrderStatus.FILLED)
    assert market.cash.locked("BTC") == 0


def test_a_bought_oco_locks_the_dearer_leg_and_gives_the_difference_back(market: Market) -> None:
    legs = (
        ListLeg(
            role=LegRole.ABOVE,
            client_order_id="above",
            request=ask(BUY, "1", "112", OrderType.STOP_LOSS_LIMIT, stop_price=D(110)),
        ),
        ListLeg(
            role=LegRole.BELOW,
            client_order_id="below",
            request=ask(BUY, "1", "98", OrderType.LIMIT_MAKER),
        ),
    )
    above, below = market.desk.place_list("list", ListKind.OCO, legs, 1)
    assert market.cash.locked("USDT") == 112
    market.trade(97.0, 0.25, sells=True)
    assert (below.filled, above.status) == (D("0.25"), OrderStatus.EXPIRED)
    assert (below.reserved, below.asset) == (D("0.75") * 98, "USDT")  # the lock it took over
    assert market.cash.locked("USDT") == D("0.75") * 98
    assert market.cash.balance("USDT").total == D(100_000) - D("0.25") * 98


def test_a_list_without_the_money_for_its_dearer_leg_leaves_nothing_behind() -> None:
    market = Market(BIDS, ASKS, btc="0.9")
    with pytest.raises(VenueError, match="insufficient balance"):
        market.desk.place_list("list", ListKind.OCO, oco(), 1)
    assert (market.floor.orders, market.floor.lists, market.cash.locked("BTC")) == ({}, {}, D(0))


def test_cancelling_a_leg_cancels_the_list(market: Market) -> None:
    market.desk.place_list("list", ListKind.OCO, oco(), 1)
    gone = market.desk.cancel("BTCUSDT", "below", 2)
    assert [one.client_id for one in gone] == ["below", "above"]
    assert (market.cash.locked("BTC"), market.floor.lists) == (D(0), {})


def oto() -> tuple[ListLeg, ...]:
    return (
        ListLeg(role=LegRole.WORKING, client_order_id="first", request=ask(BUY, "1", "99")),
        ListLeg(role=LegRole.PENDING, client_order_id="then", request=ask(SELL, "0.5", "120")),
    )


def test_a_pending_leg_begins_when_its_working_order_is_filled(market: Market) -> None:
    first, then = market.desk.place_list("list", ListKind.OTO, oto(), 1)
    assert (then.status, market.cash.locked("BTC")) == (OrderStatus.PENDING_NEW, D(0))
    market.trade(98.0, 1.0, sells=True)
    assert (first.status, then.phase, then.status) == (OrderStatus.FILLED, Phase.RESTING, OrderStatus.NEW)
    assert market.cash.locked("BTC") == D("0.5")


def test_a_working_order_that_fills_as_it_arrives_starts_its_pending_legs(market: Market) -> None:
    legs = (
        ListLeg(role=LegRole.WORKING, client_order_id="first", request=ask(BUY, "1", "101")),
        ListLeg(
            role=LegRole.PENDING_ABOVE,
            client_order_id="up",
            request=ask(SELL, "0.9", "120", OrderType.LIMIT_MAKER),
        ),
        ListLeg(
            role=LegRole.PENDING_BELOW,
            client_order_id="down",
            request=ask(SELL, "0.9", type=OrderType.STOP_LOSS, stop_price=D(90)),
        ),
    )
    first, up, down = market.desk.place_list("list", ListKind.OTOCO, legs, 1)
    assert (first.status, up.phase, down.phase) == (OrderStatus.FILLED, Phase.RESTING, Phase.STOP)
    assert market.cash.locked("BTC") == D("0.9")  # the two share one lock
    market.trade(89.0, 1.0, sells=True)
    assert (down.status, up.reason, market.cash.locked("BTC")) == (OrderStatus.FILLED, "OCO_TRIGGER", D(0))


def test_a_pending_leg_without_its_money_ends_and_says_why() -> None:
    market = Market(BIDS, ASKS, btc="0", fees=Fees(maker=D("0.001"), taker=D("0.001")))
    legs = (
        ListLeg(role=LegRole.WORKING, client_order_id="first", request=ask(BUY, "1", "101")),
        ListLeg(role=LegRole.PENDING, client_order_id="then", request=ask(SELL, "1", "120")),
    )
    _, then = market.desk.place_list("list", ListKind.OTO, legs, 1)  # the fee leaves 0.999
    assert (then.status, "insufficient balance" in then.reason) == (OrderStatus.EXPIRED, True)
    assert (market.floor.orders, market.floor.lists) == ({}, {})


def test_a_working_order_that_is_cancelled_takes_its_pending_leg_along(market: Market) -> None:
    _, then = market.desk.place_list("list", ListKind.OTO, oto(), 1)
    market.desk.cancel_list("BTCUSDT", "list", 2)
    assert then.status is OrderStatus.CANCELED
    assert not market.floor.orders
