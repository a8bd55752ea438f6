"""Live trading, armed and disarmed (DESIGN 3.7).

Three keys: TRADE_MODE=live, LIVE_ENABLED=true, and an arming that a person typed, with scope, cap and
expiry, resting on a green canary. The most restrictive of them wins, and each is asked anew for every order:
an arming that has expired, or was for another configuration, lets nothing leave. Cancels never need one.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from decimal import Decimal

from spark_tui.domain import lifecycle
from spark_tui.domain.decimals import ZERO, add, multiply, plain, rounded, total, usable
from spark_tui.domain.order import NEVER_LIVED, Order, OrderRequest
from spark_tui.domain.values import Environment, Side
from spark_tui.engine.records import LiveArmed, LiveDisarmed, Record
from spark_tui.engine.state import MAX_ORDERS, State
from spark_tui.link.messages import Arming, ArmLive, CanaryKind, CanaryRow, CanaryVerdict
from spark_tui.link.service import LinkError

CANARY_AGE_MS = 24 * 3_600_000
MAX_MINUTES = 12 * 60
_MEANWHILE = "while the canary's evidence was checked"
_RUN = "spark-tui canary run --symbol SYMBOL"

Worth = Callable[[OrderRequest, Decimal], Decimal | None]
"""So much of the request's quote asset in USDT, None while a price on the way is unusable."""


def phrase(symbols: Iterable[str], cap: Decimal, minutes: int) -> str:
    """What is to be typed: it says itself what it allows."""
    return f"ARM LIVE {','.join(symbols)} CAP {plain(cap)} USDT FOR {minutes} MIN"


class LiveArming:
    """`allowed`: TRADE_MODE=live, LIVE_ENABLED=true and a venue whose host is live. `proved`: why a canary's
    evidence is not to be believed, empty when it is; `seen`: the same as it was found last, None when its
    file was touched since. `halted`: nothing may leave. `settled`: waits until what an engine before this one
    left is on record. `bid`: the best one where a request trades, None while there is no usable book."""

    def __init__(
        self,
        state: State,
        note: Callable[[Record], object],
        now_ms: Callable[[], int],
        *,
        allowed: bool,
        config_hash: Callable[[], str],
        worth: Worth,
        bid: Callable[[OrderRequest], Decimal | None],
        proved: Callable[[CanaryRow], Awaitable[str]],
        seen: Callable[[CanaryRow], str | None],
        halted: Callable[[], bool],
        settled: Callable[[], Awaitable[None]],
    ) -> None:
        self._state = state
        self._note = note
        self._now_ms = now_ms
        self._allowed = allowed
        self._config_hash = config_hash
        self._worth = worth
        self._bid = bid
        self._proved = proved
        self._seen = seen
        self._halted = halted
        self._settled = settled
        self._turn = asyncio.Lock()  # the latest to ask has the last word
        self._asking = 0  # armings on their way
        self._disarms = 0
        self._looking = False

    # --- the operator --------------------------------------------------------------------------------------

    async def arm(self, ask: ArmLive, operator: str) -> None:
        """Raises LinkError: LIVE_NOT_ENABLED, SCOPE, CAP, EXPIRY, PHRASE, NO_CANARY, CANARY_CHANGED,
        DISARMED, HALTED."""
        symbols, wanted = self._asked(ask)
        disarms, halted = self._disarms, self._halted()  # as it was asked, not as its turn came
        self._asking += 1
        try:
            await self._settled()
            async with self._turn:
                canary = await self._believed(disarms, halted=halted)
                now = self._now_ms()
                self._note(
                    LiveArmed(
                        symbols=symbols,
                        cap=ask.cap,
                        expires_ms=now + ask.minutes * 60_000,
                        config_hash=self._config_hash(),
                        rests_on=canary.run_id,
                        phrase=wanted,
                        operator=operator,
                        at_ms=now,
                    )
                )
        finally:
            self._asking -= 1

    def _asked(self, ask: ArmLive) -> tuple[tuple[str, ...], str]:
        """Its symbols, and the phrase that was typed. Raises LinkError."""
        if why := self.lacks_settings():
            raise LinkError("LIVE_NOT_ENABLED", why)
        symbols = tuple(dict.fromkeys(symbol.upper() for symbol in ask.symbols if symbol))
        if not symbols:
            raise LinkError("SCOPE", "Name the symbols that may be traded: symbols=BTCUSDT,ETHUSDT.")
        if not usable(ask.cap) or ask.cap <= 0:
            raise LinkError("CAP", "Say how much may be traded in all, in USDT: cap=500.")
        if not 0 < ask.minutes <= MAX_MINUTES:
            raise LinkError("EXPIRY", f"Say for how long: minutes=1 to minutes={MAX_MINUTES}.")
        wanted = phrase(symbols, ask.cap, ask.minutes)
        if ask.phrase != wanted:
            raise LinkError("PHRASE", f"Live trading is armed by typing, letter by letter: {wanted}")
        return symbols, wanted

    async def _believed(self, disarms: int, *, halted: bool) -> CanaryRow:
        """The canary to rest on. Its evidence is judged beside the engine's work, so everything that may have
        changed since the arming was asked for is asked again. Raises LinkError."""
        canary = self._canary()
        trouble = await self._proved(canary)
        if self._disarms != disarms:
            raise LinkError("DISARMED", f"Live trading was disarmed {_MEANWHILE}; arm it again.")
        if self._halted() and not halted:
            raise LinkError("HALTED", f"Trading was halted {_MEANWHILE}; lift the halt, then arm again.")
        if self._canary() != canary:
            raise LinkError("CANARY_CHANGED", f"A newer canary came in {_MEANWHILE}; arm again.")
        if trouble:
            raise _not_believed(canary, trouble)
        return canary

    def disarm(self, reason: str, operator: str) -> None:
        """Raises LinkError NOT_ARMED. An arming that is still being judged comes to nothing."""
        self._disarms += 1
        if self._state.armed is not None:
            self._note(LiveDisarmed(reason=reason, operator=operator, at_ms=self._now_ms()))
        elif not self._asking:
            raise LinkError("NOT_ARMED", "Live trading is not armed.")

    def lacks(self) -> str:
        """Why live trading cannot be armed now; empty when only the phrase is missing."""
        if why := self.lacks_settings():
            return why
        try:
            canary = self._canary()
        except LinkError as error:
            return error.text
        trouble = self._seen(canary)
        if trouble is None:
            return f"The evidence of {canary.run_id} is being checked; look again."
        return _not_believed(canary, trouble).text if trouble else ""

    async def look(self) -> None:
        """So that `lacks` can tell of evidence that was not looked at yet. One look at a time: a disk that
        hangs must not take a thread for each face that asks."""
        if self._looking or self.lacks_settings():
            return
        self._looking = True
        try:
            canary = self._canary()
            if self._seen(canary) is None:
                await self._proved(canary)
        except LinkError:
            return  # without a canary there is no evidence
        finally:
            self._looking = False

    def lacks_settings(self) -> str:
        if self._allowed:
            return ""
        return "Live trading needs TRADE_MODE=live, LIVE_ENABLED=true and a live host; start the engine so."

    def _canary(self) -> CanaryRow:
        """The canary that arming may rest on if its evidence holds, and no older green one once it is red.
        Raises LinkError NO_CANARY."""
        newest = newest_on_live(self._state, self._config_hash())
        if newest is None or not 0 <= self._now_ms() - newest.at_ms < CANARY_AGE_MS:
            why = "of this configuration, on the live host and less than 24 h old"
            raise _no_canary(f"Arming needs a green canary {why}; run one: {_RUN}.")
        if newest.verdict is not CanaryVerdict.GREEN:
            why = "; ".join(newest.reasons[:1])
            raise _no_canary(f"The newest canary, {newest.run_id}, is red: {why}; mend it, then: {_RUN}.")
        return newest

    # --- the gate ------------------------------------------------------------------------------------------

    def refusal(self, request: OrderRequest, money: Decimal | None) -> str:
        """Why this order may not leave for real money; empty when it may. `money`: its worth in the quote
        asset."""
        armed = self._state.armed
        if why := self._lapsed(armed):
            return why
        assert armed is not None  # _lapsed says so
        if request.symbol not in armed.symbols:
            return f"live trading is armed for {', '.join(armed.symbols)}, not for {request.symbol}"
        worth = None if money is None else self._worth(request, money)
        used = self._used(armed)
        if worth is None or used is None:
            return "what this order and those before it take of the arming's cap cannot be told"
        if add(used, worth) > armed.cap:
            return (
                f"live trading is armed for {plain(armed.cap)} USDT; {_cents(used)} are used and this order"
                f" is worth {_cents(worth)}"
            )
        return ""

    def keeps_home(self) -> str:
        """The same at the last moment before anything leaves: what expired meanwhile stays home."""
        return self._lapsed(self._state.armed)

    def view(self) -> Arming | None:
        armed = self._state.armed
        if armed is None or self._now_ms() >= armed.expires_ms:
            return None
        return Arming(
            symbols=armed.symbols,
            cap=armed.cap,
            expires_ms=armed.expires_ms,
            operator=armed.operator,
            used=self._used(armed),
            lapsed=self._lapsed(armed),
        )

    def _lapsed(self, armed: LiveArmed | None) -> str:
        """Why no order at all may leave; empty while the arming stands."""
        if not self._allowed:
            return "TRADE_MODE=live and LIVE_ENABLED=true are not both set for a live host"
        if armed is None:
            return "nobody armed it"
        now = self._now_ms()
        if now >= armed.expires_ms:
            return "its arming has expired"
        if now < armed.at_ms:
            return "the clock says a time before it was armed"
        if armed.config_hash != self._config_hash():
            return "the configuration is not the one it was armed for"
        return ""

    def _used(self, armed: LiveArmed) -> Decimal | None:
        """USDT that orders since the arming took or may still take, both sides added; None where a price is
        missing, or where orders may have left memory."""
        since = [order for order in self._state.orders.values() if order.created_ms >= armed.at_ms]
        if len(since) >= MAX_ORDERS:
            return None
        used = []
        for order in since:
            money = _money(order, self._bid(order.request))
            worth = None if money is None else self._worth(order.request, money)
            if worth is None:
                return None
            used.append(worth)
        return total(used)


def newest_on_live(state: State, config_hash: str) -> CanaryRow | None:
    """The newest canary that looked at real money under this configuration."""
    return next(
        (
            row
            for row in reversed(state.canaries.values())
            if row.config_hash == config_hash
            and row.environment is Environment.LIVE
            and row.verdict is not CanaryVerdict.REFUSED
            and row.kind is not CanaryKind.CONFIRM
        ),
        None,
    )


def _not_believed(canary: CanaryRow, trouble: str) -> LinkError:
    return _no_canary(f"The evidence of {canary.run_id} does not hold: {trouble}; run again: {_RUN}.")


def _no_canary(text: str) -> LinkError:
    return LinkError("NO_CANARY", text)


def _money(order: Order, bid: Decimal | None) -> Decimal | None:
    """Quote money the order took, and all it may still take. A SELL's limit is only its least: `bid` is what
    it may bring now."""
    request = order.request
    if order.state in NEVER_LIVED:
        return ZERO
    if request.quote_quantity is not None and lifecycle.is_open(order.state):
        return max(request.quote_quantity, order.filled_quote)
    open_, price = lifecycle.exposure(order), request.price or request.stop_price
    if open_ == 0:
        return order.filled_quote
    if price is None:
        return None
    at = max(price, bid or price) if request.side is Side.SELL else price
    return add(order.filled_quote, multiply(open_, at))


def _cents(amount: Decimal) -> str:
    return plain(rounded(amount, 2))
