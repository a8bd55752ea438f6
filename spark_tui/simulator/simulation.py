"""The whole venue without sockets: markets, accounts, limits, keys, and the steps that move time on."""

import random
import secrets
import string
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from spark_tui.simulator import candles
from spark_tui.simulator.accounts import STARTING_BALANCES, Account
from spark_tui.simulator.agents import STEP_MS, TEMPERS, Crowd, Mood
from spark_tui.simulator.auth import ApiKey, KeyRing
from spark_tui.simulator.clock import ServerClock
from spark_tui.simulator.exchange import Exchange
from spark_tui.simulator.faults.desk import Faults
from spark_tui.simulator.fixed import SCALE
from spark_tui.simulator.hub import Hub
from spark_tui.simulator.limits import Limits
from spark_tui.simulator.market import Market
from spark_tui.simulator.marketdata import FAST_MS, SLOW_MS, Publisher
from spark_tui.simulator.symbols import Symbol, listed

OPERATOR = 1  # uid of the one account
_WARM_MS = 10_000  # lived before the doors open, so that books and trades are not new-born
_LAG_LIMIT_MS = 2_000  # a longer pause (a suspended machine) is skipped, not lived through
_LEADERS = {"BTCTRY": "BTCUSDT"}


_KEY_LETTERS = string.ascii_letters + string.digits


def _fresh_secret() -> str:
    """64 letters and digits, the form of the venue's keys and secrets."""
    return "".join(secrets.choice(_KEY_LETTERS) for _ in range(64))


def _is_difference(stream: str) -> bool:
    kind = stream.partition("@")[2]
    return kind == "depth" or kind.startswith("depth@")


class Mark(msgspec.Struct, frozen=True):
    """Where a simulated market stood: what a later run continues from."""

    fair: float
    update_id: int
    trade_id: int
    agg_id: int


def _first_mark(symbol: Symbol, ids: random.Random) -> Mark:
    temper = TEMPERS.get(symbol.name)
    return Mark(
        temper.start if temper is not None else 0.0,
        ids.randrange(10**9, 10**10),
        ids.randrange(10**8, 10**9),
        ids.randrange(10**7, 10**8),
    )


class UserSink(Protocol):
    """Where an account's events go."""

    def user_event(self, account: Account, event: dict[str, Any]) -> None: ...

    def end_subscriptions(self, now_ms: int, *, silent: bool) -> None:
        """Events stop; `silent`: without saying so."""
        ...


class Simulation:
    """One venue. Nothing moves unless `advance` is called, so a test drives it with any clock it likes."""

    def __init__(self, *, wall_ns: Callable[[], int], hub: Hub | None = None) -> None:
        self._wall_ns = wall_ns
        self.clock = ServerClock(wall_ns)
        self.hub = hub or Hub()
        self.publisher = Publisher(self.hub)
        self.limits = Limits()
        self.keys = KeyRing()
        self.exchange = Exchange(self)
        self.faults = Faults(self)
        self.exchange.reshape_executions(self.faults.executions)
        self.symbols: list[Symbol] = []
        self.user_sinks: list[UserSink] = []
        self.data = "Mock"
        self._crowds: list[Crowd] = []
        self._mood: Mood | None = None
        self._time_ms = 0
        self.operator = Account(OPERATOR)
        self.exchange.open_account(self.operator)
        for asset, amount in STARTING_BALANCES.items():
            self.operator.balance(asset).free = amount * SCALE

    def wall_ms(self) -> int:
        """Time that moves the market on; the server clock's offset does not touch it."""
        return self._wall_ns() // 1_000_000

    def issue_hmac_key(self, key: str = "", secret: str = "") -> tuple[str, str]:
        """Give the operator's account an HMAC key: the given one, else a fresh one."""
        key, secret = key or _fresh_secret(), secret or _fresh_secret()
        self.keys.add(ApiKey(key, self.operator, secret=secret.encode()))
        return key, secret

    def accept_public_key(self, public_key: Ed25519PublicKey, key: str = "") -> str:
        """Register an Ed25519 key of the operator's account; the venue names it."""
        key = key or _fresh_secret()
        self.keys.add(ApiKey(key, self.operator, public_key=public_key))
        return key

    # the crowd's market

    def populate(self, seed: int, now_ms: int, *, marks: Mapping[str, Mark] | None = None) -> None:
        """List the simulated symbols and let their crowds live up to `now_ms`. `prices` continue an
        earlier run."""
        start = (now_ms - _WARM_MS) // SLOW_MS * SLOW_MS
        self._time_ms = start
        self._mood = Mood(random.Random(f"{seed}/mood"))
        by_name: dict[str, Crowd] = {}
        for symbol in listed():
            ids = random.Random(f"{seed}/{symbol.name}/ids")
            mark = (marks or {}).get(symbol.name) or _first_mark(symbol, ids)
            market = Market(
                symbol,
                self.publisher,
                update_id=mark.update_id,
                trade_id=mark.trade_id,
                agg_id=mark.agg_id,
            )
            self.add_market(market)
            temper = TEMPERS.get(symbol.name)
            if temper is None:
                continue
            fair = mark.fair
            market.last_price = int(fair * SCALE) // symbol.tick * symbol.tick
            market.candles.continue_from(
                candles.Past(
                    own=random.Random(f"{seed}/{symbol.name}/past"),
                    shared=random.Random(f"{seed}/past"),
                    correlation=temper.correlation,
                    volatility=temper.volatility,
                    tick=symbol.tick,
                    step=symbol.step,
                    quote_per_second=temper.quote_per_second,
                    end_ms=start,
                    price=market.last_price,
                )
            )
            by_name[symbol.name] = Crowd(
                market,
                temper,
                self._mood,
                random.Random(f"{seed}/{symbol.name}/crowd"),
                self.exchange.crowd_take,
                fair=fair,
                leader=by_name.get(_LEADERS.get(symbol.name, "")),
            )
        self._crowds = list(by_name.values())
        for crowd in self._crowds:
            crowd.populate()
        self.advance(now_ms)

    def add_market(self, market: Market) -> None:
        self.symbols.append(market.symbol)
        self.exchange.markets[market.symbol.name] = market
        self.publisher.add(market)

    def marks(self) -> dict[str, Mark]:
        """Where each crowd's market stands."""
        found: dict[str, Mark] = {}
        for crowd in self._crowds:
            market = self.exchange.markets[crowd.symbol]
            found[crowd.symbol] = Mark(crowd.fair, market.book.update_id, market.trade_id, market.agg_id)
        return found

    def advance(self, now_ms: int) -> None:
        """Live every whole step up to `now_ms`; a replay moves by its recording instead."""
        self.faults.tick(now_ms)
        if self._mood is None:
            return
        behind = now_ms - self._time_ms
        if behind > _WARM_MS + _LAG_LIMIT_MS:
            self._time_ms += (behind - _LAG_LIMIT_MS) // SLOW_MS * SLOW_MS
        while self._time_ms + STEP_MS <= now_ms:
            self._time_ms += STEP_MS
            self._mood.step(self._time_ms)
            for crowd in self._crowds:
                crowd.step(self._time_ms)
            if self._time_ms % FAST_MS == 0:
                self.publisher.fast(self._time_ms)
                if self._time_ms % SLOW_MS == 0:
                    self.publisher.slow(self._time_ms)

    # a recorded market

    def replays(self, streams: frozenset[str]) -> None:
        """Say that these streams come from a recording: nothing else publishes them, nor any other depth
        difference, whose ids only the recording knows."""
        self.data = "Replay"
        self.publisher.mute(lambda stream: stream in streams or _is_difference(stream))

    def replayed_to(self, recorded_ms: int) -> None:
        """The recording has reached this time; derived frames (tickers, candles) are due on its clock."""
        before, self._time_ms = self._time_ms, max(self._time_ms, recorded_ms)
        if before and self._time_ms // FAST_MS != before // FAST_MS:
            self.publisher.fast(self._time_ms)
            if self._time_ms // SLOW_MS != before // SLOW_MS:
                self.publisher.slow(self._time_ms)

    def market_ms(self) -> int:
        """The time market data is at: the recording's in a replay, else the server's."""
        return self._time_ms if self.data == "Replay" else self.clock.now_ms()

    # what the exchange says

    def user_event(self, account: Account, event: dict[str, Any]) -> None:
        self.faults.user_event(account, event)

    def first_fill(self, account: Account, *, maker: bool) -> None:
        self.limits.first_fill(account.uid, self.clock.now_ms(), maker=maker)
