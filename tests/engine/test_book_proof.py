"""A market that sleeps is told from a stream that died (protocol 10.6: a quiet stream sends nothing)."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.market import DepthSnapshot
from spark_tui.domain.order import OrderState
from spark_tui.engine.book_proof import AT_ONCE, SHARE
from spark_tui.engine.options import EngineSettings
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, FakeVenue
from tests.engine.harness import RULES, Rig, rig


def _stream(name: str, state: str) -> StreamHealth:
    return StreamHealth(
        venue=NAME,
        name=name,
        state=state,
        age_s=0.0,
        rate=0.0,
        lag_ms=None,
        messages=1,
        gaps=0,
        reconnects=0,
    )


class Sleepy(FakeVenue):
    """Its connection says how it is, and the symbols asked about are kept."""

    def __init__(self, clock: ManualClock, symbols: tuple[str, ...] = (SYMBOL,)) -> None:
        super().__init__(clock, symbols)
        self.line = "live"
        self.used = 0
        self.asked: list[tuple[str, int]] = []
        self.silent: tuple[str, ...] = ()  # streams from which nothing came for too long
        self.missed = 0  # updates the venue made that its stream did not carry

    def health(self) -> tuple[StreamHealth, ...]:
        return (_stream("market", self.line), *(_stream(name, "stale") for name in self.silent))

    def weight(self) -> WeightGauge:
        return WeightGauge(used=self.used, limit=6000)

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        self.asked.append((symbol, limit))
        found = await super().depth_snapshot(symbol, limit)
        return msgspec.structs.replace(found, last_id=found.last_id + self.missed)


async def slept(it: Rig, seconds: float) -> None:
    await it.clock.run_for(seconds)
    await it.turn()


async def test_a_quiet_book_the_venue_confirms_is_a_price(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=Sleepy(clock), clock=clock) as it:
        await slept(it, 60)
        assert (await it.submit()).state is OrderState.ACCEPTED


@pytest.mark.parametrize("how", ["the venue moved on", "the line is down", "nobody answers", "no budget"])
async def test_what_nobody_confirmed_is_no_price(tmp_path: Path, how: str) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        match how:
            case "the venue moved on":
                venue.missed = 1
            case "the line is down":
                venue.line = "down"
            case "nobody answers":
                venue.failing["depth_snapshot"] = UNREACHABLE
            case "no budget":
                venue.used = int(SHARE * 6000) + 1
        await slept(it, 60)
        order = await it.submit()
        assert (order.state, order.code) == (OrderState.DENIED, "BOOK_UNUSABLE")


async def test_a_symbol_that_never_spoke_gets_its_book_all_the_same(tmp_path: Path) -> None:
    """After a start or a reconnect in the night no update asks for a snapshot."""
    clock = ManualClock()
    symbols = (SYMBOL, "ETHUSDT")
    settings = EngineSettings(symbols={NAME: symbols}, rules=RULES)
    venue = Sleepy(clock, symbols)
    async with rig(tmp_path, venue=venue, clock=clock, settings=settings, wait=False) as it:
        await slept(it, 60)
        assert it.engine.views.usable(NAME, "ETHUSDT")


async def test_a_sleeping_watchlist_is_asked_about_in_turn_and_within_bounds(tmp_path: Path) -> None:
    clock = ManualClock()
    symbols = (SYMBOL, *(f"{number}USDT" for number in range(9)))
    venue = Sleepy(clock, symbols)
    settings = EngineSettings(symbols={NAME: symbols}, rules=RULES)
    async with rig(tmp_path, venue=venue, clock=clock, settings=settings, wait=False) as it:
        await slept(it, 60)
        venue.asked.clear()
        await slept(it, 10)
        assert {symbol for symbol, _ in venue.asked} == set(symbols)
        assert {limit for _, limit in venue.asked} == {5}
        assert len(venue.asked) <= 11 * AT_ONCE


async def test_a_lively_book_costs_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.asked.clear()
        for _ in range(20):
            await slept(it, 1)
            venue.tick()
        assert venue.asked == []


@pytest.mark.parametrize(
    ("silent", "missed", "state"),
    [
        (("btcusdt@depth@100ms", "btcusdt@trade"), 0, "up"),  # the market sleeps
        (("btcusdt@depth@100ms", "btcusdt@trade"), 1, "degraded"),  # the stream died
        (("btcusdt@trade",), 0, "degraded"),  # only one of them is silent, and the book moves
    ],
)
async def test_a_sleeping_market_makes_no_venue_degraded(
    tmp_path: Path, silent: tuple[str, ...], missed: int, state: str
) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.silent, venue.missed = silent, missed
        await slept(it, 60)
        [row] = it.engine.condition.status().venues
        assert row.state == state
