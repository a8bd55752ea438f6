"""What `show pnl`, `show equity` and `show explain` print."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal
from typing import Any, Final

from spark_tui.commands.rows import Row
from spark_tui.commands.table import facts, table
from spark_tui.domain.accounting import Window
from spark_tui.link.messages import AnyRequest, GetEquity, GetExplanation, GetPnl

WHAT = frozenset({"pnl", "equity", "explain"})

_SUMS = "name trades realised unrealised funding total fees volume unpriced"
_STRATEGIES = _SUMS.replace("name", "strategy whose")
_SIDES = (
    "symbol quantity quote average_cost realised unrealised fifo_average fifo_realised fifo_unrealised lots"
    " dust"
)
_DAYS = "utc_day trades realised funding fees volume gain equity unpriced"
_KINDS = ["BOUGHT", "SOLD", "FEE", "FUNDING", "REALISED", "DEPOSIT", "WITHDRAWAL", "ADJUSTMENT"]
_SAMPLES = 20
_QUOTE = {"realised", "unrealised", "fifo_realised", "fifo_unrealised"}
_MONEY: Final = _QUOTE | {"funding", "total", "fees", "volume", "gain", "equity", "rest_worth", "worth"}
_CENTS, _MOST = 2, 8  # decimals
_UNKNOWN: Final = "not known: a price is missing"


def request(what: str, word: str) -> AnyRequest:
    """Raises ValueError for a window that is none."""
    if what == "equity":
        return GetEquity(window=Window(word.lower() or Window.DAY))
    return GetPnl() if what == "pnl" else GetExplanation()


def text(what: str, found: Row) -> str:
    match what:
        case "pnl":
            return _pnl(found)
        case "equity":
            return _equity(found)
    return _explanation(found)


def _pnl(found: Row) -> str:
    symbols = found["symbols"]
    sides = [
        {
            "symbol": one["row"]["name"],
            "quantity": one["position"]["quantity"],
            "average_cost": one["position"]["average_price"],
            "realised": one["position"]["realised"],
            **{name: one[name] for name in one if name.startswith("fifo") or name in _SIDES.split()},
        }
        for one in symbols
    ]
    strategies = [{**one, "strategy": one["name"]} for one in found["strategies"]]
    days = [
        {**one["row"], "utc_day": one["row"]["name"], "gain": one["gain"], "equity": one["equity"]}
        for one in found["days"]
    ]
    if not symbols and not days:
        return "Nothing was traded yet."
    parts = [
        f"In {found['currency']}, fees taken off:",
        _table(_SUMS.split(), [*(one["row"] for one in symbols), found["total"]], "No trades."),
        "Average cost and FIFO side by side, in quote money:",
        _table(_SIDES.split(), sides, "No positions."),
        "By strategy:",
        _table(_STRATEGIES.split(), strategies, "No trades."),
        "By UTC day:",
        _table(_DAYS.split(), days, "No days."),
    ]
    return "\n\n".join(parts)


def _equity(found: Row) -> str:
    now, deepest = found["now"] or {}, found["deepest"] or {}
    head = {
        "currency": found["currency"],
        "equity": _money(now.get("equity")) or _UNKNOWN,
        "gain": _money(now.get("gain")) or _UNKNOWN,
        "drawdown": _percent(now.get("fall")) or _UNKNOWN,
        "deepest": _percent(deepest.get("fall")),
        "left out": found["unpriced"],
    }
    points = [
        {**one, "time_utc": utc(one["at_ms"]), "drawdown": _percent(one["fall"])}
        for one in found["points"][-_SAMPLES:]
    ]
    columns = ("time_utc", "equity", "gain", "drawdown")
    return f"{facts(head)}\n\n{_table(columns, points, 'No samples yet.')}"


def _explanation(found: Row) -> str:
    rows = [_explained(one) for one in found["rows"]]
    moved = [kind for kind in _KINDS if any(kind in row for row in rows)]
    columns = ["venue", "asset", "opening", *moved, "expected", "actual", "rest", "rest_worth", "worth"]
    shares = {f"accuracy {venue}": _percent(value) for venue, value in found["accuracy"].items()}
    rest = {f"rest in {found['currency']}": _money(found["rest_worth"])}
    head = facts({name: _UNKNOWN if value is None else value for name, value in {**rest, **shares}.items()})
    amounts = frozenset({"opening", *moved, "expected", "actual", "rest"})
    return f"{_table(columns, rows, 'No balances yet.', alike=amounts)}\n\n{head}"


def _explained(one: Mapping[str, Any]) -> Row:
    explained = one["explained"]
    return {**explained, **explained["rows"], "rest_worth": one["rest_worth"], "worth": one["worth"]}


def _table(
    columns: Sequence[str], rows: Sequence[Row], empty: str, *, alike: frozenset[str] = frozenset()
) -> str:
    """Every column has one number of decimals: the account's money has cents, all else as many as its most
    exact figure. `alike`: columns that have one number of them together."""
    places = {column: _places(column, (row.get(column) for row in rows)) for column in columns}
    most = max((places[column] for column in alike), default=0)
    places |= dict.fromkeys(alike, most)
    even = [{column: _even(row.get(column), places[column]) for column in columns} for row in rows]
    return table(columns, even, empty)


def _places(column: str, values: Iterable[object]) -> int:
    known = [value for value in values if isinstance(value, Decimal) and value]
    if column in _MONEY and all(round(value, _CENTS) for value in known):
        return _CENTS
    return max((_decimals(value) for value in known), default=0)


def _decimals(value: Decimal) -> int:
    """Those that count, eight at most."""
    exponent = round(value, _MOST).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _even(value: object, places: int) -> object:
    return f"{round(value, places):f}" if isinstance(value, Decimal) else value


def _money(value: Decimal | None) -> object:
    """In cents, unless it is less than one."""
    return None if value is None else _even(value, _places("worth", (value,)))


def utc(at_ms: int) -> str:
    """`2026-11-21 12:00:05`, in UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}"


def _percent(share: Decimal | None) -> str | None:
    """Rounded down: 99.99999 % is not all of it."""
    if share is None:
        return None
    return f"{(share * 100).quantize(Decimal('0.0001'), rounding=ROUND_FLOOR):f} %"
