"""Fills and trades in few words, and strategies that draw them."""

from decimal import Decimal

from hypothesis import strategies as st

from spark_tui.domain.accounting import Trade
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
BASE, QUOTE, THIRD = "BTC", "USDT", "BNB"


def fill(
    quantity: str,
    price: str,
    commission: str = "0",
    asset: str = QUOTE,
    *,
    trade_id: str = "1",
    time_ms: int = 1_000,
) -> Fill:
    return Fill(
        trade_id=trade_id,
        price=D(price),
        quantity=D(quantity),
        commission=D(commission),
        commission_asset=asset,
        maker=False,
        time_ms=time_ms,
    )


def trade(
    side: Side,
    quantity: str,
    price: str,
    commission: str = "0",
    asset: str = QUOTE,
    *,
    trade_id: str = "1",
    time_ms: int = 1_000,
    strategy: str = "manual:ayse",
    quote: str = QUOTE,
    symbol: str = "",
) -> Trade:
    return Trade(
        venue="sim",
        symbol=symbol or BASE + quote,
        base=BASE,
        quote=quote,
        strategy=strategy,
        side=side,
        fill=fill(quantity, price, commission, asset, trade_id=trade_id, time_ms=time_ms),
    )


AMOUNTS = st.decimals(min_value=D("0.00000001"), max_value=10**8, places=8)
FEES = st.decimals(min_value=D("-0.01"), max_value=D("0.05"), places=8)  # a maker may be paid
STRATEGIES = ("manual:ayse", "twap:a1", "external")


@st.composite
def trades(draw: st.DrawFn, quotes: tuple[str, ...] = (QUOTE, "TRY"), most: int = 14) -> list[Trade]:
    """Any mixture of sides, sizes, owners and fee assets: flips come by themselves."""
    count = draw(st.integers(0, most))
    return [
        trade(
            draw(st.sampled_from(Side)),
            str(draw(AMOUNTS)),
            str(draw(AMOUNTS)),
            str(draw(FEES)),
            draw(st.sampled_from((BASE, QUOTE, THIRD, "TRY"))),
            trade_id=str(number),
            time_ms=draw(st.integers(1, 4 * 86_400_000)),
            strategy=draw(st.sampled_from(STRATEGIES)),
            quote=draw(st.sampled_from(quotes)),
        )
        for number in range(count)
    ]
