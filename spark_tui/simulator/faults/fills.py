"""Faults of matching: executions that are split, too many, or after the end."""

from functools import partial
from typing import TYPE_CHECKING, ClassVar

from msgspec.structs import replace

from spark_tui.simulator.faults.fault import Armed, Asked, Event, Fault, FaultError
from spark_tui.simulator.fixed import floor_to, notional, share
from spark_tui.simulator.matching import CROWD, Execution, Resting
from spark_tui.simulator.orders import Fill, Order

if TYPE_CHECKING:
    from spark_tui.simulator.accounts import Account
    from spark_tui.simulator.market import Market
    from spark_tui.simulator.simulation import Simulation


class SplitFill(Fault, frozen=True, kw_only=True):
    """An account's execution comes in `parts` trades."""

    VERB: ClassVar[str] = "split-fill"
    parts: int = 3

    def check(self, simulation: "Simulation") -> None:
        if not 2 <= self.parts <= 50:
            raise FaultError(f"parts={self.parts} is out of range; use 2 to 50")

    def executions(self, executions: list[Execution], market: "Market", armed: Armed) -> list[Execution]:
        if not armed.due():
            return executions
        return [part for whole in executions for part in self._split(whole, market.symbol.step)]

    def _split(self, whole: Execution, step: int) -> list[Execution]:
        if whole.prevented:
            return [whole]
        size = max(step, floor_to(whole.quantity // self.parts, step))
        parts: list[Execution] = []
        left = whole.quantity
        while left:
            part = left if len(parts) == self.parts - 1 else min(size, left)
            parts.append(replace(whole, quantity=part))
            left -= part
        return parts


class Overfill(Fault, frozen=True, kw_only=True):
    """A filled order trades once more, by `steps` lots beyond what was asked, with its money."""

    VERB: ClassVar[str] = "overfill"
    steps: int = 10

    def end(self, asked: Asked, armed: Armed) -> None:
        simulation = armed.stage.simulation
        if asked.method != "order.place":
            return
        symbol = asked.call.arguments.text("symbol")
        for order in reversed(list(simulation.exchange.stores[asked.call.holder.uid].all(symbol))):
            if order.status == "FILLED" and order.filled == order.quantity:
                if armed.due():
                    extra = self.steps * simulation.exchange.market(symbol).symbol.step
                    armed.stage.later(0, partial(trade_beyond, simulation, order, extra))
                return


class FillAfterCancel(Fault, frozen=True, kw_only=True):
    """A canceled order turns out to have traded `percent` of its rest: the trade is told `ms` after the
    cancel."""

    VERB: ClassVar[str] = "fill-after-cancel"
    percent: int = 50
    ms: int = 300

    def check(self, simulation: "Simulation") -> None:
        if not 1 <= self.percent <= 100:
            raise FaultError(f"percent={self.percent} is out of range; use 1 to 100")

    def events(self, account: "Account", event: Event, armed: Armed) -> list[Event]:
        if event.get("x") != "CANCELED":
            return [event]
        simulation = armed.stage.simulation
        order = simulation.exchange.stores[account.uid].by_id(event["s"], event["i"])
        if order is None or not order.price or not armed.due():
            return [event]
        step = simulation.exchange.market(order.symbol).symbol.step
        part = max(step, floor_to(order.unfilled * self.percent // 100, step))
        armed.stage.later(self.ms, lambda: trade_beyond(simulation, order, part))
        return [event]


def trade_beyond(simulation: "Simulation", order: Order, quantity: int) -> None:
    """One more trade of an ended order at its own price (the last price for a market order), paid from what
    the account has free; none when it has too little. Status stays as it was."""
    exchange = simulation.exchange
    market, account = exchange.market(order.symbol), exchange.accounts[order.owner]
    symbol, vault, ms = market.symbol, exchange.clearing.vault, simulation.clock.now_ms()
    price = order.price or market.last_price
    quote = notional(price, quantity)
    base, quoted = account.balance(symbol.base), account.balance(symbol.quote)
    sign = 1 if order.buy else -1
    if (quoted.free < quote) if order.buy else (base.free < quantity):
        return
    counterpart = Resting(id=0, owner=CROWD, buy=not order.buy, price=price, leaves=0)
    (trade,) = market.record([Execution(counterpart, price, quantity)], taker_buys=order.buy, ms=ms)
    order.filled += quantity
    order.filled_quote += quote
    base.free += sign * quantity
    quoted.free -= sign * quote
    vault.crowd[symbol.base] -= sign * quantity
    vault.crowd[symbol.quote] += sign * quote
    fee_asset = symbol.base if order.buy else symbol.quote
    fee = share(quantity if order.buy else quote, account.maker_rate)
    account.balance(fee_asset).free -= fee
    vault.fees[fee_asset] += fee
    fill = Fill(
        trade_id=trade.id,
        order_id=order.id,
        list_id=order.list_id,
        symbol=order.symbol,
        price=price,
        quantity=quantity,
        quote=quote,
        commission=fee,
        commission_asset=fee_asset,
        ms=ms,
        buyer=order.buy,
        maker=True,
    )
    exchange.stores[order.owner].fills.append(fill)
    exchange.journal.touch(account, symbol)
    exchange.journal.report(account, order, "TRADE", ms, fill=fill)
    exchange.end_transaction(market, ms)
