"""What `show pnl`, `show equity` and `show explain` print."""

from collections.abc import Mapping
from typing import Any

from spark_tui.commands.rows import Row
from spark_tui.commands.table import facts, table
from spark_tui.domain.accounting import Window
from spark_tui.link.messages import AnyRequest, GetEquity, GetExplanation, GetPnl

WHAT = frozenset({"pnl", "equity", "explain"})

_SUMS = "name trades realised unrealised funding total fees volume unpriced"
_SIDES = (
    "symbol quantity quote average_cost realised unrealised fifo_average fifo_realised fifo_unrealised lots"
    " dust"
)
_DAYS = "name trades realised funding fees volume gain equity unpriced"
_KINDS = ["BOUGHT", "SOLD", "FEE", "FUNDING", "REALISED", "DEPOSIT", "WITHDRAWAL", "ADJUSTMENT"]
_SAMPLES = 20


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
    days = [{**one["row"], "gain": one["gain"], "equity": one["equity"]} for one in found["days"]]
    if not symbols and not days:
        return "Nothing was traded yet."
    parts = [
        f"In {found['currency']}, fees taken off:",
        table(_SUMS.split(), [*(one["row"] for one in symbols), found["total"]], "No trades."),
        "Average cost and FIFO side by side, in quote money:",
        table(_SIDES.split(), sides, "No positions."),
        "By strategy:",
        table(_SUMS.split(), found["strategies"], "No trades."),
        "By UTC day:",
        table(_DAYS.split(), days, "No days."),
    ]
    return "\n\n".join(parts)


def _equity(found: Row) -> str:
    now, deepest = found["now"] or {}, found["deepest"] or {}
    head = {
        "currency": found["currency"],
        "equity": now.get("equity"),
        "gain": now.get("gain"),
        "drawdown": _percent(now.get("fall")),
        "deepest": _percent(deepest.get("fall")),
        "left out": found["unpriced"],
    }
    points = [{**one, "fall": _percent(one["fall"])} for one in found["points"][-_SAMPLES:]]
    return f"{facts(head)}\n\n{table(('at_ms', 'equity', 'gain', 'fall'), points, 'No samples yet.')}"


def _explanation(found: Row) -> str:
    rows = [_explained(one) for one in found["rows"]]
    moved = [kind for kind in _KINDS if any(kind in row for row in rows)]
    columns = ["venue", "asset", "opening", *moved, "expected", "actual", "rest", "rest_worth", "worth"]
    accuracy = {f"accuracy {venue}": _percent(value) for venue, value in found["accuracy"].items()}
    head = facts({f"rest in {found['currency']}": found["rest_worth"], **accuracy})
    return f"{table(columns, rows, 'No balances yet.')}\n\n{head}"


def _explained(one: Mapping[str, Any]) -> Row:
    explained = one["explained"]
    return {**explained, **explained["rows"], "rest_worth": one["rest_worth"], "worth": one["worth"]}


def _percent(share: Any) -> str | None:
    return None if share is None else f"{share * 100:.4f} %"
