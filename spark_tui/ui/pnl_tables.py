"""The tables of the PnL screen: columns for each width, a row's cells, and what is said of it in full."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from itertools import zip_longest
from typing import Final, NamedTuple

from spark_tui.domain.accounting import Explained, FlowKind
from spark_tui.domain.decimals import ZERO
from spark_tui.domain.rules import MANUAL
from spark_tui.domain.words import one_line
from spark_tui.link.messages import Balances, DayPnl, ExplainedRow, PnlRow, StrategyPnl, SymbolPnl
from spark_tui.ui import format as fmt
from spark_tui.ui.pnl_data import Money
from spark_tui.ui.story import short_id
from spark_tui.ui.widgets.line_table import Column, RowKey

MOST: Final = 8  # decimals
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


def on_one_point(values: Sequence[Decimal | None], width: int) -> list[str]:
    """Amounts of one column on one decimal point, with as many of their eight decimals as fit `width`; what
    that would show as nothing stands in full."""
    known = [round(value, MOST) for value in values if value is not None]
    whole = max((len(fmt.exact(value).partition(".")[0]) for value in known), default=0)
    needed = max((fmt.decimals_of(value) if value % 1 else 0 for value in known), default=0)
    places = min(needed, max(0, width - whole - 1))
    texts = []
    for value in values:
        hidden = value is not None and value and not round(value, places)
        shown = amount(value) if value is None or hidden else fmt.exact(round(value, places))
        texts.append(shown if hidden else fmt.on_point(shown, places))
    return texts


def signed(value: Decimal | None) -> str:
    return gain(value)[0]


def price(value: Decimal | None) -> str:
    if value is None:
        return fmt.ABSENT
    return fmt.fixed(value, 2) if abs(value) >= 100 else fmt.exact(round(value, 6))


def price_within(value: Decimal | None, width: int) -> str:
    """Its cents give way where they would be cut: a number that is cut is another one."""
    text = price(value)
    return text if value is None or len(text) <= width else fmt.fixed(value, 0)


def right(*widths: tuple[str, int]) -> tuple[Column, ...]:
    return tuple(Column(title, width, right=True) for title, width in widths)


def _symbols(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.pnl.symbols if known.pnl else ()
    sizes = [one.position.quantity for one in rows]
    wide, narrow = on_one_point(sizes, SIZE_WIDE), on_one_point(sizes, SIZE_NARROW)
    return {
        (one.position.venue, one.row.name): _symbol(one, wide[at], narrow[at]) for at, one in enumerate(rows)
    }


def _symbol(one: SymbolPnl, wide: str, narrow: str) -> Entry:
    position, row = one.position, one.row
    flat = not position.quantity
    cost, fifo_cost = (None, None) if flat else (position.average_price, one.fifo_average)
    average, fifo_average = price(cost), price(fifo_cost)
    held = amount(position.quantity)
    tone = "dim" if one.dust or flat else "ink"
    methods = (gain(position.realised), gain(one.fifo_realised))
    ends = (gain(one.unrealised), (money(row.fees), "dim"), gain(row.total))
    word = f"{held} {one.base}, too little for any order" if one.dust and not flat else f"{held} {one.base}"
    return Entry(
        wide=(
            (row.name, "b ink"), (wide, tone), (price_within(cost, COST_WIDE), "ink"), methods[0],
            (price_within(fifo_cost, MARK), "ink"), methods[1], (price_within(one.mark, MARK), "ink"), *ends,
        ),
        narrow=(
            (row.name, "b ink"), (narrow, tone), (price_within(cost, COST_NARROW), "ink"), *methods, *ends,
        ),
        facts=(
            ("holds", word),
            ("average cost", f"{average}  realised {signed(position.realised)}  unrealised "
                f"{signed(one.unrealised)} {one.quote}"),
            ("FIFO", f"{fifo_average}  realised {signed(one.fifo_realised)}  unrealised "
                f"{signed(one.fifo_unrealised)} {one.quote}  in {one.lots} lot{'s' * (one.lots != 1)}"),
            *_facts(row),
        ),
    )  # fmt: skip


def _facts(row: PnlRow) -> tuple[Fact, ...]:
    """What every sum can say."""
    funding = f"funding {signed(row.funding)}  " if row.funding != 0 else ""
    facts = []
    if row.unpriced:
        parts = ", ".join(f"{fmt.exact(value)} {asset}" for asset, value in row.unpriced.items())
        facts.append(("unpriced", f"{parts}: no price at the time, so not in these sums"))
    facts.append(("in USDT", f"realised {signed(row.realised)}  {funding}fees {money(row.fees)}"))
    facts.append(("volume", f"{money(row.volume)} USDT in {row.trades} trade{'s' * (row.trades != 1)}"))
    return tuple(facts)


def _strategies(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.pnl.strategies if known.pnl else ()
    return {(one.whose, one.name): _strategy(one) for one in rows}


def _strategy(row: StrategyPnl) -> Entry:
    """Names are whatever somebody called himself."""
    name, whose = one_line(row.name), one_line(row.whose)
    cells: tuple[Cell, ...] = (
        (name, "b ink"), (whose if name == MANUAL else short_id(whose), "ink"),
        (str(row.trades), "ink"), gain(row.realised), gain(row.unrealised),
        (money(row.fees), "dim"), (money(row.volume), "dim"), gain(row.total),
    )  # fmt: skip
    return Entry((*cells[:5], gain(row.funding), *cells[5:]), cells, (*_whose(row), *_facts(row)))


def _whose(row: StrategyPnl) -> tuple[Fact, ...]:
    """Of orders by hand the operator, of an algo its id."""
    if not row.whose:
        return ()
    return (("operator" if row.name == MANUAL else "algo", one_line(row.whose)),)


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
    if known is None:
        return {}
    rows = [
        (venue, one, worth)
        for venue, held in known.rows.items()
        for one, worth in zip_longest(held, known.worth.get(venue, ())[: len(held)])
    ]
    parts = [[one.free for _, one, _ in rows], [one.locked for _, one, _ in rows]]
    parts.append([one.total for _, one, _ in rows])
    wide, narrow = (_columns(parts, widths) for widths in (BALANCES_WIDE, BALANCES_NARROW))
    found: dict[RowKey, Entry] = {}
    for (venue, one, worth), figures, short in zip(rows, wide, narrow, strict=True):
        tones = ("ink", "dim", "ink")
        worth_cell = (money(worth), "ink" if worth is not None else "warn")
        said = "no usable price now" if worth is None else f"{money(worth)} USDT"
        name = (one.asset, "b ink")
        found[venue, one.asset] = Entry(
            (name, (venue, "dim"), *zip(figures, tones, strict=True), worth_cell),
            (name, *zip(short, tones, strict=True), worth_cell),
            (
                ("venue", venue),
                ("holds", f"{amount(one.free)} free, {amount(one.locked)} locked"),
                ("worth", said),
            ),
        )
    return found


def _columns(parts: Sequence[Sequence[Decimal | None]], widths: Sequence[int]) -> list[tuple[str, ...]]:
    """Row by row what stands in columns so wide."""
    texts = [on_one_point(values, width) for values, width in zip(parts, widths, strict=True)]
    return list(zip(*texts, strict=True))


TRADED: Final = (FlowKind.BOUGHT, FlowKind.SOLD)


def _explained(known: Money, _: Balances | None) -> dict[RowKey, Entry]:
    rows = known.explanation.rows if known.explanation else ()
    parts = [_parts(row.explained) for row in rows]
    wide = _columns(list(zip(*parts, strict=True)), EXPLAINED_WIDE) if rows else []
    # nothing else than fees, and what was expected, gives way
    short = [(one[0], one[1], one[2], one[5], one[6]) for one in parts]
    narrow = _columns(list(zip(*short, strict=True)), EXPLAINED_NARROW) if rows else []
    return {
        (row.explained.venue, row.explained.asset): _explain(row, wide[at], narrow[at])
        for at, row in enumerate(rows)
    }


def _parts(one: Explained) -> tuple[Decimal, ...]:
    """Was, traded, fees, other, expected, is, rest."""
    traded = sum((one.rows.get(kind, ZERO) for kind in TRADED), ZERO)
    fees = one.rows.get(FlowKind.FEE, ZERO)
    other = sum(one.rows.values(), ZERO) - traded - fees
    return one.opening, traded, fees, other, one.expected, one.actual, one.rest


def _explain(row: ExplainedRow, wide: Sequence[str], narrow: Sequence[str]) -> Entry:
    one = row.explained
    tone = "b warn" if one.rest else "up"
    parts = (
        "  ".join(f"{kind.lower()} {amount(value)}" for kind, value in one.rows.items()) or "nothing moved"
    )
    said = (
        "none: the venue has what the rows say"
        if not one.rest
        else f"{amount(one.rest)} {one.asset}, worth {money(row.rest_worth)} USDT: no row tells of it"
    )
    name = (one.asset, "b ink")
    tones = ("ink", "ink", "dim", "dim", "ink", "ink", tone)
    few = ("ink", "ink", "dim", "ink", tone)
    return Entry(
        wide=(name, *zip(wide, tones, strict=True), (money(row.rest_worth), tone)),
        narrow=(name, *zip(narrow, few, strict=True)),
        facts=(
            ("was", f"{amount(one.opening)} {one.asset} at {one.venue}"),
            ("rows", parts),
            ("is", f"{amount(one.actual)}, expected {amount(one.expected)}"),
            ("rest", said),
        ),
    )


SIZE_WIDE, SIZE_NARROW = 12, 10
COST_WIDE, COST_NARROW, MARK = 12, 10, 11
BALANCES_WIDE: Final = (18, 16, 18)
BALANCES_NARROW: Final = (16, 14, 16)
EXPLAINED_WIDE: Final = (14, 14, 12, 12, 15, 15, 10)
EXPLAINED_NARROW: Final = (14, 14, 12, 14, 11)

TABLES: Final = (
    Table(
        "Symbols",
        (Column("symbol", 11), *right(
            ("position", SIZE_WIDE), ("average cost", COST_WIDE), ("realised", 10), ("FIFO cost", MARK),
            ("FIFO real.", 10), ("mark", MARK), ("unrealised", 10), ("fees", 8), ("total USDT", 11))),
        (Column("symbol", 9), *right(
            ("position", SIZE_NARROW), ("avg cost", COST_NARROW), ("realised", 9), ("FIFO", 9),
            ("unreal.", 9), ("fees", 6), ("total", 9))),
        "nothing was traded yet: profit begins with the first fill",
        _symbols,
    ),
    Table(
        "Strategies",
        (Column("strategy", 10), Column("whose", 15), *right(
            ("trades", 8), ("realised", 12), ("unrealised", 12), ("funding", 10), ("fees", 10),
            ("volume", 14), ("total", 12))),
        (Column("strategy", 8), Column("whose", 10), *right(
            ("trades", 6), ("realised", 9), ("unreal.", 9), ("fees", 7), ("volume", 11), ("total", 9))),
        "no strategy has traded yet",
        _strategies,
    ),
    Table(
        "Days",
        (Column("UTC day", 12), *right(
            ("trades", 8), ("realised", 12), ("funding", 10), ("fees", 10), ("volume", 14), ("equity", 14),
            ("change", 12))),
        (Column("UTC day", 10), *right(
            ("trades", 6), ("realised", 10), ("fees", 8), ("volume", 11), ("equity", 11), ("change", 10))),
        "no day has ended with a trade or a sample yet",
        _days,
    ),
    Table(
        "Balances",
        (Column("asset", 10), Column("venue", 16), *right(
            *zip(("free", "locked", "total"), BALANCES_WIDE, strict=True), ("worth USDT", 14))),
        (Column("asset", 8), *right(
            *zip(("free", "locked", "total"), BALANCES_NARROW, strict=True), ("worth USDT", 12))),
        "waiting for the venue's balances",
        _balances,
    ),
    Table(
        "Explained",
        (Column("asset", 7), *right(
            *zip(("was", "traded", "fees", "other", "expected", "is", "rest"), EXPLAINED_WIDE, strict=True),
            ("rest USDT", 10))),
        (Column("asset", 6), *right(
            *zip(("was", "traded", "fees", "is", "rest"), EXPLAINED_NARROW, strict=True))),
        "waiting for the venue's balances",
        _explained,
    ),
)  # fmt: skip
