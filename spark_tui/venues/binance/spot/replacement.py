"""What a cancel-replace came to, each half judged by itself (protocol section 9)."""

from collections.abc import Callable

from spark_tui.venues.binance.errors import Phase
from spark_tui.venues.binance.spot.account import ORDER_LIMIT, Account
from spark_tui.venues.binance.spot.codec_changes import Half, Halves
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.port import HalfOutcome, OrderReport, Reaction, ReplaceHalf, ReplaceOutcome

_OK, _FAILED, _NOT = HalfOutcome.SUCCESS, HalfOutcome.FAILURE, HalfOutcome.NOT_ATTEMPTED
# by the answer's code, "" on success: (cancel, new)
_POSSIBLE = {
    "": {(_OK, _OK)},
    "-2021": {(_OK, _FAILED), (_FAILED, _OK)},
    "-2022": {(_FAILED, _NOT), (_FAILED, _FAILED)},
}
CODES = frozenset(code for code in _POSSIBLE if code)


def outcome(account: Account, halves: Halves, code: str, old_id: str, new_id: str) -> ReplaceOutcome:
    """Both halves as the engine reads them.

    Raises CodecError when they contradict the answer's code, are of other orders, or one of them is itself
    of unknown outcome: then nothing is certain of either order.
    """
    both = (halves.cancel.outcome, halves.new.outcome)
    if both not in _POSSIBLE[code]:
        raise CodecError(f"The cancel-replace answer contradicts itself ({code or 200}: {', '.join(both)}).")
    if halves.new.code == ORDER_LIMIT:
        account.orders.exhausted()
    return ReplaceOutcome(
        cancel=_judged(account, halves.cancel, old_id), new=_judged(account, halves.new, new_id)
    )


def _judged(account: Account, half: Half, client_order_id: str) -> ReplaceHalf:
    if half.outcome is _NOT:
        return ReplaceHalf(outcome=half.outcome)
    if half.outcome is _OK:
        return ReplaceHalf(outcome=half.outcome, report=_named(client_order_id, half.reports))
    # inside an answer a refusal has no status of its own: 400 is what it has when it comes alone
    error = account.error(400, half.code, half.text, Phase.TRADE)
    if error.reaction is Reaction.UNKNOWN:
        raise CodecError(f"Half of the cancel-replace is of unknown outcome ({error.code})")
    return ReplaceHalf(outcome=half.outcome, code=error.code, text=error.text)


def report_on(meant: Callable[[OrderReport], bool], reports: tuple[OrderReport, ...]) -> OrderReport:
    """The one meant, among the legs that went with it. Raises CodecError."""
    for report in reports:
        if meant(report):
            return report
    raise CodecError("The answer is about another order")


def _named(client_order_id: str, reports: tuple[OrderReport, ...]) -> OrderReport:
    return report_on(lambda report: report.client_order_id == client_order_id, reports)
