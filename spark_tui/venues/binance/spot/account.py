"""What every call of one Binance Spot account shares: key, clock, weight budget, wording of failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from spark_tui.domain.health import Call
from spark_tui.venues.binance import errors
from spark_tui.venues.binance.errors import Phase
from spark_tui.venues.binance.signing import Signer
from spark_tui.venues.binance.spot.numbers import VENUE
from spark_tui.venues.binance.spot.order_budget import OrderBudget
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import NS_PER_MS, Clock, ServerClock
from spark_tui.wire.exchanges import Exchange, listener
from spark_tui.wire.limiter import BudgetError, WeightLimiter

NEVER_LEFT = frozenset({"NO_KEY", "PARAMETERS", "BUDGET", "NOT_SENT"})
"""Codes of our own errors that prove that nothing was sent."""
ORDER_LIMIT = -1015  # too many unfilled orders
REPLACED_IN_PART = -2021  # with 429: of a cancel-replace only the cancel passed that limit
DEFAULT_WEIGHT_LIMIT = 6000  # a minute, until exchangeInfo says it


class SpotSettings(msgspec.Struct, frozen=True, kw_only=True):
    """`recv_window_ms` + `engine_timeout_ms` + `margin_ms` is how long a sent order may still come alive."""

    recv_window_ms: int = 5_000
    engine_timeout_ms: int = 10_000  # Binance gives up on its matching engine after this (-1007)
    margin_ms: int = 2_000
    reply_timeout_s: float = 11.0  # a bit above the engine's
    budget_wait_s: float = 1.0  # an order waits this long for request weight, then is refused
    clock_every_s: float = 120.0

    @property
    def decision_window_ms(self) -> int:
        return self.recv_window_ms + self.engine_timeout_ms + self.margin_ms


class Told(Protocol):
    """How a call ended: HTTP status or None, body, and the venue's code where it is known already."""

    def __call__(self, status: int | None, answer: bytes, code: str = "") -> None: ...


class AnsweredError(VenueError):
    """An error with more to it than code and text: `data` is JSON, the halves of a cancel-replace."""

    def __init__(self, error: VenueError, data: bytes) -> None:
        super().__init__(error.reaction, error.code, error.text, retry_after_s=error.retry_after_s)
        self.data = data


class Account:
    """Key, server clock and budget of one account. `signer` None: public data only."""

    def __init__(self, signer: Signer | None, clock: Clock, settings: SpotSettings) -> None:
        self._signer = signer
        self.clock = clock
        self.settings = settings
        self.server_clock = ServerClock(clock)
        self.limiter = WeightLimiter(DEFAULT_WEIGHT_LIMIT, clock=clock, now_ms=self.server_clock.now_ms)
        self.orders = OrderBudget(clock, self.server_clock.now_ms)
        self._fetch_time: Callable[[], Awaitable[int]] | None = None
        self._syncing: asyncio.Task[None] | None = None
        self.keep_home: Callable[[], str] = lambda: ""  # see venues.port.Venue
        self.on_call: Callable[[Call], None] = lambda call: None  # see venues.port.Venue

    @property
    def has_key(self) -> bool:
        return self._signer is not None

    @property
    def signer(self) -> Signer:
        """Raises VenueError(AUTH) when there is no key."""
        if self._signer is None:
            raise VenueError(
                Reaction.AUTH, "NO_KEY", "No API key is set; set BINANCE_API_KEY and BINANCE_API_SECRET."
            )
        return self._signer

    # --- clock ---------------------------------------------------------------------------------------

    def ask_time_with(self, fetch: Callable[[], Awaitable[int]]) -> None:
        """How the server's time is fetched, in ms."""
        self._fetch_time = fetch

    async def sync_clock(self) -> None:
        """Take one sample of the server's clock; callers at the same time share it. Raises VenueError."""
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sample(), name="clock sample")
            self._syncing.add_done_callback(_seen)
        await asyncio.shield(self._syncing)

    async def trust_clock(self) -> None:
        """Before signing: sample again if our wall clock stepped. Raises VenueError: nothing was sent."""
        if not self.server_clock.suspect:
            return
        try:
            await self.sync_clock()
        except VenueError as error:
            text = f"Binance's clock could not be read ({error.text.rstrip('.')}): nothing was sent."
            raise VenueError(error.reaction, "NOT_SENT", text, retry_after_s=error.retry_after_s) from None

    async def clock_refused(self) -> None:
        """After -1021: what we believed was wrong. Raises VenueError."""
        self.server_clock.reset()
        await self.sync_clock()

    async def _sample(self) -> None:
        if self._fetch_time is None:
            raise RuntimeError("ask_time_with comes first")
        before = self.clock.mono_ns()
        server_ms = await self._fetch_time()
        self.server_clock.sample(before, self.clock.mono_ns(), server_ms)

    def stamp(self) -> dict[str, int]:
        """`recvWindow` and `timestamp` of a request signed now."""
        return {"recvWindow": self.settings.recv_window_ms, "timestamp": self.server_clock.now_ms()}

    # --- budget --------------------------------------------------------------------------------------

    async def spend(self, weight: int, *, priority: bool) -> int:
        """Take request weight for a call that must not wait long; the number of the window it counts in.

        Raises VenueError(THROTTLED): nothing was sent.
        """
        try:
            return await self.limiter.acquire(
                weight, priority=priority, max_wait_s=self.settings.budget_wait_s
            )
        except BudgetError as refused:
            raise over_budget(refused.text, refused.retry_after_s) from None
        except TimeoutError:
            used_up = f"{self.limiter.used} of {self.limiter.limit} request weight is used"
            raise over_budget(f"{used_up}; wait for the next minute.", self.limiter.window_left_s) from None

    def may_place(self) -> None:
        """Raises VenueError while the venue takes no new orders (THROTTLED) or the engine lets none leave:
        nothing was sent."""
        if why := self.keep_home():
            raise not_sent(why)
        try:
            self.orders.check()
        except BudgetError as refused:
            raise over_budget(refused.text, refused.retry_after_s) from None

    # --- who listens ---------------------------------------------------------------------------------

    def telling(self, method: str, route: str, request: Callable[[], str], *, private: bool = True) -> Told:
        """A request leaves; the answer's status and body go to whoever listens (see wire.exchanges), and to
        the meters when the call is about the account."""
        hear = listener()
        at_ns, began_ns = self.clock.wall_ns(), self.clock.mono_ns()

        def told(status: int | None, answer: bytes, code: str = "") -> None:
            took_ns = self.clock.mono_ns() - began_ns
            if private:
                good = status is not None and 200 <= status < 300
                code = "" if good else code or _code(status, answer)
                self.on_call(Call(route=route, method=method, code=code, took_ms=took_ns / NS_PER_MS))
            if hear is not None:
                hear(
                    Exchange(
                        what=f"{method} {route}",
                        request=self._redact(request()),
                        answer=self._redact(answer.decode("utf-8", "replace")),
                        status=status,
                        at_ns=at_ns,
                        took_ns=took_ns,
                    )
                )

        return told

    # --- failures ------------------------------------------------------------------------------------

    def error(
        self,
        http: int | None,
        code: int | None,
        text: str,
        phase: Phase,
        retry_after_s: float | None = None,
        data: bytes = b"",
    ) -> VenueError:
        error = errors.venue_error(VENUE, http, code, self._redact(text), phase, retry_after_s=retry_after_s)
        # only under 4xx is what the answer says about the order to be believed
        return AnsweredError(error, data) if data and http and 400 <= http < 500 else error

    def error_of_body(
        self, http: int, body: bytes, phase: Phase, retry_after_s: float | None = None
    ) -> VenueError:
        """The error for an HTTP answer that is no success, whatever its body."""
        code, text = errors.parse_body(body)
        if code is None:
            text = f"The venue answered HTTP {http} without an explanation"
        return self.error(http, code, text, phase, retry_after_s, errors.data_of(body))

    def _redact(self, text: str) -> str:
        """A venue's words may echo the request."""
        return text.replace(self._signer.api_key, "(API key)") if self._signer else text


def _code(status: int | None, answer: bytes) -> str:
    """The venue's code, else the HTTP status; "lost" when nothing came."""
    if status is None:
        return "lost"
    code, _ = errors.parse_body(answer)
    return str(code) if code is not None else f"http-{status}"


def _seen(sampling: asyncio.Task[None]) -> None:
    """A failure that all callers were cancelled out of is nobody's: do not report it as lost."""
    if not sampling.cancelled():
        sampling.exception()


def over_budget(why: str, retry_after_s: float | None) -> VenueError:
    """We ourselves held the call back: nothing was sent."""
    return VenueError(Reaction.THROTTLED, "BUDGET", f"Not sent: {why}", retry_after_s=retry_after_s)


def lost(why: str) -> VenueError:
    """The request left, the answer did not come."""
    return VenueError(
        Reaction.UNKNOWN,
        "NO_ANSWER",
        f"{why.rstrip('.')}: the request left but was not answered, so its fate is being found out by query; "
        "do not send it again.",
    )


def not_sent(why: str) -> VenueError:
    """The request provably did not leave."""
    return VenueError(Reaction.RETRY_SAFE, "NOT_SENT", f"{why.rstrip('.')}: nothing was sent.")


def unreadable(why: str, phase: Phase) -> VenueError:
    """The answer came but makes no sense."""
    return lost(why) if phase is Phase.TRADE else VenueError(Reaction.RETRY_SAFE, "NO_ANSWER", why)
