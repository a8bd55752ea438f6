"""Whether an algo may begin, and what it would do first: one judgement, for its start and for its preview.

The gate is asked about the orders it would send: the one that would leave at once and the largest there will
be. What time lifts (a book that resyncs, a comparison under way) is waited for, anything else refuses it.
"""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import msgspec

from spark_tui.domain.instrument import Instrument
from spark_tui.domain.order import OrderRequest
from spark_tui.domain.risk import Verdict
from spark_tui.domain.values import Side
from spark_tui.engine.algos.core import step
from spark_tui.engine.algos.plan import largest_child, make_plan, sketch
from spark_tui.engine.algos.state import PASSING, Plan
from spark_tui.engine.algos.words import Look, Submit, Wait
from spark_tui.engine.gate import Assessment
from spark_tui.link.messages import StartAlgo
from spark_tui.link.service import LinkError

Assess = Callable[[OrderRequest], Assessment]

# what an order that leaves later, at the price of then, is not refused for now
_OF_THE_MOMENT: Final = frozenset(
    {"PRICE_BAND", "SLIPPAGE", "FILTER_PERCENT_PRICE", "FILTER_PERCENT_PRICE_BY_SIDE"}
)


class Admission(msgspec.Struct, frozen=True, kw_only=True):
    """`plan` is None when there can be none. `first`: the order that would leave at once; else `waits` says
    for what, and `until_ms` until when. `denial`: code and text of why it may not begin."""

    denial: tuple[str, str] | None
    at_ms: int = 0  # our clock
    plan: Plan | None = None
    first: OrderRequest | None = None
    waits: str = ""
    until_ms: int | None = None
    assessments: tuple[Assessment, ...] = ()

    def granted(self) -> Plan:
        """The plan. Raises LinkError with the denial."""
        if self.denial is not None:
            raise LinkError(*self.denial)
        assert self.plan is not None  # only a denial does without
        return self.plan

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """One a rule: the first that refuses, else the one on the largest order."""
        found: dict[str, Verdict] = {}
        for assessment in reversed(self.assessments):
            for verdict in assessment.verdicts:
                if verdict.rule not in found or (found[verdict.rule].ok and not verdict.ok):
                    found[verdict.rule] = verdict
        return tuple(found.values())


def admit(
    algo_id: str,
    start: StartAlgo,
    venue: str,
    instrument: Instrument,
    look: Look,
    assess: Assess,
    *,
    floor_notional: Decimal | None,
    now_ms: int,
) -> Admission:
    """`look`: prices of now, and why nothing may leave just now."""
    price = look.ask if start.side is Side.BUY else look.bid
    try:
        plan = make_plan(algo_id, start, venue, instrument, price, floor_notional)
    except LinkError as error:
        return Admission(denial=(error.code, error.text))
    begun = sketch(algo_id, start, venue, plan, created_ms=now_ms)
    _, commands = step(begun, msgspec.structs.replace(look, hold=""), now_ms)
    first = next((command.request for command in commands if isinstance(command, Submit)), None)
    waiting = next((command for command in commands if isinstance(command, Wait)), Wait(text=""))
    orders = [largest_child(start, venue, plan)]
    if first is not None and first not in orders:
        orders.insert(0, first)
    assessments = tuple(assess(order) for order in orders)
    denial, passing = _refusal(assessments, leaves=first is not None)
    return Admission(
        denial=denial,
        at_ms=now_ms,
        plan=plan,
        first=first,
        waits=look.hold or passing or waiting.text,
        until_ms=waiting.until_ms,
        assessments=assessments,
    )


def _refusal(assessments: tuple[Assessment, ...], *, leaves: bool) -> tuple[tuple[str, str] | None, str]:
    """What refuses the algo, and the text of what only holds its first order up."""
    failed = [verdict for found in assessments for verdict in found.verdicts if not verdict.ok]
    blind = any(verdict.code == "BOOK_UNUSABLE" for verdict in failed)
    lifted = PASSING if leaves and not blind else PASSING | _OF_THE_MOMENT
    refusing = next((verdict for verdict in failed if verdict.code not in lifted), None)
    if refusing is not None:
        return (refusing.code, refusing.text), ""
    return None, failed[0].text if failed else ""
