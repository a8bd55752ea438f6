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


class SelfTradePrevention(StrEnum):
    NONE = "NONE"
    EXPIRE_MAKER = "EXPIRE_MAKER"
    EXPIRE_TAKER = "EXPIRE_TAKER"
    EXPIRE_BOTH = "EXPIRE_BOTH"
    DECREMENT = "DECREMENT"
    TRANSFER = "TRANSFER"


class ListKind(StrEnum):
    """Orders that live and die together: one cancels the other, one triggers the other, or both."""

    OCO = "OCO"
    OTO = "OTO"
    OTOCO = "OTOCO"


class LegRole(StrEnum):
    """An order's part in its list. ABOVE and BELOW are relative to the market price."""

    ABOVE = "ABOVE"
    BELOW = "BELOW"
    WORKING = "WORKING"
    PENDING = "PENDING"
    PENDING_ABOVE = "PENDING_ABOVE"
    PENDING_BELOW = "PENDING_BELOW"


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
