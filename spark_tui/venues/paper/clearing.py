"""Money: what a paper order locks, what a trade moves, what an ended order gives back.

For every open order `reserved` is what is locked for it. Two legs of which one may trade share one lock: the
larger need, held by one of them.
"""

from collections.abc import Iterable, Sequence
from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import EXACT, ZERO, add, ceil_to, multiply
from spark_tui.domain.filter_subject import unit
from spark_tui.domain.instrument import Instrument
from spark_tui.venues.paper.cash import Cash, ShortOfCash
from spark_tui.venues.paper.journal import Journal
from spark_tui.venues.paper.orders import PaperOrder, PaperTrade, Phase
from spark_tui.venues.port import OrderStatus


class Fees(msgspec.Struct, frozen=True, kw_only=True):
    """Fractions of what is received; rounded against the account."""

    maker: Decimal = Decimal("0.001")
    taker: Decimal = Decimal("0.001")


class Clearing:
    """`next_trade` is the id of the next trade."""

    def __init__(self, cash: Cash, journal: Journal, fees: Fees, next_trade: int = 1) -> None:
        self.cash = cash
        self.next_trade = next_trade
        self._journal = journal
        self._fees = fees

    def reserve(self, order: PaperOrder, instrument: Instrument, amount: Decimal | None = None) -> None:
        """Lock what a new order may spend, `amount` where it has no price of its own. Raises ShortOfCash."""
        wanted = need(order) if amount is None else amount
        asset = spends(order, instrument)
        self.cash.lock(asset, wanted)
        order.reserved, order.asset = wanted, asset

    def reserve_pair(self, legs: Sequence[PaperOrder], instrument: Instrument) -> None:
        """Lock once for legs of which one may trade. Raises ShortOfCash."""
        self.reserve(max(legs, key=need), instrument)

    def hand_over(self, giver: PaperOrder, taker: PaperOrder, instrument: Instrument) -> None:
        """A leg that ends gives the pair's lock to the one that goes on, which keeps what it needs."""
        taker.reserved, giver.reserved = add(taker.reserved, giver.reserved), ZERO
        self.relock((taker,), instrument)

    def relock(self, orders: Iterable[PaperOrder], instrument: Instrument) -> None:
        """Give back what orders that share a lock no longer need."""
        sharing = list(orders)
        held = sum((order.reserved for order in sharing), ZERO)
        dearest = max(sharing, key=need)
        asset = spends(dearest, instrument)
        for order in sharing:
            order.reserved = need(order) if order is dearest else ZERO
            order.asset = asset
        self.cash.unlock(asset, EXACT.subtract(held, dearest.reserved))

    def top_up(self, order: PaperOrder, instrument: Instrument, cost: Decimal) -> bool:
        """Lock what a triggered order costs beyond what it locked; False when the account has less."""
        missing = EXACT.subtract(cost, order.reserved)
        if missing > 0:
            try:
                self.cash.lock(spends(order, instrument), missing)
            except ShortOfCash:
                return False
            order.reserved = cost
        return True

    def release(self, order: PaperOrder) -> None:
        """Give back what is still locked; for that its symbol need not be listed any more."""
        if order.reserved:
            self.cash.unlock(order.asset, order.reserved)
        order.reserved = ZERO

    def fill(
        self,
        order: PaperOrder,
        instrument: Instrument,
        price: Decimal,
        quantity: Decimal,
        now_ms: int,
        *,
        maker: bool,
    ) -> None:
        """Move the money of one trade and report it."""
        quote = multiply(price, quantity)
        order.filled = add(order.filled, quantity)
        order.filled_quote = add(order.filled_quote, quote)
        gives, gets = (quote, quantity) if order.buys else (quantity, quote)
        asset, places = (
            (instrument.base, instrument.base_precision)
            if order.buys
            else (instrument.quote, instrument.quote_precision)
        )
        rate = self._fees.maker if maker else self._fees.taker
        fee = min(gets, ceil_to(multiply(gets, rate), unit(places)))
        self.cash.spend(spends(order, instrument), gives)
        self.cash.receive(asset, EXACT.subtract(gets, fee))
        order.reserved = EXACT.subtract(order.reserved, gives)
        done = order.left == 0
        if done:
            order.phase, order.status = Phase.ENDED, OrderStatus.FILLED
            self.release(order)
        else:
            order.status = OrderStatus.PARTIALLY_FILLED
            if order.lock_price:  # bought below its price: the difference is free again
                self.relock((order,), instrument)
        trade = PaperTrade(
            id=self.next_trade,
            order_id=order.id,
            client_id=order.client_id,
            symbol=order.request.symbol,
            side=order.request.side,
            price=price,
            quantity=quantity,
            commission=fee,
            commission_asset=asset,
            maker=maker,
            time_ms=now_ms,
        )
        self.next_trade += 1
        self._journal.traded(order, trade)


def need(order: PaperOrder) -> Decimal:
    """What must be locked for what is left: quote for buys, base for sales."""
    return multiply(order.lock_price, order.left) if order.buys else order.left


def spends(order: PaperOrder, instrument: Instrument) -> str:
    return instrument.quote if order.buys else instrument.base
