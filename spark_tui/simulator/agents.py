"""The crowd: seeded makers and takers that keep a two-sided market alive.

Time is virtual: `Crowd.step(ms)` is one step of STEP_MS, and everything drawn comes from generators seeded by
(seed, symbol), so the same seed and the same steps are the same market. A hidden fair price a symbol wanders
with drift that comes and goes; makers quote around it, arbitrage takes quotes it has left behind, noise
takers hit both sides.
"""

import math
import random
from collections.abc import Callable

import msgspec

from spark_tui.simulator.fixed import SCALE, floor_to
from spark_tui.simulator.market import Market
from spark_tui.simulator.matching import CROWD, Resting

STEP_MS = 20
_SLOTS = 120  # quotes a side
_GROWTH = 1.07  # each quote that much further from the fair price
_NEAR = 13.0  # mean index of the quote a maker touches: the near ones change most
_TAKER_SHARE = 0.11
_ARBITRAGE_SHARE = 0.3  # of the steps
_SIZES = 2_048
_PULL = 1 / (8 * 3_600)  # per second, back to the starting price: a long run stays plausible


class Temper(msgspec.Struct, frozen=True):
    """How one symbol behaves. `volatility` is of the log price over one second; `size` the median order
    in base."""

    start: float
    half_spread: float
    volatility: float
    correlation: float
    size: float
    actions_per_second: float
    quote_per_second: float


TEMPERS = {
    "BTCUSDT": Temper(67_000.0, 0.30, 0.000070, 0.92, 0.045, 180.0, 110_000.0),
    "ETHUSDT": Temper(3_400.0, 0.03, 0.000085, 0.80, 0.55, 130.0, 60_000.0),
    "BNBUSDT": Temper(610.0, 0.02, 0.000075, 0.65, 1.4, 70.0, 10_000.0),
    "BTCTRY": Temper(2_745_000.0, 90.0, 0.000075, 0.90, 0.009, 60.0, 280_000.0),
}


class Mood:
    """What all symbols share: common shocks, a drift that comes and goes, calm and busy spells."""

    def __init__(self, rng: random.Random) -> None:
        self._rng = rng
        self.shock = 0.0
        self.drift = 0.0
        self.activity = 1.0
        self._heat = 0.0
        self._until_ms = 0

    def step(self, ms: int) -> None:
        self.shock = self._rng.gauss(0.0, 1.0)
        if ms >= self._until_ms:
            self._until_ms = ms + self._rng.randrange(15_000, 75_000)
            self.drift = self._rng.gauss(0.0, 0.035)
        self._heat += -0.004 * self._heat + 0.03 * self._rng.gauss(0.0, 1.0)
        self.activity = math.exp(max(-0.7, min(0.7, self._heat)))


class Crowd:
    """The agents of one symbol. Their orders are the market's own: no account, no fee."""

    def __init__(
        self,
        market: Market,
        temper: Temper,
        mood: Mood,
        rng: random.Random,
        take: Callable[[Market, Resting, int, int], None],
        *,
        fair: float,
        leader: "Crowd | None" = None,
    ) -> None:
        """`leader` is the crowd of the same asset in another currency: the fair price is then its fair
        price times an exchange rate that wanders on its own."""
        self._market = market
        self._temper = temper
        self._mood = mood
        self._rng = rng
        self._take = take  # (market, taker, limit price, ms): the exchange settles whom it meets
        self.fair = fair
        self._anchor = temper.start
        self._leader = leader
        self._rate = fair / leader.fair if leader is not None else 1.0
        self._next_id = 0
        self._carry = 0.0
        self._tick = market.symbol.tick
        self._step = market.symbol.step
        self._offsets = [temper.half_spread * (_GROWTH**index - 0.4) * SCALE for index in range(_SLOTS)]
        self._sizes = [self._draw_size() for _ in range(_SIZES)]
        self._quotes: tuple[list[Resting | None], list[Resting | None]] = ([None] * _SLOTS, [None] * _SLOTS)
        seconds = STEP_MS / 1_000
        self._shock_scale = temper.volatility * math.sqrt(seconds)
        self._own_weight = math.sqrt(1 - temper.correlation**2)
        self._actions_per_step = temper.actions_per_second * seconds

    @property
    def symbol(self) -> str:
        return self._market.symbol.name

    def _draw_size(self) -> int:
        size = self._temper.size * math.exp(self._rng.gauss(0.0, 1.15))
        return max(self._step, floor_to(int(size * SCALE), self._step))

    def _size(self) -> int:
        return self._sizes[int(self._rng.random() * _SIZES)]

    def populate(self) -> None:
        """Lay the first quotes, before any time passes."""
        for index in range(_SLOTS):
            self._quote(buy=True, index=index)
            self._quote(buy=False, index=index)

    def step(self, ms: int) -> None:
        """One step of STEP_MS of this symbol's life."""
        self._wander()
        self._arbitrage(ms)
        self._market.moved()
        self._carry += self._actions_per_step * self._mood.activity
        rng = self._rng
        while self._carry >= 1.0:
            self._carry -= 1.0
            if rng.random() < _TAKER_SHARE:
                self._noise_take(ms)
            else:
                index = min(_SLOTS - 1, int(rng.expovariate(1 / _NEAR)))
                self._quote(buy=rng.random() < 0.5, index=index)
            self._market.moved()

    def _wander(self) -> None:
        mood, temper = self._mood, self._temper
        if self._leader is not None:
            self._rate *= math.exp(self._shock_scale * self._own_weight * 0.3 * self._rng.gauss(0.0, 1.0))
            self.fair = self._leader.fair * self._rate
            return
        shock = temper.correlation * (mood.shock + mood.drift) + self._own_weight * self._rng.gauss(0.0, 1.0)
        pull = _PULL * STEP_MS / 1_000 * math.log(self._anchor / self.fair)
        self.fair *= math.exp(self._shock_scale * shock + pull)

    def _arbitrage(self, ms: int) -> None:
        """Take what the fair price has left behind by more than a spread."""
        if self._rng.random() > _ARBITRAGE_SHARE:
            return
        fair = int(self.fair * SCALE)
        slack = int(self._offsets[0] * 2.0)
        book = self._market.book
        ask, bid = book.best_ask(), book.best_bid()
        if ask is not None and ask < fair - slack:
            self._hit(buy=True, limit=fair - slack, quantity=self._size(), ms=ms)
        elif bid is not None and bid > fair + slack:
            self._hit(buy=False, limit=fair + slack, quantity=self._size(), ms=ms)

    def _noise_take(self, ms: int) -> None:
        rng = self._rng
        buy = rng.random() < 0.5 + max(-0.2, min(0.2, 4.0 * self._mood.drift))
        book = self._market.book
        best = book.best_ask() if buy else book.best_bid()
        if best is None:
            return
        limit = int(best * (1.0004 if buy else 0.9996))
        quantity = self._size()
        if rng.random() < 0.5:  # half of all takers stay within what the best quote offers
            quantity = min(quantity, book.quantity_at(bids=not buy, price=best))
        self._hit(buy=buy, limit=limit, quantity=quantity, ms=ms)

    def _hit(self, *, buy: bool, limit: int, quantity: int, ms: int) -> None:
        self._next_id -= 1
        taker = Resting(id=self._next_id, owner=CROWD, buy=buy, price=limit, leaves=quantity)
        self._take(self._market, taker, limit, ms)

    def _quote(self, *, buy: bool, index: int) -> None:
        """Replace one quote by a fresh one around the fair price; it never crosses."""
        book = self._market.book
        quotes = self._quotes[0 if buy else 1]
        old = quotes[index]
        if old is not None and old.leaves:
            book.remove(old)
        offset = self._offsets[index] * (0.7 + 0.6 * self._rng.random())
        tick = self._tick
        if buy:
            price = int((self.fair * SCALE - offset) // tick) * tick
            ask = book.best_ask()
            if ask is not None and price >= ask:
                price = ask - tick
        else:
            price = -int(-(self.fair * SCALE + offset) // tick) * tick
            bid = book.best_bid()
            if bid is not None and price <= bid:
                price = bid + tick
        self._next_id -= 1
        order = Resting(id=self._next_id, owner=CROWD, buy=buy, price=max(tick, price), leaves=self._size())
        book.add(order)
        quotes[index] = order
