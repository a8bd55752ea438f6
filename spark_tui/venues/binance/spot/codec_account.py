"""Balances, trades and the server's time: REST bodies to domain values; Decimal from their text. No I/O."""

import msgspec

from spark_tui.domain.account import Balance
from spark_tui.domain.fees import FeeRates
from spark_tui.domain.order import Fill
from spark_tui.domain.values import Side
from spark_tui.venues.binance.spot.codec_orders import read_answer
from spark_tui.venues.binance.spot.numbers import VENUE, Id, amount, signed
from spark_tui.venues.port import BalancesReport, TradeReport

# --- wire shapes ---------------------------------------------------------------------


class _Trade(msgspec.Struct):
    symbol: str
    id: Id
    orderId: Id
    price: str
    qty: str
    commission: str
    commissionAsset: str
    time: Id
    isBuyer: bool
    isMaker: bool


class _Asset(msgspec.Struct):
    asset: str
    free: str
    locked: str


class _Rates(msgspec.Struct):
    maker: str
    taker: str
    buyer: str
    seller: str


class _Account(msgspec.Struct):
    balances: list[_Asset]
    commissionRates: _Rates | None = None
    updateTime: int = 0
    canTrade: bool = True


class _Time(msgspec.Struct):
    serverTime: Id


_trades: msgspec.json.Decoder[list[_Trade]] = msgspec.json.Decoder(list[_Trade])
_account: msgspec.json.Decoder[_Account] = msgspec.json.Decoder(_Account)
_time: msgspec.json.Decoder[_Time] = msgspec.json.Decoder(_Time)


def decode_time(raw: bytes) -> int:
    """Server time in epoch milliseconds. Raises CodecError."""
    time: _Time = read_answer(_time, raw, "the server time")
    return time.serverTime


def decode_trades(raw: bytes) -> tuple[TradeReport, ...]:
    """`GET myTrades`. Raises CodecError."""
    return tuple(
        TradeReport(
            venue=VENUE,
            symbol=row.symbol,
            venue_order_id=str(row.orderId),
            side=Side.BUY if row.isBuyer else Side.SELL,
            fill=Fill(
                trade_id=str(row.id),
                price=amount(row.price, "price"),
                quantity=amount(row.qty, "qty"),
                commission=amount(row.commission, "commission"),
                commission_asset=row.commissionAsset,
                maker=row.isMaker,
                time_ms=row.time,
            ),
        )
        for row in read_answer(_trades, raw, "the account's trades")
    )


def decode_account(raw: bytes) -> tuple[BalancesReport, bool]:
    """Balances and commission of `GET account` (asked without omitZeroBalances) and whether the key may
    trade.

    Raises CodecError.
    """
    account = read_answer(_account, raw, "the account")
    balances = tuple(
        Balance(asset=b.asset, free=amount(b.free, "free"), locked=amount(b.locked, "locked"))
        for b in account.balances
    )
    rates = account.commissionRates
    report = BalancesReport(
        venue=VENUE,
        balances=balances,
        time_ms=account.updateTime,
        complete=True,
        fees=None if rates is None else _fees(rates),
    )
    return report, account.canTrade


def _fees(rates: _Rates) -> FeeRates:
    return FeeRates(
        maker=signed(rates.maker, "maker"),
        taker=signed(rates.taker, "taker"),
        buyer=signed(rates.buyer, "buyer"),
        seller=signed(rates.seller, "seller"),
    )
