"""A run confirmed: judged, its order placed, followed and told; and one that a dead engine left behind."""

import contextlib
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING

import msgspec

from spark_tui.domain.decimals import usable
from spark_tui.domain.order import Order, OrderRequest, OrderState
from spark_tui.domain.values import OrderType, TimeInForce
from spark_tui.engine.canary.admission import FOREIGN_SCOPE, Case, Scope, judge, latest_run
from spark_tui.engine.canary.follow import Followed, Follower
from spark_tui.engine.canary.leftovers import Leftovers
from spark_tui.engine.canary.outcome import Worth, faults
from spark_tui.engine.canary.papers import Papers, reasons_of
from spark_tui.engine.canary.probe import Section
from spark_tui.engine.canary.remains import told_open
from spark_tui.engine.cost import cost_of
from spark_tui.engine.state import canary_key
from spark_tui.link.messages import CanaryKind, CanaryRow, CanaryVerdict, ConfirmCanary
from spark_tui.link.service import LinkError

if TYPE_CHECKING:
    from spark_tui.engine.engine import Engine

_CUT_SHORT = "CUT_SHORT: the engine ended before the order did; run and confirm again"
_NOT_COMPARED = "not compared with the venue yet"


class Confirmation:
    """`hosts`: where each venue's orders go."""

    def __init__(
        self,
        engine: "Engine",
        follower: Follower,
        papers: Papers,
        leftovers: Leftovers,
        hosts: Mapping[str, str],
        config_hash: Callable[[], str],
    ) -> None:
        self._engine = engine
        self._follower = follower
        self._papers = papers
        self._leftovers = leftovers
        self._hosts = hosts
        self._config_hash = config_hash

    async def confirm(self, run_id: str, ask: ConfirmCanary, venue: str, operator: str) -> CanaryRow:
        papers = self._papers
        near = latest_run(self._rows(), self._scope(ask, venue))
        evidence = await papers.archive.trouble(near) if near is not None else ""
        scope, rows = self._scope(ask, venue), self._rows()  # as they are now that its evidence was judged
        run = latest_run(rows, scope)
        if run != near:
            evidence = "a newer run came in while it was judged; ask again"
        request = _order_of(run) if run is not None else None
        worth = self._worth(request) if request is not None else None
        checks = judge(
            Case(
                scope=scope,
                typed=ask.typed,
                environment=self._engine.runners[venue].venue.environment,
                host=self._hosts.get(venue, venue),
                run=run,
                now_ms=papers.now_ms(),
                worth=worth,
                evidence=evidence,
                used=run is not None and any(row.rests_on == run.run_id for row in rows),
            )
        )
        refusals = reasons_of(checks)
        foreign = any(check.code == FOREIGN_SCOPE for check in checks)
        about = _order_of_ask(ask, venue) if request is None or foreign else request
        worth = None if foreign else worth
        row = papers.row(run_id, CanaryKind.CONFIRM, about, operator, refusals)
        row = msgspec.structs.replace(row, checks=checks, notional_usdt=worth)
        if request is None or run is None or refusals:
            return await papers.record(msgspec.structs.replace(row, verdict=CanaryVerdict.REFUSED))
        with self._never_left_alone(run):
            try:
                done = await self._follower.place(request, operator, canary_key(run.run_id))
            except LinkError as error:  # not even an intent is on record, so nothing left
                reasons = (f"{error.code}: {error.text}",)
                return await papers.record(
                    msgspec.structs.replace(row, verdict=CanaryVerdict.REFUSED, reasons=reasons)
                )
            return await self._tell(row, run, done)

    async def finish(self, row: CanaryRow, run: CanaryRow) -> CanaryRow:
        """The order of a confirm that was cut short, brought to its end. Never green: nobody saw it through.
        `row`: as `cut_short_row` made it."""
        with self._never_left_alone(run):
            done = await self._follower.follow(row.client_order_id, run.expected)
            return await self._tell(row, run, done)

    def cut_short_row(self, run_id: str, run: CanaryRow, order: Order) -> CanaryRow:
        """What is known of it before the venue is asked."""
        row = self._papers.row(run_id, CanaryKind.CONFIRM, order.request, order.operator, (_CUT_SHORT,))
        return msgspec.structs.replace(
            row,
            notional_usdt=run.notional_usdt,
            rests_on=run.run_id,
            client_order_id=order.client_order_id,
            state=order.state,
            residue=(_NOT_COMPARED,),
        )

    async def _tell(self, row: CanaryRow, run: CanaryRow, done: Followed) -> CanaryRow:
        latency_s = done.actual.latency_s
        seen_through = latency_s is not None  # else its price is of a time that nobody knows
        expected = done.expected if seen_through else None
        reasons = (
            *row.reasons,
            *faults(done.order, expected, done.actual, *self._money(done.order.request)),
            *(f"RESIDUE: {text}" for text in done.residue),
        )
        asked = seen_through and done.order.state is not OrderState.DENIED
        row = msgspec.structs.replace(
            row,
            verdict=CanaryVerdict.RED if reasons else CanaryVerdict.GREEN,
            reasons=reasons,
            rests_on=run.run_id,
            expected=done.expected,
            actual=done.actual,
            latencies_s=(latency_s,) if asked else (),
            client_order_id=done.order.client_order_id,
            state=done.order.state,
            residue=done.residue,
        )
        return await self._papers.conclude(row, _sections(run, done))

    @contextlib.contextmanager
    def _never_left_alone(self, run: CanaryRow) -> Iterator[None]:
        """However the confirm of `run` ends, also when its verdict cannot be recorded: its order is seen out
        where it is open, or is told to be (it may have ended while the evidence was written)."""
        try:
            yield
        finally:
            state = self._engine.journal.state
            client_id = state.keys.get(canary_key(run.run_id), "")
            if client_id in state.open or client_id in told_open(state):
                self._leftovers.take(client_id)

    def _rows(self) -> list[CanaryRow]:
        return list(self._engine.journal.state.canaries.values())

    def _scope(self, ask: ConfirmCanary, venue: str) -> Scope:
        return Scope(
            venue=venue,
            symbol=ask.symbol,
            side=ask.side,
            quantity=ask.quantity,
            config_hash=self._config_hash(),
        )

    def _money(self, request: OrderRequest) -> tuple[str, Worth]:
        """The asset the order is paid in, and what is worth how much in USDT where it trades."""
        _, quote = self._engine.journal.state.assets.get((request.venue, request.symbol), ("", ""))
        worth = self._engine.portfolio.worth
        return quote, lambda asset, amount: worth(request.venue, asset, amount) if asset else None

    def _worth(self, request: OrderRequest) -> Decimal | None:
        """In USDT, now: the most it can take."""
        assessment = self._engine.gate.assess(request)
        cost = cost_of(request, assessment, self._engine.markets[request.venue])
        if cost.notional is None or not usable(cost.notional) or not assessment.assets[1]:
            return None
        return self._engine.portfolio.worth(request.venue, assessment.assets[1], cost.notional)


def _order_of(run: CanaryRow) -> OrderRequest:
    """The very order the run looked at."""
    return OrderRequest(
        venue=run.venue,
        symbol=run.symbol,
        side=run.side,
        type=run.order_type,
        quantity=run.quantity,
        price=run.price,
        time_in_force=None if run.price is None else TimeInForce.GTC,
    )


def _order_of_ask(ask: ConfirmCanary, venue: str) -> OrderRequest:
    return OrderRequest(
        venue=venue, symbol=ask.symbol, side=ask.side, type=OrderType.MARKET, quantity=ask.quantity
    )


def _sections(run: CanaryRow, done: Followed) -> tuple[Section, ...]:
    return (
        ("rests_on", {"run_id": run.run_id, "bundle_sha256": run.bundle_sha256}),
        ("order", {"order": done.order}),
        ("outcome", {"expected": done.expected, "actual": done.actual, "residue": done.residue}),
        ("exchanges", {"exchanges": done.exchanges}),
    )
