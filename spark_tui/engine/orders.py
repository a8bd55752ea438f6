"""The one way a single order leaves (DESIGN 2): identity, gate, ledger, venue, and what came of it."""

from collections.abc import Mapping

from spark_tui.domain.order import Order, OrderRequest
from spark_tui.engine.activity import strategy_of
from spark_tui.engine.algos.state import AlgoState
from spark_tui.engine.bookkeeper import Bookkeeper
from spark_tui.engine.gate import Assessment, Gate, Scenario
from spark_tui.engine.outbox import Answered, Outbox
from spark_tui.engine.state import State
from spark_tui.link.messages import OrderUpdate, Preview, TestResult
from spark_tui.link.service import LinkError
from spark_tui.venues.port import Venue, VenueError


class OrderDesk:
    """Submit and test. A key answers its first order again for as long as that order is in memory: while it
    is open, and then as one of the `state.MAX_ORDERS` newest; restarts change nothing about that."""

    def __init__(self, books: Bookkeeper, gate: Gate, outbox: Outbox, venues: Mapping[str, Venue]) -> None:
        self._books = books
        self._gate = gate
        self._outbox = outbox
        self._venues = venues

    async def submit(
        self, request: OrderRequest, operator: str, key: str = "", *, parent: str = ""
    ) -> OrderUpdate:
        """The order once its fate at the venue is known, or known to be unknown. `parent`: the algo whose
        child it is. Raises LinkError: KEY_REUSED, STOPPING, LEDGER_UNAVAILABLE (only when not even the
        refusal can be kept)."""
        known = key_owner(self._books.state, key)
        if known is not None:
            same = known.request == request and not known.replaces and known.part is None
            return await self._replay(known, key, same=same and known.parent == parent)
        client_id = self._outbox.next_id()
        assessment = self._gate.assess(request, Scenario(strategy=strategy_of(self._books.state, parent)))
        self._outbox.intend(
            client_id, request, assessment, operator, key, parent=parent, denial=denial_of(assessment)
        )
        await self._outbox.run((client_id,), f"order {client_id}", self._carry_out(client_id, request))
        return OrderUpdate(order=self._books.state.orders[client_id])

    async def test(self, preview: Preview, request: OrderRequest, run: str) -> TestResult:
        """Gate and the venue's own validation, nothing placed. What the gate refuses is not sent."""
        if not preview.ok:
            code = next((verdict.code for verdict in preview.verdicts if not verdict.ok), "")
            return TestResult(preview=preview, sent=False, ok=False, code=code, text=preview.reason)
        try:
            await self._venues[request.venue].test_order(f"sp{run}-test", request)
        except VenueError as error:
            return TestResult(preview=preview, sent=True, ok=False, code=error.code, text=error.text)
        return TestResult(preview=preview, sent=True, ok=True, code="", text="")

    async def _replay(self, known: Order, key: str, *, same: bool) -> OrderUpdate:
        if not same:
            raise key_reused(key, known.client_order_id)
        await self._outbox.landing(known.client_order_id)
        return OrderUpdate(order=self._books.state.orders[known.client_order_id], replayed=True)

    async def _carry_out(self, client_id: str, request: OrderRequest) -> None:
        if not await self._outbox.recorded("order", (client_id,)):
            return
        venue = self._venues[request.venue]
        answer = await self._outbox.send(
            "order", (client_id,), venue, lambda on_sent: venue.place(client_id, request, on_sent)
        )
        if isinstance(answer, Answered):
            self._books.on_report(answer.result)


def denial_of(assessment: Assessment) -> tuple[str, str] | None:
    denial = assessment.denial
    return (denial.code, denial.text) if denial else None


def key_owner(state: State, key: str) -> Order | None:
    """The order that `key` was first used for; of a list its first leg. Raises LinkError KEY_REUSED: it was
    an algo's."""
    if not key:
        return None
    algo = algo_of(state, key)
    if algo is not None:
        raise key_reused(key, algo.algo_id, "algo")
    return state.orders[state.keys[key]] if key in state.keys else None


def algo_of(state: State, key: str) -> AlgoState | None:
    """The algo that was started with `key`."""
    return next((algo for algo in state.algos.values() if key and algo.start.key == key), None)


def key_reused(key: str, owner: str, kind: str = "order") -> LinkError:
    return LinkError("KEY_REUSED", f"Key {key!r} belongs to another {kind} ({owner}); use a new key.")
