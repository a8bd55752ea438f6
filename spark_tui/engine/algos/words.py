"""What an algo is told, what it wants done, and the few sums all kinds share."""

from decimal import Decimal

import msgspec

from spark_tui.domain.decimals import ZERO, ceil_to, divide_down, short
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.values import Side
from spark_tui.engine.algos.state import AlgoState, Fact

# --- what an algo is told ---------------------------------------------------------------------------------


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """A look around. Prices only from a usable book, else `why` there are none; `halted` and `hold`: why
    nothing may leave at all, or not just now."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    why: str = ""
    halted: str = ""
    hold: str = ""


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    operator: str


class Resume(msgspec.Struct, frozen=True, kw_only=True):
    operator: str


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    operator: str


Event = Look | Pause | Resume | Stop


# --- what it wants done -----------------------------------------------------------------------------------


class Note(msgspec.Struct, frozen=True, kw_only=True):
    """Record it; the returned state has it already."""

    fact: Fact


class Submit(msgspec.Struct, frozen=True, kw_only=True):
    """Child number `number`: its key, so that no number is ever sent twice."""

    number: int
    request: OrderRequest


class Cancel(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str


class Wait(msgspec.Struct, frozen=True, kw_only=True):
    """Nothing now: `text` says for what, `until_ms` when it will look further, where that is known."""

    text: str
    until_ms: int | None = None


Command = Note | Submit | Cancel | Wait
Decision = Fact | OrderRequest | Wait  # what one kind of algo wants next


# --- sums --------------------------------------------------------------------------------------------------


def least(state: AlgoState, price: Decimal) -> Decimal:
    """The smallest child the venue takes at `price`."""
    plan = state.plan
    by_money = ceil_to(divide_down(plan.least_notional, price), plan.step) if price > 0 else ZERO
    return max(plan.least_quantity, by_money, plan.step)


def take_price(state: AlgoState, look: Look) -> Decimal | None:
    """What an order that trades at once would meet."""
    return look.ask if state.start.side is Side.BUY else look.bid


def drawn_from(algo_id: str, key: str) -> str:
    """What an algo's jitter is drawn from: its key where it has one, so that a preview of the same request
    shows the very sizes it will send."""
    return key or algo_id


def progress(state: AlgoState) -> str:
    return f"{short(state.filled)} of {short(state.start.quantity)} filled"
