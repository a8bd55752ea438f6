"""What the account's money costs the engine's loop, with years of fills behind it. Prints a table; asserts
nothing.

Run: python -m benchmarks.pnl_bench [--fills 100000]

CPU time of the work alone: on a core of its own it is how long everything else of the engine would have
waited. "fold a fill" is what booking one costs, when it comes and again at each start.
"""

import argparse
import gc
import random
import time
from collections.abc import Callable
from decimal import Decimal

import msgspec

from benchmarks.table import PERCENTILES, machine, percentiles, show
from spark_tui.domain.account import Balance
from spark_tui.domain.accounting import Trade, Window
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side
from spark_tui.engine.accounts import Accounts
from spark_tui.engine.money_records import BalancesAnchored, EquitySampled, FillPriced
from spark_tui.engine.portfolio import views
from spark_tui.engine.portfolio.balances import BalanceBook
from spark_tui.engine.portfolio.valuation import Valuation
from spark_tui.venues.port import BalancesReport

VENUE = "bench"
BASES = ("BTC", "ETH", "SOL", "BNB", "XRP", "ADA", "DOGE", "AVAX", "LTC", "DOT")
PAIRS = tuple((base, quote) for base in BASES for quote in ("USDT", "TRY"))
DAYS, DAY_MS, MINUTE_MS = 400, 86_400_000, 60_000
ORDER_FILLS = 100  # one strategy each so many
ROUNDS = 200
RATE = Decimal("1.5")


class Prices(Valuation):
    """Every instrument has a price: the books are another benchmark's."""

    def __init__(self) -> None:
        super().__init__({})

    def mark(self, venue: str, symbol: str) -> Decimal | None:
        return Decimal("60005.5")

    def worth(self, venue: str, asset: str, amount: Decimal) -> Decimal | None:
        return amount * RATE


def trade(number: int, count: int, dice: random.Random) -> Trade:
    base, quote = PAIRS[number // ORDER_FILLS % len(PAIRS)]
    return Trade(
        venue=VENUE,
        symbol=base + quote,
        base=base,
        quote=quote,
        strategy=f"twap:{number // ORDER_FILLS}",
        side=Side.BUY if dice.random() < 0.6 else Side.SELL,
        fill=Fill(
            trade_id=str(number),
            price=Decimal(dice.randint(100_000, 900_000)) / 100,
            quantity=Decimal(dice.randint(1, 1_000_000)) / 100_000,
            commission=Decimal(dice.randint(1, 100_000)) / 10**8,
            commission_asset=dice.choice((base, quote, "BNB")),
            maker=False,
            time_ms=1 + number * DAYS * DAY_MS // count,
        ),
        client_order_id=f"c{number}",
    )


def filled(count: int) -> tuple[Accounts, list[float]]:
    """The account after so many fills, each priced, and what each took in ms."""
    dice, accounts, took = random.Random(1), Accounts(), []
    accounts.apply(BalancesAnchored(venue=VENUE, totals={"USDT": Decimal(10**6)}, time_ms=0))
    for number in range(count):
        one = trade(number, count, dice)
        began = time.thread_time()
        accounts.pnl.take(one)
        accounts.cash.trade(one)
        waiting = accounts.pnl.awaiting.get(one.key)
        if waiting is not None:
            rates = dict.fromkeys(waiting.assets, RATE)
            accounts.apply(
                FillPriced(venue=VENUE, symbol=one.symbol, trade_id=one.fill.trade_id, rates=rates)
            )
        took.append((time.thread_time() - began) * 1e3)
    for minute in range(40 * 1_440):
        at_ms = (DAYS - 40) * DAY_MS + minute * MINUTE_MS
        equity = Decimal(1_000_000 + dice.randint(-1_000, 1_000))
        accounts.apply(EquitySampled(at_ms=at_ms, equity=equity))
    return accounts, took


def balances() -> BalanceBook:
    """As young as the last fill."""
    book = BalanceBook()
    assets = sorted({asset for pair in PAIRS for asset in pair})
    held = tuple(Balance(asset=asset, free=Decimal(10**6), locked=Decimal(0)) for asset in assets)
    book.take(BalancesReport(venue=VENUE, balances=held, time_ms=DAYS * DAY_MS, complete=True))
    return book


def milliseconds(work: Callable[[], object]) -> tuple[float, ...]:
    took = []
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        took.append((time.thread_time() - began) * 1e3)
    return percentiles(took)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fills", type=int, default=100_000, metavar="N")
    count: int = parser.parse_args().fills
    print(machine())
    accounts, took = filled(count)
    gc.freeze()  # as the engine does once it has read its ledger
    held, prices = balances(), Prices()
    rows: list[tuple[object, ...]] = [("fold a fill", *percentiles(took))]
    curve = tuple(accounts.curve.points[Window.DAY])
    work: dict[str, Callable[[], object]] = {
        "profit": lambda: views.pnl(accounts, prices, {}),
        "explanation, also of each scrape": lambda: views.explanation(accounts.cash, held, prices),
        f"curve of {len(curve):,} points as JSON": lambda: msgspec.json.encode(curve),
    }
    rows += [(name, *milliseconds(one)) for name, one in work.items()]
    accounts.pnl.cover("c", trade(count, count, random.Random(2)))
    rows.append(("profit, an order's trades unheard of", *milliseconds(work["profit"])))
    show(f"{count:,} fills, ms", ("", *PERCENTILES), rows)


if __name__ == "__main__":
    main()
