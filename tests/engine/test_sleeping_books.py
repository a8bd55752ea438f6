"""Markets that sleep, at the real simulator, for minutes: prices all the while, and cheap ones."""

import random
from collections.abc import Callable

import pytest

from spark_tui.domain.book import TRUST_S, Depth
from spark_tui.domain.market import Level
from spark_tui.engine.book_proof import PACE
from tests.engine.night import LEVELS, Night, night

MOST_S = 5.5  # that a top may be of the past: a book's age, and half a second of the test's
Sides = tuple[list[Level], list[Level]]


async def test_sixty_sleeping_books_stay_prices_for_five_minutes_at_a_twentieth_of_the_budget() -> None:
    async with night(60) as it:
        await it.live(60)
        it.most_weight = 0
        await it.live(300, awake=True)
        assert it.flickers == []
        assert it.most_weight <= it.venue.weight().limit * 0.05


async def test_a_stream_that_dies_under_a_still_top_is_found_by_number_and_the_book_is_right_again() -> None:
    """The deep levels change and nothing else tells: neither tickers nor tops."""
    async with night(3) as it:
        symbol = it.symbols[1]
        it.simulation.faults.arm("mute-stream", {"stream": f"{symbol.lower()}@depth@"})
        it.quote(symbol, 1_000 - LEVELS)
        await it.live(TRUST_S + 30)
        assert it.levels(symbol) == it.true_levels(symbol)


class Storm:
    """What happens to a night of few deals, by one seed: and after every half second, that no book that can
    be read is another than the venue's own at that update, nor its top one of long ago."""

    def __init__(self, it: Night, seed: int) -> None:
        self._it = it
        self._dice = random.Random(f"storm/{seed}")
        self._past: dict[str, dict[int, Sides]] = {symbol: {} for symbol in it.symbols}
        self._states: dict[str, list[tuple[float, Sides]]] = {symbol: [] for symbol in it.symbols}
        self._most_s = len(it.symbols) / PACE + 2 * MOST_S  # behind the top: each gets its turn
        self._now_s = 0.0

    async def blow(self, seconds: float) -> None:
        while self._now_s < seconds:
            if self._dice.random() < 0.15:
                self._trade()
            if self._dice.random() < 0.04:
                self._harm()
            if self._dice.random() < 0.01:
                self._it.clock.step_wall(self._dice.choice((-3_600, -20, 20, 3_600)))
            await self.calm(0.5)

    async def calm(self, seconds: float) -> None:
        for _ in range(round(seconds * 2)):
            self._note()
            await self._it.live(0.5)
            self._now_s += 0.5
            self._judge()

    def _trade(self) -> None:
        symbol = self._dice.choice(self._it.symbols)
        away = self._dice.choice((1, 1, 2, 4, 9, 15, LEVELS)) * self._dice.choice((1, -1))
        self._it.quote(symbol, 1_000 + away, self._dice.randint(1, 9))

    def _harm(self) -> None:
        symbol = self._dice.choice(self._it.symbols).lower()
        verb, values = self._dice.choice(
            (
                ("mute-stream", {"stream": f"{symbol}@depth@"}),
                ("mute-stream", {"stream": f"{symbol}@depth@", "until": "connect"}),
                ("mute-stream", {"stream": symbol}),
                ("drop-event", {"stream": f"{symbol}@depth@"}),
                ("duplicate-event", {"stream": f"{symbol}@depth@"}),
                ("blackhole", {}),
                ("close-mid-frame", {}),
                ("server-shutdown", {"lead_ms": 1_000}),
                ("server-shutdown", {"silent": True, "lead_ms": 0}),
                ("error-reply", {"code": 429, "retry_after": 3, "method": "depth"}),
                ("error-reply", {"code": 418, "retry_after": 8, "method": "ticker.book"}),
                ("error-reply", {"code": 503, "method": "depth", "times": 3}),
                ("clock", {"step_ms": 20_000}),
                ("clock", {"step_ms": -20_000}),
            )
        )
        self._it.simulation.faults.arm(verb, values)

    def _note(self) -> None:
        for symbol in self._it.symbols:
            sides = self._it.true_levels(symbol)
            self._past[symbol][self._it.markets[symbol].book.update_id] = sides
            states = self._states[symbol]
            if not states or states[-1][1] != sides:
                states.append((self._now_s, sides))

    def _judge(self) -> None:
        for symbol in self._it.symbols:
            depth = self._it.market.depth(symbol, 100)
            if not isinstance(depth, Depth):
                continue
            ours = (depth.bids, depth.asks)
            assert ours == self._past[symbol][depth.update_id], (symbol, self._now_s)
            assert self._ago_s(symbol, _top, _top(ours)) <= MOST_S, (symbol, self._now_s)
            assert self._ago_s(symbol, _whole, ours) <= self._most_s, (symbol, self._now_s)

    def _ago_s(self, symbol: str, part: Callable[[Sides], object], ours: object) -> float:
        """How long ago that part of the venue's book was last as ours is."""
        states = self._states[symbol]
        ended_s = [*(since for since, _ in states[1:]), self._now_s]
        return self._now_s - max(
            end for end, (_, then) in zip(ended_s, states, strict=True) if part(then) == ours
        )


def _whole(sides: Sides) -> Sides:
    return sides


def _top(sides: Sides) -> tuple[Level, Level]:
    return sides[0][0], sides[1][0]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_befalls_a_book_that_can_be_read_is_right_and_all_come_back(seed: int) -> None:
    async with night(5) as it:
        storm = Storm(it, seed)
        await storm.blow(120)
        it.simulation.faults.clear()
        await storm.calm(60)
        for symbol in it.symbols:
            assert it.levels(symbol) == it.true_levels(symbol), (symbol, it.market.quote(symbol))
