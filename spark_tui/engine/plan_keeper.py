"""Keeps the kill plan true: where the orders rest, with which key, and what is held (venues/kill_plan.py).

`symbols`: those with an order that may rest at a venue; `assets`: base and quote of an instrument, if known;
`compared`: when a venue's last whole comparison began (monotonic, ns).
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec

from spark_tui.domain.decimals import ZERO
from spark_tui.domain.order import UNCONFIRMED, Fill, Order
from spark_tui.domain.values import Environment
from spark_tui.engine.state import State
from spark_tui.engine.supervise import Notify, describe
from spark_tui.settings import Settings, TradeMode
from spark_tui.venues.binance.spot.endpoints import Discovery
from spark_tui.venues.kill_plan import Held, KeyPlan, KeySource, KillPlan, LastOrder, VenuePlan, write_plan
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

EVERY_S = 1.0
LATELY_S = 15.0  # an order that has ended is named so much longer: what it traded may not be listed yet


def venue_plan(venue: str, found: Discovery, settings: Settings, *, bundled: bool) -> VenuePlan:
    """Addresses and key in force, nothing held yet."""
    return VenuePlan(
        venue=venue,
        environment=found.environment,
        rest=found.endpoints.rest,
        streams=found.endpoints.streams,
        ws_api=found.endpoints.ws_api,
        key=_key_plan(found, settings),
        bundled=bundled,
        recv_window_ms=settings.binance.recv_window_ms,
    )


def _key_plan(found: Discovery, settings: Settings) -> KeyPlan:
    binance = settings.binance
    paper = settings.trade_mode is TradeMode.PAPER  # its orders rest on this machine, never at the host
    if found.credentials is None or paper:
        return KeyPlan(source=KeySource.NONE)
    if found.environment is Environment.SIM and not settings.has_keys:
        return KeyPlan(source=KeySource.SIMULATOR)
    api_key = binance.api_key.get_secret_value()
    if binance.api_key_file is not None:
        file = str(binance.api_key_file.expanduser().absolute())
        return KeyPlan(source=KeySource.FILE, api_key=api_key, file=file)
    if not settings.kill.store_keys:
        return KeyPlan(source=KeySource.ENVIRONMENT)
    return KeyPlan(source=KeySource.STORED, api_key=api_key, secret=binance.api_secret.get_secret_value())


def _last_order(order: Order) -> LastOrder:
    return LastOrder(
        client_order_id=order.client_order_id,
        venue=order.request.venue,
        symbol=order.request.symbol,
        at_ms=order.created_ms,
        heard=True,
    )


class PlanKeeper:
    """`keep` once before anything trades, then `run`: a position that moved is on disk a second later."""

    def __init__(
        self,
        data_dir: Path,
        venues: tuple[VenuePlan, ...],
        state: State,
        symbols: Callable[[str], set[str]],
        assets: Callable[[str, str], tuple[str, str] | None],
        compared: Callable[[str], int],
        clock: Clock,
        notify: Notify,
    ) -> None:
        self._data_dir = data_dir
        self._venues = venues
        self._state = state
        self._symbols = symbols
        self._assets = assets
        self._compared = compared
        self._clock = clock
        self._notify = notify
        self.compared_ns = 0  # when the oldest comparison began that the plan on disk has in it; 0: none yet
        self._one = asyncio.Lock()  # a write that a slow disk held up must not replace a later one
        self._written: tuple[VenuePlan, ...] | None = None
        self._failed = False
        self._lately: dict[str, tuple[int, LastOrder]] = {}  # by client id; when it was last open

    async def run(self) -> None:
        while True:
            await self._clock.sleep(EVERY_S)
            await self.keep()

    async def keep(self) -> None:
        """Write what has changed. Never raises: a plan that grows old is said once, and tried again."""
        async with self._one:
            await self._keep()

    async def _keep(self) -> None:
        try:
            compared_ns = min((self._compared(venue.venue) for venue in self._venues), default=0)
            venues = tuple(self._with_positions(venue) for venue in self._venues)
            if venues != self._written:
                plan = KillPlan(venues=venues, written_ms=self._clock.wall_ns() // NS_PER_MS)
                await asyncio.to_thread(write_plan, self._data_dir, plan)
        except OSError as error:
            self._stale(f"{error.strerror}; free some space")
        except Exception as error:  # a defect; nobody else would notice that `spark-tui kill` is misled
            self._stale(f"{describe(error)}; flatten in the cockpit, and report it")
        else:
            self._written, self._failed, self.compared_ns = venues, False, compared_ns

    def _stale(self, why: str) -> None:
        if not self._failed:
            self._notify("bad", f"The kill plan cannot be written: {why}.")
        self._failed = True

    def _with_positions(self, venue: VenuePlan) -> VenuePlan:
        symbols = {symbol for where, symbol in self._state.positions if where == venue.venue}
        beyond = self._beyond(venue.venue)
        symbols |= {symbol for where, symbol in self._state.reconciled if where == venue.venue}
        symbols |= self._symbols(venue.venue) | beyond.keys()
        held = tuple(self._held(venue.venue, symbol, beyond.get(symbol, [])) for symbol in sorted(symbols))
        return msgspec.structs.replace(venue, held=held, open=self._open(venue.venue))

    def _open(self, venue: str) -> tuple[LastOrder, ...]:
        """Those the venue had a word on: the others are so new that the ledger's end has them."""
        now_ns = self._clock.mono_ns()
        for order in self._state.open_orders(venue):
            if order.state not in UNCONFIRMED:
                self._lately[order.client_order_id] = now_ns, _last_order(order)
        since_ns = now_ns - int(LATELY_S * NS_PER_S)
        self._lately = {name: one for name, one in self._lately.items() if one[0] >= since_ns}
        return tuple(order for _, order in self._lately.values() if order.venue == venue)

    def _beyond(self, venue: str) -> dict[str, list[Fill]]:
        """By symbol: fills in the position that no comparison has accounted for yet."""
        found: dict[str, list[Fill]] = {}
        for row in self._state.fills:
            if row.venue == venue and (
                row.fill.synthetic
                or int(row.fill.trade_id) > self._state.reconciled.get((venue, row.symbol), -1)
            ):
                found.setdefault(row.symbol, []).append(row.fill)
        return found

    def _held(self, venue: str, symbol: str, beyond: list[Fill]) -> Held:
        position = self._state.positions.get((venue, symbol))
        base, quote = self._assets(venue, symbol) or self._state.assets.get((venue, symbol), ("", ""))
        trades = [fill for fill in beyond if not fill.synthetic]
        counted_to = self._state.reconciled.get((venue, symbol))
        if (
            counted_to is None and trades
        ):  # nothing was compared yet: what lies before our first trade is not ours
            counted_to = min(int(fill.trade_id) for fill in trades) - 1
        told_apart = len(trades) == len(beyond)  # else trades behind a synthetic fill would count twice
        return Held(
            symbol=symbol,
            base=base,
            quote=quote,
            quantity=position.quantity if position else ZERO,
            counted_to=counted_to if told_apart else None,
            counted=tuple(fill.trade_id for fill in trades) if told_apart else (),
        )
