"""Order lists: two or three orders that leave in one call, all or none."""

from collections.abc import Mapping, Sequence

import msgspec

from spark_tui.domain.lists import ROLES
from spark_tui.domain.order import ListPart, OrderRequest
from spark_tui.domain.values import LegRole, ListKind
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.gate import Assessment, Gate
from spark_tui.engine.orders import key_owner, key_reused
from spark_tui.engine.outbox import Answered, Outbox
from spark_tui.engine.resolver import Resolver
from spark_tui.engine.state import State
from spark_tui.link.messages import OrderList, OrderUpdate
from spark_tui.link.service import LinkError
from spark_tui.venues.port import ListLeg, Venue

Leg = tuple[LegRole, OrderRequest]


class ListJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """What the gate says to each leg, in role order, and to the list; `denial`: what refuses all of it."""

    assessments: tuple[Assessment, ...]
    whole: tuple[str, str] | None  # code and text of what the venue would refuse about the list itself
    denial: tuple[str, str] | None


def judge_list(gate: Gate, kind: ListKind, ordered: Sequence[Leg]) -> ListJudgement:
    """One judgement, for what is sent and for its preview."""
    assessments = gate.assess_list(kind, ordered)
    whole = gate.refuse_list(kind, ordered)
    return ListJudgement(assessments=assessments, whole=whole, denial=_denial(ordered, assessments) or whole)


class ListDesk:
    """Submit. A leg is an order like any other; what joins them is `part`."""

    def __init__(
        self,
        books: Bookkeeper,
        gate: Gate,
        outbox: Outbox,
        resolver: Resolver,
        venues: Mapping[str, Venue],
    ) -> None:
        self._books = books
        self._gate = gate
        self._outbox = outbox
        self._resolver = resolver
        self._venues = venues

    async def submit(self, kind: ListKind, legs: Sequence[Leg], operator: str, key: str = "") -> OrderList:
        """All legs once their fate is known, or known to be unknown. One refused leg refuses all. Raises
        LinkError as `submit` of a single order, and LEGS."""
        ordered = in_role_order(kind, legs)
        known = key_owner(self._books.state, key)
        if known is not None:
            list_id = known.part.list_id if known.part else ""
            if not list_id or _content(self._books.state, list_id) != (kind, ordered):
                raise key_reused(key, list_id or known.client_order_id)
            await self._outbox.landing(known.client_order_id)
            return list_view(self._books.state, list_id, replayed=True)
        list_id = self._outbox.next_id()
        ids = tuple(self._outbox.next_id() for _ in ordered)
        found = judge_list(self._gate, kind, ordered)
        for client_id, (role, request), assessment in zip(ids, ordered, found.assessments, strict=True):
            part = ListPart(list_id=list_id, kind=kind, role=role)
            self._outbox.intend(client_id, request, assessment, operator, key, part=part, denial=found.denial)
        work = self._carry_out(list_id, kind, ids, ordered)
        await self._outbox.run(ids, f"list {list_id}", work)
        return list_view(self._books.state, list_id)

    async def _carry_out(
        self, list_id: str, kind: ListKind, ids: tuple[str, ...], ordered: tuple[Leg, ...]
    ) -> None:
        if not await self._outbox.recorded("list", ids):
            return
        legs = tuple(
            ListLeg(role=role, client_order_id=client_id, request=request)
            for client_id, (role, request) in zip(ids, ordered, strict=True)
        )
        venue = self._venues[ordered[0][1].venue]
        answer = await self._outbox.send(
            "list", ids, venue, lambda on_sent: venue.place_list(list_id, kind, legs, on_sent)
        )
        if not isinstance(answer, Answered):
            return
        for report in answer.result:
            self._books.on_report(report)
        for client_id in set(ids) - {report.client_order_id for report in answer.result}:
            self._resolver.query(client_id)


def in_role_order(kind: ListKind, legs: Sequence[Leg]) -> tuple[Leg, ...]:
    """Raises LinkError LEGS unless `legs` are what this kind of list is made of, in one symbol."""
    wanted = ROLES[kind]
    found = dict(legs)
    if len(legs) != len(wanted) or set(found) != set(wanted):
        raise LinkError("LEGS", f"An {kind} list has the legs {', '.join(wanted)}, once each.")
    where = {(request.venue, request.symbol) for request in found.values()}
    if len(where) != 1:
        raise LinkError("LEGS", "All legs of a list are in one symbol.")
    ordered = tuple((role, found[role]) for role in wanted)
    if text := _unlike(ordered):
        raise LinkError("LEGS", text)
    return ordered


def _unlike(ordered: tuple[Leg, ...]) -> str:
    """What the two legs that exclude each other must have in common."""
    pair = [request for role, request in ordered if role not in (LegRole.WORKING, LegRole.PENDING)]
    if len({request.side for request in pair}) > 1:
        return "Two legs that cancel each other are on the same side."
    if len({request.quantity for request in pair}) > 1:
        return "Two legs that cancel each other have the same quantity."
    if any(request.quantity is None for _, request in ordered):
        return "A leg of a list needs a quantity in the base asset."
    return ""


def list_view(state: State, list_id: str, *, replayed: bool = False) -> OrderList:
    legs = state.legs(list_id)
    part = legs[0].part
    assert part is not None  # what is filed under a list is a leg
    rows = tuple(OrderUpdate(order=leg, replayed=replayed) for leg in legs)
    return OrderList(list_id=list_id, kind=part.kind, legs=rows)


def _content(state: State, list_id: str) -> tuple[ListKind, tuple[Leg, ...]]:
    view = list_view(state, list_id)
    legs = ((row.order.part, row.order.request) for row in view.legs)
    return view.kind, tuple((part.role, request) for part, request in legs if part is not None)


def _denial(ordered: Sequence[Leg], assessments: Sequence[Assessment]) -> tuple[str, str] | None:
    """The first leg's refusal speaks for all: none leaves without the others."""
    for (role, _), assessment in zip(ordered, assessments, strict=True):
        if assessment.denial is not None:
            return assessment.denial.code, f"{role}: {assessment.denial.text}"
    return None
