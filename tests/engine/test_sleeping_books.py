"""Markets that sleep, at the real simulator, for minutes: prices all the while, and cheap ones."""

from spark_tui.domain.book import TRUST_S
from tests.engine.night import LEVELS, night


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
