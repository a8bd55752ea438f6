"""Link results as plain objects for JSON and tables: money as decimal text, times in epoch milliseconds."""

import json
from collections.abc import Mapping
from decimal import Decimal
from itertools import zip_longest
from typing import Any

import msgspec

from spark_tui.domain.decimals import plain, rounded
from spark_tui.domain.values import LegRole
from spark_tui.link.messages import (
    AlgoPreview,
    AlgoRow,
    Algos,
    Audit,
    AuditRow,
    Balances,
    BookView,
    Differences,
    DrillRow,
    Drills,
    FillRow,
    Fills,
    Health,
    Instruments,
    ListPreview,
    OrderList,
    Orders,
    OrderUpdate,
    PositionRow,
    Positions,
    Preview,
    Result,
    RuleRow,
    Rules,
    StartAlgo,
    Status,
    SubmitOrder,
    Tickers,
    VenueRow,
    Venues,
)

Row = dict[str, Any]

_DECIMALS = 8


def order(update: OrderUpdate) -> Row:
    """The object that `do order.submit` prints and `show orders --json` lists. `list_id`, `list_kind` and
    `role`: the list it is a leg of; `parent`: its algo; `amended`: the total it was shrunk to;
    `decidable_at`: venue clock after which an UNKNOWN order's absence proves something."""
    this = update.order
    request = this.request
    part = this.part
    average = this.filled_quote / this.filled if this.filled else None
    return {
        "client_order_id": this.client_order_id,
        "venue_order_id": this.venue_order_id,
        "venue": request.venue,
        "symbol": request.symbol,
        "side": request.side,
        "type": request.type,
        "time_in_force": request.time_in_force,
        "price": request.price,
        "quantity": request.quantity,
        "quote_quantity": request.quote_quantity,
        "stop_price": request.stop_price,
        "trailing_delta": request.trailing_delta,
        "iceberg_quantity": request.iceberg_quantity,
        "self_trade_prevention": request.self_trade_prevention,
        "amended": this.amended_quantity,
        "list_id": part.list_id if part else "",
        "list_kind": part.kind if part else "",
        "role": part.role if part else "",
        "replaces": this.replaces,
        "replaced_by": this.replaced_by,
        "parent": this.parent,
        "filled": this.filled,
        "filled_quote": this.filled_quote,
        "average_price": None if average is None else round(average, 8),
        "state": this.state,
        "code": this.code,
        "text": this.text,
        "created": this.created_ms,
        "updated": this.updated_ms,
        "decidable_at": this.decidable_at_ms,
        "external": update.external,
        "replayed": update.replayed,
        "operator": this.operator,
        "key": this.key,
        "fills": [simple(one) for one in this.fills],
    }


def order_list(found: OrderList) -> Row:
    """The object that `do list.submit` prints and `show lists --json` lists."""
    first = found.legs[0].order if found.legs else None
    legs = [order(leg) for leg in found.legs]
    return {
        "list_id": found.list_id,
        "kind": found.kind,
        "venue": first.request.venue if first else "",
        "symbol": first.request.symbol if first else "",
        "states": [f"{row['role']} {row['state']}" for row in legs],
        "legs": legs,
    }


def order_lists(orders: Orders) -> list[Row]:
    """The lists that `orders` (newest first) are legs of, newest first."""
    legs: dict[str, list[OrderUpdate]] = {}
    for row in orders.rows:
        if row.order.part is not None:
            legs.setdefault(row.order.part.list_id, []).append(row)
    return [order_list(_joined(list_id, rows)) for list_id, rows in legs.items()]


def _joined(list_id: str, rows: list[OrderUpdate]) -> OrderList:
    parts = [row.order.part for row in rows if row.order.part is not None]
    in_order = sorted(rows, key=lambda row: list(LegRole).index(row.order.part.role) if row.order.part else 0)
    return OrderList(list_id=list_id, kind=parts[0].kind, legs=tuple(in_order))


def algo(row: AlgoRow) -> Row:
    """The object that `do algo.start` prints: its terms beside its progress."""
    terms = simple(row.start)
    terms.pop("key", None)
    return {**terms, **{name: value for name, value in simple(row).items() if name != "start"}}


def drill(row: DrillRow) -> Row:
    return {**simple(row), "checks": [{"check": text, "ok": ok} for text, ok in row.checks]}


def terms(request: SubmitOrder | StartAlgo) -> Row:
    """What was asked, without what was left out; the key is nobody else's business."""
    row = simple(request)
    row.pop("key", None)
    return {name: value for name, value in row.items() if value not in (None, "")}


def preview(found: Preview) -> Row:
    """The object that `do order.submit --dry --json` prints."""
    return {**simple(found), "order": terms(found.order)}


def list_preview(found: ListPreview) -> Row:
    """The object that `do list.submit --dry --json` prints."""
    row = simple(found)
    row.pop("submit")
    legs = [{"role": leg.role, **preview(leg.preview)} for leg in found.legs]
    return {"kind": found.submit.kind, **row, "legs": legs}


def algo_preview(found: AlgoPreview) -> Row:
    """The object that `do algo.start --dry --json` prints."""
    return {
        **simple(found),
        "start": terms(found.start),
        "first": terms(found.first) if found.first else None,
    }


def fill(row: FillRow) -> Row:
    return {
        "client_order_id": row.client_order_id,
        "venue": row.venue,
        "symbol": row.symbol,
        "side": row.side,
        **simple(row.fill),
    }


def position(row: PositionRow) -> Row:
    return {**simple(row.position), "mark": row.mark, "unrealised": row.unrealised, "quote": row.quote}


def venue(row: VenueRow) -> Row:
    return {**simple(row), "weight_used": row.weight.used, "weight_limit": row.weight.limit}


def rule(row: RuleRow) -> Row:
    """A rule's own terms beside how it stands; `scope` in words."""
    terms, stands = simple(row.rule), simple(row)
    scope = terms.pop("scope")
    return {
        **terms,
        **scope,
        "scope": " ".join(f"{name}={value}" for name, value in scope.items() if value),
        **{name: value for name, value in stands.items() if name not in ("rule", "base")},
        "base": None if row.base is None else simple(row.base),
    }


def book(view: BookView) -> Row:
    """Levels as [price, quantity, own quantity], best first."""
    return simple(view)


def audit(row: AuditRow) -> Row:
    """`ok`: null for a fact, which nobody could refuse."""
    return {
        "seq": row.seq,
        "time_ms": row.at_ms,
        "who": row.who,
        "face": row.face,
        "action": row.action,
        "what": row.what,
        "result": row.result,
        "ok": row.ok,
        "verdicts": [simple(verdict) for verdict in row.verdicts],
    }


def listed(result: Result) -> list[Row] | Row:
    """A list where the result is one, else one object."""
    match result:
        case OrderUpdate():
            return order(result)
        case Orders():
            return [order(row) for row in result.rows]
        case OrderList():
            return order_list(result)
        case AlgoRow():
            return algo(result)
        case Algos():
            return [algo(row) for row in result.rows]
        case Differences():
            return [simple(row) for row in result.rows]
        case DrillRow():
            return drill(result)
        case Drills():
            return [drill(row) for row in result.rows]
        case Preview():
            return preview(result)
        case ListPreview():
            return list_preview(result)
        case AlgoPreview():
            return algo_preview(result)
        case Fills():
            return [fill(row) for row in result.rows]
        case Positions():
            return [position(row) for row in result.rows]
        case Balances():
            return [
                {"venue": name, **simple(row), "total": row.total, "worth": worth}
                for name, rows in result.rows.items()
                for row, worth in zip_longest(rows, result.worth.get(name, ()))
            ]
        case Venues():
            return [venue(row) for row in result.rows]
        case Audit():
            return [audit(row) for row in result.rows]
        case Rules():
            return [rule(row) for row in result.rows]
        case Tickers() | Instruments():
            return [simple(row) for row in result.rows]
        case Status():
            return {**simple(result), "venues": [venue(row) for row in result.venues]}
        case Health():
            return simple(result)
        case BookView():
            return book(result)
        case _:
            return simple(result)


def simple(value: msgspec.Struct) -> Row:
    """A struct as a dict, its tag left out, its Decimals kept for `to_json`."""
    row: Row = msgspec.to_builtins(value, builtin_types=(Decimal,))
    row.pop(value.__struct_config__.tag_field or "", None)
    return row


def to_json(value: object) -> str:
    """What moves a terminal's cursor or turns its line is escaped; letters are not."""
    lines = json.dumps(value, default=_text, indent=2, ensure_ascii=False).split("\n")
    return "\n".join(line if line.isprintable() else "".join(map(_escaped, line)) for line in lines)


def _escaped(character: str) -> str:
    return character if character.isprintable() else json.dumps(character)[1:-1]


def _text(value: object) -> str:
    if isinstance(value, Decimal):
        return plain(value)
    raise TypeError(f"{type(value).__name__} has no JSON form here")


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text


def cell(value: object) -> str:
    """One table cell: rounded to the venue's 8 decimals at most. JSON keeps every digit."""
    match value:
        case None:
            return "-"
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return _short(plain(rounded(value, _DECIMALS)))
        case float():
            return _short(f"{value:.{3 if abs(value) >= 1 else _DECIMALS}f}")
        case list() | tuple():
            return " ".join(cell(one) for one in value)
        case Mapping():
            return " ".join(f"{key}={cell(one)}" for key, one in value.items())
        case _:
            return str(value)
