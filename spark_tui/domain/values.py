"""The field's plain words: side, order type, time in force, environment, trading state."""

from enum import StrEnum


class Side(StrEnum):
    BUY = "BUY"
    SELL = "SELL"


class OrderType(StrEnum):
    LIMIT = "LIMIT"
    MARKET = "MARKET"
    LIMIT_MAKER = "LIMIT_MAKER"
    STOP_LOSS = "STOP_LOSS"
    STOP_LOSS_LIMIT = "STOP_LOSS_LIMIT"
    TAKE_PROFIT = "TAKE_PROFIT"
    TAKE_PROFIT_LIMIT = "TAKE_PROFIT_LIMIT"


class TimeInForce(StrEnum):
    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class Environment(StrEnum):
    """Where an order would land, harmless to real money. Decided by the venue's host, never by a label."""

    SIM = "SIM"
    PAPER = "PAPER"
    TESTNET = "TESTNET"
    LIVE = "LIVE"


class TradingState(StrEnum):
    """What may leave: everything, only what does not open risk, or only cancels."""

    ACTIVE = "ACTIVE"
    REDUCING = "REDUCING"
    HALTED = "HALTED"
