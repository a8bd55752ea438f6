"""Faults of an account that is not ours alone, and of a venue that changes its rules."""

from typing import TYPE_CHECKING, ClassVar

from spark_tui.simulator.errors import ApiError
from spark_tui.simulator.faults.fault import Armed, Fault, FaultError
from spark_tui.simulator.fixed import floor_to, is_plain, parse, show
from spark_tui.simulator.orders import NewOrder
from spark_tui.simulator.symbols import STATUSES, TRADING, Symbol

if TYPE_CHECKING:
    from spark_tui.simulator.simulation import Simulation


class OnSymbol(Fault, frozen=True, kw_only=True):
    """On `symbol`, `ms` after it was armed."""

    symbol: str = "BTCUSDT"
    ms: int = 0

    def check(self, simulation: "Simulation") -> None:
        if self.symbol not in simulation.exchange.markets:
            raise FaultError(f"symbol={self.symbol} is not listed here")

    def start(self, armed: Armed) -> None:
        if armed.due():
            armed.stage.later(self.ms, lambda: self.happen(armed))

    def happen(self, armed: Armed) -> None:
        """What it does when its time has come."""


class ExternalOrder(OnSymbol, frozen=True, kw_only=True):
    """Somebody else places an order on the account: LIMIT, `percent` away from the last price, or MARKET."""

    VERB: ClassVar[str] = "external-order"
    side: str = "BUY"
    kind: str = "LIMIT"
    quantity: str = "0.01"
    percent: int = 5

    def check(self, simulation: "Simulation") -> None:
        super().check(simulation)
        if self.side not in ("BUY", "SELL") or self.kind not in ("LIMIT", "MARKET"):
            raise FaultError("use side=BUY or SELL and kind=LIMIT or MARKET")
        if not is_plain(self.quantity):
            raise FaultError(f"quantity={self.quantity} is not a plain decimal")

    def happen(self, armed: Armed) -> None:
        simulation = armed.stage.simulation
        market = simulation.exchange.market(self.symbol)
        away = market.last_price * self.percent // 100
        limit = self.kind == "LIMIT"
        price = market.last_price - away if self.side == "BUY" else market.last_price + away
        new = NewOrder(
            symbol=self.symbol,
            buy=self.side == "BUY",
            type=self.kind,
            time_in_force="GTC",
            quantity=parse(self.quantity),
            price=floor_to(price, market.symbol.tick) if limit else 0,
            client_id=f"web_{armed.rng.getrandbits(64):016x}",
            response="ACK",
        )
        try:
            simulation.exchange.place(simulation.operator, new, simulation.clock.now_ms())
        except ApiError:
            return  # the venue refuses strangers too; nothing has happened


class ExternalClose(OnSymbol, frozen=True, kw_only=True):
    """Somebody else cancels every open order of the account on the symbol."""

    VERB: ClassVar[str] = "external-close"

    def happen(self, armed: Armed) -> None:
        simulation = armed.stage.simulation
        account = simulation.operator
        for order in simulation.exchange.stores[account.uid].open(self.symbol):
            if order.open:  # the end of one leg of a list ends the other
                request_id = f"web_{armed.rng.getrandbits(64):016x}"
                simulation.exchange.cancel(account, order, simulation.clock.now_ms(), request_id=request_id)


class SymbolStatus(OnSymbol, frozen=True, kw_only=True):
    """The symbol goes to `status`; with `price_step` its tick changes too. It trades again after `back_ms`
    (0: never)."""

    VERB: ClassVar[str] = "symbol-status"
    status: str = "HALT"
    price_step: str = ""
    back_ms: int = 0

    def check(self, simulation: "Simulation") -> None:
        super().check(simulation)
        if self.status not in STATUSES:
            raise FaultError(f"status={self.status} is not among {', '.join(STATUSES)}")
        if self.price_step and (not is_plain(self.price_step) or not parse(self.price_step)):
            raise FaultError(f"price_step={self.price_step} is not a plain decimal above zero")

    def happen(self, armed: Armed) -> None:
        symbol = armed.stage.simulation.exchange.market(self.symbol).symbol
        symbol.set_status(self.status)
        if self.price_step:
            _set_tick(symbol, parse(self.price_step))
        if self.back_ms:
            armed.stage.later(self.back_ms, lambda: symbol.set_status(TRADING))


def _set_tick(symbol: Symbol, tick: int) -> None:
    symbol.filters["PRICE_FILTER"]["tickSize"] = tick
    for entry in symbol.info["filters"]:
        if entry["filterType"] == "PRICE_FILTER":
            entry["tickSize"] = show(tick)
