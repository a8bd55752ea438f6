"""`spark-tui do ACTION key=value ...`: any action of the table, answered in JSON. `kill` is a shortcut.

With `--dry` the action's preview instead, in lines, or with `--json` as JSON. `drill.run` waits for the
verdict and prints its checks as they come, or with `--json` the drill as JSON at the end.
"""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from spark_tui.commands import drill_run, dry, rows
from spark_tui.commands.errors import REFUSED, UNDECIDED, USAGE, CommandError
from spark_tui.commands.reach import ANSWER_S, FOLLOWED_S, data_dir_of, line_to, require_engine
from spark_tui.domain.order import NEVER_LIVED, OrderState
from spark_tui.link.messages import (
    AlgoPreview,
    AmendPreview,
    AnyRequest,
    CanaryRow,
    CanaryVerdict,
    CancelAllResult,
    ConfirmCanary,
    DeleteRule,
    DisableRule,
    DrillRow,
    EnableRule,
    ListPreview,
    OrderList,
    OrderUpdate,
    Preview,
    PutRule,
    Result,
    Rules,
    RunDrill,
    SoakCanary,
    TestResult,
)
from spark_tui.link.service import LinkError
from spark_tui.ui.actions import ActionError, build_request

_UNDECIDED = (OrderState.UNKNOWN, OrderState.PENDING_REPLACE)  # the answer was lost
_LOST = (
    "CANCEL_UNKNOWN",
    "NO_ANSWER",
)  # the venue's to the cancel of an order placed elsewhere; the engine's


def run(arguments: argparse.Namespace) -> int:
    """Prints the result. A refusal prints the order or the error as JSON, its sentence on stderr; 1.
    An answer that was lost does so too; 3."""
    try:
        request = build_request(arguments.action, params_of(arguments.params))
    except ActionError as error:
        raise CommandError(str(error).rstrip("."), USAGE) from None
    if arguments.dry:
        request = dry.preview_of(request)
    try:
        result = asyncio.run(_answer(arguments, request))
    except LinkError as error:
        print(rows.to_json({"error": error.code, "text": error.text}))
        raise CommandError(error.text, UNDECIDED if error.code in _LOST else REFUSED) from None
    if arguments.json or not isinstance(result, DrillRow):
        looked = result if isinstance(result, dry.AnyPreview) else None
        print(dry.text(looked) if looked and not arguments.json else rows.to_json(_rows(request, result)))
    refusal = _refusal(result)
    if refusal:
        print(f"spark-tui: {refusal}", file=sys.stderr)
        return REFUSED
    doubt = _doubt(result)
    if doubt:
        print(f"spark-tui: {doubt}", file=sys.stderr)
    return UNDECIDED if doubt else 0


def params_of(words: Sequence[str]) -> dict[str, str]:
    """`key=value` words. Raises CommandError."""
    params: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise CommandError(f"{word!r} is not key=value", USAGE)
        if name in params:
            raise CommandError(f"{name} is given twice", USAGE)
        params[name] = value
    return params


def _rows(request: AnyRequest, result: Result) -> object:
    """Of a changed rule that rule alone, as it stands now; `deleted` when nothing is left of it."""
    changed = _changed(request)
    if not changed or not isinstance(result, Rules):
        return rows.listed(result)
    found = [rows.rule(row) for row in result.rows if row.rule.id == changed]
    return found[0] if found else {"id": changed, "deleted": True}


def _changed(request: AnyRequest) -> str:
    """The rule it changes; empty for every other request."""
    if isinstance(request, PutRule):
        return request.rule.id
    return request.rule_id if isinstance(request, EnableRule | DisableRule | DeleteRule) else ""


async def _answer(arguments: argparse.Namespace, request: AnyRequest) -> Result:
    data_dir = data_dir_of(arguments)
    if isinstance(request, RunDrill):
        return await drill_run.run(data_dir, request, arguments.wait, _unseen if arguments.json else _line)
    return await _ask(data_dir, request)


def _line(text: str) -> None:
    print(text, flush=True)


def _unseen(text: str) -> None:
    """JSON comes whole, at the end."""


async def _ask(data_dir: Path, request: AnyRequest) -> Result:
    async with line_to(require_engine(data_dir), "do", answer_s=_patience_s(request)) as link:
        return await link.call(request)


def _patience_s(request: AnyRequest) -> float:
    """A canary's order is followed to its end, a soak takes as long as it was told to."""
    if isinstance(request, SoakCanary):
        return FOLLOWED_S + 2 * request.duration_s
    return FOLLOWED_S if isinstance(request, ConfirmCanary) else ANSWER_S


def _refusal(result: Result) -> str:
    """Why it was not done, in words; empty when it was."""
    match result:
        case OrderUpdate(order=order) if order.state in NEVER_LIVED:
            return f"{order.state} {order.code}: {order.text}"
        case OrderList(legs=legs) if legs and all(leg.order.state in NEVER_LIVED for leg in legs):
            first = legs[0].order
            return f"{first.state} {first.code}: {first.text}"
        case Preview() | AmendPreview() | ListPreview() | AlgoPreview():
            return dry.refusal(result)
        case TestResult(ok=False, code=code, text=text):
            return f"{code}: {text}"
        case DrillRow(state="FAILED", text=text):
            return f"the drill failed: {text}"
        case CanaryRow(verdict=verdict, reasons=reasons) if verdict is not CanaryVerdict.GREEN:
            return f"the canary is {verdict}: {'; '.join(reasons)}"
        case CancelAllResult(left=left, errors=errors) if left or errors:
            return f"{len(left)} order(s) are still open. {' '.join(errors)}".strip()
    return ""


def _doubt(result: Result) -> str:
    """What is not known of it, in words; empty when the venue has answered."""
    match result:
        case OrderUpdate(order=order):
            orders = [order]
        case OrderList(legs=legs):
            orders = [leg.order for leg in legs]
        case _:
            orders = []
    lost = [f"{order.client_order_id} is {order.state}" for order in orders if order.state in _UNDECIDED]
    if not lost:
        return ""
    cure = "do not send it again; `spark-tui show orders` tells what became of it"
    return f"{', '.join(lost)}: the venue's answer was lost, {cure}"
