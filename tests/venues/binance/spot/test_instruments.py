"""exchangeInfo, every filter shape, and the cache."""

import gzip
from decimal import Decimal as D

import msgspec
import pytest

from spark_tui.domain import instrument as i
from spark_tui.domain.values import OrderType, SelfTradePrevention
from spark_tui.venues.binance.spot.instruments import (
    CACHE_S,
    RETRY_S,
    ExchangeInfo,
    InstrumentCache,
    decode_exchange_info,
    decode_filter,
)
from spark_tui.venues.binance.spot.numbers import CodecError
from spark_tui.venues.port import Reaction, VenueError
from tests.shared_data import shared


def sample(name: str) -> bytes:
    return shared("protocols", "samples", "binance-spot", f"{name}.json").read_bytes()


def test_the_documented_exchange_info() -> None:
    info = decode_exchange_info(sample("rest-exchangeInfo"))
    (btc,) = info.instruments
    assert (btc.symbol, btc.base, btc.quote, btc.status) == ("BTCUSDT", "BTC", "USDT", i.SymbolStatus.TRADING)
    assert btc.order_types == frozenset(OrderType)
    price = next(f for f in btc.filters if isinstance(f, i.PriceFilter))
    assert str(price.tick_size) == "0.01000000"
    market = next(f for f in btc.filters if isinstance(f, i.MarketLotSize))
    assert market.step_size == 0
    assert info.weight_limit(1) == 6000
    assert len(info.limits) == 4


def test_what_a_symbol_allows() -> None:
    info = msgspec.json.decode(sample("rest-exchangeInfo"))
    words = {
        "ocoAllowed": "oco_allowed",
        "otoAllowed": "oto_allowed",
        "amendAllowed": "amend_allowed",
        "cancelReplaceAllowed": "cancel_replace_allowed",
        "allowTrailingStop": "trailing_stop_allowed",
    }
    for wire, field in words.items():
        for allowed in (True, False):
            info["symbols"][0][wire] = allowed
            (btc,) = decode_exchange_info(msgspec.json.encode(info)).instruments
            assert getattr(btc, field) is allowed
    info["symbols"][0]["allowedSelfTradePreventionModes"] = ["NONE", "EXPIRE_MAKER", "BRAND_NEW"]
    (btc,) = decode_exchange_info(msgspec.json.encode(info)).instruments
    assert btc.allowed_stp_modes == {SelfTradePrevention.NONE, SelfTradePrevention.EXPIRE_MAKER}


def test_every_filter_shape_is_known() -> None:
    shapes = msgspec.json.decode(sample("filters-all-shapes"))
    decoded = [decode_filter(shape) for shape in shapes]
    assert None not in decoded
    counts = {f.name for f in decoded if isinstance(f, i.CountLimit)}
    assert counts == {s["filterType"] for s in shapes if s["filterType"].partition("MAX_NUM")[1]}
    assert i.MaxAsset(asset="USDC", limit=D("42.00000000")) in decoded


def test_a_new_filter_is_ignored_and_a_broken_known_one_hides_the_symbol() -> None:
    info = msgspec.json.decode(sample("rest-exchangeInfo"))
    info["symbols"][0]["filters"].append({"filterType": "BRAND_NEW", "x": 1})
    assert len(decode_exchange_info(msgspec.json.encode(info)).instruments) == 1
    info["symbols"][0]["filters"][0]["tickSize"] = "NaN"
    broken = decode_exchange_info(msgspec.json.encode(info))
    assert (broken.instruments, broken.skipped) == ((), ("BTCUSDT",))
    with pytest.raises(CodecError, match="PRICE_FILTER"):
        decode_filter({"filterType": "PRICE_FILTER", "minPrice": "1"})


@pytest.mark.parametrize(
    ("word", "spot", "status"),
    [
        ("CANCEL_ONLY", True, i.SymbolStatus.CANCEL_ONLY),
        ("NEW_WORD", True, i.SymbolStatus.UNKNOWN),
        ("TRADING", False, i.SymbolStatus.HALT),
    ],
)
def test_status(word: str, spot: bool, status: i.SymbolStatus) -> None:
    info = msgspec.json.decode(sample("rest-exchangeInfo"))
    info["symbols"][0] |= {"status": word, "isSpotTradingAllowed": spot}
    assert decode_exchange_info(msgspec.json.encode(info)).instruments[0].status is status


def test_exchange_wide_filters_belong_to_every_instrument() -> None:
    info = msgspec.json.decode(sample("rest-exchangeInfo"))
    info["exchangeFilters"] = [{"filterType": "EXCHANGE_MAX_NUM_ORDERS", "maxNumOrders": 1000}]
    (btc,) = decode_exchange_info(msgspec.json.encode(info)).instruments
    assert i.CountLimit(name="EXCHANGE_MAX_NUM_ORDERS", limit=1000) in btc.filters


def test_a_whole_recorded_exchange_is_read() -> None:
    with gzip.open(shared("data", "cryptofeed-binance", "BINANCE.jsonl.gz")) as lines:
        entries = (msgspec.json.decode(line) for line in lines)
        body = next(e["data"] for e in entries if e["t"] == "http" and "exchangeInfo" in e["url"])
    info = decode_exchange_info(body.encode())
    assert len(info.instruments) > 1500
    assert info.skipped == ()


async def test_cache_serves_ten_minutes_and_survives_a_failed_refresh() -> None:
    now = 0.0
    answers: list[ExchangeInfo | VenueError] = []
    asked = 0

    async def fetch() -> ExchangeInfo:
        nonlocal asked
        asked += 1
        answer = answers.pop(0)
        if isinstance(answer, VenueError):
            raise answer
        return answer

    def info(at_ms: int) -> ExchangeInfo:
        return ExchangeInfo(server_time_ms=at_ms, limits=(), instruments=(), skipped=())

    down = VenueError(Reaction.RETRY_SAFE, "X", "down")
    cache = InstrumentCache(fetch, lambda: now)
    answers[:] = [down, info(1), down, info(2)]
    with pytest.raises(VenueError):
        await cache.get()
    assert (await cache.get()).server_time_ms == 1
    now = CACHE_S - 1.0
    assert ((await cache.get()).server_time_ms, asked) == (1, 2)
    now = CACHE_S + 0.0
    assert ((await cache.get()).server_time_ms, asked) == (1, 3)  # failed: the old one stays
    assert ((await cache.get()).server_time_ms, asked) == (1, 3)  # and is not asked for every time
    now += RETRY_S
    assert ((await cache.get()).server_time_ms, asked) == (2, 4)
    answers[:] = [info(3)]
    refreshed = now
    for now in (refreshed + 1.0, refreshed + RETRY_S - 1.0):  # noqa: B007 - `fetch` reads it
        cache.expire()
        assert ((await cache.get()).server_time_ms, asked) == (2, 4)  # not for every refused order
    now += 1.0
    cache.expire()
    assert ((await cache.get()).server_time_ms, asked) == (3, 5)
