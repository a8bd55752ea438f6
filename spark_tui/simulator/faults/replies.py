"""Faults of requests and replies."""

from typing import TYPE_CHECKING, Any, ClassVar

from spark_tui.simulator.errors import ApiError, no_such_order
from spark_tui.simulator.faults.fault import Armed, Asked, Fault, FaultError

if TYPE_CHECKING:
    from spark_tui.simulator.simulation import Simulation

_TRADING = "order.place"
_LISTED = frozenset({"openOrders.status", "allOrders", "myTrades"})
# as protocol 5.2 and 12 print them: HTTP status, code, text
_ERRORS = {
    -1007: (
        504,
        -1007,
        "Timeout waiting for response from backend server. Send status unknown; execution status unknown.",
    ),
    -1006: (
        500,
        -1006,
        "An unexpected response was received from the message bus. Execution status unknown.",
    ),
    -1001: (500, -1001, "Internal error; unable to process your request. Please try again."),
    503: (
        503,
        -1008,
        "Server is currently overloaded with other requests. Please try again in a few minutes.",
    ),
    429: (429, -1003, "Too many requests; please use the websocket for live updates."),
    418: (
        418,
        -1003,
        "Way too many requests; IP banned. Please use the websocket for live updates to avoid bans.",
    ),
}
_EXECUTES = frozenset({-1007, -1006})


class Addressed(Fault, frozen=True, kw_only=True):
    """Of requests of one `method` ("any": every one)."""

    method: str = _TRADING

    def meets(self, asked: Asked) -> bool:
        return self.method in ("any", asked.method)

    def check(self, simulation: "Simulation") -> None:
        known = simulation.faults.methods
        if self.method != "any" and self.method not in known:
            raise FaultError(
                f"method={self.method} is no method; use any or one of {', '.join(sorted(known))}"
            )


class AcceptDropReply(Addressed, frozen=True, kw_only=True):
    """The request is carried out and its reply is lost; with `cut` the connection too."""

    VERB: ClassVar[str] = "accept-drop-reply"
    cut: bool = False

    def reply(self, asked: Asked, answer: Any, armed: Armed) -> Any:
        if self.meets(asked) and armed.due():
            armed.stage.fate.drop = True
            armed.stage.fate.cut = self.cut
        return answer


class Reject(Addressed, frozen=True, kw_only=True):
    """The request is refused for good with `code` (-2010) and nothing happens."""

    VERB: ClassVar[str] = "reject"
    code: int = -2010
    text: str = "Account has insufficient balance for requested action."

    def before(self, asked: Asked, armed: Armed) -> None:
        if self.meets(asked) and armed.due():
            raise ApiError(400, self.code, self.text)


class ErrorReply(Addressed, frozen=True, kw_only=True):
    """The reply is an error: `code` -1007, -1006, -1001, 503, 429 or 418. After the first two the request was
    carried out unless `done` says no; 429 and 418 name `retry_after` seconds."""

    VERB: ClassVar[str] = "error-reply"
    code: int = -1007
    retry_after: int = 5
    done: bool | None = None

    def check(self, simulation: "Simulation") -> None:
        super().check(simulation)
        if self.code not in _ERRORS:
            raise FaultError(f"code={self.code} is not among {', '.join(map(str, _ERRORS))}")

    @property
    def _done(self) -> bool:
        return self.code in _EXECUTES if self.done is None else self.done

    def _error(self) -> ApiError:
        status, code, text = _ERRORS[self.code]
        return ApiError(status, code, text, retry_after_s=self.retry_after if status in (418, 429) else None)

    def before(self, asked: Asked, armed: Armed) -> None:
        if not self._done and self.meets(asked) and armed.due():
            raise self._error()

    def reply(self, asked: Asked, answer: Any, armed: Armed) -> Any:
        if self._done and self.meets(asked) and armed.due():
            raise self._error()
        return answer


class DelayReply(Addressed, frozen=True, kw_only=True):
    """The reply leaves `ms` late."""

    VERB: ClassVar[str] = "delay-reply"
    ms: int = 1_500

    def end(self, asked: Asked, armed: Armed) -> None:
        if self.meets(asked) and armed.due():
            armed.stage.fate.delay_ms = self.ms


class ReorderReply(Addressed, frozen=True, kw_only=True):
    """`order`: reply-first (events of the request come `ms` after its reply), reply-last (the reply comes
    `ms` after its events), swap (it leaves after the next reply)."""

    VERB: ClassVar[str] = "reorder-reply"
    order: str = "reply-first"
    ms: int = 200

    def check(self, simulation: "Simulation") -> None:
        super().check(simulation)
        if self.order not in ("reply-first", "reply-last", "swap"):
            raise FaultError(f"order={self.order} is not reply-first, reply-last or swap")

    def before(self, asked: Asked, armed: Armed) -> None:
        if not self.meets(asked) or not armed.due():
            return
        if self.order == "reply-first":
            armed.stage.hold_events(self.ms or None)
        elif self.order == "reply-last":
            armed.stage.fate.delay_ms = self.ms
        else:
            armed.stage.fate.behind_next = True


class ReplicaLag(Fault, frozen=True, kw_only=True):
    """Queries are answered from a copy `ms` behind: an order younger than that does not exist there."""

    VERB: ClassVar[str] = "replica-lag"
    times: int = 0
    ms: int = 3_000

    def reply(self, asked: Asked, answer: Any, armed: Armed) -> Any:
        since = asked.call.now_ms - self.ms
        if asked.method == "order.status" and answer["time"] > since and armed.due():
            raise no_such_order()
        if asked.method in _LISTED and any(row["time"] > since for row in answer) and armed.due():
            return [row for row in answer if row["time"] <= since]
        return answer


class CancelRejectFilled(Fault, frozen=True, kw_only=True):
    """A cancel comes too late: the order trades whole just before, and the cancel is refused. Its events come
    `late` milliseconds after."""

    VERB: ClassVar[str] = "cancel-reject-filled"
    late: int = 0

    def before(self, asked: Asked, armed: Armed) -> None:
        if asked.method != "order.cancel":
            return
        exchange, call = armed.stage.simulation.exchange, asked.call
        symbol = call.arguments.text("symbol")
        client_id = call.arguments.optional("origClientOrderId") or ""
        order = exchange.stores[call.holder.uid].by_client_id(symbol, client_id)
        if order is None or not order.open or order.working_ms < 0 or not armed.due():
            return
        if self.late:
            armed.stage.hold_events(self.late)
        exchange.fill_resting(exchange.market(symbol), order, order.leaves, call.now_ms)
