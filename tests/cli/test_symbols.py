"""`spark-tui symbols`, on the real simulator and on an exchange that answers badly."""

import http.server
import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from spark_tui.symbols_file import SYMBOLS_FILE
from tests.cli.conftest import Run
from tests.cli.support import Home, wait_for

USUAL = ["BTCUSDT", "ETHUSDT", "BNBUSDT", "BTCTRY"]


def entry(symbol: str, quote: str, **facts: object) -> dict[str, object]:
    return {
        "symbol": symbol,
        "status": "TRADING",
        "baseAsset": symbol.removesuffix(quote),
        "quoteAsset": quote,
        "baseAssetPrecision": 8,
        "quotePrecision": 8,
        "orderTypes": ["LIMIT", "MARKET"],
        "filters": [{"filterType": "PRICE_FILTER", "minPrice": "1", "maxPrice": "9", "tickSize": "1"}],
        **facts,
    }


def figures(**volumes: object) -> list[dict[str, object]]:
    return [{"symbol": name, "quoteVolume": text, "lastPrice": "1"} for name, text in volumes.items()]


class Exchange:
    """What it answers to the public calls: a status and a body each."""

    def __init__(self) -> None:
        self.info = self.json(
            {"symbols": [entry(name, "TRY" if name.endswith("TRY") else "USDT") for name in USUAL]}
        )
        self.days = self.json(figures(**dict.fromkeys(USUAL, "90000000")))
        exchange = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status, body = exchange.answer(self.path)
                self.send_response(status)
                if status in (418, 429):
                    self.send_header("Retry-After", "7")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *words: object) -> None:
                """Quiet."""

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.base = f"http://127.0.0.1:{self.server.server_port}"

    @staticmethod
    def json(body: object) -> tuple[int, bytes]:
        return 200, json.dumps(body).encode()

    def answer(self, path: str) -> tuple[int, bytes]:
        if path.startswith("/sim/"):
            ws = self.base.replace("http", "ws")
            return self.json({"simulator": "spark-tui", "ws_url": ws, "ws_api_url": f"{ws}/ws-api/v3"})
        return self.info if path.startswith("/api/v3/exchangeInfo") else self.days


@pytest.fixture
def exchange(monkeypatch: pytest.MonkeyPatch, run: Run) -> Iterator[Exchange]:
    found = Exchange()
    thread = threading.Thread(target=found.server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    monkeypatch.setenv("BINANCE_API_BASE", found.base)
    yield found
    found.server.shutdown()
    found.server.server_close()
    thread.join()


def test_the_difference_is_shown_and_applied_only_when_agreed(
    exchange: Exchange, run: Run, home: Home
) -> None:
    place = ("--data-dir", str(home.data))
    exchange.info = exchange.json(
        {
            "symbols": [
                entry("BTCUSDT", "USDT"),
                entry("ETHUSDT", "USDT", status="HALT"),
                entry("BNBUSDT", "USDT", isSpotTradingAllowed=False),
                entry("BTCTRY", "TRY"),
                entry("SOLUSDT", "USDT"),
            ]
        }
    )
    exchange.days = exchange.json(figures(BTCUSDT="90000000", BTCTRY="7", SOLUSDT="80000000"))
    code, out, err = run("symbols", "sync", *place)
    assert (code, "--yes" in err) == (2, True)
    assert {line[:9].strip() for line in out.splitlines()} >= {
        "+ SOLUSDT",
        "- ETHUSDT",
        "- BNBUSDT",
        "- BTCTRY",
    }
    assert not (home.data / SYMBOLS_FILE).exists()
    code, out, err = run("symbols", "sync", "--yes", "--json", *place)
    told = json.loads(out)
    assert (code, told["applied"], told["proposed"]) == (0, True, ["BTCUSDT", "SOLUSDT"])
    assert json.loads(run("symbols", "list", "--json", *place)[1])[0]["symbols"] == ["BTCUSDT", "SOLUSDT"]
    assert run("symbols", "sync", *place) == (0, "Nothing to change.\n", "")


def test_the_rule_of_the_list_is_told_and_when_it_holds(exchange: Exchange, run: Run, home: Home) -> None:
    place = ("--data-dir", str(home.data))
    rule = (
        "rule symbols-sync refuses every order in another symbol than BTCUSDT, ETHUSDT, BNBUSDT, BTCTRY,"
        " from the engine's next start"
    )
    code, out, _ = run("symbols", "sync", "--whitelist", *place)
    assert (code, f"~ {rule}\n" in out) == (2, True)
    code, out, _ = run("symbols", "sync", "--whitelist", "--json", "--yes", *place)
    told = json.loads(out)
    assert (code, told["rule"], f"The {rule}." in told["text"]) == (0, rule, True)
    assert run("symbols", "sync", *place) == (0, "Nothing to change.\n", "")
    code, out, _ = run("symbols", "sync", "--no-whitelist", "--yes", *place)
    assert (code, out.count("rule symbols-sync goes, with the engine's next start")) == (0, 2)


def test_a_first_sync_that_finds_the_list_as_it_is_has_nothing_to_change(
    exchange: Exchange, run: Run, home: Home
) -> None:
    place = ("--data-dir", str(home.data))
    assert run("symbols", "sync", *place) == (0, "Nothing to change.\n", "")
    assert run("symbols", "sync", "--yes", *place) == (0, "Nothing to change.\n", "")
    told = json.loads(run("symbols", "sync", "--json", *place)[1])
    assert (told["applied"], told["text"]) == (False, "Nothing to change.")
    assert not (home.data / SYMBOLS_FILE).exists()
    code, out, _ = run("symbols", "sync", "--most", "9", *place)  # only what is remembered changes
    assert (code, "~ these flags are remembered" in out) == (2, True)


GOOD = figures(**dict.fromkeys(USUAL, "90000000"))
LISTED = [entry("BTCUSDT", "USDT")]


@pytest.mark.parametrize(
    ("call", "answer"),
    [
        ("info", (200, json.dumps({"symbols": LISTED}).encode()[:-40])),
        ("info", (200, b"<html>busy</html>")),
        ("info", Exchange.json({"symbols": []})),
        ("info", Exchange.json({"symbols": LISTED * 2})),
        ("info", (429, b'{"code":-1003,"msg":"Too much request weight used."}')),
        ("info", (418, b'{"code":-1003,"msg":"Way too much request weight used; IP banned."}')),
        ("info", (403, b"<html>forbidden</html>")),
        ("days", (200, json.dumps(GOOD).encode()[:-5])),
        ("days", Exchange.json([])),
        ("days", Exchange.json(GOOD[1:])),
        ("days", Exchange.json([*GOOD, GOOD[0]])),
        ("days", Exchange.json([*GOOD, *figures(X="NaN")])),
        ("days", Exchange.json([*GOOD, *figures(X="-1")])),
        ("days", Exchange.json([*GOOD, {"symbol": "X", "lastPrice": "1"}])),
        ("days", (429, b'{"code":-1003,"msg":"Too much request weight used."}')),
        ("days", (418, b"")),
    ],
)
def test_a_bad_answer_changes_nothing_and_is_one_sentence(
    exchange: Exchange, run: Run, home: Home, call: str, answer: tuple[int, bytes]
) -> None:
    setattr(exchange, call, answer)
    code, out, err = run("symbols", "sync", "--yes", "--data-dir", str(home.data))
    assert (code, out, err.count("\n")) == (1, "", 1)
    assert err.startswith("spark-tui: symbols: ")
    assert not (home.data / SYMBOLS_FILE).exists()


@pytest.mark.parametrize(
    "words", [("--min-volume", "5"), ("--min-volume", "USDT=NaN"), ("--most", "-1"), ("--quote", ",")]
)
def test_flags_that_mean_nothing_are_refused(run: Run, home: Home, words: tuple[str, ...]) -> None:
    code, out, err = run("symbols", "discover", "--data-dir", str(home.data), *words)
    assert (code, out, err.count("\n")) == (2, "", 1)


@pytest.fixture
def simulator(home: Home, tmp_path: Path) -> Iterator[dict[str, Any]]:
    ready = tmp_path / "simulator.json"
    process = home.begin("simulator", "--ready-file", str(ready), "--seed", "3")
    wait_for(lambda: ready.exists() or process.poll() is not None)
    yield json.loads(ready.read_text())
    process.terminate()
    process.communicate(timeout=10)


def test_on_the_simulator_what_is_held_stays_until_it_is_dropped_on_purpose(
    simulator: dict[str, Any], home: Home, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BINANCE_API_BASE", simulator["base_url"])
    place = ("--data-dir", str(home.data), "--json", "--yes")
    found = json.loads(run("symbols", "discover", "--data-dir", str(home.data), "--json")[1])
    assert {one["symbol"] for one in found["chosen"]} == set(USUAL)
    assert {one["symbol"]: one["reason"] for one in found["left_out"]} == {
        "LTCUSDT": "volume",
        "XRPUSDT": "status",
        "XMRUSDT": "permission",
        "这是测试币456": "quote",
    }
    told = json.loads(run("symbols", "sync", "--exclude", "BNB", *place)[1])
    assert (told["proposed"], [one["symbol"] for one in told["kept"]]) == (USUAL, ["BNBUSDT"])
    assert told["kept"][0]["held"].endswith(" BNB")
    told = json.loads(run("symbols", "sync", "--drop-held", "--whitelist", *place)[1])
    assert [(one["symbol"], bool(one["held"])) for one in told["removed"]] == [("BNBUSDT", True)]
    home.engine(BINANCE_API_BASE=simulator["base_url"])
    assert [one["symbol"] for one in home.json("show", "tickers", "--json")] == told["proposed"]
    rules = home.json("show", "rules", "--json")
    assert "symbols-sync" in [one["id"] for one in rules]
