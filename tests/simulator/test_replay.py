"""A recording as the market: frames out as they came in, orders against the recorded book."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from spark_tui.simulator.recordings import Frame, RecordingError, read, scan
from spark_tui.simulator.replay import Player, RecordedMarket, prepare
from tests.shared_data import shared
from tests.simulator.rig import START_MS, FakeConnection, Rig

T0 = 1_723_161_254_000


def diff(first: int, last: int, bids: list[list[str]], asks: list[list[str]]) -> tuple[str, dict[str, Any]]:
    data = {"e": "depthUpdate", "E": T0 + last, "s": "BTCUSDT", "U": first, "u": last, "b": bids, "a": asks}
    return "btcusdt@depth@100ms", data


def trade(number: int, price: str, quantity: str, *, buyer_is_maker: bool) -> tuple[str, dict[str, Any]]:
    stamp = T0 + number
    data = {"e": "trade", "E": stamp, "s": "BTCUSDT", "t": number, "p": price, "q": quantity, "T": stamp}
    return "btcusdt@trade", data | {"m": buyer_is_maker, "M": True}


SNAPSHOT = {
    "lastUpdateId": 10,
    "bids": [["100.00", "1.0"], ["99.00", "2.0"]],
    "asks": [["101.00", "1.0"], ["102.00", "2.0"]],
}


class Theatre:
    """A recording on disk, its market in a rig, and a hand to play it frame by frame."""

    def __init__(self, folder: Path, frames: list[tuple[str, dict[str, Any]]]) -> None:
        path = folder / "spot.gz"
        with gzip.open(path, "wt") as file:
            file.write(f"{T0}000000 {json.dumps(SNAPSHOT)}\n")
            for number, (stream, data) in enumerate(frames, 1):
                text = json.dumps({"stream": stream, "data": data}, separators=(",", ":"))
                file.write(f"{T0 + number}000000 {text}\n")
        self.rig = Rig()
        self.rig.simulation.symbols.clear()
        self.rig.exchange.markets.clear()
        (self.player,) = prepare(self.rig.simulation, scan([path]), 0)
        self.market = self.rig.exchange.market("BTCUSDT")
        self.frames = iter(self.tape_frames(path))
        self.rig.account.balance("USDT").free *= 1_000

    @staticmethod
    def tape_frames(path: Path) -> list[Frame]:
        return [entry.frame for entry in read(path) if entry.frame is not None]

    def play(self, count: int = 1) -> None:
        for _ in range(count):
            self.player.play(next(self.frames))

    def status(self, order: dict[str, Any]) -> tuple[str, str]:
        found = self.rig.ask("order.status", symbol="BTCUSDT", orderId=order["orderId"])["result"]
        return found["status"], found["executedQty"]


def test_depth_answers_the_snapshot_until_the_recording_has_passed_it(tmp_path: Path) -> None:
    theatre = Theatre(
        tmp_path,
        [
            diff(8, 9, [["98.00", "5.0"]], []),
            diff(10, 12, [["100.00", "0.0"], ["99.50", "3.0"]], []),
        ],
    )
    read_depth = theatre.rig.call("GET", "depth", sign=False, symbol="BTCUSDT")[1]
    assert read_depth["lastUpdateId"] == 10
    theatre.play()
    assert theatre.rig.call("GET", "depth", sign=False, symbol="BTCUSDT")[1] == read_depth
    theatre.play()
    later = theatre.rig.call("GET", "depth", sign=False, symbol="BTCUSDT")[1]
    assert (later["lastUpdateId"], later["bids"][0]) == (12, ["99.50000000", "3.00000000"])


def test_a_marketable_order_takes_recorded_levels_without_touching_the_record(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, [diff(11, 12, [], [["101.00", "4.0"]])])
    listener = FakeConnection()
    theatre.rig.simulation.hub.subscribe("btcusdt@trade", listener)
    before = theatre.market.depth(10)
    done = theatre.rig.place(side="BUY", type="MARKET", quantity="1.5")
    assert [fill["price"] for fill in done["fills"]] == ["101.00000000", "102.00000000"]
    assert theatre.market.depth(10) == before
    assert listener.frames == []  # the public never sees the operator's trades
    again = theatre.rig.place(side="BUY", type="MARKET", quantity="0.1")
    assert again["fills"][0]["price"] == "102.00000000"  # what was taken stays taken ...
    theatre.play()
    fresh = theatre.rig.place(side="BUY", type="MARKET", quantity="0.1")
    assert fresh["fills"][0]["price"] == "101.00000000"  # ... until the record speaks of the level again
    theatre.rig.check_books()


def test_a_resting_order_is_filled_when_the_book_crosses_it(tmp_path: Path) -> None:
    theatre = Theatre(tmp_path, [diff(11, 12, [], [["101.00", "0.0"], ["100.20", "0.3"]])])
    order = theatre.rig.limit("BUY", "100.50", "1")
    assert order["status"] == "NEW"
    theatre.play()
    assert theatre.status(order) == ("PARTIALLY_FILLED", "0.30000000")
    (fill,) = theatre.rig.ask("myTrades", symbol="BTCUSDT")["result"]
    assert (fill["price"], fill["isMaker"]) == ("100.50000000", True)
    theatre.rig.check_books()


def test_recorded_trades_fill_better_prices_first_and_respect_the_queue(tmp_path: Path) -> None:
    theatre = Theatre(
        tmp_path,
        [
            trade(1, "100.00", "0.6", buyer_is_maker=False),  # a buyer lifts: our bids are not met
            trade(2, "100.00", "0.6", buyer_is_maker=True),
            trade(3, "100.00", "0.7", buyer_is_maker=True),
        ],
    )
    better = theatre.rig.limit("BUY", "100.50", "0.2")
    joined = theatre.rig.limit("BUY", "100.00", "0.5")  # 1.0 stands before it
    theatre.play()
    assert theatre.status(better) == theatre.status(joined) == ("NEW", "0.00000000")
    theatre.play()
    assert theatre.status(better) == ("FILLED", "0.20000000")
    assert theatre.status(joined) == ("NEW", "0.00000000")  # 0.4 of the 1.0 before it went
    theatre.play()
    assert theatre.status(joined) == ("PARTIALLY_FILLED", "0.10000000")
    theatre.rig.check_books()


def test_frames_go_out_verbatim_and_derived_ones_run_on_the_recordings_clock(tmp_path: Path) -> None:
    frames = [trade(number, "100.00", "0.1", buyer_is_maker=True) for number in range(1, 2_400, 40)]
    theatre = Theatre(tmp_path, frames)
    wrapped, bare, derived = FakeConnection(), FakeConnection(), FakeConnection()
    wrapped.combined = True
    hub = theatre.rig.simulation.hub
    hub.subscribe("btcusdt@trade", wrapped)
    hub.subscribe("btcusdt@trade", bare)
    for stream in ("btcusdt@kline_1m", "btcusdt@ticker", "btcusdt@depth"):
        hub.subscribe(stream, derived)
    theatre.play(len(frames))
    texts = [json.dumps({"stream": s, "data": d}, separators=(",", ":")).encode() for s, d in frames]
    assert wrapped.frames == texts
    assert bare.frames == [json.dumps(d, separators=(",", ":")).encode() for _, d in frames]
    kinds = [frame["e"] for frame in derived.take()]
    assert set(kinds) == {"kline", "24hrTicker"}  # no difference whose ids the recording does not know
    assert kinds.count("24hrTicker") == 2
    rows = theatre.rig.call("GET", "klines", sign=False, symbol="BTCUSDT", interval="1m")[1]
    assert sum(row[8] for row in rows) == len(frames)
    assert START_MS - rows[-1][0] > 86_400_000  # in the recording's time, not today's
    assert theatre.rig.simulation.data == "Replay"


def test_a_stop_fires_on_a_recorded_trade(tmp_path: Path) -> None:
    theatre = Theatre(
        tmp_path,
        [trade(1, "100.50", "0.1", buyer_is_maker=True), trade(2, "100.00", "0.1", buyer_is_maker=True)],
    )
    theatre.play()
    order = theatre.rig.place(side="SELL", type="STOP_LOSS", quantity="0.5", stopPrice="100.20")
    theatre.play()
    assert theatre.status(order) == ("FILLED", "0.50000000")


async def test_it_starts_with_the_first_depth_subscription_and_ends_quietly(tmp_path: Path) -> None:
    import asyncio

    theatre = Theatre(tmp_path, [diff(11, 12, [["99.90", "1.0"]], [])])
    task = asyncio.get_running_loop().create_task(theatre.player.run())
    listener = FakeConnection()
    hub = theatre.rig.simulation.hub
    hub.subscribe("btcusdt@trade", listener)
    for _ in range(5):
        await asyncio.sleep(0)
    assert theatre.market.depth(1)[0] == 10
    hub.subscribe("btcusdt@depth@100ms", listener)
    await asyncio.wait_for(task, 5)
    assert theatre.market.depth(1)[0] == 12
    assert len(listener.frames) == 1


def test_files_that_cannot_be_replayed(tmp_path: Path) -> None:
    plain = tmp_path / "plain"
    plain.write_text("hello")
    empty = tmp_path / "empty.gz"
    empty.write_bytes(gzip.compress(b""))
    odd = tmp_path / "odd.gz"
    odd.write_bytes(gzip.compress(b"not a frame\n"))
    futures = tmp_path / "futures.gz"
    frame = '{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","U":1,"u":2,"pu":0,"b":[],"a":[]}}'
    futures.write_bytes(gzip.compress(f"{T0}000000 {frame}\n".encode()))
    for path, words in (
        (plain, "gzip"),
        (empty, "no stream frames"),
        (odd, "line 1"),
        (futures, "USD-M futures"),
    ):
        with pytest.raises(RecordingError, match=words):
            scan([path])


@pytest.mark.parametrize(
    ("name", "symbols"),
    [
        (("hftbacktest-binance", "spot_btcusdt_20240808.gz"), {"BTCUSDT"}),
        (("cryptofeed-binance", "BINANCE.jsonl.gz"), {"NKNUSDT", "BLZETH", "LRCBTC", "RUNEEUR"}),
    ],
)
def test_real_recordings_fit_their_snapshots_and_their_book_tickers(
    name: tuple[str, str], symbols: set[str]
) -> None:
    rig = Rig()
    rig.simulation.symbols.clear()
    rig.exchange.markets.clear()
    players = prepare(rig.simulation, scan([shared("data", *name)]), 0)
    assert rig.exchange.markets.keys() == symbols
    compared = sum(follow(player, rig.exchange.markets[player.symbol], 25_000) for player in players)
    assert compared > (1_000 if len(symbols) == 1 else 20)


def follow(player: Player, market: Any, most: int) -> int:
    """Play a tape and hold the top of the book against its bookTicker at every difference."""
    assert isinstance(market, RecordedMarket)
    pending: list[dict[str, Any]] = []
    compared = 0
    for number, frame in enumerate(player.frames()):
        if number > most:
            break
        player.play(frame)
        if frame.stream.endswith("@bookTicker"):
            pending.append(json.loads(frame.data))
        if "@depth" not in frame.stream or market.update_id < json.loads(frame.data)["u"]:
            continue
        reached = [ticker for ticker in pending if ticker["u"] <= market.update_id]
        pending = [ticker for ticker in pending if ticker["u"] > market.update_id]
        if reached and json.loads(frame.data)["u"] == market.update_id:
            ticker = reached[-1]
            top = [float(value) / 1e8 for value in market.touch()]
            assert top == [float(ticker[key]) for key in "bBaA"]
            compared += 1
    assert market.broken == ""
    return compared
