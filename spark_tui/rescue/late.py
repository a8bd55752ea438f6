"""Orders that were on their way when the engine ended: they can come alive after everything was cancelled.

Only its ledger knows of them. The kill does not depend on that: it is read in a thread that nobody waits for
longer than a moment, whatever it does or raises.
"""

from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime

from spark_tui.rescue.beside import result_within
from spark_tui.venues.kill_plan import LastOrder, LastOrders
from spark_tui.venues.port import Venue, VenueError
from spark_tui.wire.clock import NS_PER_MS, NS_PER_S, Clock

Read = Callable[[], LastOrders]

PATIENCE_S = 2.0
SLACK_MS = 2_000  # from the write-ahead to the signature, and the clocks between
MAX_ASKED = 10  # of the venue one by one; with more it is simply waited
UNREAD = "The ledger did not say whether orders were on their way when the engine ended."
_BEFORE = ", before it closes a position"
UNREAD_LOOKED = f"{UNREAD} The kill waited until none of them could come alive any more, and looked again."
UNREAD_UNWAITED = f"{UNREAD} Nobody waited until none of them could come alive any more."
UNREAD_HELD = "the ledger does not name them, and the kill plan may be older than they are"
CUT_OFF = "there is no kill plan, and the ledger is longer than a kill reads of it"
CLOSE_THERE = "Close what is held at the exchange's own site, or start the engine and close it there."
REPAIR = "Mend the ledger (spark-tui ledger repair), then kill again; or look at the exchange's own site."


async def read_within(read: Read) -> LastOrders | None:
    """What was on its way; None where that cannot be known: a torn or locked ledger must not keep a kill from
    its end."""
    return await result_within(read, PATIENCE_S)


def wait_s(orders: Iterable[LastOrder], venue: Venue, clock: Clock) -> float:
    """Until none of them can come alive any more; 0 when that is so. An order from the future was noted
    before the clock was put back: it counts as of now."""
    now_ms = clock.wall_ns() // NS_PER_MS
    until_ms = max((min(one.at_ms, now_ms) + _window_ms(venue) for one in orders), default=0)
    return max(0, until_ms - now_ms) / 1_000


def window_s(venue: Venue) -> float:
    """After which nothing that was sent before now can come alive."""
    return _window_ms(venue) / 1_000


def _window_ms(venue: Venue) -> int:
    return venue.decision_window_ms + SLACK_MS


async def unknown(orders: Iterable[LastOrder], venue: Venue) -> tuple[LastOrder, ...]:
    """Those the venue does not know (yet)."""
    wanted = tuple(orders)
    if len(wanted) > MAX_ASKED:
        return wanted
    return tuple([one for one in wanted if not await _known(one, venue)])


def told(count: int, clock: Clock, seconds: float, *, flatten: bool) -> str:
    return (
        f"{_orders(count)} on the way when the engine ended and can come alive until {_then(clock, seconds)};"
        f" what was open is cancelled, and the kill looks again then{_BEFORE if flatten else ''}."
    )


def unread(clock: Clock, seconds: float, *, flatten: bool) -> str:
    return (
        "the ledger does not say whether orders were on their way when the engine ended; one could come alive"
        f" until {_then(clock, seconds)}. What was open is cancelled, and the kill looks again"
        f" then{_BEFORE if flatten else ''}."
    )


def unwaited(orders: Collection[LastOrder]) -> str:
    return (
        f"{_orders(len(orders))} on the way when the engine ended, and nobody waited for what became of it."
    )


def again_at(clock: Clock, seconds: float) -> str:
    return f"Kill again at {_then(clock, seconds)}."


def _orders(count: int) -> str:
    return "1 order was" if count == 1 else f"{count} orders were"


def _then(clock: Clock, seconds: float) -> str:
    return f"{datetime.fromtimestamp(clock.wall_ns() / NS_PER_S + seconds, UTC):%H:%M:%S} UTC"


async def _known(order: LastOrder, venue: Venue) -> bool:
    try:
        return await venue.query(order.symbol, order.client_order_id) is not None
    except VenueError:
        return False
