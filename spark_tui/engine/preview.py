"""What would come of a request, before it exists: the gate's own verdicts, and what it would cost.

Every preview asks the very function its request is judged by when it is sent: `Gate.assess`, `judge_list`,
`ReplaceDesk.judge`, `Algos.preview`. So what a preview says is what sending would get.
"""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal

import msgspec

from spark_tui.domain import filters, lifecycle, risk
from spark_tui.domain.decimals import ZERO, add, divide_down, floor_to, multiply, short, subtract, usable
from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.outlook import Outlook, outlook
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import LegRole, ListKind, OrderType, Side
from spark_tui.engine.algos.admission import Admission
from spark_tui.engine.algos.plan import parts_shown, quantity_step
from spark_tui.engine.algos.runner import Algos
from spark_tui.engine.cost import FEE_STEP, Cost, cost_of
from spark_tui.engine.exposure import EITHER, WAITING
from spark_tui.engine.foresight import warnings
from spark_tui.engine.gate import Assessment, Gate
from spark_tui.engine.lists import Leg, in_role_order, judge_list
from spark_tui.engine.market import Market
from spark_tui.engine.replaces import ReplaceDesk
from spark_tui.engine.submission import to_submit
from spark_tui.link.messages import (
    AlgoKind,
    AlgoPreview,
    AmendPreview,
    LegPreview,
    ListPreview,
    Preview,
    StartAlgo,
    SubmitLeg,
    SubmitList,
)


class Previews:
    """Looks ahead; changes nothing. `as_asked`: nothing is put on the instrument's grid first."""

    def __init__(
        self, gate: Gate, markets: Mapping[str, Market], replaces: ReplaceDesk, algos: Algos
    ) -> None:
        self._gate = gate
        self._markets = markets
        self._replaces = replaces
        self._algos = algos

    def order(self, request: OrderRequest, key: str, *, as_asked: bool = False) -> Preview:
        fitted, changes = self._fit(request, as_asked)
        return self._preview(fitted, changes, self._gate.assess(fitted), key)

    def replacement(
        self,
        old_id: str,
        request: OrderRequest,
        key: str,
        *,
        allow_failure: bool = False,
        as_asked: bool = False,
    ) -> Preview:
        """Raises LinkError as the replacement itself would."""
        fitted, changes = self._fit(request, as_asked)
        _, assessment = self._replaces.judge(old_id, fitted, allow_failure=allow_failure)
        return self._preview(fitted, changes, assessment, key)

    def amend(self, client_id: str, quantity: Decimal) -> AmendPreview:
        """Raises LinkError as the amend itself would for an order that cannot be changed."""
        order, verdicts = self._replaces.judge_amend(client_id, quantity)
        denial = next((verdict for verdict in verdicts if not verdict.ok), None)
        request, now = order.request, lifecycle.asked(order)
        instrument = self._gate.instrument(request.venue, request.symbol)
        sells = request.side is Side.SELL
        leaves = max(subtract(quantity, order.filled), ZERO) if usable(quantity) else ZERO
        less = max(subtract(lifecycle.leaves(order), leaves), ZERO)
        return AmendPreview(
            ok=denial is None,
            verdicts=verdicts,
            client_order_id=client_id,
            symbol=request.symbol,
            before=now,
            quantity=quantity,
            leaves=leaves,
            frees=less if sells else None if request.price is None else multiply(less, request.price),
            frees_asset="" if instrument is None else instrument.base if sells else instrument.quote,
            reason=denial.text if denial else "",
            code=denial.code if denial else "",
        )

    def order_list(
        self, kind: ListKind, legs: Sequence[Leg], key: str, *, as_asked: bool = False
    ) -> ListPreview:
        """Raises LinkError LEGS as sending it would."""
        fits = [(role, *self._fit(request, as_asked)) for role, request in legs]
        ordered = in_role_order(kind, [(role, fitted) for role, fitted, _ in fits])
        changes = {role: sentences for role, _, sentences in fits}
        found = judge_list(self._gate, kind, ordered)
        rows = tuple(
            LegPreview(
                role=role,
                preview=self._preview(request, changes[role], assessment, "", later=role in WAITING),
            )
            for (role, request), assessment in zip(ordered, found.assessments, strict=True)
        )
        code, text = found.denial or ("", "")
        return ListPreview(
            ok=found.denial is None,
            whole=(_whole(found.whole),),
            legs=rows,
            submit=SubmitList(
                kind=kind,
                legs=tuple(SubmitLeg(role=row.role, order=row.preview.order) for row in rows),
                key=key,
            ),
            changes=tuple(dict.fromkeys(text for row in rows for text in row.preview.changes)),
            notional=_moved(rows),
            fees=_fees(rows),
            reason=text,
            code=code,
        )

    def algo(self, start: StartAlgo, venue: str, *, as_asked: bool = False) -> AlgoPreview:
        instrument = self._gate.instrument(venue, start.symbol)
        changes: tuple[str, ...] = ()
        if instrument is not None and not as_asked:
            start, changes = _algo_on_grid(start, venue, instrument)
        found = self._algos.preview(start, venue)
        cost = self._algo_cost(start, venue, found)
        plan, (code, text) = found.plan, found.denial or ("", "")
        timed = plan is not None and start.kind is AlgoKind.TWAP
        return AlgoPreview(
            ok=found.denial is None,
            verdicts=found.verdicts,
            start=start,
            changes=changes,
            native=plan is not None and plan.native,
            children=0 if plan is None else len(plan.slices) or parts_shown(start, plan),
            slices=plan.slices if plan else (),
            ends_ms=found.at_ms + plan.end_ms if plan and timed else None,
            first=to_submit(found.first, "") if found.first else None,
            waits=found.waits,
            first_ms=found.until_ms,
            notional=cost.notional,
            fee=cost.fee,
            fee_asset=cost.fee_asset,
            slippage_bp=cost.slippage_bp,
            reason=text,
            code=code,
        )

    # --- parts ---------------------------------------------------------------------------------------------

    def _fit(self, request: OrderRequest, as_asked: bool) -> tuple[OrderRequest, tuple[str, ...]]:
        instrument = self._gate.instrument(request.venue, request.symbol)
        if instrument is None or as_asked:
            return request, ()
        return filters.quantise(instrument, request)

    def _preview(
        self,
        fitted: OrderRequest,
        changes: tuple[str, ...],
        assessment: Assessment,
        key: str,
        *,
        later: bool = False,
    ) -> Preview:
        cost = cost_of(fitted, assessment, self._markets[fitted.venue], later=later)
        denial, ahead = assessment.denial, _outlook(fitted, assessment, cost)
        return Preview(
            ok=risk.passes(assessment.verdicts),
            verdicts=assessment.verdicts,
            order=to_submit(fitted, key),
            changes=changes,
            notional=cost.notional,
            fee=cost.fee,
            fee_asset=cost.fee_asset,
            slippage_bp=cost.slippage_bp,
            rests=cost.rests,
            reason=denial.text if denial else "",
            code=denial.code if denial else "",
            warnings=() if later else warnings(fitted, self._markets[fitted.venue]),
            position=ahead.position if ahead else None,
            position_after=ahead.after if ahead else None,
            liquidation=ahead.liquidation if ahead else None,
            liquidation_distance=ahead.distance if ahead else None,
        )

    def _algo_cost(self, start: StartAlgo, venue: str, found: Admission) -> Cost:
        """Of the whole, at the price its largest order would have; the slippage is the first order's own."""
        if not found.assessments:
            return Cost(notional=None, fee=None, fee_asset="")
        market, largest = self._markets[venue], found.assessments[-1]
        one = cost_of(largest.request, largest, market)
        slippage = None
        if found.first is not None:
            slippage = cost_of(found.first, found.assessments[0], market).slippage_bp
        quantity = largest.request.quantity
        if one.notional is None or one.fee is None or not quantity:
            return Cost(notional=None, fee=None, fee_asset=one.fee_asset, slippage_bp=slippage)

        def whole(amount: Decimal) -> Decimal:
            return floor_to(divide_down(multiply(amount, start.quantity), quantity), FEE_STEP)

        return Cost(
            notional=whole(one.notional),
            fee=whole(one.fee),
            fee_asset=one.fee_asset,
            slippage_bp=slippage,
        )


def _outlook(request: OrderRequest, assessment: Assessment, cost: Cost) -> Outlook | None:
    """What would be held then. The venues here take no margin, so nothing is liquidated."""
    held, quantity = assessment.position, request.quantity
    if quantity is None and usable(cost.notional) and cost.notional is not None and cost.price:
        quantity = divide_down(cost.notional, cost.price)
    if quantity is None or cost.price is None:
        return None
    position, entry = (held.quantity, held.average_price) if held is not None else (ZERO, ZERO)
    return outlook(position, entry, request.side, quantity, cost.price, assessment.mid)


def _whole(refusal: tuple[str, str] | None) -> Verdict:
    code, text = refusal or ("", "the legs fit each other and the market")
    return Verdict(rule="list", label="list", ok=refusal is None, code=code, text=text)


def _moved(rows: Iterable[LegPreview]) -> Decimal | None:
    """The most quote money that goes one way, all buys or all sells; None where a leg's is not known."""
    sides: dict[str, list[tuple[LegRole, Decimal]]] = {}
    for row in rows:
        if row.preview.notional is None:
            return None
        sides.setdefault(row.preview.order.side, []).append((row.role, row.preview.notional))
    return max((_at_worst(amounts) for amounts in sides.values()), default=None)


def _fees(rows: Iterable[LegPreview]) -> dict[str, Decimal]:
    assets: dict[str, list[tuple[LegRole, Decimal]]] = {}
    for row in rows:
        if row.preview.fee is not None:
            assets.setdefault(row.preview.fee_asset, []).append((row.role, row.preview.fee))
    return {asset: _at_worst(amounts) for asset, amounts in assets.items()}


def _at_worst(amounts: Sequence[tuple[LegRole, Decimal]]) -> Decimal:
    """Of two legs that exclude each other the larger one counts."""
    either = max((amount for role, amount in amounts if role in EITHER), default=ZERO)
    return add(either, sum((amount for role, amount in amounts if role not in EITHER), ZERO))


def _algo_on_grid(start: StartAlgo, venue: str, instrument: Instrument) -> tuple[StartAlgo, tuple[str, ...]]:
    """Its numbers as `filters.quantise` fits an order's; a quantity that goes out at market also on the
    coarser of both steps."""
    request = OrderRequest(
        venue=venue,
        symbol=start.symbol,
        side=start.side,
        type=OrderType.LIMIT,
        quantity=start.quantity,
        price=start.limit_price,
        iceberg_quantity=start.display,
    )
    fitted, changes = filters.quantise(instrument, request)
    quantity = fitted.quantity if fitted.quantity is not None else start.quantity
    step = quantity_step(instrument, start)
    coarse = floor_to(quantity, step) if usable(quantity) else ZERO
    if coarse > 0 and coarse != quantity:
        text = f"quantity {short(quantity)} becomes {short(coarse)}, a multiple of the step {short(step)}"
        quantity, changes = coarse, (*changes, text)
    return (
        msgspec.structs.replace(
            start, quantity=quantity, limit_price=fitted.price, display=fitted.iceberg_quantity
        ),
        changes,
    )
