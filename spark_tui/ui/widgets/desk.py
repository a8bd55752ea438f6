"""The tabs under the chart: orders, positions, fills, log. One table each, one shared line of tab titles."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from spark_tui.domain.order import TERMINAL, Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, Side, TimeInForce
from spark_tui.link.messages import OrderUpdate
from spark_tui.ui import format as fmt
from spark_tui.ui.lines import Line, Span
from spark_tui.ui.model import Topic
from spark_tui.ui.story import TYPE_WORDS, short_id
from spark_tui.ui.widgets.line_table import Column, LineTable, RowKey, cells
from spark_tui.ui.widgets.pane import Pane

TABS = ("orders", "positions", "fills", "log", "diff", "algos")

BRACKET = {(False, True): "┌", (True, True): "├", (True, False): "└", (False, False): ""}
EXTERNAL = "◇"  # placed outside this engine

ALIVE = frozenset({"RUNNING", "PAUSED", "STOPPING"})  # states of an algo that is not over

SHORT_TYPES = {OrderType.STOP_LOSS_LIMIT: "STP_LMT", OrderType.TAKE_PROFIT_LIMIT: "TP_LMT"}

NARROW = 84  # below this many cells the desk uses its narrow columns

LEVEL_TONES = {"info": "dim", "good": "up", "warn": "warn", "bad": "down"}


def side_tone(side: Side) -> str:
    return "up" if side is Side.BUY else "down"


def state_words(order: Order, venue_now_ms: int, *, narrow: bool = False) -> tuple[str, str]:
    """An order's state as (text, token); UNKNOWN counts down to when it can be decided."""
    match order.state:
        case OrderState.UNKNOWN:
            left = ((order.decidable_at_ms or venue_now_ms) - venue_now_ms) / 1_000
            return (f"UNKNOWN {left:.1f} s" if left > 0 else "UNKNOWN proving"), "b warn"
        case OrderState.DENIED | OrderState.REJECTED:
            why = order.code.removeprefix("FILTER_").replace("_", " ").lower()
            return f"{order.state} {why}".rstrip(), "down"
        case OrderState.PARTIALLY_FILLED:
            return (f"PART {_filled_percent(order)}" if narrow else "PARTIALLY_FILLED"), "b accent"
        case OrderState.NEW | OrderState.SENT | OrderState.PENDING_CANCEL | OrderState.PENDING_REPLACE:
            return order.state, "warn"
        case OrderState.ACCEPTED:
            return order.state, "ink"
        case OrderState.DEAD:
            return "DEAD never lived", "dim"
        case _:
            return order.state, "dim"


def _filled_percent(order: Order) -> str:
    quantity = order.amended_quantity or order.request.quantity
    return f"{int(order.filled / quantity * 100)} %" if quantity else ""


@dataclass(frozen=True, slots=True)
class Details:
    """Everything known about one row: a title and (label, text) facts."""

    title: str
    facts: tuple[tuple[str, str], ...]


class DeskTable(LineTable):
    """A table that draws the tab titles as its heading."""

    tab = ""

    def details(self, key: RowKey) -> Details | None:
        """What Enter shows of a row; None when the row says it all."""
        return None

    def heading(self, width: int) -> Line:
        model = self.context.model
        counts = {
            "orders": sum(row.order.state not in TERMINAL for row in model.orders.values()),
            "positions": len(model.positions),
            "fills": len(model.fills),
            "log": 0,
            "algos": sum(row.state in ALIVE for row in model.algos.values()),
            "diff": sum(bool(row.choices) for row in model.differences.rows) if model.differences else 0,
        }
        tone = "accent" if self.has_focus else "faint"
        line: list[Span] = [("─ ", tone)]
        for number, tab in enumerate(TABS, 1):
            count = f" {counts[tab]}" if counts[tab] else ""
            face = ("b accent" if self.has_focus else "b ink") if tab == self.tab else "dim"
            line += [(f"{number} {tab.title()}{count}", face), (" ─ ", tone)]
        used = sum(len(text) for text, _ in line)
        line[-1] = (" " + "─" * max(1, width - used + 2), tone)
        return tuple(line)


def signs(rows: Sequence[OrderUpdate]) -> dict[RowKey, str]:
    """What stands before an order: a bracket around a list's legs, a mark if placed elsewhere."""
    found: dict[RowKey, str] = {}
    ids = [row.order.part.list_id if row.order.part else "" for row in rows]
    for index, row in enumerate(rows):
        before = index > 0 and ids[index - 1] == ids[index] != ""
        after = index + 1 < len(rows) and ids[index + 1] == ids[index] != ""
        sign = BRACKET[before, after] or (EXTERNAL if row.external else "")
        if sign:
            found[(row.order.client_order_id,)] = sign
    return found


def _type_words(request: OrderRequest, room: int) -> str:
    """The type, and the time in force where it is not the usual one."""
    words = TYPE_WORDS[request.type]
    force = request.time_in_force
    if force is not None and force is not TimeInForce.GTC:
        words = f"{words} {force}"
    return words if len(words) <= room else SHORT_TYPES.get(request.type, TYPE_WORDS[request.type])


def _price_words(request: OrderRequest, price: Decimal | None, decimals: int) -> str:
    if price is not None:
        return fmt.fixed(price, decimals)
    return f"{request.trailing_delta} bp" if request.trailing_delta is not None else "market"


class OrdersTable(DeskTable):
    topics = frozenset({Topic.ORDERS, Topic.POSITIONS, Topic.FILLS, Topic.SECOND})
    tab = "orders"
    newest_first = True
    _signs: Mapping[RowKey, str] = {}

    def keys(self) -> Sequence[RowKey]:
        rows = self.context.model.orders_newest_first()
        self.restless = any(row.order.state is OrderState.UNKNOWN for row in rows)
        self._signs = signs(rows)
        return [(row.order.client_order_id,) for row in rows]

    def columns(self, width: int) -> tuple[Column, ...]:
        narrow = width < NARROW
        kind = 7 if narrow else 10
        return (
            Column("id", 5),
            Column("symbol", 8),
            Column("side", 4),
            Column("type", kind),
            Column("price", 10 if narrow else 11, right=True),
            Column("quantity", 8, right=True),
            Column("filled", 7, right=True),
            Column("state", max(13, width - (56 if narrow else 57) - kind)),
            Column("age", 5, right=True),
        )

    def empty(self) -> str:
        return "no orders yet; b buys, s sells"

    def row(self, key: RowKey, width: int) -> Line:
        model = self.context.model
        update = model.orders[key[0]]
        order = update.order
        request = order.request
        steps = model.steps((request.venue, request.symbol))
        closed = order.state in TERMINAL
        ink = "dim" if closed else "ink"
        price = request.price if request.price is not None else request.stop_price
        if price is None and order.filled and order.filled_quote:
            price = order.filled_quote / order.filled
        quantity = order.amended_quantity if order.amended_quantity is not None else request.quantity
        quantity = order.filled if quantity is None else quantity
        age_s = (model.clock.wall_ms() - order.created_ms) / 1_000
        values = (
            (short_id(order.client_order_id), "dim" if closed or update.external else "accent"),
            (request.symbol, ink),
            (request.side.value, side_tone(request.side)),
            (_type_words(request, self.columns(width)[3].width), ink),
            (_price_words(request, price, steps.price), ink),
            (fmt.fixed(quantity, steps.quantity), ink),
            (fmt.fixed(order.filled, steps.quantity), ink if order.filled else "dim"),
            self._state(update, width),
            (fmt.elapsed(age_s), "dim"),
        )
        line = cells(self.columns(width), values)
        sign = self._signs.get(key, " ")
        first, tone = line[0]
        return ((sign, "warn" if sign == EXTERNAL else "accent"), (first[1:], tone), *line[1:])

    def _state(self, update: OrderUpdate, width: int) -> tuple[str, str]:
        """The state, and in what room is left what kind of order it is."""
        order = update.order
        text, tone = state_words(order, self.context.model.venue_now_ms(), narrow=width < NARROW)
        mark = "external" if update.external else order.part.kind.value if order.part is not None else ""
        room = self.columns(width)[7].width
        return (f"{text} {mark}", tone) if mark and len(text) + len(mark) < room else (text, tone)

    def details(self, key: RowKey) -> Details | None:
        model = self.context.model
        update = model.orders[key[0]]
        order = update.order
        request = order.request
        amounts = (
            ("quantity", request.quantity),
            ("for", request.quote_quantity),
            ("price", request.price),
            ("stop", request.stop_price),
            ("shown", request.iceberg_quantity),
            ("amended to", order.amended_quantity),
            ("filled", order.filled),
            ("filled worth", order.filled_quote),
        )
        facts = [
            ("state", " ".join(filter(None, (state_words(order, model.venue_now_ms())[0], order.text)))),
            (
                "order",
                f"{request.side} {request.symbol} {request.type} {request.time_in_force or ''}".rstrip(),
            ),
            *((label, fmt.exact(amount)) for label, amount in amounts if amount is not None),
            *_terms(order, external=update.external),
            ("our id", order.client_order_id),
            ("venue's id", order.venue_order_id or fmt.ABSENT),
            ("placed", f"{fmt.clock(order.created_ms)}Z by {order.operator or 'someone else'}"),
            ("changed", f"{fmt.clock(order.updated_ms)}Z"),
        ]
        for fill in order.fills[-6:]:
            fee = f"fee {fmt.exact(fill.commission)} {fill.commission_asset}"
            if fill.synthetic:
                fee = "synthetic: from the venue's totals, until the trade is had"
            facts.append(
                (
                    f"fill {fmt.clock(fill.time_ms)}",
                    f"{fmt.exact(fill.quantity)} @ {fmt.exact(fill.price)}  {fee}",
                )
            )
        return Details(f"Order {short_id(order.client_order_id)}", tuple(facts))


def _terms(order: Order, *, external: bool) -> list[tuple[str, str]]:
    """What an order is besides its amounts: how it triggers, whose it is, what it belongs to."""
    request, part = order.request, order.part
    trail = "" if request.trailing_delta is None else f"{request.trailing_delta} bp"
    facts = (
        ("trails by", trail),
        ("self-trade", request.self_trade_prevention or ""),
        ("external", "placed outside this engine; counted, and can be cancelled" if external else ""),
        ("list", f"{part.kind} {part.list_id}, leg {part.role.replace('_', ' ').lower()}" if part else ""),
        ("replaces", order.replaces),
        ("replaced by", order.replaced_by),
        ("child of", order.parent),
    )
    return [(label, text) for label, text in facts if text]


class PositionsTable(DeskTable):
    topics = frozenset({Topic.POSITIONS, Topic.ORDERS, Topic.FILLS})
    tab = "positions"

    def keys(self) -> Sequence[RowKey]:
        return [(row.position.venue, row.position.symbol) for row in self.context.model.positions]

    def columns(self, width: int) -> tuple[Column, ...]:
        return (
            Column("symbol", 9),
            Column("quantity", 12, right=True),
            Column("average", 12, right=True),
            Column("mark", 12, right=True),
            Column("unrealised", 12, right=True),
            Column("realised", 11, right=True),
            *(() if width < NARROW else (Column("fees", 14, right=True),)),
        )

    def empty(self) -> str:
        return "flat: no positions"

    def row(self, key: RowKey, width: int) -> Line:
        by_key = {(row.position.venue, row.position.symbol): row for row in self.context.model.positions}
        row = by_key[key[0], key[1]]
        position = row.position
        steps = self.context.model.steps((position.venue, position.symbol))
        fees = " ".join(f"{fmt.exact(amount)} {asset}" for asset, amount in sorted(position.fees.items()))
        values = [
            (position.symbol, "ink"),
            (fmt.fixed(position.quantity, steps.quantity), "ink"),
            (fmt.fixed(position.average_price, steps.price), "dim"),
            (fmt.fixed(row.mark, steps.price), "ink" if row.mark is not None else "warn"),
            (fmt.fixed(row.unrealised, 2, sign=True), _money_tone(row.unrealised)),
            (fmt.fixed(position.realised, 2, sign=True), _money_tone(position.realised)),
            (fees, "dim"),
        ]
        columns = self.columns(width)
        return cells(columns, values[: len(columns)])


def _money_tone(value: Decimal | None) -> str:
    return "up" if value and value > 0 else "down" if value and value < 0 else "dim"


class FillsTable(DeskTable):
    topics = frozenset({Topic.FILLS, Topic.ORDERS, Topic.POSITIONS})
    tab = "fills"
    newest_first = True

    def keys(self) -> Sequence[RowKey]:
        rows = self.context.model.fills
        return [(row.venue, row.symbol, row.fill.trade_id) for row in reversed(rows)]

    def columns(self, width: int) -> tuple[Column, ...]:
        return (
            Column("time", 8),
            Column("order", 5),
            Column("symbol", 9),
            Column("side", 4),
            Column("price", 12, right=True),
            Column("quantity", 10, right=True),
            Column("fee", 15, right=True),
            *(() if width < NARROW else (Column("role", 6),)),
        )

    def empty(self) -> str:
        return "no fills yet"

    def row(self, key: RowKey, width: int) -> Line:
        model = self.context.model
        row = next(row for row in model.fills if (row.venue, row.symbol, row.fill.trade_id) == key)
        steps = model.steps((row.venue, row.symbol))
        values = [
            (fmt.clock(row.fill.time_ms), "dim"),
            (short_id(row.client_order_id), "accent"),
            (row.symbol, "ink"),
            (row.side.value, side_tone(row.side)),
            # a synthetic fill is inferred from totals: about this price, until its trade is had
            (("~" if row.fill.synthetic else "") + fmt.fixed(row.fill.price, steps.price), "ink"),
            (fmt.fixed(row.fill.quantity, steps.quantity), "ink"),
            (f"{fmt.exact(row.fill.commission)} {row.fill.commission_asset}", "dim"),
            ("synth" if row.fill.synthetic else "maker" if row.fill.maker else "taker", "dim"),
        ]
        columns = self.columns(width)
        return cells(columns, values[: len(columns)])


class LogTable(DeskTable):
    topics = frozenset({Topic.LOG, Topic.ORDERS, Topic.FILLS, Topic.POSITIONS})
    tab = "log"
    newest_first = True

    def keys(self) -> Sequence[RowKey]:
        count = len(self.context.model.notices)
        return [(str(index),) for index in range(count - 1, -1, -1)]

    def columns(self, width: int) -> tuple[Column, ...]:
        return ()

    def empty(self) -> str:
        return "nothing to report"

    def row(self, key: RowKey, width: int) -> Line:
        notice = self.context.model.notices[int(key[0])]
        return notice_line(notice.time_ms, notice.level, notice.text, width)


def notice_line(time_ms: int, level: str, text: str, width: int) -> Line:
    tone = LEVEL_TONES.get(level, "dim")
    return ((f" {fmt.clock(time_ms)}  ", "dim"), (fmt.fit(text, max(0, width - 11)), tone))


class Events(Pane):
    """The last few lines of the log, under the orders."""

    topics = frozenset({Topic.LOG})

    def body(self, width: int, height: int) -> list[Line]:
        notices = list(self.context.model.notices)[-height:][::-1]
        return [notice_line(row.time_ms, row.level, row.text, width) for row in notices]
