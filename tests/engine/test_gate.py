"""The gate beside other orders: other people's count like ours, and the venue's own pause is waited for."""

from pathlib import Path

import msgspec
import pytest

from spark_tui.domain.instrument import CountLimit, SymbolStatus
from spark_tui.domain.order import OrderState
from spark_tui.domain.values import SelfTradePrevention, Side, TradingState
from spark_tui.engine.options import EngineSettings
from spark_tui.engine.submission import to_request
from spark_tui.link import messages
from spark_tui.link.messages import CancelOrder, OrderUpdate, Preview, PreviewOrder
from spark_tui.venues.port import Reaction, VenueError
from tests.engine.fake_venue import NAME, REJECTED, SYMBOL, D, instrument
from tests.engine.harness import Rig, buy, rig


async def dry_run(it: Rig, price: str = "59000", quantity: str = "0.5") -> messages.TestResult:
    result = await it.ask(messages.TestOrder(order=buy(quantity, price)))
    assert isinstance(result, messages.TestResult)
    return result


def strangers(it: Rig, *, side: Side = Side.BUY, quantity: str = "0.1") -> None:
    """Somebody else's order appears on the user stream."""
    it.venue.external("web-1", to_request(buy(quantity, side=side), NAME))
    it.venue.user(it.venue.reports["web-1"])


# --- order/test ----------------------------------------------------------------------------------------


async def test_a_tested_order_is_asked_of_the_venue_and_not_placed(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        result = await dry_run(it)
        assert (result.sent, result.ok, result.code) == (True, True, "")
        assert [text.split()[0] for text in it.venue.sent_bytes] == ["test"]
        assert not it.engine.journal.state.orders


async def test_the_tested_order_is_the_one_on_the_grid(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        result = await dry_run(it, price="59000.017")
        assert result.ok
        assert result.preview.order.price == D("59000.01")
        assert len(result.preview.changes) == 1


async def test_what_the_gate_refuses_is_not_even_tested(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.engine.guard.halt("drill")
        result = await dry_run(it)
        assert (result.sent, result.ok, result.code) == (False, False, "HALTED")
        assert it.venue.sent_bytes == []


async def test_the_venues_word_against_it_is_told(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.failing["test_order"] = REJECTED
        result = await dry_run(it)
        assert (result.sent, result.ok, result.code) == (True, False, "-2010")


async def test_the_self_trade_mode_goes_along(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        mode = SelfTradePrevention.EXPIRE_TAKER
        asked = msgspec.structs.replace(buy(), self_trade_prevention=mode)
        order = await it.submit(asked)
        assert order.request.self_trade_prevention is mode
        ahead = await it.ask(PreviewOrder(order=asked))
        assert isinstance(ahead, Preview)
        assert ahead.order.self_trade_prevention is mode


# --- the venue's pause ---------------------------------------------------------------------------------


async def test_the_venues_order_limit_pauses_orders_but_not_cancels(tmp_path: Path) -> None:
    """-1015: no loop of refusals, and no breaker either: it is waited for."""
    async with rig(tmp_path) as it:
        resting = await it.submit()
        limit = VenueError(Reaction.THROTTLED, "-1015", "Too many new orders.", retry_after_s=20.0)
        it.venue.refusal = limit
        it.venue.plan.append("refused")
        assert (await it.submit()).state is OrderState.REJECTED
        denied = await it.submit()
        assert (denied.state, denied.code) == (OrderState.DENIED, "VENUE_ORDER_LIMIT")
        canceled = await it.ask(CancelOrder(client_order_id=resting.client_order_id))
        assert isinstance(canceled, OrderUpdate)
        assert canceled.order.state is OrderState.CANCELED
        assert it.engine.guard.state is TradingState.ACTIVE
        it.clock.advance(21)
        it.venue.tick()
        assert (await it.submit()).state is OrderState.ACCEPTED


# --- a halted instrument -------------------------------------------------------------------------------


async def test_an_instrument_that_is_only_watched_is_known_to_halt_and_to_trade_again(tmp_path: Path) -> None:
    """No order of ours has to be refused for it: what the venue lists is asked for once a minute."""
    settings = EngineSettings(symbols={NAME: (SYMBOL,)}, book_max_age_s=100_000)
    async with rig(tmp_path, settings=settings) as it:
        desk = it.engine.runners[NAME].desk
        for status, code in ((SymbolStatus.HALT, "SYMBOL_NOT_TRADING"), (SymbolStatus.TRADING, "")):
            it.venue.known = {SYMBOL: instrument(status=status)}
            await it.until(lambda now=status: desk.instruments[SYMBOL].status is now, seconds=90)
            told = await it.ask(PreviewOrder(order=buy()))
            assert isinstance(told, Preview)
            assert told.code == code
        assert it.venue.sent_bytes == []


# --- other people's orders -----------------------------------------------------------------------------


async def test_other_peoples_orders_count_for_the_venues_limits(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        desk = it.engine.runners[NAME].desk
        known = desk.instruments[SYMBOL]
        rules = (*known.filters, CountLimit(name="EXCHANGE_MAX_NUM_ORDERS", limit=1))
        desk.instruments = {SYMBOL: msgspec.structs.replace(known, filters=rules)}
        strangers(it)
        assert (await it.submit()).code == "FILTER_EXCHANGE_MAX_NUM_ORDERS"


@pytest.mark.parametrize(("theirs", "code"), [("0.3", "REDUCING"), ("0.1", "")])
async def test_other_peoples_orders_count_as_exposure(tmp_path: Path, theirs: str, code: str) -> None:
    """Held 0.5; what is already offered for sale may not be sold again while reducing."""
    async with rig(tmp_path) as it:
        it.venue.plan.append("fill")
        await it.submit(buy("0.5", None))
        strangers(it, side=Side.SELL, quantity=theirs)
        it.engine.guard.reduce("drill")
        order = await it.submit(buy("0.3", "61000", side=Side.SELL))
        assert order.code == code


async def test_an_unknown_order_counts_as_exposure_in_full(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.venue.plan.extend(["fill", "dead"])
        await it.submit(buy("0.5", None))
        await it.submit(buy("0.4", "61000", side=Side.SELL))
        it.engine.guard.reduce("drill")
        assert (await it.submit(buy("0.2", "61000", side=Side.SELL))).code == "REDUCING"
        assert (await it.submit(buy("0.1", "61000", side=Side.SELL))).code == ""
