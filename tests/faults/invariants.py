"""The eight invariants of the fault plan, held against engine and simulator.

I1 one venue order per intent           I5 no terminal state without evidence, and none against the venue
I2 cumulative fill = unique trades      I6 a second reconciliation finds nothing
I3 position = sum of fills              I7 nothing leaves while HALTED except cancels (`World` listens)
I4 free + locked = total                I8 the ledger replayed is the state, byte for byte
"""

from collections import Counter
from decimal import Decimal
from typing import Any

from spark_tui.domain import lifecycle
from spark_tui.domain.order import Order, OrderState
from spark_tui.domain.values import Side, TradingState
from spark_tui.engine.records import from_body
from spark_tui.engine.state import State
from spark_tui.link.messages import Reconcile, Resume, StopAlgo
from spark_tui.simulator.fixed import show
from spark_tui.simulator.orders import Order as VenueOrder
from tests.faults.world import ASSETS, NEVER_AT_VENUE, SYMBOL, UNDECIDED, VENUE, D, World

FINDINGS = frozenset({"order", "external-fill", "trades-reconciled"})
"""Kinds of records in which a reconciliation says that it found something."""
ASIDES = frozenset({"acted", "decision", "equity"})
"""Kinds that change no order, and that nobody waits for."""


class CheckedWorld(World):
    """`check` after every step, `settle` at the end; both raise Violation."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self._totals = {asset: self.simulation.exchange.clearing.total(asset) for asset in ASSETS}
        self._forget()

    def _forget(self) -> None:
        """What is only true of one engine's life: a crash takes what was not on disk yet."""
        self._filled: dict[str, Decimal] = {}
        self._folded, self._read = State(), 0
        self._pass = 0
        self._applied: set[tuple[str, str, str]] = set()

    async def crash(self) -> None:
        await super().crash()
        self._forget()

    async def stop(self) -> None:
        await super().stop()
        self._forget()

    def at_venue(self) -> dict[str, VenueOrder]:
        """By client order id; I1 on the way."""
        orders = list(self.store.all())
        for client_id, count in Counter(order.client_id for order in orders).items():
            if count > 1:
                raise self.violation(f"I1: {count} venue orders for intent {client_id}")
        return {order.client_id: order for order in orders}

    def check(self) -> None:
        """Every invariant that holds at any time."""
        for invariant in INVARIANTS:
            invariant(self)

    # --- the eight -----------------------------------------------------------------------------------------

    def one_venue_order_per_intent(self) -> None:
        for client_id in self.at_venue():
            if not client_id.startswith("web_") and client_id not in self.state.orders:
                raise self.violation(f"I1: the venue has {client_id}, which no intent asked for")
        singles = Counter(one.key for one in self.state.orders.values() if one.key and one.part is None)
        for key, count in singles.items():
            if count > 1:
                raise self.violation(f"I1: {count} intents for one key, {key}")

    def fills_are_unique_and_only_grow(self) -> None:
        at_venue = self.at_venue()
        for client_id, order in self.state.orders.items():
            ids = [fill.trade_id for fill in order.fills]
            if len(set(ids)) != len(ids) or order.filled != sum(fill.quantity for fill in order.fills):
                raise self.violation(f"I2: {client_id} filled {order.filled} by {order.fills}")
            if order.filled < self._filled.get(client_id, D(0)):
                raise self.violation(f"I2: {client_id} fell back to {order.filled}")
            self._filled[client_id] = order.filled
            theirs = at_venue.get(client_id)
            if order.filled > (D(show(theirs.filled)) if theirs else 0):
                raise self.violation(f"I2: {client_id} filled {order.filled}, more than the venue says")
        for algo_id, algo in self.state.algos.items():
            children = sum((one.filled for one in self.state.orders.values() if one.parent == algo_id), D(0))
            if algo.filled != children:
                raise self.violation(f"I2: {algo_id} counts {algo.filled}, its orders filled {children}")

    def the_position_is_the_sum_of_fills(self) -> None:
        expected = sum((_bought(order) for order in self.state.orders.values()), D(0))
        for row in self.state.fills:
            if row.client_order_id not in self.state.orders:
                expected += _signed(
                    row.side, row.fill.quantity, row.fill.commission, row.fill.commission_asset
                )
        position = self.state.positions.get((VENUE, SYMBOL))
        held = position.quantity if position else D(0)
        if held != expected:
            raise self.violation(f"I3: position {held}, fills {expected}")

    def money_is_conserved(self) -> None:
        clearing = self.simulation.exchange.clearing
        for asset, total in self._totals.items():
            balance = self.venue_account.balance(asset)
            if balance.free < 0 or balance.locked < 0 or clearing.total(asset) != total:
                raise self.violation(f"I4: {asset} at the venue")
        for asset, held in self.engine.portfolio.balances.get(VENUE, {}).items():
            if held.free < 0 or held.locked < 0:
                raise self.violation(f"I4: {asset} here: {held}")

    def no_end_without_evidence(self) -> None:
        at_venue = self.at_venue()
        for client_id, order in self.state.orders.items():
            theirs = at_venue.get(client_id)
            if order.state in NEVER_AT_VENUE and theirs is not None:
                raise self.violation(f"I5: {client_id} is {order.state} and lives at the venue")
            if not lifecycle.is_open(order.state) and theirs is not None and theirs.open:
                raise self.violation(f"I5: {client_id} is {order.state} here and {theirs.status} there")
            if order.state is OrderState.DEAD and not order.text and not order.code:
                raise self.violation(f"I5: {client_id} is DEAD without a proof")

    def no_difference_is_put_right_twice(self) -> None:
        """Of every pass there was; that one over an unchanged account finds nothing is asked at the end."""
        view = self.engine.differences.view()
        if view.passes == self._pass:
            return
        self._pass = view.passes
        found = {(row.difference_id, row.local, row.remote) for row in view.rows if row.applied}
        if again := found & self._applied:
            raise self.violation(f"I6: put right twice: {sorted(again)}")
        self._applied |= found

    def nothing_but_cancels_left_while_halted(self) -> None:
        """Heard by the world; so is whatever the engine calls a defect of its own."""
        if self.violations:
            raise self.violation(self.violations[0])

    def the_ledger_replayed_is_the_state(self) -> None:
        if self.engine.journal.waiting:
            return
        for stored in self.ledger.read(self._read + 1):
            self._folded.apply(from_body(stored.body))
            self._read = stored.seq
        if self._folded.digest() != self.state.digest():
            raise self.violation("I8: the ledger replayed is another state")

    # --- the end -------------------------------------------------------------------------------------------

    async def settle(self) -> None:
        """No more faults; when everything has been found out, here and there must be one."""
        self.story.append("settle")
        self.simulation.faults.clear()
        self.ledger.slow_s, self.ledger.full = 0.0, False
        self.market.symbol.set_status("TRADING")
        if self.engine.guard.state is TradingState.HALTED:
            await self.ask(Resume(reason="the walk ends"), 2.0)
        for algo in self.algos():
            await self.ask(StopAlgo(algo_id=algo.algo_id), 2.0)
        done = await self.until(self._decided, 200.0)
        self.check()
        if not done:
            unsure = [one for one in self.state.open_orders(VENUE) if one.state in UNDECIDED]
            raise self.violation(f"undecided after 200 s: {unsure or self.algos() or 'reconciliation'}")
        await self.ask(Reconcile(), 20.0)
        await self.live(40.0)  # fills that were missed are fetched
        for _ in range(2):  # a clock that stepped back is believed when two answers agree
            await self.ask(Reconcile(), 20.0)
        self.check()
        self._check_agreement()
        before = self.ledger.entries
        asked = await self.ask(Reconcile(), 20.0)
        news = [one.body for one in self.ledger.read(before + 1) if one.kind in FINDINGS]
        if asked is None or news:
            raise self.violation(f"I6: a second reconciliation found {news or 'no answer'}")

    def _decided(self) -> bool:
        orders = self.state.open_orders(VENUE)
        undecided = any(one.state in UNDECIDED for one in orders)
        return self.usable() and not self.algos() and not undecided

    def _check_agreement(self) -> None:
        at_venue = self.at_venue()
        for client_id, order in self.state.orders.items():
            theirs = at_venue.get(client_id)
            filled = D(show(theirs.filled)) if theirs else D(0)
            if order.filled != filled:
                raise self.violation(f"I2: {client_id} filled {order.filled} here, {filled} there")
            if lifecycle.is_open(order.state) != bool(theirs and theirs.open):
                there = theirs.status if theirs else "unknown"
                raise self.violation(f"I5: {client_id} is {order.state} here, {there} there")
        traded = sum((_at_venue(fill) for fill in self.store.fills), D(0))
        position = self.state.positions.get((VENUE, SYMBOL))
        if traded != (position.quantity if position else 0):
            raise self.violation(f"I3: position {position}, the venue's trades make {traded}")
        for asset in ASSETS:
            theirs_ = self.venue_account.balance(asset)
            ours = self.engine.portfolio.balances[VENUE][asset]
            if (ours.free, ours.locked) != (D(show(theirs_.free)), D(show(theirs_.locked))):
                raise self.violation(f"I4: {asset} is {ours} here, {theirs_} there")


INVARIANTS = (
    CheckedWorld.one_venue_order_per_intent,
    CheckedWorld.fills_are_unique_and_only_grow,
    CheckedWorld.the_position_is_the_sum_of_fills,
    CheckedWorld.money_is_conserved,
    CheckedWorld.no_end_without_evidence,
    CheckedWorld.no_difference_is_put_right_twice,
    CheckedWorld.nothing_but_cancels_left_while_halted,
    CheckedWorld.the_ledger_replayed_is_the_state,
)
"""I1 to I8."""


def _signed(side: Side, quantity: Decimal, commission: Decimal, asset: str) -> Decimal:
    moved = quantity if side is Side.BUY else -quantity
    return moved - (commission if asset == "BTC" else D(0))


def _bought(order: Order) -> Decimal:
    side = order.request.side
    return sum((_signed(side, f.quantity, f.commission, f.commission_asset) for f in order.fills), D(0))


def _at_venue(fill: Any) -> Decimal:
    side = Side.BUY if fill.buyer else Side.SELL
    return _signed(side, D(show(fill.quantity)), D(show(fill.commission)), fill.commission_asset)
