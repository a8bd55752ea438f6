"""What the gate would say to a list, an algo or an amend, and what would come of it."""

from decimal import Decimal

import msgspec

from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import LegRole
from spark_tui.link.messages.orders import Preview
from spark_tui.link.messages.requests import StartAlgo, SubmitList, SubmitOrder


class AmendPreview(msgspec.Struct, frozen=True, kw_only=True, tag="amend-preview"):
    """`before` and `quantity`: the total now and then, what is filled included; `leaves`: what stays open.
    `frees`: what is no longer locked, None where no price tells."""

    ok: bool
    verdicts: tuple[Verdict, ...]
    client_order_id: str
    symbol: str
    before: Decimal | None  # None: sized in quote money
    quantity: Decimal
    leaves: Decimal
    frees: Decimal | None
    frees_asset: str
    reason: str
    code: str


class LegPreview(msgspec.Struct, frozen=True, kw_only=True):
    role: LegRole
    preview: Preview


class ListPreview(msgspec.Struct, frozen=True, kw_only=True, tag="list-preview"):
    """`whole` are the verdicts on the list itself, each leg has its own. `submit` is what would be sent.

    `notional`: the most quote money its legs can move in one direction; `fees` by asset, at most: of two legs
    that exclude each other the dearer one counts. `code` and `reason`: what every leg would be denied with.
    """

    ok: bool
    whole: tuple[Verdict, ...]
    legs: tuple[LegPreview, ...]  # in role order
    submit: SubmitList
    changes: tuple[str, ...]
    notional: Decimal | None
    fees: dict[str, Decimal]
    reason: str
    code: str


class AlgoPreview(msgspec.Struct, frozen=True, kw_only=True, tag="algo-preview"):
    """`verdicts`: on the orders it would send, as of now. `start` is what would be started.

    `native`: one order, worked by the venue. `children`: how many orders, when nothing comes between;
    `slices`: their sizes, of a TWAP. `ends_ms`: when its time is over, where it has one. `first`: the order
    that would leave at once, else `waits` says for what and `first_ms` until when, where
    that is known. `fee`: on the whole, at most.
    """

    ok: bool
    verdicts: tuple[Verdict, ...]
    start: StartAlgo
    changes: tuple[str, ...]
    native: bool
    children: int
    slices: tuple[Decimal, ...]
    ends_ms: int | None
    first: SubmitOrder | None
    waits: str
    first_ms: int | None
    notional: Decimal | None
    fee: Decimal | None
    fee_asset: str
    slippage_bp: float | None  # of the first order
    reason: str
    code: str
