"""Orders, fills, account and the ticket's preview, as results and as events."""

from decimal import Decimal

import msgspec

from spark_tui.domain.account import Balance, Position
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import Fill, Order
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import ListKind, Side
from spark_tui.link.messages.requests import SubmitOrder


class OrderUpdate(msgspec.Struct, frozen=True, kw_only=True, tag="order"):
    """An order as it now is. Never conflated, never dropped. `external`: placed outside this engine."""

    order: Order
    external: bool = False
    replayed: bool = False  # answered again for a known idempotency key


class OrderList(msgspec.Struct, frozen=True, kw_only=True, tag="list"):
    """An order list as one thing: its legs in role order."""

    list_id: str
    kind: ListKind
    legs: tuple[OrderUpdate, ...]


class FillRow(msgspec.Struct, frozen=True, kw_only=True):
    client_order_id: str
    venue: str
    symbol: str
    side: Side
    fill: Fill


class Fills(msgspec.Struct, frozen=True, kw_only=True, tag="fills"):
    """Oldest first. As an event: the new ones only."""

    rows: tuple[FillRow, ...]


class Orders(msgspec.Struct, frozen=True, kw_only=True, tag="orders"):
    rows: tuple[OrderUpdate, ...]  # newest first


class PositionRow(msgspec.Struct, frozen=True, kw_only=True):
    position: Position
    mark: float | None  # None when the book is unusable
    unrealised: Decimal | None
    quote: str


class Positions(msgspec.Struct, frozen=True, kw_only=True, tag="positions"):
    rows: tuple[PositionRow, ...]


class Balances(msgspec.Struct, frozen=True, kw_only=True, tag="balances"):
    """Per venue; `equity`, `day_pnl` and `worth` (of each row) in USDT terms, None while any needed price is
    unusable."""

    rows: dict[str, tuple[Balance, ...]]
    equity: Decimal | None
    day_pnl: Decimal | None
    worth: dict[str, tuple[Decimal | None, ...]] = {}


class Preview(msgspec.Struct, frozen=True, kw_only=True, tag="preview"):
    """What the gate says to an order. `order` is what would be sent after quantising, `changes` what that
    changed. `fee`: at most, in what the order receives. `rests`: it takes nothing from the book of now, so
    nothing slips. `warnings`: what no rule refuses and the venue would, as the market is now."""

    ok: bool
    verdicts: tuple[Verdict, ...]
    order: SubmitOrder
    changes: tuple[str, ...]
    notional: Decimal | None
    fee: Decimal | None
    fee_asset: str
    slippage_bp: float | None
    rests: bool = False
    reason: str  # first failing verdict's text, empty when ok
    code: str = ""  # and its code: what a denial would carry
    warnings: tuple[str, ...] = ()
    position: Decimal | None = None  # signed base, now and once the order has traded in full
    position_after: Decimal | None = None
    liquidation: Decimal | None = None  # of futures: the mark that would close it by force, and how many
    liquidation_distance: Decimal | None = None  # percent of the mark it is away


class CancelAllResult(msgspec.Struct, frozen=True, kw_only=True, tag="cancel-all"):
    """`recorded`: of a kill, that the ledger has it."""

    canceled: tuple[str, ...]  # client order ids
    left: tuple[str, ...]
    errors: tuple[str, ...] = ()
    recorded: bool = True


class TestResult(msgspec.Struct, frozen=True, kw_only=True, tag="test"):
    """The gate's preview and the venue's answer to order/test; `code` and `text` are empty when it passed."""

    preview: Preview
    sent: bool
    ok: bool
    code: str
    text: str


class Instruments(msgspec.Struct, frozen=True, kw_only=True, tag="instruments"):
    rows: tuple[Instrument, ...]


class Done(msgspec.Struct, frozen=True, kw_only=True, tag="done"):
    pass
