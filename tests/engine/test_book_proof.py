"""A market that sleeps is told from a stream that died (protocol 10.6: a quiet stream sends nothing)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.book import TRUST_S
from spark_tui.domain.health import StreamHealth, WeightGauge
from spark_tui.domain.market import DepthRestart, DepthSnapshot, Top
from spark_tui.domain.order import OrderState
from spark_tui.engine.book_proof import BEHIND_S, HALVES, PACE, REFUSED_S, SHARE
from spark_tui.engine.options import EngineSettings
from spark_tui.venues.port import Reaction, VenueError
from spark_tui.wire.clock import ManualClock
from tests.engine.fake_venue import NAME, SYMBOL, UNREACHABLE, FakeVenue
from tests.engine.harness import RULES, Rig, rig

INVALID = VenueError(Reaction.DEFINITE_REJECT, "-1121", "Invalid symbol.")


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
        self.dead: tuple[str, ...] = ()  # streams that are down
        self.silent: tuple[str, ...] = ()  # streams from which nothing came for too long
        self.compared: list[tuple[str, ...]] = []
        self.delisted: set[str] = set()
        self.one_sided: set[str] = set()  # nobody sells there
        self.moves_on = False  # with every answer, and its stream carries nothing of it
        self.missed = 0

    def health(self) -> tuple[StreamHealth, ...]:
        return (
            _stream("market", self.line),
            *(_stream(name, "stale") for name in self.silent),
            *(_stream(name, "down") for name in self.dead),
        )

    def weight(self) -> WeightGauge:
        return WeightGauge(used=self.used, limit=6000)

    async def depth_snapshot(self, symbol: str, limit: int = 1000) -> DepthSnapshot:
        self.asked.append((symbol, limit))
        self._listed(symbol)
        found = await super().depth_snapshot(symbol, limit)
        self.missed += self.moves_on
        asks = [] if symbol in self.one_sided else found.asks
        return msgspec.structs.replace(found, last_id=found.last_id + self.missed, asks=asks)

    async def tops(self, symbols: tuple[str, ...]) -> tuple[Top, ...]:
        self.compared.append(symbols)
        self._listed(*symbols)
        tops = await super().tops(symbols)
        return tuple(
            msgspec.structs.replace(top, ask=0.0, ask_quantity=0.0) if top.symbol in self.one_sided else top
            for top in tops
        )

    def _listed(self, *symbols: str) -> None:
        if self.delisted & set(symbols):
            raise INVALID


async def slept(it: Rig, seconds: float) -> None:
    await it.clock.run_for(seconds)
    await it.turn()


async def test_a_quiet_book_the_venue_confirms_is_a_price(tmp_path: Path) -> None:
    clock = ManualClock()
    async with rig(tmp_path, venue=Sleepy(clock), clock=clock) as it:
        await slept(it, 60)
        assert (await it.submit()).state is OrderState.ACCEPTED


async def test_after_a_reconnect_only_the_number_makes_a_sleeping_book_young(tmp_path: Path) -> None:
    """An update may have been missed meanwhile, of which no top tells."""
    async with watchlist(tmp_path) as (it, venue):
        await slept(it, 1)
        venue.failing["depth_snapshot"] = UNREACHABLE
        for symbol in MANY:
            venue.market(DepthRestart(symbol))
        await slept(it, 10)
        assert not any(it.engine.views.usable(NAME, symbol) for symbol in MANY)
        venue.failing.clear()
        await slept(it, 5)
        assert all(it.engine.views.usable(NAME, symbol) for symbol in MANY)


async def test_an_answer_from_before_a_reconnect_proves_nothing_after_it(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        answer, ask = asyncio.Event(), venue.depth_snapshot

        async def slow(symbol: str, limit: int = 1000) -> DepthSnapshot:
            found = await ask(symbol, limit)
            await answer.wait()
            return found

        venue.depth_snapshot = slow  # type: ignore[method-assign]
        await slept(it, 2 * len(MANY) / PACE)
        for symbol in MANY:
            venue.market(DepthRestart(symbol))
        venue.failing["depth_snapshot"] = UNREACHABLE
        await slept(it, 1)
        answer.set()
        await slept(it, 10)
        assert not any(it.engine.views.usable(NAME, symbol) for symbol in MANY)


@pytest.mark.parametrize("how", ["the venue moved on", "the line is down", "nobody answers", "no budget"])
async def test_what_nobody_confirmed_is_no_price(tmp_path: Path, how: str) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        match how:
            case "the venue moved on":
                venue.moves_on = True
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


MANY = (SYMBOL, *(f"{number}USDT" for number in range(9)))


@asynccontextmanager
async def watchlist(
    folder: Path, many: tuple[str, ...] = MANY, one_sided: tuple[str, ...] = ()
) -> AsyncIterator[tuple[Rig, Sleepy]]:
    """Many markets, all asleep and proved."""
    clock = ManualClock()
    venue = Sleepy(clock, many)
    venue.one_sided.update(one_sided)
    settings = EngineSettings(symbols={NAME: many}, rules=RULES)
    async with rig(folder, venue=venue, clock=clock, settings=settings, wait=False) as it:
        await slept(it, 60)
        assert unusable(it, many) == set(one_sided)
        venue.asked.clear()
        venue.compared.clear()
        yield it, venue


def unusable(it: Rig, many: tuple[str, ...]) -> set[str]:
    return {symbol for symbol in many if not it.engine.views.usable(NAME, symbol)}


async def test_a_sleeping_watchlist_is_compared_at_once_and_proved_in_turn(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        await slept(it, len(MANY) / PACE)
        assert {symbol for symbol, _ in venue.asked} == set(MANY)  # long before tops speak for them no more
        await slept(it, TRUST_S - len(MANY) / PACE)
        assert {limit for _, limit in venue.asked} == {5}
        assert len(venue.asked) <= TRUST_S * PACE + 1
        assert {frozenset(symbols) for symbols in venue.compared} == {frozenset(MANY)}
        assert len(venue.compared) <= TRUST_S / 2.5
        assert all(it.engine.views.usable(NAME, symbol) for symbol in MANY)


async def test_tops_speak_for_no_book_that_was_not_proved_for_long(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.failing["depth_snapshot"] = UNREACHABLE
        await slept(it, TRUST_S / 2)
        assert all(it.engine.views.usable(NAME, symbol) for symbol in MANY)
        await slept(it, TRUST_S / 2 + 10)
        assert not any(it.engine.views.usable(NAME, symbol) for symbol in MANY)


async def test_a_top_that_is_another_costs_the_book_its_price_at_once(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.moves_on = True
        venue._top = (60_001.0, 60_011.0)
        await slept(it, 10)
        assert not any(it.engine.views.usable(NAME, symbol) for symbol in MANY)


async def test_one_that_is_not_listed_any_more_takes_nobody_along(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.delisted.add("3USDT")
        await slept(it, 60)
        assert [one for one in MANY if not it.engine.views.usable(NAME, one)] == ["3USDT"]
        assert len(venue.compared) <= 60 / 2.5 + 8  # it is found by halves, once
        assert "3USDT" not in venue.compared[-1]


async def test_many_that_are_not_listed_any_more_take_nobody_along(tmp_path: Path) -> None:
    """Neighbours: every half that holds one of them is refused, down to the last."""
    many = (SYMBOL, *(f"{number:02}USDT" for number in range(59)))
    async with watchlist(tmp_path, many) as (it, venue):
        venue.delisted.update(sorted(many)[-8:])
        for _ in range(60):
            await slept(it, 1)
            assert unusable(it, many) <= venue.delisted
        assert set(venue.compared[-1]) == set(many) - venue.delisted


async def test_who_is_not_listed_any_more_is_asked_about_in_its_turn_only(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.delisted.update(MANY[3:6])
        await slept(it, TRUST_S + 30)
        venue.asked.clear()
        await slept(it, TRUST_S)
        assert {symbol for symbol, _ in venue.asked} == set(MANY)
        assert len(venue.asked) <= TRUST_S * PACE + 1


async def test_one_that_is_listed_again_is_compared_again(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.delisted.add("3USDT")
        await slept(it, TRUST_S + 30)
        assert unusable(it, MANY) == {"3USDT"}
        venue.delisted.clear()
        await slept(it, len(MANY) / PACE + 5)  # it had its turn
        assert set(venue.compared[-1]) == set(MANY)
        assert not unusable(it, MANY)


async def test_a_one_sided_book_is_asked_about_in_its_turn_only(tmp_path: Path) -> None:
    """It has no top to compare, and is no price whatever the venue says."""
    async with watchlist(tmp_path, one_sided=MANY[3:9]) as (it, venue):
        for _ in range(round(TRUST_S)):
            await slept(it, 1)
            assert unusable(it, MANY) == set(MANY[3:9])
        assert {symbol for symbol, _ in venue.asked} == set(MANY)
        assert len(venue.asked) <= TRUST_S * PACE + 1
        assert {frozenset(symbols) for symbols in venue.compared} == {frozenset(MANY) - venue.one_sided}


async def test_a_venue_that_refuses_the_question_is_not_asked_it_all_the_time(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.failing["tops"] = INVALID
        await slept(it, REFUSED_S - 5)
        assert len(venue.compared) <= HALVES
        venue.failing.clear()
        await slept(it, TRUST_S)
        assert all(it.engine.views.usable(NAME, symbol) for symbol in MANY)


async def test_what_the_venue_does_not_tell_is_proved_by_number(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        venue.known.pop("3USDT")
        tops = venue.tops
        venue.tops = lambda symbols: tops(tuple(one for one in symbols if one in venue.known))  # type: ignore[method-assign]
        await slept(it, 60)
        assert all(it.engine.views.usable(NAME, symbol) for symbol in MANY)


async def test_a_book_whose_stream_missed_an_update_and_sleeps_is_loaded_anew(tmp_path: Path) -> None:
    """As after a stream that died was subscribed to anew: no difference will ever show the gap."""
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.missed = 1
        book = it.engine.runners[NAME].market.symbols[SYMBOL].book
        await slept(it, BEHIND_S + 2)  # it is asked about for the first time within three
        assert book.resyncs == 0  # the update may be on its way
        await slept(it, 20)
        assert book.resyncs == 1
        assert it.engine.views.usable(NAME, SYMBOL)


async def test_an_answer_older_than_the_book_changes_nothing(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        book = it.engine.runners[NAME].market.symbols[SYMBOL].book
        venue.missed = -1
        await slept(it, 60)
        assert book.resyncs == 0
        assert not it.engine.views.usable(NAME, SYMBOL)  # nobody confirms it
        venue.missed = 0
        await slept(it, 5)
        assert it.engine.views.usable(NAME, SYMBOL)


async def test_a_stream_known_to_be_dead_is_no_price_and_nobody_asks_about_it(tmp_path: Path) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.dead = ("btcusdt@depth@100ms",)
        venue.asked.clear()
        await slept(it, 60)
        assert venue.asked == []
        assert not it.engine.views.usable(NAME, SYMBOL)
        venue.dead = ()
        await slept(it, 5)
        assert it.engine.views.usable(NAME, SYMBOL)


async def test_who_cannot_be_proved_takes_nobodys_turn(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        ask = venue.depth_snapshot

        async def ahead(symbol: str, limit: int = 1000) -> DepthSnapshot:
            found = await ask(symbol, limit)
            return msgspec.structs.replace(
                found, last_id=found.last_id + len(venue.asked) * (symbol in MANY[3:6])
            )

        venue.depth_snapshot = ahead  # type: ignore[method-assign]
        await slept(it, len(MANY) / PACE)  # it is found out
        venue.asked.clear()
        await slept(it, len(MANY) / PACE)
        assert {symbol for symbol, _ in venue.asked} == set(MANY)
        assert [one for one in MANY if not it.engine.views.usable(NAME, one)] == list(MANY[3:6])


async def test_an_answer_that_hangs_holds_up_nobody_else(tmp_path: Path) -> None:
    async with watchlist(tmp_path) as (it, venue):
        ask, never = venue.depth_snapshot, asyncio.Event()

        async def hangs(symbol: str, limit: int = 1000) -> DepthSnapshot:
            if symbol == "3USDT":
                await never.wait()
            return await ask(symbol, limit)

        venue.depth_snapshot = hangs  # type: ignore[method-assign]
        await slept(it, len(MANY) / PACE)
        venue.asked.clear()
        await slept(it, len(MANY) / PACE)
        assert {symbol for symbol, _ in venue.asked} == set(MANY) - {"3USDT"}  # nobody's turn is lost
        await slept(it, 2 * TRUST_S)
        assert [one for one in MANY if not it.engine.views.usable(NAME, one)] == ["3USDT"]


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
    ("silent", "moves_on", "state"),
    [
        (("btcusdt@depth@100ms", "btcusdt@trade"), False, "up"),  # the market sleeps
        (("btcusdt@depth@100ms", "btcusdt@trade"), True, "degraded"),  # the stream died
        (("btcusdt@trade",), False, "degraded"),  # only one of them is silent, and the book moves
    ],
)
async def test_a_sleeping_market_makes_no_venue_degraded(
    tmp_path: Path, silent: tuple[str, ...], moves_on: bool, state: str
) -> None:
    clock = ManualClock()
    venue = Sleepy(clock)
    async with rig(tmp_path, venue=venue, clock=clock) as it:
        venue.silent, venue.moves_on = silent, moves_on
        await slept(it, 60)
        [row] = it.engine.condition.status().venues
        assert row.state == state
