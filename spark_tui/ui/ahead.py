"""What the engine would say to a draft, and what would be asked of it: one answer for orders, lists,
algos and replacements alike. No Textual."""

from dataclasses import dataclass
from decimal import Decimal

from msgspec import structs

from spark_tui.domain.decimals import floor_to
from spark_tui.domain.filter_rules import FilterContext
from spark_tui.domain.filters import quantise, quantity_step
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.lists import check_list
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import Verdict, passes
from spark_tui.domain.values import LegRole, OrderType, TimeInForce
from spark_tui.link.messages import (
    AlgoKind,
    AnyRequest,
    Preview,
    PreviewOrder,
    ReplaceOrder,
    StartAlgo,
    SubmitLeg,
    SubmitList,
    SubmitOrder,
)
from spark_tui.link.service import LinkError
from spark_tui.ui.context import Call
from spark_tui.ui.draft import Draft
from spark_tui.ui.shapes import ALGOS, Shape, list_kind

# A leg that waits is paid with what its working order brings, and a replacement with what the old order
# holds; only the engine, which sees both at once, can judge those.
_LATER = frozenset({LegRole.PENDING, LegRole.PENDING_ABOVE, LegRole.PENDING_BELOW})
_FUNDS = "INSUFFICIENT_BALANCE"
_FEE_STEP = Decimal("1e-8")


@dataclass(frozen=True, slots=True)
class Ahead:
    """`preview` judges the whole; `request` is what sending asks, on the instrument's grid."""

    preview: Preview
    request: AnyRequest


async def look_ahead(
    call: Call, draft: Draft, key: tuple[str, str], instrument: Instrument | None, last: Decimal | None
) -> Ahead:
    """`key`: venue and symbol; `last`: the last price, where known. Raises LinkError."""
    venue, symbol = key
    if draft.shape in ALGOS:
        return await _algo_ahead(call, draft.algo(venue, symbol), instrument)
    if draft.shape is not Shape.ORDER:
        return await _list_ahead(call, draft, draft.legs(venue, symbol), instrument, last)
    preview = await _preview(call, draft.order(venue, symbol))
    if not draft.replaces:
        return Ahead(preview, preview.order)
    judged = _without_funds(preview)
    return Ahead(judged, ReplaceOrder(client_order_id=draft.replaces, order=judged.order))


async def _preview(call: Call, order: SubmitOrder) -> Preview:
    answer = await call(PreviewOrder(order=order))
    if not isinstance(answer, Preview):
        raise LinkError("PROTOCOL", "The engine answered something else than a preview.")
    return answer


async def _list_ahead(
    call: Call, draft: Draft, legs: tuple[SubmitLeg, ...], instrument: Instrument | None, last: Decimal | None
) -> Ahead:
    judged = []
    for leg in legs:
        preview = await _preview(call, leg.order)
        judged.append((leg.role, _without_funds(preview) if leg.role in _LATER else preview))
    fitted = tuple(SubmitLeg(role=role, order=preview.order) for role, preview in judged)
    kind = list_kind(draft.shape)
    verdicts = [*_worst(judged)]
    if instrument is not None:
        requests = [(leg.role, _request(leg.order)) for leg in fitted]
        failures = check_list(instrument, kind, requests, FilterContext(last_price=last))
        text = failures[0].text if failures else ""
        code = f"FILTER_{failures[0].filter}" if failures else ""
        verdicts.append(Verdict(rule="list", label="list", ok=not failures, code=code, text=text))
    failed = [verdict for verdict in verdicts if not verdict.ok]
    dearest = max((preview for _, preview in judged), key=lambda preview: preview.notional or Decimal(0))
    whole = Preview(
        ok=not failed,
        verdicts=tuple(verdicts),
        order=judged[0][1].order,
        changes=tuple(dict.fromkeys(change for _, preview in judged for change in preview.changes)),
        notional=dearest.notional,
        fee=dearest.fee,
        fee_asset=dearest.fee_asset,
        slippage_bp=None,
        reason=failed[0].text if failed else "",
    )
    return Ahead(whole, SubmitList(kind=kind, legs=fitted, key=draft.key))


async def _algo_ahead(call: Call, start: StartAlgo, instrument: Instrument | None) -> Ahead:
    """Judged is what will leave: one slice, one shown part, or the whole at the end of a trail. The engine
    plans the course and has the last word."""
    changes: tuple[str, ...] = ()
    if instrument is not None:
        start, changes = _on_grid(start, instrument)
    child = start.quantity
    if start.kind is AlgoKind.ICEBERG and start.display is not None:
        child = min(start.display, start.quantity)
    elif start.slices:
        step = (quantity_step(instrument) if instrument else None) or Decimal(0)
        child = max(floor_to(start.quantity / start.slices, step), step)
    limit = start.limit_price
    force = TimeInForce.GTC if start.kind is AlgoKind.ICEBERG else TimeInForce.IOC
    order = SubmitOrder(
        venue=start.venue,
        symbol=start.symbol,
        side=start.side,
        type=OrderType.MARKET if limit is None else OrderType.LIMIT,
        quantity=child,
        price=limit,
        time_in_force=None if limit is None else force,
    )
    one = await _preview(call, order)
    times = start.quantity / child if child else Decimal(1)
    whole = Preview(
        ok=one.ok,
        verdicts=one.verdicts,
        order=one.order,
        changes=changes,
        notional=None if one.notional is None else one.notional * times,
        fee=None if one.fee is None else (one.fee * times).quantize(_FEE_STEP),
        fee_asset=one.fee_asset,
        slippage_bp=one.slippage_bp,
        reason=one.reason,
    )
    return Ahead(whole, start)


def _on_grid(start: StartAlgo, instrument: Instrument) -> tuple[StartAlgo, tuple[str, ...]]:
    request = OrderRequest(
        venue=start.venue,
        symbol=start.symbol,
        side=start.side,
        type=OrderType.LIMIT,
        quantity=start.quantity,
        price=start.limit_price,
        iceberg_quantity=start.display,
    )
    fitted, changes = quantise(instrument, request)
    return (
        structs.replace(
            start,
            quantity=fitted.quantity or start.quantity,
            limit_price=fitted.price,
            display=fitted.iceberg_quantity,
        ),
        changes,
    )


def _worst(judged: list[tuple[LegRole, Preview]]) -> list[Verdict]:
    """One verdict a rule: of the leg that fails it, named, else of the first that has it."""
    worst: dict[str, Verdict] = {}
    for role, preview in judged:
        for verdict in preview.verdicts:
            known = worst.get(verdict.rule)
            if known is None or (known.ok and not verdict.ok):
                worst[verdict.rule] = verdict if verdict.ok else _named(role, verdict)
    return list(worst.values())


def _named(role: LegRole, verdict: Verdict) -> Verdict:
    return Verdict(
        rule=verdict.rule,
        label=verdict.label,
        ok=False,
        code=verdict.code,
        text=f"{role.replace('_', ' ').lower()}: {verdict.text}",
        used=verdict.used,
        allowed=verdict.allowed,
        unit=verdict.unit,
    )


def _without_funds(preview: Preview) -> Preview:
    verdicts = tuple(verdict for verdict in preview.verdicts if verdict.code != _FUNDS)
    failed = [verdict for verdict in verdicts if not verdict.ok]
    return Preview(
        ok=passes(verdicts),
        verdicts=verdicts,
        order=preview.order,
        changes=preview.changes,
        notional=preview.notional,
        fee=preview.fee,
        fee_asset=preview.fee_asset,
        slippage_bp=preview.slippage_bp,
        reason=failed[0].text if failed else "",
    )


def _request(order: SubmitOrder) -> OrderRequest:
    return OrderRequest(**{name: getattr(order, name) for name in OrderRequest.__struct_fields__})
