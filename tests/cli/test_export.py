"""Tables of money as CSV: from the ledger alone, whole or not at all."""

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from spark_tui.cli import main
from spark_tui.commands.export import _cell, _rows
from spark_tui.domain.accounting import FlowKind
from spark_tui.domain.order import Fill
from spark_tui.domain.words import one_line
from spark_tui.engine.portfolio.export import COLUMNS, table
from spark_tui.engine.records import from_body
from spark_tui.link.messages import RecordFlow
from spark_tui.link.rendezvous import LEDGER_FILE
from spark_tui.venues.port import TradeReport
from tests.engine.fake_venue import NAME, SYMBOL, D
from tests.engine.harness import Rig, buy, rig

ODD_NAME = "=[b red]ada, x\n\r\x1b[2J\x9b2J\u202e" + "w" * 200
Rows = list[dict[str, str]]
PLAIN = re.compile(r"-?[0-9]+(\.[0-9]+)?")
ODD = [("0.00000001", "0.00000001", "0"), ("1E+6", "12345678.87654321", "1E-8"), ("0.1", "60000", "0E-8")]


@pytest.fixture
async def data(tmp_path: Path) -> Path:
    """A data directory in which one buy and one sell were filled, with a word of the operator."""
    async with rig(tmp_path) as it:
        await _trade(it)
        await it.ask(RecordFlow(asset="USDT", amount=D("-0.5"), note="=1+1", kind=FlowKind.ADJUSTMENT))
    (tmp_path / "ledger.db").rename(tmp_path / LEDGER_FILE)
    for part in ("-wal", "-shm", "-head"):
        beside = tmp_path / f"ledger.db{part}"
        if beside.exists():
            beside.rename(tmp_path / f"{LEDGER_FILE}{part}")
    return tmp_path


async def _trade(it: Rig) -> None:
    for side in (buy().side.BUY, buy().side.SELL):
        it.clock.advance(0.01)
        it.venue.plan.append("fill")
        await it.submit(buy("0.001", None, side=side))
    it.engine.portfolio.beat()
    await it.turn()


def export(what: str, data: Path, target: str) -> int:
    return main(["export", what, "--csv", target, "--data-dir", str(data)])


def rows(text: str) -> Rows:
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.parametrize("what", COLUMNS)
async def test_each_table_begins_with_its_header_and_stdout_holds_nothing_else(
    what: str, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(what, data, "-") == 0
    out = capsys.readouterr().out
    assert tuple(next(csv.reader(io.StringIO(out)))) == COLUMNS[what]
    assert rows(out)


def test_a_column_stays_where_scripts_that_count_them_know_it() -> None:
    """What comes later comes last."""
    assert COLUMNS["fills"][:19] == (
        *("time_utc", "venue", "symbol", "strategy", "side", "quantity", "price", "value", "quote"),
        *("commission", "commission_asset", "realised_quote", "fifo_realised_quote", "quote_rate"),
        *("commission_rate", "maker", "synthetic", "trade_id", "client_order_id"),
    )
    assert COLUMNS["pnl"][:14] == (
        *("by", "name", "trades", "realised", "fees", "funding", "volume", "unpriced", "quote", "quantity"),
        *("average_cost", "realised_quote", "fifo_average", "fifo_realised_quote"),
    )


async def test_fills_are_plain_decimals_at_iso_times(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = data / "fills.csv"
    assert export("fills", data, str(target)) == 0
    assert capsys.readouterr().out == f"2 rows in {target}\n"
    bought, sold = rows(target.read_text("utf-8"))
    assert (bought["side"], bought["quantity"], bought["price"], bought["value"]) == (
        "BUY",
        "0.001",
        "60010",
        "60.010",
    )
    assert bought["time_utc"].endswith("Z")
    assert "T" in bought["time_utc"]
    # bought and sold at one price: what is gone is the fee, 0.01 each time
    assert D(bought["realised_quote"]) + D(sold["realised_quote"]) == D("-0.02")
    assert D(bought["fifo_realised_quote"]) + D(sold["fifo_realised_quote"]) == D("-0.02")
    assert sold["quote_rate"] == "1"
    assert (bought["strategy"], bought["whose"]) == ("manual", "tester")


async def test_pnl_sums_are_those_of_the_fills(data: Path, capsys: pytest.CaptureFixture[str]) -> None:
    export("pnl", data, "-")
    found = rows(capsys.readouterr().out)
    assert {row["by"] for row in found} == {"symbol", "strategy", "day"}
    assert {D(row["realised"]) for row in found} == {D("-0.02")}
    [strategy] = [row for row in found if row["by"] == "strategy"]
    assert (strategy["name"], strategy["whose"]) == ("manual", "tester")


async def test_words_are_no_formulas_and_numbers_stay_numbers(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    export("flows", data, "-")
    (row,) = rows(capsys.readouterr().out)
    assert (row["amount"], row["note"]) == ("-0.5", "'=1+1")


@pytest.mark.parametrize(
    "text", ["=cmd|' /C calc'!A0", "@SUM(1)", "+1-1", "-1+1", "\t=1", "\n=1", "\uff1d1+1", "-", "\u202e=1"]
)
def test_a_name_that_a_spreadsheet_would_run_is_a_word(text: str) -> None:
    assert _cell(text) == f"'{one_line(text)}"


def test_a_name_is_one_line_of_a_file_and_moves_no_cursor() -> None:
    file = io.StringIO()
    assert _rows(file, ("name", "whose"), [{"name": "manual", "whose": ODD_NAME}]) == 1
    (row,) = rows(file.getvalue())
    assert file.getvalue().count("\n") == 2
    assert row["whose"].isprintable()
    assert row["whose"].startswith("'=[b red]ada, x")


@pytest.mark.parametrize("text", ["👨\u200d👩\u200d👧 Ayşe", "می\u200cخواهم", "\U0001fa77"])
def test_no_letter_of_a_name_is_lost(text: str) -> None:
    assert _cell(text) == text


@pytest.mark.parametrize(
    "sign", ["\x1b", "\n", "\x9b", "\u2028", "\u202e", "\u2065", "\u2066", "\ufff0", "\U000e0fff"]
)
def test_what_may_turn_a_line_is_a_blank(sign: str) -> None:
    assert _cell(f"ada{sign}b") == "ada b"


@pytest.mark.parametrize("text", ["-0.5", "-12", "0.00000001", "twap:=1", ""])
def test_numbers_and_plain_names_stay_as_they_are(text: str) -> None:
    assert _cell(text) == text


async def test_every_number_reads_back_as_the_decimal_it_was(tmp_path: Path) -> None:
    """Eight decimals and a million: no exponent, no digit lost, whatever the reader."""
    async with rig(tmp_path) as it:
        for number, (quantity, price, fee) in enumerate(ODD):
            it.engine.books.on_external_trade(
                TradeReport(
                    venue=NAME,
                    symbol=SYMBOL,
                    venue_order_id="77",
                    side="BUY",
                    fill=Fill(
                        trade_id=str(900 + number),
                        price=D(price),
                        quantity=D(quantity),
                        commission=D(fee),
                        commission_asset="BTC",
                        maker=False,
                        time_ms=it.venue.server_time_ms(),
                    ),
                )
            )
        await it.until(lambda: not it.engine.journal.waiting)
        records = [from_body(stored.body) for stored in it.ledger.read()]
        lots = it.engine.journal.state.accounts.pnl.symbols[NAME, SYMBOL].lots
    file = io.StringIO()
    _rows(file, COLUMNS["fills"], table("fills", records))
    found = rows(file.getvalue())
    numbers = ("quantity", "price", "value", "commission", "realised_quote", "fifo_realised_quote")
    assert all(PLAIN.fullmatch(row[name]) for row in found for name in numbers)
    assert [tuple(D(row[name]) for name in ("quantity", "price", "commission")) for row in found] == [
        tuple(map(D, one)) for one in ODD
    ]
    assert [D(row["value"]) for row in found] == [D(one[0]) * D(one[1]) for one in ODD]
    assert sum(D(row["quantity"]) - D(row["commission"]) for row in found) == lots.quantity


def _refused(words: Sequence[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(["export", *words]) == 2
    text = capsys.readouterr().err
    assert text.startswith("spark-tui: ")
    assert text.count("\n") == 1
    return text


async def test_a_place_that_cannot_be_written_is_one_sentence(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for target in ("", str(data), "/", str(data / "none" / "x.csv")):
        _refused(["fills", "--csv", target, "--data-dir", str(data)], capsys)
    assert not list(data.glob(".*.part"))


async def test_a_ledger_that_cannot_be_read_leaves_the_file_as_it_was(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target = data / "fills.csv"
    target.write_text("before", "utf-8")

    def unreadable(body: bytes) -> None:
        raise ValueError(body)

    monkeypatch.setattr("spark_tui.engine.records.from_body", unreadable)
    assert export("fills", data, str(target)) == 1
    assert "ledger verify" in capsys.readouterr().err
    assert target.read_text("utf-8") == "before"
    assert not list(data.glob(".*.part"))


async def test_a_device_is_written_to_and_never_replaced(data: Path) -> None:
    assert export("fills", data, "/dev/null") == 0
    assert Path("/dev/null").is_char_device()


def test_without_a_ledger_it_says_where_it_looked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert export("pnl", tmp_path, "-") == 1
    assert str(tmp_path) in capsys.readouterr().err
