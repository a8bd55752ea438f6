"""What `show pnl`, `show equity` and `show explain` print of an answer."""

from decimal import Decimal
from pathlib import Path

import msgspec
import pytest

from spark_tui.commands import money
from spark_tui.commands.rows import Row
from spark_tui.domain.accounting import Window
from spark_tui.link.messages import AnyRequest, GetEquity
from tests.engine.harness import Rig, buy, rig


async def printed(it: Rig, what: str, word: str = "") -> str:
    return money.text(what, await answered(it, money.request(what, word)))


async def answered(it: Rig, request: AnyRequest) -> Row:
    found: Row = msgspec.to_builtins(await it.ask(request), builtin_types=(Decimal,))
    return found


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


@pytest.mark.parametrize("word", ["", "day", "MONTH", "all"])
async def test_a_window_of_the_curve(word: str, tmp_path: Path) -> None:
    assert money.request("equity", word) == GetEquity(window=Window(word.lower() or "day"))
    async with rig(tmp_path) as it:
        assert "drawdown" in await printed(it, "equity", word)


def test_a_window_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="fortnight"):
        money.request("equity", "fortnight")
