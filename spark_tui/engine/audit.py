"""Every command a face gives is on record: who, through which face, what, the rules' verdicts, the result.

The record is written after the fact and nothing waits for it: what must be durable first (an order's intent)
is an entry of its own. A failure to record is told and stops nothing; a kill must not depend on it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import cache

import msgspec

from spark_tui.domain.order import NEVER_LIVED, Order
from spark_tui.engine.journal import Journal
from spark_tui.engine.records import Acted
from spark_tui.engine.supervise import Notify, describe
from spark_tui.engine.witness import WITNESS, Witness
from spark_tui.link.messages import AnyRequest, Result
from spark_tui.link.messages.algos import AlgoRow
from spark_tui.link.messages.canary import CanaryRow, CanaryVerdict
from spark_tui.link.messages.orders import CancelAllResult, OrderList, OrderUpdate, TestResult
from spark_tui.link.service import FACE, LinkError
from spark_tui.wire.clock import NS_PER_MS, Clock

_encoder = msgspec.json.Encoder(decimal_format="string")


class Auditor:
    """Wraps the commands."""

    def __init__(self, journal: Journal, clock: Clock, notify: Notify) -> None:
        self._journal = journal
        self._clock = clock
        self._notify = notify

    async def recorded(
        self, request: AnyRequest, operator: str, work: Callable[[], Awaitable[Result]]
    ) -> Result:
        """The answer of `work`, which raises LinkError and nothing else."""
        witness = Witness()
        token = WITNESS.set(witness)
        try:
            result = await work()
        except LinkError as refusal:
            self._note(request, operator, witness, f"{refusal.code}: {refusal}", ok=False)
            raise
        except asyncio.CancelledError:
            self._note(request, operator, witness, "CUT_OFF: ended before its answer was known", ok=False)
            raise
        else:
            ok, text = outcome(result)
            self._note(request, operator, witness, text, ok=ok)
            return result
        finally:
            witness.open = False
            WITNESS.reset(token)

    def _note(self, request: AnyRequest, operator: str, witness: Witness, result: str, *, ok: bool) -> None:
        try:
            self._journal.note(
                Acted(
                    action=str(request.__struct_config__.tag),
                    what=in_words(request),
                    operator=operator,
                    face=FACE.get(),
                    verdicts=tuple(witness.verdicts),
                    result=result,
                    ok=ok,
                    at_ms=self._clock.wall_ns() // NS_PER_MS,
                )
            )
        except Exception as error:  # a kill, above all, stands on no ledger
            self._notify("bad", f"An action could not be recorded: {describe(error)}.")


def in_words(request: AnyRequest) -> str:
    """`symbol=BTCUSDT side=BUY ...`: what was asked, without what was left at its default."""
    told = []
    for name, default in _fields(type(request)):
        value = getattr(request, name)
        if value != default:
            told.append(f"{name}={_text(value)}")
    return " ".join(told)


@cache
def _fields(kind: type[msgspec.Struct]) -> tuple[tuple[str, object], ...]:
    """Name and default. Remembered, as msgspec evaluates every annotation anew (64 us)."""
    return tuple((field.name, field.default) for field in msgspec.structs.fields(kind))


def _text(value: object) -> str:
    encoded = _encoder.encode(_said(msgspec.to_builtins(value))).decode()
    return encoded[1:-1] if encoded.startswith('"') else encoded


def _said(value: object) -> object:
    """A leg, or the order of a replacement, without what it left unsaid."""
    match value:
        case dict():
            return {key: _said(one) for key, one in value.items() if one not in (None, "")}
        case list() | tuple():
            return [_said(one) for one in value]
    return value


def outcome(result: Result) -> tuple[bool, str]:
    """Whether it was done, and in words what came of it."""
    match result:
        case OrderUpdate(order=order):
            return order.state not in NEVER_LIVED, _order(order)
        case OrderList(legs=legs):
            states = ", ".join(_order(leg.order) for leg in legs)
            return any(leg.order.state not in NEVER_LIVED for leg in legs), states
        case CancelAllResult(canceled=canceled, left=left, errors=errors):
            text = f"{len(canceled)} cancelled, {len(left)} left"
            return not left and not errors, " ".join((text, *errors))
        case TestResult(ok=ok, code=code, text=text):
            return ok, text or code or "valid"
        case AlgoRow(algo_id=algo_id, state=state):
            return True, f"{algo_id} {state}"
        case CanaryRow(run_id=run_id, verdict=verdict, reasons=reasons):
            why = f": {'; '.join(reasons)}" if reasons else ""
            return verdict is CanaryVerdict.GREEN, f"{run_id} {verdict}{why}"
    return True, "done"


def _order(order: Order) -> str:
    why = f" {order.code}: {order.text}" if order.code else ""
    return f"{order.client_order_id} {order.state}{why}"
