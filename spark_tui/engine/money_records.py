"""What the ledger keeps of money beside orders and fills: prices of the moment, balances, flows, equity."""

from decimal import Decimal

import msgspec

from spark_tui.domain.accounting import FlowKind


class FillPriced(msgspec.Struct, frozen=True, kw_only=True, tag="fill-priced"):
    """What one of each asset that a trade moved was worth in the account's currency at that time; only assets
    other than that currency, and only those whose price was known."""

    venue: str
    symbol: str
    trade_id: str
    rates: dict[str, Decimal]


class BalancesAnchored(msgspec.Struct, frozen=True, kw_only=True, tag="balances-anchored"):
    """Where the explanation of a venue's balances begins: its first whole answer, by asset, and when the
    venue changed them last."""

    venue: str
    totals: dict[str, Decimal]
    time_ms: int


class CashMoved(msgspec.Struct, frozen=True, kw_only=True, tag="cash-moved"):
    """Money that came or went outside trades. `flow_id`: one told twice counts once. `rate`: of one of the
    asset in the account's currency then; None: it had no price. `operator` and `note`: a person's word."""

    venue: str
    flow_id: str
    asset: str
    kind: FlowKind
    amount: Decimal
    time_ms: int
    rate: Decimal | None = None
    symbol: str = ""
    operator: str = ""
    note: str = ""


class EquitySampled(msgspec.Struct, frozen=True, kw_only=True, tag="equity"):
    """The account's worth at usable prices. `unpriced`: what it leaves out, assets without a price and venues
    that did not tell their balances."""

    at_ms: int
    equity: Decimal
    unpriced: tuple[str, ...] = ()


class AccountBegun(msgspec.Struct, frozen=True, kw_only=True, tag="account-begun"):
    """The venue's account was begun anew: what each balance gained by that, and nothing is open any more.
    `number`: the venue's, counted up, so that each counts once."""

    venue: str
    number: int
    changes: dict[str, Decimal]
    operator: str
    time_ms: int


MoneyRecord = FillPriced | BalancesAnchored | CashMoved | EquitySampled | AccountBegun
