"""The scripted engine's previews: five rules, and what a list or an algo would do."""

from decimal import Decimal

from msgspec import structs

from spark_tui.domain.filter_subject import FilterContext
from spark_tui.domain.lists import check_list
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import OrderType, Side
from spark_tui.link.messages import (
    AlgoKind,
    AlgoPreview,
    LegPreview,
    ListPreview,
    Preview,
    StartAlgo,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from tests.ui.fake_engine.world import MARKET, VENUE, instrument

HELD = Decimal("0.02")


def preview_order(order: SubmitOrder, market: float, halted: str) -> Preview:
    quantity = order.quantity or Decimal(0)
    step = Decimal(MARKET[order.symbol][2])
    floored = quantity // step * step
    changes = (f"quantity {quantity} becomes {floored} (step {step})",) if floored != quantity else ()
    price = order.price or Decimal(str(market))
    notional = order.quote_quantity or floored * price
    verdicts = (
        _verdict("trading_state", "state", not halted, "HALTED", f"Trading is halted: {halted}."),
        _verdict(
            "max_notional", "order cap", notional <= 1_000, "MAX_NOTIONAL", "", notional, Decimal(1_000)
        ),
        _verdict("position", "position", True, "MAX_POSITION", "", floored, Decimal("0.05")),
        _verdict("price_band", "price band", True, "PRICE_BAND", "", Decimal("0.02"), Decimal(2), "%"),
        _verdict("order_rate", "order rate", True, "ORDER_RATE", "", Decimal(1), Decimal(10)),
    )
    failed = [verdict for verdict in verdicts if not verdict.ok]
    return Preview(
        ok=not failed,
        verdicts=verdicts,
        order=SubmitOrder(
            **{**{name: getattr(order, name) for name in order.__struct_fields__}, "quantity": floored}
        )
        if order.quantity is not None
        else order,
        changes=changes,
        notional=notional,
        fee=notional / 1_000,
        fee_asset=MARKET[order.symbol][4],
        slippage_bp=0.0,
        reason=failed[0].text if failed else "",
        code=failed[0].code if failed else "",
        position=HELD,
        position_after=HELD + (floored if order.side is Side.BUY else -floored),
    )


def preview_list(submit: SubmitList, market: float, halted: str) -> ListPreview:
    legs = tuple(
        LegPreview(role=leg.role, preview=preview_order(leg.order, market, halted)) for leg in submit.legs
    )
    refused = next((leg for leg in legs if not leg.preview.ok), None)
    requests = [(leg.role, to_request(leg.preview.order)) for leg in legs]
    first = legs[0].preview.order
    context = FilterContext(last_price=Decimal(str(market)))
    failures = check_list(instrument(first.symbol), submit.kind, requests, context)
    whole = _verdict("list", "list", not failures, "FILTER_LIST_PRICES", failures[0].text if failures else "")
    code, reason = whole.code, whole.text
    if refused is not None:
        code, reason = refused.preview.code, f"{refused.role}: {refused.preview.reason}"
    fees: dict[str, Decimal] = {}
    for leg in legs:
        fees[leg.preview.fee_asset] = max(fees.get(leg.preview.fee_asset, Decimal(0)), leg.preview.fee or 0)
    return ListPreview(
        ok=not code,
        whole=(whole,),
        legs=legs,
        submit=structs.replace(
            submit, legs=tuple(SubmitLeg(role=leg.role, order=leg.preview.order) for leg in legs)
        ),
        changes=tuple(dict.fromkeys(change for leg in legs for change in leg.preview.changes)),
        notional=max(leg.preview.notional or Decimal(0) for leg in legs),
        fees=fees,
        reason=reason,
        code=code,
    )


def to_request(order: SubmitOrder) -> OrderRequest:
    fields = {name: getattr(order, name) for name in OrderRequest.__struct_fields__}
    return OrderRequest(**{**fields, "venue": VENUE})


def preview_algo(start: StartAlgo, market: float, halted: str, now_ms: int) -> AlgoPreview:
    step = Decimal(MARKET[start.symbol][2])
    count = start.slices or 1
    part = max(start.quantity / count // step * step, step)
    slices = (part,) * (count - 1) + (start.quantity - part * (count - 1),) if start.slices else ()
    first = SubmitOrder(
        symbol=start.symbol,
        side=start.side,
        type=OrderType.MARKET if start.limit_price is None else OrderType.LIMIT,
        quantity=slices[0] if slices else start.display or start.quantity,
        price=start.limit_price,
    )
    one = preview_order(first, market, halted)
    trails = start.kind is AlgoKind.TRAILING
    price = start.limit_price or Decimal(str(market))
    return AlgoPreview(
        ok=one.ok,
        verdicts=one.verdicts,
        start=start,
        changes=(),
        native=trails,
        children=count if start.display is None else int(-(-start.quantity // start.display)),
        slices=slices,
        ends_ms=None if start.duration_s is None else now_ms + int(start.duration_s * 1_000),
        first=one.order,
        waits="",
        first_ms=None,
        notional=start.quantity * price,
        fee=start.quantity * price / 1_000,
        fee_asset=MARKET[start.symbol][4],
        slippage_bp=0.0,
        reason=one.reason,
        code=one.code,
    )


def _verdict(
    rule: str,
    label: str,
    ok: bool,
    code: str,
    text: str,
    used: Decimal | None = None,
    allowed: Decimal | None = None,
    unit: str = "",
) -> Verdict:
    return Verdict(
        rule=rule,
        label=label,
        ok=ok,
        code="" if ok else code,
        text="" if ok else text or f"{label} {used} is more than {allowed}; ask for less.",
        used=used,
        allowed=allowed,
        unit=unit,
    )
