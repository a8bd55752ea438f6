"""The engine's trading state as a pure fold of ledger records: same ledger, same state, byte for byte."""

from collections import OrderedDict, deque
from decimal import Decimal

import msgspec

from spark_tui.domain import lifecycle
from spark_tui.domain.executions import cover_of, real
from spark_tui.domain.order import Fill, Intended, Order
from spark_tui.domain.values import TradingState
from spark_tui.engine.accounts import EXTERNAL, MANUAL, Accounts
from spark_tui.engine.algos.state import ENDED, AlgoState, on_child
from spark_tui.engine.algos.state import apply as apply_to_algo
from spark_tui.engine.holdings import Holdings, Pair
from spark_tui.engine.money_records import (
    AccountBegun,
    BalancesAnchored,
    CashMoved,
    EquitySampled,
    FillPriced,
)
from spark_tui.engine.records import (
    Acted,
    AlgoEvent,
    AlgoStarted,
    CanaryTried,
    DayStarted,
    Decision,
    DifferenceSettled,
    ExternalFill,
    LiveArmed,
    LiveDisarmed,
    MarksTaken,
    OrderRecord,
    Record,
    RuleChanged,
    RuleForgiven,
    RunStarted,
    TradesReconciled,
    TradingStateChanged,
)
from spark_tui.engine.twin_records import TwinBegan, TwinEnded, TwinMissing, TwinResults
from spark_tui.link.messages import CanaryRow, FillRow
from spark_tui.venues.kill_marks import is_kill_order

MAX_ORDERS = 5_000  # finished and reconciled orders beyond this leave memory; the ledger keeps them
MAX_FILLS = 2_000
MAX_EXTERNAL_TRADES = 10_000  # per symbol
MAX_ALGOS = 200  # ended ones beyond this leave memory
MAX_CANARIES = 200
MAX_SETTLED = 1_000  # differences an operator settled
KILL = "kill"  # the strategy of the orders with which `spark-tui kill` closed positions
MAX_TAKEN = 5_000  # marks of kills; far more than wait on a disk
_CANARY = "canary/"  # begins the key of a confirm's order


def canary_key(run_id: str) -> str:
    """The key of the order that a confirm of this run places."""
    return f"{_CANARY}{run_id}"


def run_of_key(key: str) -> str:
    """The run whose confirm placed the order with this key; empty for every other order."""
    return key.removeprefix(_CANARY) if key.startswith(_CANARY) else ""


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What one record changed. `query`: the move was illegal or unclear, ask the venue."""

    order: Order | None = None
    fills: tuple[FillRow, ...] = ()
    anomaly: str = ""
    query: bool = False


NOTHING = Effect()


class State:
    """Only `apply` changes it. Reading it is free for everyone in the engine."""

    def __init__(self) -> None:
        self.orders: OrderedDict[str, Order] = OrderedDict()  # by client order id, oldest first
        self.open: dict[str, None] = {}  # ids of the orders that are not terminal, oldest first
        self.by_venue_id: dict[tuple[str, str, str], str] = {}  # (venue, symbol, venue order id) -> id
        self.keys: dict[str, str] = {}  # idempotency key -> id (a list's: of its first leg), while in memory
        self.lists: dict[str, tuple[str, ...]] = {}  # list id -> ids of its legs that are in memory
        self._holdings = Holdings()
        self.positions = self._holdings.positions
        self.closings = self._holdings.closings
        self.assets = self._holdings.assets
        self.accounts = Accounts()
        self.twins = TwinResults()
        self.fills: deque[FillRow] = deque(maxlen=MAX_FILLS)
        self.reconciled: dict[Pair, int] = {}
        self.external_trades: dict[Pair, OrderedDict[str, None]] = {}
        self.algos: OrderedDict[str, AlgoState] = OrderedDict()  # by algo id, oldest first
        self.settled: OrderedDict[str, str] = OrderedDict()  # difference id -> the operator's choice
        self.canaries: OrderedDict[str, CanaryRow] = OrderedDict()  # by run id, oldest first
        self.armed: LiveArmed | None = None  # as armed; whether it still counts is for `engine.arming`
        self.rules: OrderedDict[str, RuleChanged] = OrderedDict()  # changes that stand, by rule id
        self.forgiven: dict[str, RuleForgiven] = {}  # by rule id
        self.marks: OrderedDict[str, None] = OrderedDict()  # ids of the kills' marks that are recorded
        self.unheard: dict[str, None] = {}  # ids of ended orders whose fills we do not know in full
        self.runs: set[str] = set()
        self.trading = TradingStateChanged(
            state=TradingState.ACTIVE, reason="", killed=False, operator="", at_ms=0
        )
        self.day = DayStarted(day="", baseline=Decimal(0))

    def order_of(self, row: CanaryRow) -> Order | None:
        """A confirm's, or of a run the one that its confirm placed; None when there is none in memory."""
        return self.orders.get(row.client_order_id or self.keys.get(canary_key(row.run_id), ""))

    def apply(self, record: Record) -> Effect:
        """Fold one record in. Never raises for an event that does not fit: that is an anomaly."""
        match record:
            case OrderRecord():
                return self._order(record)
            case ExternalFill():
                return self._external(record)
            case RunStarted():
                self.runs.add(record.run)
            case TradingStateChanged():
                self.trading = record
            case MarksTaken():
                self._take_marks(record)
            case TradesReconciled():
                self.reconciled[record.venue, record.symbol] = record.last_trade_id
            case DayStarted():
                self.day = record
            case DifferenceSettled():
                self.settled[record.difference_id] = record.choice
                if len(self.settled) > MAX_SETTLED:
                    self.settled.popitem(last=False)
            case RuleChanged():
                self._change_rule(record)
            case RuleForgiven():
                self.forgiven[record.rule_id] = record
            case AlgoStarted():
                self._start_algo(record)
            case AlgoEvent():
                algo = self.algos.get(record.algo_id)
                if algo is not None:
                    self.algos[record.algo_id] = apply_to_algo(algo, record.fact, record.at_ms)
            case CanaryTried():
                self.canaries[record.row.run_id] = record.row
                self._forget_canaries()
            case LiveArmed():
                self.armed = record
            case LiveDisarmed():
                self.armed = None
            case FillPriced() | BalancesAnchored() | CashMoved() | EquitySampled():
                self.accounts.apply(record)
            case AccountBegun():
                self._begin_again(record)
            case TwinBegan() | TwinEnded() | TwinMissing():
                self.twins.apply(record)
            case Decision() | Acted():
                pass  # for the audit only
        return NOTHING

    def open_orders(self, venue: str = "", symbol: str = "") -> list[Order]:
        """Every order that may still trade, UNKNOWN ones included; oldest first."""
        found = (self.orders[client_id] for client_id in self.open)
        return [
            order
            for order in found
            if (not venue or order.request.venue == venue) and (not symbol or order.request.symbol == symbol)
        ]

    def legs(self, list_id: str) -> list[Order]:
        """The orders of a list, in role order."""
        return [self.orders[client_id] for client_id in self.lists.get(list_id, ())]

    def digest(self) -> bytes:
        """The whole state as bytes; equal digests are equal states."""
        return msgspec.json.encode(
            {
                "orders": list(self.orders.values()),
                "open": list(self.open),
                "keys": self.keys,
                "positions": list(self.positions.values()),
                "assets": [[*pair, *names] for pair, names in self.assets.items()],
                "fills": list(self.fills),
                "reconciled": [[*pair, last] for pair, last in self.reconciled.items()],
                "external": [[*pair, list(ids)] for pair, ids in self.external_trades.items()],
                "algos": list(self.algos.values()),
                "settled": list(self.settled.items()),
                "canaries": list(self.canaries.values()),
                "armed": self.armed,
                "rules": list(self.rules.values()),
                "forgiven": list(self.forgiven.values()),
                "marks": list(self.marks),
                "runs": sorted(self.runs),
                "trading": self.trading,
                "day": self.day,
                "accounts": self.accounts.digest(),
                "twins": self.twins.digest(),
            }
        )

    def _order(self, record: OrderRecord) -> Effect:
        event = record.event
        before = self.orders.get(record.client_order_id)
        if isinstance(event, Intended):
            if before is not None:
                return Effect(order=before, anomaly=f"Order id {record.client_order_id} was intended twice.")
            pair = (event.request.venue, event.request.symbol)
            if record.base:
                self.assets[pair] = (record.base, record.quote)
            order = lifecycle.begin(event)
            if event.key:
                self.keys.setdefault(event.key, event.client_order_id)
            if event.part is not None:
                list_id = event.part.list_id
                self.lists[list_id] = (*self.lists.get(list_id, ()), event.client_order_id)
            self._keep(order)
            self._tell_algo(None, order)
            self._forget_finished()
            return Effect(order=order)
        if before is None:
            return Effect(anomaly=f"An event for order {record.client_order_id}, which is not in the ledger.")
        applied = lifecycle.apply(before, event)
        self._keep(applied.order)
        self._tell_algo(before, applied.order)
        rows = self._book(before, applied.order)
        return Effect(order=applied.order, fills=rows, anomaly=applied.anomaly, query=applied.query)

    def _take_marks(self, record: MarksTaken) -> None:
        self.marks |= dict.fromkeys(record.marks)
        while len(self.marks) > MAX_TAKEN:
            self.marks.popitem(last=False)

    def _change_rule(self, record: RuleChanged) -> None:
        """A rule that changes counts anew: what was forgiven was forgiven to the old one."""
        self.forgiven.pop(record.rule_id, None)
        if record.rule is None:
            self.rules.pop(record.rule_id, None)
        else:
            self.rules[record.rule_id] = record

    def _begin_again(self, record: AccountBegun) -> None:
        """What is counted of losses is of the account before."""
        self._holdings.begin_again(record.venue)
        self.accounts.apply(record)
        self.forgiven.clear()
        self.day = DayStarted(day="", baseline=Decimal(0))

    def _start_algo(self, record: AlgoStarted) -> None:
        self.algos[record.algo_id] = AlgoState(
            algo_id=record.algo_id,
            start=record.start,
            venue=record.venue,
            operator=record.operator,
            plan=record.plan,
            created_ms=record.at_ms,
        )
        if len(self.algos) > MAX_ALGOS:
            ended = next((algo for algo in self.algos.values() if algo.phase in ENDED), None)
            if ended is not None:
                del self.algos[ended.algo_id]

    def _tell_algo(self, before: Order | None, after: Order) -> None:
        """An algo follows its children's fates."""
        algo = self.algos.get(after.parent)
        if algo is not None and after != before:
            self.algos[after.parent] = on_child(algo, before, after)

    def _keep(self, order: Order) -> None:
        self.orders[order.client_order_id] = order
        if lifecycle.is_open(order.state):
            self.open.setdefault(order.client_order_id)
        else:
            self.open.pop(order.client_order_id, None)
        if not lifecycle.is_open(order.state) and lifecycle.exposure(order) > 0:
            self.unheard.setdefault(order.client_order_id)
        else:
            self.unheard.pop(order.client_order_id, None)
        if order.venue_order_id:
            request = order.request
            self.by_venue_id[request.venue, request.symbol, order.venue_order_id] = order.client_order_id

    def _forget_canaries(self) -> None:
        """The oldest, but none whose order is open, and no run whose confirm has an order and no outcome: an
        engine brings those to their end."""
        if len(self.canaries) <= MAX_CANARIES:
            return
        told = {row.rests_on for row in self.canaries.values()}
        for row in list(self.canaries.values()):
            if len(self.canaries) <= MAX_CANARIES:
                return
            order = self.order_of(row)
            if order is None or (
                not lifecycle.is_open(order.state) and (row.client_order_id or row.run_id in told)
            ):
                del self.canaries[row.run_id]

    def _forget_finished(self) -> None:
        if len(self.orders) <= MAX_ORDERS:
            return
        oldest = next((order for order in self.orders.values() if self._settled(order)), None)
        if oldest is None:
            return
        request = oldest.request
        self._holdings.settle((request.venue, request.symbol), oldest.client_order_id)
        self.accounts.settle(oldest.client_order_id)
        del self.orders[oldest.client_order_id]
        self.unheard.pop(oldest.client_order_id, None)
        self.by_venue_id.pop((request.venue, request.symbol, oldest.venue_order_id), None)
        if self.keys.get(oldest.key) == oldest.client_order_id:
            del self.keys[oldest.key]
        if oldest.part is not None:
            left = tuple(one for one in self.lists[oldest.part.list_id] if one != oldest.client_order_id)
            self.lists[oldest.part.list_id] = left
            if not left:
                del self.lists[oldest.part.list_id]

    def _settled(self, order: Order) -> bool:
        """Finished, and its trades lie behind what reconciliation accounted for: forgotten sooner, they would
        come back from the venue as somebody else's and move the position twice."""
        if order.client_order_id in self.open:
            return False
        accounted = self.reconciled.get((order.request.venue, order.request.symbol), -1)
        return all(int(fill.trade_id) <= accounted for fill in real(order.fills))

    def _book(self, before: Order, after: Order) -> tuple[FillRow, ...]:
        """The fills that are new: trades, and the synthetic one when what it covers has changed."""
        if after.fills is before.fills:
            return ()
        pair = (after.request.venue, after.request.symbol)
        external = self.external_trades.get(pair, OrderedDict())
        known = {fill.trade_id for fill in before.fills}
        rows = [_row(after, fill) for fill in real(after.fills) if fill.trade_id not in known]
        for row in rows:
            if row.fill.trade_id not in external:  # else it was booked when it looked like somebody else's
                self._move(row, self._strategy(after))
        cover = cover_of(after.fills)
        if cover != cover_of(before.fills):
            covering = _row(after, cover) if cover is not None else None
            self._cover(pair, after, covering)
            rows += [covering] if covering is not None else []
        return tuple(rows)

    def _cover(self, pair: Pair, order: Order, row: FillRow | None) -> None:
        """The synthetic fill of an order takes the place of its last one, here as in the position."""
        client_order_id = order.client_order_id
        self._holdings.cover(pair, client_order_id, row)
        assets = self.assets.get(pair, ("", ""))
        self.accounts.cover(client_order_id, row, self._strategy(order), assets)
        kept = [
            one for one in self.fills if not (one.fill.synthetic and one.client_order_id == client_order_id)
        ]
        self.fills.clear()
        self.fills.extend(kept if row is None else [*kept, row])

    def _external(self, record: ExternalFill) -> Effect:
        pair = (record.venue, record.symbol)
        seen = self.external_trades.setdefault(pair, OrderedDict())
        if record.fill.trade_id in seen:
            return NOTHING
        seen[record.fill.trade_id] = None
        if len(seen) > MAX_EXTERNAL_TRADES:
            seen.popitem(last=False)
        self.assets[pair] = (record.base, record.quote)
        row = FillRow(
            client_order_id=record.client_order_id,
            venue=record.venue,
            symbol=record.symbol,
            side=record.side,
            fill=record.fill,
        )
        self._move(row, KILL if is_kill_order(record.client_order_id) else EXTERNAL)
        return Effect(fills=(row,))

    def _move(self, row: FillRow, strategy: str) -> None:
        self.fills.append(row)
        self._holdings.move(row)
        self.accounts.move(row, strategy, self.assets.get((row.venue, row.symbol), ("", "")))

    def _strategy(self, order: Order) -> str:
        """Whose gain it is: an algo's, or the operator's by hand."""
        algo = self.algos.get(order.parent)
        if algo is not None:
            return f"{algo.start.kind.lower()}:{order.parent}"
        return f"{MANUAL}:{order.operator}" if order.operator else MANUAL


def _row(order: Order, fill: Fill) -> FillRow:
    request = order.request
    return FillRow(
        client_order_id=order.client_order_id,
        venue=request.venue,
        symbol=request.symbol,
        side=request.side,
        fill=fill,
    )
