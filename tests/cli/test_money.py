"""What `show pnl`, `show equity` and `show explain` print of an answer."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.commands import money
from spark_tui.commands.rows import Row, to_json
from spark_tui.commands.table import table
from spark_tui.domain.accounting import Window
from spark_tui.link.messages import AnyRequest, Explanation, GetEquity
from spark_tui.link.service import LinkError
from spark_tui.ui.actions import ActionError, build_request
from tests.engine.fake_venue import D
from tests.engine.harness import Rig, buy, rig


async def printed(it: Rig, what: str, word: str = "") -> str:
    return money.text(what, await answered(it, money.request(what, word)))


async def answered(it: Rig, request: AnyRequest) -> Row:
    found: Row = msgspec.to_builtins(await it.ask(request), builtin_types=(Decimal,))
    return found


@pytest.mark.parametrize("name", ["漢字", "👨\u200d👩", "می\u200cخو", "\U0001fa77🚀"])
def test_a_column_stands_behind_a_name_of_any_width(name: str) -> None:
    rows: list[Row] = [{"who": name, "what": "x"}, {"who": "adaa", "what": "x"}]
    assert table(("who", "what"), rows, "").splitlines() == ["who   what", f"{name}  x", "adaa  x"]


async def test_before_the_first_trade_it_says_so(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        assert await printed(it, "pnl") == "Nothing was traded yet."
        assert "BTC" in await printed(it, "explain")


async def test_profit_says_both_methods_and_the_fee(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.clock.advance(0.01)
        it.venue.plan.append("fill")
        await it.submit(buy("0.001", None))
        text = await printed(it, "pnl")
    for words in ("Average cost and FIFO side by side", "fifo realised", "By strategy:", "By UTC day:"):
        assert words in text
    assert "60.01" in text
    titles, row = text.split("By strategy:\n\n")[1].split("\n")[:2]
    assert (titles.split()[:3], row.split()[:3]) == (
        ["strategy", "whose", "trades"],
        ["manual", "tester", "1"],
    )


def test_an_odd_name_moves_no_cursor_and_is_read_back_from_json() -> None:
    name = "[b red]ada\n\x1b[2J\x7f\x9b2J\u202e\U000e0001é漢"
    row = {"strategy": "manual", "whose": name, "realised": Decimal("1.5")}
    assert table(("strategy", "whose", "realised"), [row], "").count("\n") == 1
    said = to_json([row])
    assert said.replace("\n", "").isprintable()
    assert "é漢" in said
    assert json.loads(said) == [{**row, "realised": "1.5"}]


def test_a_day_is_a_word_and_a_gain_a_number() -> None:
    rows = [{"utc_day": "2026-11-21", "gain": "-1.50"}, {"utc_day": "2026-11-20", "gain": "12.00"}]
    assert table(("utc_day", "gain"), rows, "").splitlines() == [
        "utc day      gain",
        "2026-11-21  -1.50",
        "2026-11-20  12.00",
    ]


@pytest.mark.parametrize("word", ["", "day", "MONTH", "all"])
async def test_a_window_of_the_curve(word: str, tmp_path: Path) -> None:
    assert money.request("equity", word) == GetEquity(window=Window(word.lower() or "day"))
    async with rig(tmp_path) as it:
        assert "drawdown" in await printed(it, "equity", word)


def test_a_window_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        money.request("equity", "fortnight")


async def test_the_curve_says_its_times_in_words_and_its_money_in_cents(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        await it.until(lambda: it.engine.journal.state.accounts.curve.last is not None)
        text = await printed(it, "equity")
        at_ms = (await answered(it, GetEquity()))["points"][0]["at_ms"]
    titles, first = text.split("\n\n")[1].split("\n")[:2]
    assert titles.split() == ["time", "utc", "equity", "gain", "drawdown"]
    stamp = datetime.fromtimestamp(at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M:%S")
    assert first.split() == [*stamp.split(), "1600050.00", "0.00", "0.0000", "%"]


async def test_the_points_of_a_column_stand_under_each_other(tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.clock.advance(0.01)
        it.venue.plan.append("fill")
        await it.submit(buy("0.001", None))
        it.venue.holdings = {"USDT": D("999939.98000123"), "BTC": D("10.001")}
        it.engine.portfolio.on_balances(await it.venue.balances())
        text = await printed(it, "explain")
    titles, *lines = text.split("\n\n")[0].split("\n")
    assert len({line.index(".") for line in lines}) == 1
    assert {len(line) for line in lines} == {len(titles)}
    assert lines[1].split()[2:] == [
        "1000000.00000000", "-60.01000000", "-0.01000000", "999939.98000000", "999939.98000123",
        "0.00000123", "0.00000123", "999939.98",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        (["1234.5", "-0.006", None], ["1234.50", "-0.01", "-"]),
        (["1234.5", "0.001"], ["1234.500", "0.001"]),  # a figure that is something is never shown as nothing
        (["0", "1E+3"], ["0.00", "1000.00"]),
    ],
)
def test_money_is_in_cents_unless_cents_would_hide_it(values: list[str | None], shown: list[str]) -> None:
    rows = [{"worth": None if value is None else D(value)} for value in values]
    assert money._table(["worth"], rows, "").split()[1:] == shown


def test_accuracy_is_never_rounded_up_to_all_of_it() -> None:
    assert money._percent(D("0.99999999")) == "99.9999 %"
    assert money._percent(D(1)) == "100.0000 %"


@pytest.mark.parametrize(("what", "lines"), [("explain", 2), ("equity", 3)])
async def test_what_a_missing_price_hides_is_said(what: str, lines: int, tmp_path: Path) -> None:
    async with rig(tmp_path) as it:
        it.clock.advance(0.01)
        it.venue.holdings = {"USDT": D(1_000_000), "BTC": D("9.9")}  # 0.1 went, and nobody knows where
        it.engine.portfolio.on_balances(await it.venue.balances())
        assert "not known" not in await printed(it, what)
        it.clock.advance(6)  # the book is stale
        assert (await printed(it, what)).count("not known: a price is missing") == lines


async def test_an_operator_explains_a_balance_and_prices_what_waits_from_the_command_line(
    tmp_path: Path,
) -> None:
    async with rig(tmp_path) as it:
        it.venue.holdings = {"USDT": D("999879.98"), "BTC": D(10)}
        it.clock.advance(0.01)
        it.engine.portfolio.on_balances(await it.venue.balances())
        assert "-120.02" in await printed(it, "explain")
        words = {"asset": "usdt", "amount": "-120.02", "kind": "withdrawal", "note": "card payment"}
        found = await it.ask(build_request("flow.record", words))
        assert isinstance(found, Explanation)
        assert found.rest_worth == 0
        with pytest.raises(LinkError) as refused:
            await it.ask(build_request("flow.price", {"asset": "bnb", "price": "600"}))
        assert refused.value.code == "NOTHING_WAITS"


@pytest.mark.parametrize(
    ("action", "words", "wrong"),
    [
        ("flow.record", {"asset": "USDT", "amount": "1e3", "note": "gift"}, "amount"),
        ("flow.record", {"asset": "USDT", "amount": "1"}, "note"),
        ("flow.record", {"asset": "USDT", "amount": "1", "note": "gift", "kind": "FEE"}, "kind"),
        ("flow.price", {"asset": "BNB", "price": "much"}, "price"),
        ("flow.price", {"asset": "BNB"}, "price"),
    ],
)
def test_words_that_are_no_money_are_refused_before_they_leave(
    action: str, words: dict[str, str], wrong: str
) -> None:
    with pytest.raises(ActionError, match=wrong):
        build_request(action, words)
