"""Profit by symbol, by strategy and by UTC day, as a fold of trades, their prices and funding.

A symbol keeps the account's position by average cost and by FIFO. A strategy keeps positions of its own, so
that it answers for what it bought and sold and nobody else's: what it realised may differ from the account's,
realised and unrealised together do not. Money in other assets than the account's currency is valued at the
time of the fill; that price is a record of its own, as a fold may ask nobody.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Final

from spark_tui.domain.account import Position, apply_fill, closed
from spark_tui.domain.accounting import fifo
from spark_tui.domain.accounting.fifo import Lots
from spark_tui.domain.accounting.flows import Trade
from spark_tui.domain.accounting.tally import Measure, Tally
from spark_tui.domain.decimals import EXACT, ONE, ZERO, add, multiply, negate, subtract

Pair = tuple[str, str]  # (venue, symbol)
TradeKey = tuple[str, str, str]  # (venue, symbol, trade id)
Amount = tuple[Measure, str, Decimal]  # the asset, and how much of it
Posting = tuple[Tally, Measure, str, Decimal]

_DAY_MS: Final = 86_400_000
_EPOCH: Final = date(1970, 1, 1)
ACCOUNT_CURRENCY: Final = "USDT"
OLDER: Final = "older"  # strategies that are over and left memory, as one
MAX_STRATEGIES: Final = 500
MAX_DAYS: Final = 3_660
MAX_AWAITING: Final = 2_000  # trades whose prices are not known yet; older ones stay unknown for good


class Sheet:
    """One symbol's."""

    def __init__(self, venue: str, symbol: str, base: str, quote: str) -> None:
        self.base = base
        self.quote = quote
        self.position = Position(venue=venue, symbol=symbol)
        self.lots = Lots()
        self.tally = Tally()

    def copy(self) -> "Sheet":
        other = Sheet(self.position.venue, self.position.symbol, self.base, self.quote)
        other.position, other.lots, other.tally = self.position, self.lots, self.tally.copy()
        return other


class StrategySheet:
    """One strategy's, over all the symbols it traded."""

    def __init__(self) -> None:
        self.positions: dict[Pair, Position] = {}
        self.tally = Tally()

    def copy(self) -> "StrategySheet":
        other = StrategySheet()
        other.positions, other.tally = dict(self.positions), self.tally.copy()
        return other

    @property
    def flat(self) -> bool:
        return not any(position.quantity for position in self.positions.values())


class Awaiting:
    """A trade some of whose money has no price yet."""

    def __init__(self, time_ms: int) -> None:
        self.time_ms = time_ms
        self.postings: list[Posting] = []

    @property
    def assets(self) -> set[str]:
        return {asset for _, _, asset, _ in self.postings}


class PnlBook:
    """Read by everyone; `take`, `cover`, `settle`, `begin_again`, `price` and `fund` change it. Synthetic
    fills are laid over by `laid` only: they yield to real ones."""

    def __init__(self) -> None:
        self.symbols: dict[Pair, Sheet] = {}
        self.strategies: OrderedDict[str, StrategySheet] = OrderedDict()  # the latest active last
        self.days: OrderedDict[str, Tally] = OrderedDict()
        self.awaiting: OrderedDict[TradeKey, Awaiting] = OrderedDict()
        self.heard: Callable[[Trade, Decimal, Decimal], None] = _unheard
        """Told of every trade and what it realised by average cost and by FIFO, in quote money."""
        self._covers: dict[str, Trade] = {}  # by client order id

    def take(self, trade: Trade) -> None:
        sheet = self._sheet(trade)
        before = sheet.position
        sheet.position = apply_fill(before, trade.side, trade.fill, trade.base, trade.quote)
        lots = sheet.lots
        sheet.lots = fifo.apply_fill(lots, trade.side, trade.fill, trade.base, trade.quote)
        strategy = self._strategy(trade.strategy)
        own = strategy.positions.get((trade.venue, trade.symbol))
        if own is None:
            own = Position(venue=trade.venue, symbol=trade.symbol)
        after = apply_fill(own, trade.side, trade.fill, trade.base, trade.quote)
        strategy.positions[trade.venue, trade.symbol] = after
        gained = subtract(sheet.position.realised, before.realised)
        waiting = Awaiting(trade.fill.time_ms)
        beside = _beside(trade)
        _post(waiting, sheet.tally, trade, gained, beside)
        _post(waiting, self._day(trade.fill.time_ms), trade, gained, beside)
        _post(waiting, strategy.tally, trade, subtract(after.realised, own.realised), beside)
        if waiting.postings:
            self.awaiting[trade.key] = waiting
            if len(self.awaiting) > MAX_AWAITING:
                self.awaiting.popitem(last=False)
        self._forget_strategies()
        self.heard(trade, gained, subtract(sheet.lots.realised, lots.realised))

    def cover(self, client_order_id: str, trade: Trade | None) -> None:
        """An order's synthetic fill as it now is; None: its trades explain everything."""
        if trade is None:
            self._covers.pop(client_order_id, None)
        else:
            self._covers[client_order_id] = trade

    def settle(self, client_order_id: str) -> None:
        """The order leaves memory: what its synthetic fill covers stays for good."""
        trade = self._covers.pop(client_order_id, None)
        if trade is not None:
            self.take(trade)

    def settle_all(self) -> None:
        for client_order_id in list(self._covers):
            self.settle(client_order_id)

    def begin_again(self, venue: str) -> None:
        """Nothing is open there any more, and nobody gained by that; what was realised stays."""
        for client_order_id in [one for one, trade in self._covers.items() if trade.venue == venue]:
            self.settle(client_order_id)
        for (where, _), sheet in self.symbols.items():
            if where == venue:
                sheet.position, sheet.lots = closed(sheet.position), Lots(realised=sheet.lots.realised)
        for strategy in self.strategies.values():
            for pair, position in strategy.positions.items():
                if pair[0] == venue:
                    strategy.positions[pair] = closed(position)

    def price(self, key: TradeKey, rates: Mapping[str, Decimal]) -> None:
        """What one of each asset was worth in the account's currency when that trade was done."""
        waiting = self.awaiting.get(key)
        if waiting is None:
            return
        left = []
        for tally, measure, asset, amount in waiting.postings:
            rate = rates.get(asset)
            if rate is None:
                left.append((tally, measure, asset, amount))
            else:
                tally.price(measure, asset, amount, rate)
        waiting.postings = left
        if not left:
            del self.awaiting[key]

    def fund(
        self, venue: str, symbol: str, asset: str, amount: Decimal, time_ms: int, rate: Decimal | None
    ) -> None:
        """A funding payment: money, and no quantity moves."""
        sheet = self.symbols.get((venue, symbol))
        tallies = [self._day(time_ms), *([sheet.tally] if sheet is not None else [])]
        for tally in tallies:
            at = ONE if asset == ACCOUNT_CURRENCY else rate
            tally.post(Measure.FUNDING, asset, amount, at)
            tally.post(Measure.BESIDE, asset, amount, at)

    def laid(self) -> "PnlBook":
        """With what synthetic fills cover. Only what they touch is copied: the rest is shared, so look and
        change nothing."""
        if not self._covers:
            return self
        whole = PnlBook()
        whole.symbols = dict(self.symbols)
        whole.strategies = OrderedDict(self.strategies)
        whole.days = OrderedDict(self.days)
        covers = list(self._covers.values())
        for pair in {(trade.venue, trade.symbol) for trade in covers} & self.symbols.keys():
            whole.symbols[pair] = self.symbols[pair].copy()
        for name in {OLDER, *(trade.strategy for trade in covers)} & self.strategies.keys():
            whole.strategies[name] = self.strategies[name].copy()
        for day in {_day_name(trade.fill.time_ms) for trade in covers} & self.days.keys():
            whole.days[day] = self.days[day].copy()
        for trade in covers:
            whole.take(trade)
        return whole

    def digest(self) -> dict[str, object]:
        """Plain data; equal books give equal digests."""
        return {
            "symbols": [
                [*pair, sheet.position, sheet.lots, sheet.tally.digest()]
                for pair, sheet in self.symbols.items()
            ],
            "strategies": [
                [name, list(sheet.positions.values()), sheet.tally.digest()]
                for name, sheet in self.strategies.items()
            ],
            "days": [[day, tally.digest()] for day, tally in self.days.items()],
            "awaiting": [[*key, sorted(waiting.assets)] for key, waiting in self.awaiting.items()],
            "covers": sorted(self._covers),
        }

    def _sheet(self, trade: Trade) -> Sheet:
        pair = (trade.venue, trade.symbol)
        if pair not in self.symbols:
            self.symbols[pair] = Sheet(trade.venue, trade.symbol, trade.base, trade.quote)
        return self.symbols[pair]

    def _strategy(self, name: str) -> StrategySheet:
        sheet = self.strategies.get(name)
        if sheet is None:
            sheet = self.strategies[name] = StrategySheet()
        self.strategies.move_to_end(name)
        return sheet

    def _day(self, time_ms: int) -> Tally:
        day = _day_name(time_ms)
        if day not in self.days:
            self.days[day] = Tally()
            if len(self.days) > MAX_DAYS:
                self.days.popitem(last=False)
        return self.days[day]

    def _forget_strategies(self) -> None:
        """The one longest without a trade joins `older`, with what it still holds; a flat one goes first."""
        if len(self.strategies) <= MAX_STRATEGIES:
            return
        over = [name for name in self.strategies if name != OLDER]
        gone = next((name for name in over if self.strategies[name].flat), over[0])
        sheet = self.strategies.pop(gone)
        older = self.strategies.setdefault(OLDER, StrategySheet())
        older.tally.absorb(sheet.tally)
        for pair, position in sheet.positions.items():
            known = older.positions.get(pair)
            whole = older.positions[pair] = position if known is None else joined(known, position)
            apart = position.realised if known is None else add(position.realised, known.realised)
            quote, met = self.symbols[pair].quote, subtract(whole.realised, apart)
            older.tally.post(Measure.REALISED, quote, met, ONE if quote == ACCOUNT_CURRENCY else None)
        for waiting in self.awaiting.values():
            if any(tally is sheet.tally for tally, _, _, _ in waiting.postings):
                waiting.postings = [
                    (older.tally if tally is sheet.tally else tally, measure, asset, amount)
                    for tally, measure, asset, amount in waiting.postings
                ]


def _beside(trade: Trade) -> tuple[Amount, ...]:
    """What is posted beside the gain, which has the fees in base and quote taken off: a fee in a third asset
    is taken off here."""
    fill = trade.fill
    fee, asset = fill.commission, fill.commission_asset
    volume = (Measure.VOLUME, trade.quote, trade.value)
    if asset == trade.base:
        return (volume, (Measure.FEES, trade.quote, multiply(fee, fill.price)))
    if not fee:
        return (volume,)
    paid = (Measure.FEES, asset, fee)
    if asset == trade.quote:
        return (volume, paid)
    off = negate(fee)
    return (volume, paid, (Measure.REALISED, asset, off), (Measure.BESIDE, asset, off))


def _post(waiting: Awaiting, tally: Tally, trade: Trade, gained: Decimal, beside: tuple[Amount, ...]) -> None:
    tally.trades += 1
    for measure, asset, amount in ((Measure.REALISED, trade.quote, gained), *beside):
        rate = ONE if asset == ACCOUNT_CURRENCY else None
        tally.post(measure, asset, amount, rate)
        if rate is None and amount:
            waiting.postings.append((tally, measure, asset, amount))


def _day_name(time_ms: int) -> str:
    return _day_names(time_ms // _DAY_MS)


@lru_cache(maxsize=64)
def _day_names(days: int) -> str:
    return (_EPOCH + timedelta(days=days)).isoformat()


def _unheard(trade: Trade, gained: Decimal, by_fifo: Decimal) -> None:
    """Nobody asked."""


def joined(one: Position, other: Position) -> Position:
    """Two positions in one instrument as one; no digit is lost, whatever their signs."""
    quantity, cost = add(one.quantity, other.quantity), add(one.cost, other.cost)
    realised = add(one.realised, other.realised)
    fees = dict(one.fees)
    for asset, fee in other.fees.items():
        fees[asset] = add(fees.get(asset, ZERO), fee)
    if not quantity:  # the two cancel each other out: what is left of the cost is realised
        realised, cost = subtract(realised, cost), ZERO
    average = _AVERAGE.divide(cost, quantity) if quantity else ZERO
    return Position(
        venue=one.venue,
        symbol=one.symbol,
        quantity=quantity,
        average_price=average,
        realised=realised,
        fees=fees,
        cost=cost,
    )


_AVERAGE = EXACT.copy()
_AVERAGE.prec = 28
