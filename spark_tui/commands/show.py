"""`spark-tui show WHAT [SYMBOL] [--json]`."""

import argparse
import shutil
import sys

from msgspec import structs

from spark_tui.commands import diff, money, rows
from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.money import utc
from spark_tui.commands.parser import WHAT, nearest
from spark_tui.commands.reach import data_dir_of, require_engine, with_line
from spark_tui.commands.table import facts, table
from spark_tui.domain.accounting import Window
from spark_tui.link.messages import (
    AnyRequest,
    Audit,
    AuditRow,
    Diff,
    GetAlgos,
    GetAudit,
    GetBalances,
    GetBook,
    GetDiff,
    GetDifferences,
    GetDrills,
    GetFills,
    GetHealth,
    GetInstruments,
    GetOrders,
    GetPositions,
    GetRules,
    GetStatus,
    GetTickers,
    GetVenues,
    Orders,
    Result,
    Tickers,
)
from spark_tui.link.remote import RemoteLink

_REQUESTS: dict[str, AnyRequest] = {
    "algos": GetAlgos(),
    "diff": GetDiff(),
    "differences": GetDifferences(),
    "drills": GetDrills(),
    "positions": GetPositions(),
    "balances": GetBalances(),
    "tickers": GetTickers(),
    "venues": GetVenues(),
    "status": GetStatus(),
    "health": GetHealth(),
    "rules": GetRules(),
    "instruments": GetInstruments(),
}

_COLUMNS = {
    "orders": (
        "client_order_id venue_order_id venue symbol side type price quantity filled average_price state code"
        " list_id role decidable_at"
    ),
    "lists": "list_id kind venue symbol states",
    "algos": "algo_id kind symbol side quantity filled average_price state children next_at_ms text",
    "differences": "difference_id kind symbol client_order_id local remote choices applied",
    "drills": "name title faults state seed seconds text",
    "fills": "trade_id client_order_id venue symbol side price quantity commission commission_asset maker",
    "positions": "venue symbol quantity average_price mark unrealised realised quote fees",
    "balances": "venue asset free locked total worth",
    "tickers": "symbol last change_percent bid ask high low quote_volume age_s usable venue",
    "venues": "name environment state age_s clock_offset_ms weight_used weight_limit detail",
    "rules": "id enabled said scope effect used headroom unit ok origin text",
    "instruments": "venue symbol base quote status order_types",
    "audit": "seq time_utc who face action ok what result",
    "streams": "venue name state age_s rate lag_ms messages gaps reconnects detail",
}


WIDTH = 120  # of a line where no terminal says how wide it is


def run(arguments: argparse.Namespace) -> int:
    what: str = arguments.what
    if what not in WHAT:
        raise CommandError(f"show: there is no {what!r}{nearest(what, WHAT)}", USAGE)
    engine = require_engine(data_dir_of(arguments))
    result = with_line(engine, "show", lambda link: _ask(link, what, arguments.symbol))
    if isinstance(result, Diff) and not arguments.json:
        print(diff.text(result))
        return 0
    found = (
        rows.order_lists(result) if what == "lists" and isinstance(result, Orders) else rows.listed(result)
    )
    if what in money.WHAT and not arguments.json and isinstance(found, dict):
        print(money.text(what, found))
    else:
        print(rows.to_json(found) if arguments.json else _text(what, found))
    return 0


async def _ask(link: RemoteLink, what: str, word: str) -> Result:
    symbol = word.upper()
    match what:
        case "audit":
            return await _audit(link, word)
        case "orders" | "lists":
            return await link.call(GetOrders(symbol=symbol))
        case "fills":
            return await link.call(GetFills(symbol=symbol))
        case "book":
            return await link.call(GetBook(symbol=symbol or await _first_symbol(link)))
        case "pnl" | "equity" | "explain":
            return await link.call(_money(what, word))
    return await link.call(_REQUESTS[what])


async def _audit(link: RemoteLink, words: str) -> Result:
    """One question reads a bounded part of the ledger: on until there is a page, or nothing older."""
    ask = GetAudit(text=words)
    found: tuple[AuditRow, ...] = ()
    while True:
        answer = await link.call(ask)
        if not isinstance(answer, Audit):
            return answer
        found += answer.rows
        if not answer.before or len(found) >= ask.limit:
            return structs.replace(answer, rows=found)
        ask = structs.replace(ask, before=answer.before)


def _money(what: str, word: str) -> AnyRequest:
    try:
        return money.request(what, word)
    except ValueError:
        raise CommandError(f"show equity: {word!r} is none of {', '.join(Window)}", USAGE) from None


async def _first_symbol(link: RemoteLink) -> str:
    tickers = await link.call(GetTickers())
    if not isinstance(tickers, Tickers) or not tickers.rows:
        raise CommandError("The engine streams no instrument yet; name one: spark-tui show book BTCUSDT")
    return tickers.rows[0].symbol


def _text(what: str, found: list[rows.Row] | rows.Row) -> str:
    if what == "audit" and isinstance(found, list):
        return _audit_text(found)
    if isinstance(found, list):
        return table(_COLUMNS[what].split(), found, f"No {what}.")
    if what == "book":
        return _book(found)
    inner = "venues" if what == "status" else "streams"
    return "\n\n".join(
        (
            facts({name: value for name, value in found.items() if name != inner}),
            table(_COLUMNS[inner].split(), found[inner], f"No {inner}."),
        )
    )


def _audit_text(found: list[rows.Row]) -> str:
    """A line an entry, none longer than the terminal; `--json` has it whole."""
    width = shutil.get_terminal_size((WIDTH, 0)).columns if sys.stdout.isatty() else WIDTH
    shown = [
        {**one, "time_utc": utc(one["time_ms"]), "what": _cut(one["what"], max(10, width // 3))}
        for one in found
    ]
    lines = table(_COLUMNS["audit"].split(), shown, "No audit.").split("\n")
    return "\n".join(_cut(line, width) for line in lines)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _book(found: rows.Row) -> str:
    if not found["usable"]:
        return f"{found['symbol']}: the book cannot be used: {found['why']}."
    depth = max(len(found["bids"]), len(found["asks"]))
    lines = [
        {
            "bid_quantity": _part(found["bids"], level, 1),
            "bid": _part(found["bids"], level, 0),
            "ask": _part(found["asks"], level, 0),
            "ask_quantity": _part(found["asks"], level, 1),
        }
        for level in range(depth)
    ]
    head = f"{found['symbol']} {found['venue']}  update {found['update_id']}  age {found['age_s']:.1f} s"
    return f"{head}\n{table(('bid_quantity', 'bid', 'ask', 'ask_quantity'), lines, 'No levels.')}"


def _part(levels: list[list[float]], level: int, index: int) -> float | None:
    return levels[level][index] if level < len(levels) else None
