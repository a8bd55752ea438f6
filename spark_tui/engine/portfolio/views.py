"""The folds and prices as the rows a face shows."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal

import msgspec

from spark_tui.domain.account import Position, unrealised
from spark_tui.domain.accounting import (
    ACCOUNT_CURRENCY,
    CashBook,
    Measure,
    PnlBook,
    Sheet,
    Tally,
    Window,
    is_dust,
    parted,
)
from spark_tui.domain.decimals import ONE, ZERO, add
from spark_tui.domain.instrument import Instrument, LotSize, MinNotional, Notional
from spark_tui.engine.accounts import Accounts
from spark_tui.engine.portfolio.balances import BalanceBook
from spark_tui.engine.portfolio.valuation import Valuation
from spark_tui.link.messages.pnl import DayPnl, ExplainedRow, Explanation, Pnl, PnlRow, StrategyPnl, SymbolPnl

Pair = tuple[str, str]
Instruments = Mapping[Pair, Instrument]

DAYS_SHOWN = 400
STRATEGIES_SHOWN = 200


def pnl(accounts: Accounts, valuation: Valuation, instruments: Instruments) -> Pnl:
    book = accounts.pnl.laid()
    symbols = tuple(_symbol(pair, sheet, valuation, instruments) for pair, sheet in book.symbols.items())
    latest = list(reversed(book.strategies))[:STRATEGIES_SHOWN]
    return Pnl(
        currency=ACCOUNT_CURRENCY,
        total=_total([one.row for one in symbols]),
        symbols=symbols,
        strategies=tuple(_strategy(name, book, valuation) for name in latest),
        days=_days(book, accounts),
    )


def explanation(cash: CashBook, balances: BalanceBook, valuation: Valuation) -> Explanation:
    rows: list[ExplainedRow] = []
    accuracy: dict[str, Decimal | None] = {}
    for venue in balances.held:
        here = [
            ExplainedRow(
                explained=one,
                worth=valuation.worth(venue, one.asset, one.actual),
                rest_worth=valuation.worth(venue, one.asset, one.rest),
            )
            for one in cash.explain(venue, balances.totals(venue), balances.as_of(venue))
        ]
        rows += here
        accuracy[venue] = _accuracy(here, valuation)
    return Explanation(
        currency=ACCOUNT_CURRENCY,
        rows=tuple(rows),
        rest_worth=_sum([row.rest_worth for row in rows]),
        accuracy=accuracy,
    )


def _accuracy(rows: Iterable[ExplainedRow], valuation: Valuation) -> Decimal | None:
    """1 less the share of the money that moved which no row explains; a rest where nothing moved is 0. None
    while a price is missing, or before the venue told its balances."""
    moved, rest, any_row = ZERO, ZERO, False
    for row in rows:
        one = row.explained
        any_row = True
        value = valuation.worth(one.venue, one.asset, one.moved)
        if value is None or row.rest_worth is None:
            return None
        moved, rest = add(moved, value), add(rest, row.rest_worth.copy_abs())
    if not any_row:
        return None
    if not rest:
        return ONE
    return max(ZERO, ONE - rest / moved) if moved else ZERO


def _symbol(pair: Pair, sheet: Sheet, valuation: Valuation, instruments: Instruments) -> SymbolPnl:
    venue, symbol = pair
    position, lots = sheet.position, sheet.lots
    mark = valuation.mark(venue, symbol)
    flat = not position.quantity
    return SymbolPnl(
        row=_row(symbol, sheet.tally, _open_gain(position, sheet.quote, valuation)),
        base=sheet.base,
        quote=sheet.quote,
        position=position,
        mark=mark,
        unrealised=ZERO if flat else None if mark is None else unrealised(position, mark),
        fifo_average=lots.average_price,
        fifo_realised=lots.realised,
        fifo_unrealised=ZERO if flat else None if mark is None else lots.unrealised(mark),
        lots=len(lots.lots),
        dust=_dust(position, instruments.get(pair), mark),
    )


def _strategy(strategy: str, book: PnlBook, valuation: Valuation) -> StrategyPnl:
    sheet, (name, whose) = book.strategies[strategy], parted(strategy)
    gains = [
        _open_gain(position, book.symbols[pair].quote, valuation)
        for pair, position in sheet.positions.items()
    ]
    row = _row(name, sheet.tally, _sum(gains))
    return StrategyPnl(**msgspec.structs.asdict(row), whose=whose)


def _open_gain(position: Position, quote: str, valuation: Valuation) -> Decimal | None:
    """Unrealised, in the account's currency."""
    if not position.quantity:
        return ZERO
    mark = valuation.mark(position.venue, position.symbol)
    return None if mark is None else valuation.worth(position.venue, quote, unrealised(position, mark))


def _dust(position: Position, instrument: Instrument | None, mark: Decimal | None) -> bool | None:
    if instrument is None:
        return None if position.quantity else False
    step, least, money = ZERO, ZERO, ZERO
    for rule in instrument.filters:
        match rule:
            case LotSize():
                step, least = rule.step_size, rule.min_quantity
            case Notional() | MinNotional():
                money = max(money, rule.min_notional)
    return is_dust(position.quantity, step, least, money, mark)


def _days(book: PnlBook, accounts: Accounts) -> tuple[DayPnl, ...]:
    samples = list(accounts.curve.points[Window.ALL])
    ends = {point.at_ms // 86_400_000: point for point in samples}
    before = dict(zip((point.at_ms // 86_400_000 for point in samples[1:]), samples, strict=False))
    rows = []
    names = {_number(day): day for day in book.days}
    for number in sorted({*names, *ends}, reverse=True)[:DAYS_SHOWN]:
        day = names.get(number) or _name(number)
        end, start = ends.get(number), before.get(number)
        gain = None if end is None else end.gain - (start.gain if start is not None else ZERO)
        row = _row(day, book.days.get(day, Tally()), None)
        rows.append(DayPnl(row=row, equity=end.equity if end is not None else None, gain=gain))
    return tuple(rows)


def _number(day: str) -> int:
    return (date.fromisoformat(day) - _EPOCH).days


def _name(number: int) -> str:
    return (_EPOCH + timedelta(days=number)).isoformat()


_EPOCH = date(1970, 1, 1)


def _row(name: str, tally: Tally, open_gain: Decimal | None) -> PnlRow:
    realised, funding = tally.value(Measure.REALISED), tally.value(Measure.FUNDING)
    return PnlRow(
        name=name,
        trades=tally.trades,
        realised=realised,
        unrealised=open_gain,
        funding=funding,
        total=_sum([realised, open_gain, funding]),
        fees=tally.value(Measure.FEES),
        volume=tally.value(Measure.VOLUME),
        unpriced={**tally.unknown(Measure.FUNDING), **tally.unknown(Measure.REALISED)},
    )


def _total(rows: list[PnlRow]) -> PnlRow:
    unpriced: dict[str, Decimal] = {}
    for row in rows:
        for asset, amount in row.unpriced.items():
            unpriced[asset] = add(unpriced.get(asset, ZERO), amount)
    return PnlRow(
        name="total",
        trades=sum(row.trades for row in rows),
        realised=_sum([row.realised for row in rows]),
        unrealised=_sum([row.unrealised for row in rows]),
        funding=_sum([row.funding for row in rows]),
        total=_sum([row.total for row in rows]),
        fees=_sum([row.fees for row in rows]),
        volume=_sum([row.volume for row in rows]),
        unpriced=unpriced,
    )


def _sum(parts: list[Decimal | None]) -> Decimal | None:
    total = ZERO
    for part in parts:
        if part is None:
            return None
        total = add(total, part)
    return total
