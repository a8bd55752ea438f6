"""The kill drill: put an order out on the kill's own connection, kill for real, and see that nothing is left.

Never where money is real. What rests on the account meanwhile is cancelled too: it is the kill itself.
"""

import secrets
from decimal import Decimal
from pathlib import Path

import msgspec

from spark_tui.domain import filters
from spark_tui.domain.decimals import from_float
from spark_tui.domain.instrument import Instrument, SymbolStatus
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Environment, OrderType, Side, TimeInForce
from spark_tui.rescue.door import open_venue
from spark_tui.rescue.process import Outcome, Rescue
from spark_tui.venues.kill_marks import is_kill_order, kill_order_id
from spark_tui.venues.kill_plan import KillPlan, PlanError, VenuePlan
from spark_tui.venues.port import Reaction, Venue, VenueError
from spark_tui.venues.sweep import text_of
from spark_tui.wire.clock import NS_PER_MS, Clock

BELOW = Decimal("0.8")  # of the best bid: inside every price filter we know, and far from being met
WORTH = Decimal(20)  # quote money of the order, where the instrument asks for no more


class Check(msgspec.Struct, frozen=True, kw_only=True):
    text: str
    ok: bool


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """`outcome` None: it did not come to a kill."""

    checks: tuple[Check, ...]
    took_ms: int
    outcome: Outcome | None

    @property
    def ok(self) -> bool:
        return bool(self.checks) and all(check.ok for check in self.checks)


async def drill(rescue: Rescue, plan: KillPlan, clock: Clock) -> Verdict:
    """Raises PlanError where money is real, and where no order can be placed."""
    live = [venue.venue for venue in plan.venues if venue.environment is Environment.LIVE]
    if live:
        raise PlanError(f"{live[0]} is real money, and a drill is not for that; kill without --drill.")
    if any(venue.environment is Environment.PAPER for venue in plan.venues):
        raise PlanError(
            "A paper account is a file on this machine, where the kill can place no order of its own to drill"
            " with; kill without --drill, or drill on the simulator."
        )
    resting: list[str] = []
    checks: list[Check] = []
    for venue in plan.venues:
        placed = await _rest(venue, clock, rescue.data_dir)
        checks.append(Check(text=f"an order rests at {venue.venue} ({placed})", ok=is_kill_order(placed)))
        resting.append(placed)
    if not all(check.ok for check in checks):
        return Verdict(checks=tuple(checks), took_ms=0, outcome=None)
    before = clock.mono_ns()
    outcome = await rescue.kill(plan, flatten=False)
    took_ms = (clock.mono_ns() - before) // NS_PER_MS
    checks += [Check(text=f"it is cancelled: {one}", ok=one not in outcome.left) for one in resting]
    checks.append(Check(text="every venue confirms that nothing is open", ok=outcome.green))
    checks.append(_halt(outcome))
    return Verdict(checks=tuple(checks), took_ms=took_ms, outcome=outcome)


def _halt(outcome: Outcome) -> Check:
    match outcome.engine:
        case "none":
            return Check(text="no engine runs; the next one starts HALTED", ok=outcome.marked)
        case "answered":
            return Check(text="the engine has halted", ok=True)
    return Check(text="the engine halts; it did not answer and was ended", ok=False)


async def _rest(plan: VenuePlan, clock: Clock, data_dir: Path) -> str:
    """The client id of an order that rests now, or why there is none."""
    venue = await open_venue(plan, clock, data_dir)
    if venue is None:
        return "no key, so no order"
    try:
        instrument = await _instrument(venue, {held.symbol for held in plan.held if held.quantity})
        book = await venue.depth_snapshot(instrument.symbol, 5)
        if not book.bids:
            return f"{instrument.symbol} has no bids"
        client_id = kill_order_id(secrets.token_hex(4), 0)
        await venue.place(client_id, _far_below(instrument, from_float(book.bids[0][0])), lambda: None)
        return client_id
    except VenueError as error:
        return text_of(error)
    finally:
        await venue.close()


async def _instrument(venue: Venue, held: set[str]) -> Instrument:
    """One that trades: where something is held, else against USDT, else any. Raises VenueError."""
    trading = [one for one in await venue.instruments() if one.status is SymbolStatus.TRADING]
    if not trading:
        raise VenueError(Reaction.DEFINITE_REJECT, "NO_MARKET", "No instrument trades there now.")
    return max(trading, key=lambda one: (one.symbol in held, one.quote == "USDT"))


def _far_below(instrument: Instrument, bid: Decimal) -> OrderRequest:
    price = bid * BELOW
    request = OrderRequest(
        venue=instrument.venue,
        symbol=instrument.symbol,
        side=Side.BUY,
        type=OrderType.LIMIT,
        time_in_force=TimeInForce.GTC,
        price=price,
        quantity=WORTH / price,
    )
    return filters.quantise(instrument, request)[0]
