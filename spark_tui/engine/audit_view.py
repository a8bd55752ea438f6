"""The ledger read backwards, in an operator's words, for the Log screen and `show audit`."""

import re
from collections.abc import Iterator, Sequence

import msgspec

from spark_tui.domain import order as events
from spark_tui.domain.decimals import plain
from spark_tui.domain.words import one_line
from spark_tui.engine.records import (
    Acted,
    Decision,
    DifferenceSettled,
    ExternalFill,
    OrderRecord,
    Record,
    RunStarted,
    TradingStateChanged,
    from_body,
)
from spark_tui.link.messages.audit import Audit, AuditRow, GetAudit
from spark_tui.store.ledger import Ledger, Stored
from spark_tui.venues.kill_marks import is_kill_order

ENGINE = "engine"
MAX_ROWS = 1_000
MAX_SCANNED = 20_000  # entries one question reads; `before` goes on from there
_CHUNK = 2_000
_PLAIN = re.compile(r"[!#-\[\]-~]+")  # written in an entry's JSON as it is read
_TEXT = 160
_fields: msgspec.json.Decoder[dict[str, object]] = msgspec.json.Decoder(dict[str, object])


def audit(ledger: Ledger, ask: GetAudit) -> Audit:
    """Blocks on the disk: call it in a thread. Raises LedgerError."""
    words = ask.text.lower().split()
    limit = max(1, min(ask.limit, MAX_ROWS))
    entries = ledger.entries
    end = min(ask.before - 1, entries) if ask.before > 0 else entries
    first = max(ask.after, 0) + 1
    lowest = max(first, end - MAX_SCANNED + 1)
    rows: list[AuditRow] = []
    last = lowest
    for stored in _backwards(ledger, end, lowest):
        if not ask.all_entries and stored.kind not in DEEDS:
            continue
        if not _may_hold(stored, words):
            continue
        row = _in_lines(row_of(stored))
        haystack = _haystack(row)
        if all(word in haystack for word in words):
            rows.append(row)
            if len(rows) == limit:
                last = stored.seq
                break
    return Audit(rows=tuple(rows), before=last if last > first else 0, entries=entries)


DEEDS = frozenset({"acted", "trading-state", "run", "difference-settled"})
"""Kinds that somebody did, or that the engine did to everything."""


def _backwards(ledger: Ledger, end: int, lowest: int) -> Iterator[Stored]:
    while end >= lowest:
        begin = max(lowest, end - _CHUNK + 1)
        chunk = []
        for stored in ledger.read(begin):
            if stored.seq > end:
                break
            chunk.append(stored)
        yield from reversed(chunk)
        end = begin - 1


def _may_hold(stored: Stored, words: Sequence[str]) -> bool:
    """Without decoding: a deed's words stand in its entry as they are, but for the name of the engine."""
    if not words or stored.kind != "acted" or not stored.body.isascii():  # İ in lower case has a plain i
        return True
    body = stored.body.lower()
    return all(word.encode() in body or word in ENGINE for word in words if _PLAIN.fullmatch(word))


def _in_lines(row: AuditRow) -> AuditRow:
    """A name, a reason or a venue's text must not pass for a row of its own."""
    words = {name: one_line(getattr(row, name)) for name in ("who", "face", "action", "what", "result")}
    return msgspec.structs.replace(row, **words)


def _haystack(row: AuditRow) -> str:
    codes = " ".join(verdict.code or verdict.rule for verdict in row.verdicts if not verdict.ok)
    return " ".join((row.who, row.face, row.action, row.what, row.result, codes)).lower()


def row_of(stored: Stored) -> AuditRow:
    """Never raises: an entry of a later version is shown as it is."""
    try:
        return _told(stored, from_body(stored.body))
    except msgspec.MsgspecError:
        return _row(stored, ENGINE, stored.kind, stored.body.decode("utf-8", "replace")[:_TEXT])


def _told(stored: Stored, record: Record) -> AuditRow:
    match record:
        case Acted():
            return AuditRow(
                seq=stored.seq,
                at_ms=record.at_ms,
                who=record.operator or ENGINE,
                face=record.face,
                action=record.action,
                what=record.what,
                result=record.result,
                ok=record.ok,
                verdicts=record.verdicts,
            )
        case OrderRecord(client_order_id=client_id, event=event):
            return _order(stored, client_id, event)
        case ExternalFill(fill=fill):
            what = f"{record.side} {plain(fill.quantity)} {record.symbol} at {plain(fill.price)}"
            who = "kill switch" if is_kill_order(record.client_order_id) else "somebody else"
            return _row(stored, who, "fill", f"{record.client_order_id} {what}")
        case TradingStateChanged():
            who = record.operator or ENGINE
            return _row(
                stored, who, "trading", f"{record.state}{' by kill' if record.killed else ''}", record.reason
            )
        case RunStarted(run=run):
            return _row(stored, ENGINE, "start", f"run {run}")
        case DifferenceSettled():
            return _row(stored, record.operator, "difference", record.difference_id, record.choice)
        case Decision():
            return _row(stored, record.operator, record.action, record.text)
    return _other(stored)


def _order(stored: Stored, client_id: str, event: events.OrderEvent) -> AuditRow:
    match event:
        case events.Intended(request=request):
            amount = request.quantity if request.quantity is not None else request.quote_quantity
            price = f" at {plain(request.price)}" if request.price is not None else ""
            size = plain(amount) if amount is not None else "?"
            what = f"{client_id} {request.side} {request.type} {size} {request.symbol}{price}"
            return _row(stored, event.operator or ENGINE, "order intended", what)
        case events.Filled(fill=fill):
            what = f"{client_id} {plain(fill.quantity)} at {plain(fill.price)}"
            return _row(stored, ENGINE, "order filled", what, f"trade {fill.trade_id}")
    name = str(event.__struct_config__.tag).replace("-", " ")
    words = [
        str(getattr(event, field)) for field in ("code", "text", "reason", "proof") if hasattr(event, field)
    ]
    return _row(stored, ENGINE, f"order {name}", client_id, " ".join(words))


def _other(stored: Stored) -> AuditRow:
    """Kinds with no words of their own: their fields, but for what every row shows."""
    fields = _fields.decode(stored.body)
    who = str(fields.get("operator") or ENGINE)
    told = (
        f"{name}={msgspec.json.encode(value).decode()}"
        for name, value in fields.items()
        if name not in ("type", "operator", "at_ms")
    )
    return _row(stored, who, stored.kind.replace("-", " "), " ".join(told)[:_TEXT])


def _row(stored: Stored, who: str, action: str, what: str, result: str = "") -> AuditRow:
    return AuditRow(
        seq=stored.seq,
        at_ms=stored.at_ns // 1_000_000,
        who=who or ENGINE,
        face="",
        action=action,
        what=what,
        result=result,
    )
