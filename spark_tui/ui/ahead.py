"""What the engine would say to a draft, and what would be asked of it: one answer for orders, lists,
algos and replacements alike. The engine judges; nothing is judged here. No Textual."""

from dataclasses import dataclass
from decimal import Decimal

from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import LegRole
from spark_tui.link.messages import (
    AlgoPreview,
    AnyRequest,
    ListPreview,
    Preview,
    PreviewAlgo,
    PreviewList,
    PreviewOrder,
    PreviewReplace,
    ReplaceOrder,
    SubmitList,
)
from spark_tui.link.service import LinkError
from spark_tui.ui.context import Call
from spark_tui.ui.draft import Draft
from spark_tui.ui.drafted import algo_of, legs_of, order_of
from spark_tui.ui.shapes import ALGOS, Shape, list_kind

_ROLES = frozenset(role.value for role in LegRole)


@dataclass(frozen=True, slots=True)
class Ahead:
    """`request` is what sending asks, on the instrument's grid; `verdicts` has one a rule, the one that
    refuses where there is one; `fees` are (amount, asset), at most. `answer`: the engine's own words."""

    request: AnyRequest
    answer: Preview | ListPreview | AlgoPreview
    verdicts: tuple[Verdict, ...]
    fees: tuple[tuple[Decimal, str], ...]
    slippage_bp: float | None
    rests: bool = False  # nothing of it is taken from the book now

    @property
    def ok(self) -> bool:
        return self.answer.ok

    @property
    def reason(self) -> str:
        """Of a list beginning with the leg's name."""
        role, _, text = self.answer.reason.partition(": ")
        return f"{role_words(LegRole(role))}: {text}" if role in _ROLES else self.answer.reason

    @property
    def warnings(self) -> tuple[str, ...]:
        match self.answer:
            case Preview(warnings=warnings):
                return warnings
            case ListPreview(legs=legs):
                told = ((leg.role, text) for leg in legs for text in leg.preview.warnings)
                return tuple(f"{role_words(role)}: {text}" for role, text in told)
        return ()

    @property
    def changes(self) -> tuple[str, ...]:
        return self.answer.changes

    @property
    def notional(self) -> Decimal | None:
        return self.answer.notional


async def look_ahead(call: Call, draft: Draft, key: tuple[str, str]) -> Ahead:
    """`key`: venue and symbol. Raises LinkError."""
    venue, symbol = key
    ask: AnyRequest
    if draft.shape in ALGOS:
        ask = PreviewAlgo(start=algo_of(draft, venue, symbol))
    elif draft.shape is not Shape.ORDER:
        legs = legs_of(draft, venue, symbol)
        ask = PreviewList(submit=SubmitList(kind=list_kind(draft.shape), legs=legs, key=draft.key))
    elif draft.replaces:
        replace = ReplaceOrder(client_order_id=draft.replaces, order=order_of(draft, venue, symbol))
        ask = PreviewReplace(replace=replace)
    else:
        ask = PreviewOrder(order=order_of(draft, venue, symbol))
    match await call(ask):
        case Preview() as preview:
            return of_order(preview, draft.replaces)
        case ListPreview() as preview:
            return of_list(preview)
        case AlgoPreview() as preview:
            return of_algo(preview)
    raise LinkError("PROTOCOL", "The engine answered something else than a preview.")


def of_order(preview: Preview, replaces: str = "") -> Ahead:
    request: AnyRequest = preview.order
    if replaces:
        request = ReplaceOrder(client_order_id=replaces, order=preview.order)
    return Ahead(request, preview, preview.verdicts, _fee(preview), preview.slippage_bp, preview.rests)


def of_list(preview: ListPreview) -> Ahead:
    fees = tuple((amount, asset) for asset, amount in preview.fees.items())
    first = preview.legs[0].preview if preview.legs else None
    slippage, rests = (first.slippage_bp, first.rests) if first else (None, False)
    return Ahead(preview.submit, preview, (*_worst(preview), *preview.whole), fees, slippage, rests)


def of_algo(preview: AlgoPreview) -> Ahead:
    return Ahead(preview.start, preview, preview.verdicts, _fee(preview), preview.slippage_bp)


def role_words(role: LegRole) -> str:
    return role.replace("_", " ").lower()


def _fee(preview: Preview | AlgoPreview) -> tuple[tuple[Decimal, str], ...]:
    return () if preview.fee is None else ((preview.fee, preview.fee_asset),)


def _worst(preview: ListPreview) -> list[Verdict]:
    """One verdict a rule: of the leg that fails it, else of the first that has it."""
    worst: dict[str, Verdict] = {}
    for leg in preview.legs:
        for verdict in leg.preview.verdicts:
            known = worst.get(verdict.rule)
            if known is None or (known.ok and not verdict.ok):
                worst[verdict.rule] = verdict
    return list(worst.values())
