"""`spark-tui do ACTION ... --dry`: what the gate would say and what would come of it; nothing is done."""

from decimal import Decimal

from spark_tui.commands.errors import USAGE, CommandError
from spark_tui.commands.rows import Row, cell, terms
from spark_tui.commands.table import facts, table
from spark_tui.domain.risk import Verdict
from spark_tui.link.messages import (
    AlgoPreview,
    AmendOrder,
    AmendPreview,
    AnyRequest,
    ListPreview,
    Preview,
    PreviewAlgo,
    PreviewAmend,
    PreviewList,
    PreviewOrder,
    PreviewReplace,
    ReplaceOrder,
    StartAlgo,
    SubmitList,
    SubmitOrder,
)

AnyPreview = Preview | AmendPreview | ListPreview | AlgoPreview

_SHOWN_SLICES = 8


def preview_of(request: AnyRequest) -> AnyRequest:
    """The query that judges `request` as it stands: `do` sends it so, too. Raises CommandError."""
    match request:
        case SubmitOrder():
            return PreviewOrder(order=request, as_asked=True)
        case AmendOrder():
            return PreviewAmend(amend=request)
        case ReplaceOrder():
            return PreviewReplace(replace=request, as_asked=True)
        case SubmitList():
            return PreviewList(submit=request, as_asked=True)
        case StartAlgo():
            return PreviewAlgo(start=request, as_asked=True)
    raise CommandError(
        "--dry goes with order.submit, order.amend, order.replace, list.submit and algo.start", USAGE
    )


def refusal(preview: AnyPreview) -> str:
    return "" if preview.ok else f"{preview.code}: {preview.reason}"


def text(preview: AnyPreview) -> str:
    """Facts, then the verdicts."""
    match preview:
        case ListPreview():
            return _list_text(preview)
        case AlgoPreview():
            return f"{facts(_algo_facts(preview))}\n\n{_verdicts(preview.verdicts)}"
        case AmendPreview():
            return f"{facts(_amend_facts(preview))}\n\n{_verdicts(preview.verdicts)}"
        case Preview():
            return f"{facts(_order_facts(preview))}\n\n{_verdicts(preview.verdicts)}"


def _verdict(preview: AnyPreview, would: str) -> str:
    return would if preview.ok else f"would be refused: {refusal(preview)}"


def _order_facts(preview: Preview) -> Row:
    return {
        "verdict": _verdict(preview, "would be sent"),
        "order": _words(terms(preview.order)),
        "but": " ".join(preview.warnings),
        "notional": preview.notional,
        "fee_at_most": _money(preview.fee, preview.fee_asset),
        "slippage_bp": preview.slippage_bp,
    }


def _amend_facts(preview: AmendPreview) -> Row:
    return {
        "verdict": _verdict(preview, "would be amended"),
        "order": preview.client_order_id,
        "symbol": preview.symbol,
        "quantity_now": preview.before,
        "quantity_then": preview.quantity,
        "open_then": preview.leaves,
        "frees": _money(preview.frees, preview.frees_asset),
    }


def _algo_facts(preview: AlgoPreview) -> Row:
    sizes = [cell(size) for size in preview.slices[:_SHOWN_SLICES]]
    more = len(preview.slices) - len(sizes)
    return {
        "verdict": _verdict(preview, "would be started"),
        "algo": _words(terms(preview.start)),
        "worked_by": "the venue, as one order" if preview.native else "the engine",
        "orders": preview.children or None,
        "slices": " ".join(sizes) + (f" and {more} more" if more > 0 else ""),
        "ends_ms": preview.ends_ms,
        "first": _words(terms(preview.first)) if preview.first else "",
        "waits": preview.waits,
        "first_ms": preview.first_ms,
        "notional": preview.notional,
        "fee_at_most": _money(preview.fee, preview.fee_asset),
        "slippage_bp": preview.slippage_bp,
    }


def _list_text(preview: ListPreview) -> str:
    head: Row = {
        "verdict": _verdict(preview, "would be sent"),
        "list": f"{preview.submit.kind}, {len(preview.legs)} legs in one call, all or none",
        "notional_at_most": preview.notional,
        "fee_at_most": " + ".join(_money(fee, asset) for asset, fee in preview.fees.items()),
    }
    parts = [facts(head)]
    for leg in preview.legs:
        said = _words(terms(leg.preview.order))
        but = "".join(f"\n! {warning}" for warning in leg.preview.warnings)
        parts.append(f"{leg.role}: {said}{but}\n{_verdicts(leg.preview.verdicts)}")
    return "\n\n".join((*parts, f"The list itself\n{_verdicts(preview.whole)}"))


def _verdicts(verdicts: tuple[Verdict, ...]) -> str:
    rows = [
        {
            "rule": rule.label,
            "passes": rule.ok,
            "used": rule.used,
            "allowed": rule.allowed,
            "unit": rule.unit,
            "text": rule.text if rule.ok else f"{rule.code}: {rule.text}",
        }
        for rule in verdicts
    ]
    return table(("rule", "passes", "used", "allowed", "unit", "text"), rows, "No rule was asked.")


def _words(row: Row) -> str:
    return " ".join(f"{name}={cell(value)}" for name, value in row.items() if value not in (None, ""))


def _money(amount: Decimal | None, asset: str) -> str:
    return "" if amount is None else f"{cell(amount)} {asset}"
