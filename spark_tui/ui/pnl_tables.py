"""The tables of the PnL screen: columns for each width, a row's cells, and what is said of it in full."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final, NamedTuple

from spark_tui.domain.accounting import FlowKind
from spark_tui.domain.decimals import ZERO
from spark_tui.link.messages import Balances, DayPnl, ExplainedRow, PnlRow, SymbolPnl
from spark_tui.ui import format as fmt
from spark_tui.ui.pnl_data import Money
from spark_tui.ui.widgets.line_table import Column, RowKey

Cell = tuple[str, str]
Fact = tuple[str, str]


class Entry(NamedTuple):
    """One row: its cells at both widths, and the facts of its card."""

    wide: tuple[Cell, ...]
    narrow: tuple[Cell, ...]
    facts: tuple[Fact, ...]


class Table(NamedTuple):
    name: str
    wide: tuple[Column, ...]
    narrow: tuple[Column, ...]
    empty: str
    rows: Callable[[Money, Balances | None], dict[RowKey, Entry]]


def money(value: Decimal | None, *, sign: bool = False) -> str:
    return fmt.fixed(value, 2, sign=sign)


def gain(value: Decimal | None) -> Cell:
    """Signed, with the tone of its direction; what is not known has none."""
    if value is None or not value:
        return money(value), "dim"
    return money(value, sign=True), "up" if value > 0 else "down"


def amount(value: Decimal | None) -> str:
    """Up to eight decimals."""
    return fmt.ABSENT if value is None else fmt.exact(round(value, 8))


def price(value: Decimal | None) -> str:
    if value is None:
        return fmt.ABSENT
    return fmt.fixed(value, 2) if abs(value) >= 100 else fmt.exact(round(value, 6))


def right(*widths: tuple[str, int]) -> tuple[Column, ...]:
    return tuple(Column(title, width, right=True) for title, width in widths)


def _symbols(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.pnl.symbols if known.pnl else ()
    return {(one.position.venue, one.row.name): _symbol(one) for one in rows}


def _symbol(one: SymbolPnl) -> Entry:
    position, row = one.position, one.row
    flat = not position.quantity
    average = fmt.ABSENT if flat else price(position.average_price)
    fifo_average = fmt.ABSENT if flat else price(one.fifo_average)
    held = amount(position.quantity)
    size: Cell = (held, "dim" if one.dust or flat else "ink")
    methods = (gain(position.realised), gain(one.fifo_realised))
    ends = (gain(one.unrealised), (money(row.fees), "dim"), gain(row.total))
    word = f"{held} {one.base}, too little for any order" if one.dust and not flat else f"{held} {one.base}"
    return Entry(
        wide=(
            (row.name, "b ink"), size, (average, "ink"), methods[0], (fifo_average, "ink"), methods[1],
            (price(one.mark), "ink"), *ends,
        ),
        narrow=((row.name, "b ink"), size, (average, "ink"), *methods, *ends),
        facts=(
            ("holds", word),
            ("average cost", f"{average}  realised {money(position.realised)}  unrealised "
                f"{money(one.unrealised)} {one.quote}"),
            ("FIFO", f"{fifo_average}  realised {money(one.fifo_realised)}  unrealised "
                f"{money(one.fifo_unrealised)} {one.quote}  in {one.lots} lot{'s' * (one.lots != 1)}"),
            *_facts(row),
        ),
    )  # fmt: skip


def _facts(row: PnlRow) -> tuple[Fact, ...]:
    """What every sum can say."""
    facts = [
        (
            "USDT",
            f"realised {money(row.realised)}  funding {money(row.funding)}  fees {money(row.fees)}  "
            f"volume {money(row.volume)}  trades {row.trades}",
        )
    ]
    if row.unpriced:
        parts = ", ".join(f"{fmt.exact(value)} {asset}" for asset, value in row.unpriced.items())
        facts.append(("unpriced", f"{parts}: no price at the time, so not in these sums"))
    return tuple(facts)


def _strategies(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.pnl.strategies if known.pnl else ()
    return {(one.name,): _strategy(one) for one in rows}


def _strategy(row: PnlRow) -> Entry:
    cells: tuple[Cell, ...] = (
        (row.name or "by hand", "b ink"), (str(row.trades), "ink"), gain(row.realised), gain(row.unrealised),
        (money(row.fees), "dim"), (money(row.volume), "dim"), gain(row.total),
    )  # fmt: skip
    return Entry((*cells[:4], gain(row.funding), *cells[4:]), cells, _facts(row))


def _days(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.pnl.days if known.pnl else ()
    return {(one.row.name,): _day(one) for one in rows}


def _day(one: DayPnl) -> Entry:
    row = one.row
    cells: tuple[Cell, ...] = (
        (row.name, "b ink"), (str(row.trades), "ink"), gain(row.realised), (money(row.fees), "dim"),
        (money(row.volume), "dim"), (money(one.equity), "ink"), gain(one.gain),
    )  # fmt: skip
    return Entry((*cells[:3], gain(row.funding), *cells[3:]), cells, _facts(row))


def _balances(_: Money, known: Balances | None) -> dict[RowKey, Entry]:
    found: dict[RowKey, Entry] = {}
    for venue, rows in (known.rows if known else {}).items():
        worths = known.worth.get(venue, ()) if known else ()
        for index, one in enumerate(rows):
            worth = worths[index] if index < len(worths) else None
            figures: tuple[Cell, ...] = (
                (amount(one.free), "ink"), (amount(one.locked), "dim"),
                (amount(one.total), "ink"), (money(worth), "ink" if worth is not None else "warn"),
            )  # fmt: skip
            said = "no usable price now" if worth is None else f"{money(worth)} USDT"
            facts = (("venue", venue), ("worth", said))
            name = (one.asset, "b ink")
            found[venue, one.asset] = Entry((name, (venue, "dim"), *figures), (name, *figures), facts)
    return found


TRADED: Final = (FlowKind.BOUGHT, FlowKind.SOLD)


def _explained(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.explanation.rows if known.explanation else ()
    return {(one.explained.venue, one.explained.asset): _explain(one) for one in rows}


def _explain(row: ExplainedRow) -> Entry:
    one = row.explained
    traded = sum((one.rows.get(kind, ZERO) for kind in TRADED), ZERO)
    fees = one.rows.get(FlowKind.FEE, ZERO)
    other = sum(one.rows.values(), ZERO) - traded - fees
    tone = "b warn" if one.rest else "up"
    middle: tuple[Cell, ...] = tuple((amount(part), "ink") for part in (one.opening, traded))
    rest: tuple[Cell, ...] = ((amount(one.actual), "ink"), (amount(one.rest), tone))
    parts = (
        "  ".join(f"{kind.lower()} {amount(value)}" for kind, value in one.rows.items()) or "nothing moved"
    )
    said = (
        "none: the venue has what the rows say"
        if not one.rest
        else f"{amount(one.rest)} {one.asset}, worth {money(row.rest_worth)} USDT: no row tells of it"
    )
    name = (one.asset, "b ink")
    fee, others = (amount(fees), "dim"), (amount(other), "dim")
    return Entry(
        wide=(
            name,
            *middle,
            fee,
            others,
            (amount(one.expected), "ink"),
            *rest,
            (money(row.rest_worth), tone),
        ),
        narrow=(name, *middle, fee, *rest),
        facts=(
            ("was", f"{amount(one.opening)} {one.asset} at {one.venue}"),
            ("rows", parts),
            ("is", f"{amount(one.actual)}, expected {amount(one.expected)}"),
            ("rest", said),
        ),
    )


TABLES: Final = (
    Table(
        "Symbols",
        (Column("symbol", 11), *right(
            ("position", 12), ("average cost", 12), ("realised", 10), ("FIFO cost", 11), ("FIFO real.", 10),
            ("mark", 11), ("unrealised", 10), ("fees", 8), ("total USDT", 11))),
        (Column("symbol", 9), *right(
            ("position", 10), ("avg cost", 10), ("realised", 9), ("FIFO", 9), ("unreal.", 9), ("fees", 6),
            ("total", 9))),
        "nothing was traded yet: profit begins with the first fill",
        _symbols,
    ),
    Table(
        "Strategies",
        (Column("strategy", 26), *right(
            ("trades", 8), ("realised", 12), ("unrealised", 12), ("funding", 10), ("fees", 10),
            ("volume", 14), ("total", 12))),
        (Column("strategy", 18), *right(
            ("trades", 6), ("realised", 9), ("unreal.", 9), ("fees", 8), ("volume", 11), ("total", 9))),
        "no strategy has traded yet",
        _strategies,
    ),
    Table(
        "Days",
        (Column("UTC day", 12), *right(
            ("trades", 8), ("realised", 12), ("funding", 10), ("fees", 10), ("volume", 14), ("equity", 14),
            ("gain", 12))),
        (Column("UTC day", 10), *right(
            ("trades", 6), ("realised", 10), ("fees", 8), ("volume", 11), ("equity", 11), ("gain", 10))),
        "no day has ended with a trade or a sample yet",
        _days,
    ),
    Table(
        "Balances",
        (Column("asset", 10), Column("venue", 16), *right(
            ("free", 18), ("locked", 16), ("total", 18), ("worth USDT", 14))),
        (Column("asset", 8), *right(("free", 16), ("locked", 14), ("total", 16), ("worth USDT", 12))),
        "waiting for the venue's balances",
        _balances,
    ),
    Table(
        "Explained",
        (Column("asset", 7), *right(
            ("was", 14), ("traded", 14), ("fees", 12), ("other", 12), ("expected", 15), ("is", 15),
            ("rest", 10), ("rest USDT", 9))),
        (Column("asset", 6), *right(
            ("was", 14), ("traded", 14), ("fees", 12), ("is", 14), ("rest", 11))),
        "waiting for the venue's balances",
        _explained,
    ),
)  # fmt: skip
