"""What a start costs before the first venue is asked: a ledger of so many fills, checked, read, decoded and
folded into the engine's state. Prints a table; asserts nothing.

Run: python -m benchmarks.replay_bench [--fills 100000]

The ledger is a real one on disk, with what an engine writes around a fill: the events of its order, its
prices, the command for the audit, reconciliation and equity. CPU time of the one thread that does it; the
digest says whether two runs came to the same state, byte for byte.
"""

import argparse
import asyncio
import hashlib
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

from benchmarks.table import machine, show
from spark_tui.domain.order import Accepted, Fill, Filled, Intended, OrderRequest, Sent
from spark_tui.domain.values import OrderType, Side
from spark_tui.engine.journal import Journal
from spark_tui.engine.money_records import BalancesAnchored, EquitySampled, FillPriced
from spark_tui.engine.records import (
    Acted,
    DayStarted,
    OrderRecord,
    Record,
    RunStarted,
    TradesReconciled,
    from_body,
    to_entry,
)
from spark_tui.link.messages.audit import AuditVerdict
from spark_tui.store.ledger import Ledger, verify
from spark_tui.wire.clock import SystemClock

VENUE = "bench"
PAIRS = (("BTC", "USDT"), ("ETH", "USDT"), ("BTC", "TRY"))
RATES = {
    "BNB": Decimal("612.35"),
    "TRY": Decimal("0.0297"),
    "BTC": Decimal("60005.5"),
    "ETH": Decimal("2501.15"),
}
VERDICTS = tuple(
    AuditVerdict(rule=f"rule-{number}", ok=True, used=Decimal("12.5"), allowed=Decimal(100))
    for number in range(14)
)
MOST_FILLS = 3  # of one order
FILL_MS = 4_000  # between two fills: 100 000 of them are five days
RECONCILED_EVERY = 50  # orders
BATCH = 1_000


def history(count: int) -> Iterator[Record]:
    """What an engine wrote that traded so much, in its order; equal for equal counts."""
    dice = random.Random(1)
    yield RunStarted(run="bench1", at_ms=1)
    yield BalancesAnchored(venue=VENUE, totals={"USDT": Decimal(10**6), "BTC": Decimal(10)}, time_ms=1)
    yield DayStarted(day="1970-01-01", baseline=Decimal(0))
    trades = orders = 0
    while trades < count:
        orders += 1
        base, quote = dice.choice(PAIRS)
        fills = min(dice.randint(1, MOST_FILLS), count - trades)
        yield from order(f"spbench1-{orders}", base, quote, trades, fills, dice)
        trades += fills
        if orders % RECONCILED_EVERY == 0:
            yield from (
                TradesReconciled(venue=VENUE, symbol=one + other, last_trade_id=trades)
                for one, other in PAIRS
            )
            yield EquitySampled(at_ms=trades * FILL_MS, equity=Decimal(10**6 + dice.randint(-999, 999)))


def order(
    client_id: str, base: str, quote: str, before: int, fills: int, dice: random.Random
) -> Iterator[Record]:
    at_ms, symbol = before * FILL_MS + 1, base + quote
    part = Decimal(dice.randint(1, 100_000)) / 100_000
    request = OrderRequest(
        venue=VENUE,
        symbol=symbol,
        side=dice.choice(tuple(Side)),
        type=OrderType.LIMIT,
        quantity=part * fills,
        price=Decimal(dice.randint(5_000_000, 7_000_000)) / 100,
    )
    intent = Intended(
        client_order_id=client_id, request=request, at_ms=at_ms, operator="bench", key=client_id
    )
    yield OrderRecord(client_order_id=client_id, event=intent, base=base, quote=quote)
    sent = Sent(at_ms=at_ms, decidable_at_ms=at_ms + 16_000)
    yield OrderRecord(client_order_id=client_id, event=sent)
    yield OrderRecord(client_order_id=client_id, event=Accepted(venue_order_id=str(before), at_ms=at_ms + 2))
    yield Acted(
        action="SubmitOrder",
        what=f"{request.side} {symbol}",
        operator="bench",
        face="ticket",
        verdicts=VERDICTS,
        result="ACCEPTED",
        ok=True,
        at_ms=at_ms + 3,
    )
    for number in range(before + 1, before + 1 + fills):
        fill = Fill(
            trade_id=str(number),
            price=request.price or Decimal(1),
            quantity=part,
            commission=Decimal(dice.randint(1, 100_000)) / 10**8,
            commission_asset=dice.choice((base, quote, "BNB")),
            maker=True,
            time_ms=number * FILL_MS,
        )
        yield OrderRecord(client_order_id=client_id, event=Filled(fill=fill, venue_order_id=str(before)))
        rates = {asset: RATES[asset] for asset in (quote, fill.commission_asset) if asset in RATES}
        if rates:
            yield FillPriced(venue=VENUE, symbol=symbol, trade_id=fill.trade_id, rates=rates)


async def write(path: Path, count: int) -> None:
    ledger = Ledger.open(path, time.time_ns)
    try:
        batch = []
        for record in history(count):
            batch.append(to_entry(record))
            if len(batch) == BATCH:
                await ledger.append(*batch)
                batch.clear()
        await ledger.append(*batch)
    finally:
        ledger.close()


def _seconds(work: Callable[[], object]) -> float:
    began = time.thread_time()
    work()
    return time.thread_time() - began


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--fills", type=int, default=100_000, metavar="N")
    count: int = parser.parse_args().fills
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.sqlite"
        asyncio.run(write(path, count))
        checked = _seconds(lambda: verify(path))
        ledger = Ledger.open(path, time.time_ns)
        try:
            bodies: list[bytes] = []
            read = _seconds(lambda: bodies.extend(stored.body for stored in ledger.read()))
            decoded = _seconds(lambda: [from_body(body) for body in bodies])
            journal = Journal(ledger, SystemClock(), on_failure=print, on_recovery=print)
            replayed = _seconds(journal.replay)
        finally:
            ledger.close()
    rows = [
        ("chain checked", checked),
        ("read", read),
        ("decoded", decoded),
        ("replayed: read, decoded, folded", replayed),
    ]
    show(
        f"{count:,} fills in {len(bodies):,} records",
        ("", "s", "us a fill"),
        [(name, seconds, seconds / count * 1e6) for name, seconds in rows],
    )
    print(f"\nstate {hashlib.sha256(journal.state.digest()).hexdigest()[:16]}")


if __name__ == "__main__":
    main()
